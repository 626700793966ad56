// y = x * rstd * w with x = residual + delta; float32 accumulation. Threads take blocks of rows.
// The weight gradient is summed per block of kRowsPerBlock rows, then over blocks in order, so it
// does not depend on the number of threads.
#include "model/ops/rms_norm.h"

#include <ATen/ATen.h>

#include <cmath>

#include "model/kernels/cpu/cpu_math.h"
#include "model/kernels/cpu/for_each.h"
#include "model/kernels/cuda/module.h"

namespace prm::ops {
namespace {

constexpr int64_t kRowsPerBlock = 64;

struct ForwardRows {
  const float* residual;
  const void* delta;  // null: none
  const float* weight;
  float* sum;  // may be null when delta is
  void* normed;
  float* rstd;
  int64_t width;
  float eps;
};

template <class Delta, class Out>
PRM_INLINE void Forward(const ForwardRows& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const float* x = a.residual + row * a.width;
    float square = 0.0f;
    if (a.delta) {
      const Delta* delta = static_cast<const Delta*>(a.delta) + row * a.width;
      float* sum = a.sum + row * a.width;
#pragma omp simd reduction(+ : square)
      for (int64_t i = 0; i < a.width; ++i) {
        const float v = x[i] + ToFloat(delta[i]);
        sum[i] = v;
        square += v * v;
      }
      x = sum;
    } else {
#pragma omp simd reduction(+ : square)
      for (int64_t i = 0; i < a.width; ++i) square += x[i] * x[i];
    }
    const float rstd = 1.0f / std::sqrt(square / float(a.width) + a.eps);
    a.rstd[row] = rstd;
    Out* out = static_cast<Out*>(a.normed) + row * a.width;
#pragma omp simd
    for (int64_t i = 0; i < a.width; ++i) out[i] = FromFloat<Out>(x[i] * rstd * a.weight[i]);
  }
}

PRM_SIMD void ForwardF32F32(const ForwardRows& a, int64_t b, int64_t e) {
  Forward<float, float>(a, b, e);
}
PRM_SIMD void ForwardBf16Bf16(const ForwardRows& a, int64_t b, int64_t e) {
  Forward<BFloat16, BFloat16>(a, b, e);
}
PRM_SIMD void ForwardBf16F32(const ForwardRows& a, int64_t b, int64_t e) {
  Forward<BFloat16, float>(a, b, e);
}

struct BackwardRows {
  const void* grad_normed;
  const float* grad_residual;  // null: none
  const float* residual;
  const float* rstd;
  const float* weight;
  float* grad;
  void* grad_compute;         // null: float32 compute, the same as grad
  float* grad_weight_blocks;  // [blocks, width]
  int64_t width;
};

template <class Grad, class Compute>
PRM_INLINE void Backward(const BackwardRows& a, int64_t begin, int64_t end) {
  float* grad_weight = a.grad_weight_blocks + (begin / kRowsPerBlock) * a.width;
  for (int64_t i = 0; i < a.width; ++i) grad_weight[i] = 0.0f;
  for (int64_t row = begin; row < end; ++row) {
    const Grad* dy = static_cast<const Grad*>(a.grad_normed) + row * a.width;
    const float* x = a.residual + row * a.width;
    const float rstd = a.rstd[row];
    float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < a.width; ++i) {
      const float g = ToFloat(dy[i]) * x[i];
      dot += g * a.weight[i];
      grad_weight[i] += g * rstd;
    }
    const float scale = dot * rstd * rstd / float(a.width);
    float* dx = a.grad + row * a.width;
    const float* from = a.grad_residual ? a.grad_residual + row * a.width : nullptr;
    Compute* dx_compute =
        a.grad_compute ? static_cast<Compute*>(a.grad_compute) + row * a.width : nullptr;
    for (int64_t i = 0; i < a.width; ++i) {
      dx[i] = rstd * (ToFloat(dy[i]) * a.weight[i] - x[i] * scale) + (from ? from[i] : 0.0f);
      if (dx_compute) dx_compute[i] = FromFloat<Compute>(dx[i]);
    }
  }
}

PRM_SIMD void BackwardF32F32(const BackwardRows& a, int64_t b, int64_t e) {
  Backward<float, float>(a, b, e);
}
PRM_SIMD void BackwardF32Bf16(const BackwardRows& a, int64_t b, int64_t e) {
  Backward<float, BFloat16>(a, b, e);
}
PRM_SIMD void BackwardBf16Bf16(const BackwardRows& a, int64_t b, int64_t e) {
  Backward<BFloat16, BFloat16>(a, b, e);
}

void CheckNorm(const at::Tensor& residual, const at::Tensor& other, const at::Tensor& weight) {
  TORCH_CHECK(residual.dim() == 2 && residual.scalar_type() == at::kFloat,
              "RMSNorm: residual must be float32 [T, D], got ", residual.sizes());
  TORCH_CHECK(
      weight.dim() == 1 && weight.size(0) == residual.size(1) && weight.scalar_type() == at::kFloat,
      "RMSNorm: weight must be float32 [", residual.size(1), "], got ", weight.sizes());
  TORCH_CHECK(!other.defined() || other.sizes() == residual.sizes(), "RMSNorm: ", other.sizes(),
              " beside ", residual.sizes());
}

bool IsBf16(const at::Tensor& t) { return t.scalar_type() == at::kBFloat16; }

bool IsKnown(at::ScalarType dtype) { return dtype == at::kFloat || dtype == at::kBFloat16; }

