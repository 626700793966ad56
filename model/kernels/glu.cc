// act(gate) * up and its backward pass, with one read and one write of each tensor. Both
// activations are x * sigmoid(a(x)): SiLU with a(x) = x, tanh GELU with a(x) = sqrt(8/pi) (x +
// 0.044715 x^3), since (1 + tanh(y)) / 2 = sigmoid(2y).
#include "model/ops/glu.h"

#include <ATen/ATen.h>

#include "model/kernels/cpu/cpu_math.h"
#include "model/kernels/cpu/for_each.h"
#include "model/kernels/cuda/module.h"

namespace prm::ops {
namespace {

template <Activation A>
PRM_INLINE float Inner(float x) {
  return A == Activation::kSilu ? x : GeluInner(x);
}
template <Activation A>
PRM_INLINE float InnerSlope(float x) {
  return A == Activation::kSilu ? 1.0f : kGeluScale * (1.0f + 3.0f * kGeluCubic * x * x);
}

template <class T, Activation A>
PRM_INLINE void Forward(const void* gate_up_data, void* out_data, int64_t width, int64_t begin,
                        int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* gate = static_cast<const T*>(gate_up_data) + row * 2 * width;
    const T* up = gate + width;
    T* out = static_cast<T*>(out_data) + row * width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      const float g = ToFloat(gate[i]);
      out[i] = FromFloat<T>(g * Sigmoid(Inner<A>(g)) * ToFloat(up[i]));
    }
  }
}

template <class T, Activation A>
PRM_INLINE void Backward(const void* grad_data, const void* gate_up_data, void* grad_gate_up_data,
                         void* activation_data, int64_t width, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* grad = static_cast<const T*>(grad_data) + row * width;
    const T* gate = static_cast<const T*>(gate_up_data) + row * 2 * width;
    const T* up = gate + width;
    T* grad_gate = static_cast<T*>(grad_gate_up_data) + row * 2 * width;
    T* grad_up = grad_gate + width;
    T* activation = static_cast<T*>(activation_data) + row * width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      const float d = ToFloat(grad[i]), g = ToFloat(gate[i]), u = ToFloat(up[i]);
      const float s = Sigmoid(Inner<A>(g));
      const float activated = g * s;
      activation[i] = FromFloat<T>(activated * u);
      grad_up[i] = FromFloat<T>(d * activated);
      grad_gate[i] = FromFloat<T>(d * u * (s + activated * (1.0f - s) * InnerSlope<A>(g)));
    }
  }
}

constexpr Activation kSilu = Activation::kSilu, kGelu = Activation::kGeluTanh;

PRM_SIMD void SiluF32(const void* x, void* y, int64_t w, int64_t b, int64_t e) {
  Forward<float, kSilu>(x, y, w, b, e);
}
PRM_SIMD void SiluBf16(const void* x, void* y, int64_t w, int64_t b, int64_t e) {
  Forward<BFloat16, kSilu>(x, y, w, b, e);
}
PRM_SIMD void GeluF32(const void* x, void* y, int64_t w, int64_t b, int64_t e) {
  Forward<float, kGelu>(x, y, w, b, e);
}
PRM_SIMD void GeluBf16(const void* x, void* y, int64_t w, int64_t b, int64_t e) {
  Forward<BFloat16, kGelu>(x, y, w, b, e);
}
PRM_SIMD void SiluBackwardF32(const void* d, const void* x, void* dx, void* y, int64_t w, int64_t b,
                              int64_t e) {
  Backward<float, kSilu>(d, x, dx, y, w, b, e);
}
PRM_SIMD void SiluBackwardBf16(const void* d, const void* x, void* dx, void* y, int64_t w,
                               int64_t b, int64_t e) {
  Backward<BFloat16, kSilu>(d, x, dx, y, w, b, e);
}
PRM_SIMD void GeluBackwardF32(const void* d, const void* x, void* dx, void* y, int64_t w, int64_t b,
                              int64_t e) {
  Backward<float, kGelu>(d, x, dx, y, w, b, e);
}
PRM_SIMD void GeluBackwardBf16(const void* d, const void* x, void* dx, void* y, int64_t w,
                               int64_t b, int64_t e) {
  Backward<BFloat16, kGelu>(d, x, dx, y, w, b, e);
}