void NormOnCuda(const cuda::KernelTable& kernels, const ForwardRows& rows, int64_t count,
                bool from_bf16, bool to_bf16, at::Device device) {
  const cuda::AddRmsNormArgs args{.residual = rows.residual,
                                  .delta = rows.delta,
                                  .weight = rows.weight,
                                  .sum = rows.sum,
                                  .normed = rows.normed,
                                  .rstd = rows.rstd,
                                  .rows = int(count),
                                  .width = int(rows.width),
                                  .eps = rows.eps,
                                  .delta_bf16 = from_bf16,
                                  .normed_bf16 = to_bf16};
  cuda::LaunchOn(device, [&](void* stream) { return kernels.add_rms_norm(args, stream); });
}

}  // namespace

RmsNormResult AddRmsNorm(const at::Tensor& residual, const at::Tensor& delta,
                         const at::Tensor& weight, double eps, at::ScalarType out_dtype) {
  CheckNorm(residual, delta, weight);
  const bool from_bf16 = delta.defined() ? IsBf16(delta) : out_dtype == at::kBFloat16;
  const bool to_bf16 = out_dtype == at::kBFloat16;
  const cuda::KernelTable* on_cuda = cuda::Kernels(residual.device());
  const bool fast = residual.is_contiguous() && weight.is_contiguous() && IsKnown(out_dtype) &&
                    (!delta.defined() || (delta.is_contiguous() && IsKnown(delta.scalar_type()))) &&
                    (on_cuda || (residual.is_cpu() && (from_bf16 || !to_bf16)));
  if (!fast) {
    at::Tensor sum = delta.defined() ? residual + delta : residual;
    at::Tensor rstd = at::rsqrt(sum.square().mean(-1) + eps);
    return {sum, (sum * rstd.unsqueeze(-1) * weight).to(out_dtype), rstd};
  }
  RmsNormResult result{delta.defined() ? at::empty_like(residual) : residual,
                       at::empty(residual.sizes(), residual.options().dtype(out_dtype)),
                       at::empty({residual.size(0)}, residual.options())};
  const ForwardRows rows{residual.const_data_ptr<float>(),
                         delta.defined() ? delta.const_data_ptr() : nullptr,
                         weight.const_data_ptr<float>(),
                         delta.defined() ? result.residual.data_ptr<float>() : nullptr,
                         result.normed.data_ptr(),
                         result.rstd.data_ptr<float>(),
                         residual.size(1),
                         float(eps)};
  if (on_cuda) {
    NormOnCuda(*on_cuda, rows, residual.size(0), from_bf16, to_bf16, residual.device());
    return result;
  }
  const auto body = to_bf16 ? ForwardBf16Bf16 : (from_bf16 ? ForwardBf16F32 : ForwardF32F32);
  ForEachBlock(residual.size(0), kRowsPerBlock,
               [&](int64_t begin, int64_t end) { body(rows, begin, end); });
  return result;
}

RmsNormGrads AddRmsNormBackward(const at::Tensor& grad_normed, const at::Tensor& grad_residual,
                                const at::Tensor& residual, const at::Tensor& rstd,
                                const at::Tensor& weight, at::ScalarType compute_dtype,
                                at::Tensor& grad_weight) {
  CheckNorm(residual, grad_normed, weight);
  const bool to_bf16 = compute_dtype == at::kBFloat16;
  const bool fast = residual.is_cpu() && residual.is_contiguous() && grad_normed.is_contiguous() &&
                    (!grad_residual.defined() || grad_residual.is_contiguous()) &&
                    (to_bf16 || !IsBf16(grad_normed));
  if (!fast) {
    const at::Tensor scaled = residual * rstd.unsqueeze(-1);
    const at::Tensor dy = grad_normed.to(at::kFloat);
    grad_weight.add_((dy * scaled).sum(0));
    const at::Tensor dw = dy * weight;
    at::Tensor dx = rstd.unsqueeze(-1) * (dw - scaled * (dw * scaled).mean(-1, true));
    if (grad_residual.defined()) dx = dx + grad_residual;
    return {dx, dx.to(compute_dtype)};
  }
  RmsNormGrads grads;
  grads.residual = at::empty_like(residual);
  grads.residual_compute =
      to_bf16 ? at::empty(residual.sizes(), residual.options().dtype(at::kBFloat16))
              : grads.residual;
  const int64_t count = residual.size(0);
  const int64_t blocks = (count + kRowsPerBlock - 1) / kRowsPerBlock;
  at::Tensor partial = at::empty({blocks, residual.size(1)}, residual.options());
  const BackwardRows rows{grad_normed.const_data_ptr(),
                          grad_residual.defined() ? grad_residual.const_data_ptr<float>() : nullptr,
                          residual.const_data_ptr<float>(),
                          rstd.const_data_ptr<float>(),
                          weight.const_data_ptr<float>(),
                          grads.residual.data_ptr<float>(),
                          to_bf16 ? grads.residual_compute.data_ptr() : nullptr,
                          partial.data_ptr<float>(),
                          residual.size(1)};
  const auto body =
      IsBf16(grad_normed) ? BackwardBf16Bf16 : (to_bf16 ? BackwardF32Bf16 : BackwardF32F32);
  ForEachBlock(count, kRowsPerBlock, [&](int64_t begin, int64_t end) { body(rows, begin, end); });
  grad_weight.add_(partial.sum(0));
  return grads;
}

}  // namespace prm::ops