struct Bodies {
  decltype(&SiluF32) forward;
  decltype(&SiluBackwardF32) backward;
};
Bodies BodiesFor(bool bf16, Activation activation) {
  if (activation == kSilu) {
    return bf16 ? Bodies{SiluBf16, SiluBackwardBf16} : Bodies{SiluF32, SiluBackwardF32};
  }
  return bf16 ? Bodies{GeluBf16, GeluBackwardBf16} : Bodies{GeluF32, GeluBackwardF32};
}

bool IsPlain(const at::Tensor& x) {
  return x.is_contiguous() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

}  // namespace

at::Tensor Glu(const at::Tensor& gate_up, Activation activation) {
  TORCH_CHECK(gate_up.dim() == 2 && gate_up.size(1) % 2 == 0, "GLU: expected [T, 2F], got ",
              gate_up.sizes());
  const int64_t width = gate_up.size(1) / 2;
  const cuda::KernelTable* on_cuda = cuda::Kernels(gate_up.device());
  if (!IsPlain(gate_up) || !(gate_up.is_cpu() || on_cuda)) {
    const auto parts = gate_up.to(at::kFloat).split(width, 1);
    const at::Tensor activated =
        activation == kSilu ? at::silu(parts[0]) : at::gelu(parts[0], "tanh");
    return (activated * parts[1]).to(gate_up.scalar_type());
  }
  at::Tensor out = at::empty({gate_up.size(0), width}, gate_up.options());
  const bool bf16 = gate_up.scalar_type() == at::kBFloat16;
  if (on_cuda) {
    const cuda::GluArgs args{.gate_up = gate_up.const_data_ptr(),
                             .out = out.data_ptr(),
                             .rows = gate_up.size(0),
                             .width = width,
                             .gelu = activation == kGelu,
                             .bf16 = bf16};
    cuda::LaunchOn(gate_up.device(), [&](void* stream) { return on_cuda->glu(args, stream); });
    return out;
  }
  const Bodies bodies = BodiesFor(bf16, activation);
  ForEachBlock(gate_up.size(0), 16, [&](int64_t begin, int64_t end) {
    bodies.forward(gate_up.const_data_ptr(), out.data_ptr(), width, begin, end);
  });
  return out;
}

GluGrads GluBackward(const at::Tensor& grad, const at::Tensor& gate_up, Activation activation) {
  const int64_t width = gate_up.size(1) / 2;
  TORCH_CHECK(grad.dim() == 2 && grad.size(0) == gate_up.size(0) && grad.size(1) == width &&
                  grad.scalar_type() == gate_up.scalar_type(),
              "GLU: gradient ", grad.sizes(), " does not match input ", gate_up.sizes());
  if (!gate_up.is_cpu() || !IsPlain(gate_up) || !grad.is_contiguous()) {
    const auto parts = gate_up.to(at::kFloat).split(width, 1);
    const at::Tensor &g = parts[0], d = grad.to(at::kFloat);
    const bool silu = activation == kSilu;
    const at::Tensor s = (silu ? g : kGeluScale * (g + kGeluCubic * g * g * g)).sigmoid();
    const at::Tensor slope = silu ? at::ones_like(g) : kGeluScale * (1 + 3 * kGeluCubic * g * g);
    const at::Tensor activated = g * s;
    const at::Tensor grad_gate = d * parts[1] * (s + activated * (1 - s) * slope);
    return {at::cat({grad_gate, d * activated}, 1).to(gate_up.scalar_type()),
            (activated * parts[1]).to(gate_up.scalar_type())};
  }
  GluGrads grads{at::empty_like(gate_up), at::empty_like(grad)};
  const Bodies bodies = BodiesFor(gate_up.scalar_type() == at::kBFloat16, activation);
  ForEachBlock(gate_up.size(0), 16, [&](int64_t begin, int64_t end) {
    bodies.backward(grad.const_data_ptr(), gate_up.const_data_ptr(), grads.gate_up.data_ptr(),
                    grads.activation.data_ptr(), width, begin, end);
  });
  return grads;
}

}  // namespace prm::ops
