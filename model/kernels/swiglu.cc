// silu(gate) * up and its backward pass, one read and one write of each tensor.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "model/kernels/cpu_math.h"
#include "model/kernels/ops.h"

namespace prm::ops {
namespace {

template <class T>
PRM_INLINE void Forward(const void* gate_up_data, void* out_data, int64_t width, int64_t begin,
                        int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* gate = static_cast<const T*>(gate_up_data) + row * 2 * width;
    const T* up = gate + width;
    T* out = static_cast<T*>(out_data) + row * width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      const float g = ToFloat(gate[i]);
      out[i] = FromFloat<T>(g * Sigmoid(g) * ToFloat(up[i]));
    }
  }
}

template <class T>
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
      const float s = Sigmoid(g);
      const float silu = g * s;
      activation[i] = FromFloat<T>(silu * u);
      grad_up[i] = FromFloat<T>(d * silu);
      grad_gate[i] = FromFloat<T>(d * u * (s + silu * (1.0f - s)));
    }
  }
}

PRM_SIMD void ForwardF32(const void* x, void* y, int64_t w, int64_t b, int64_t e) {
  Forward<float>(x, y, w, b, e);
}
PRM_SIMD void ForwardBf16(const void* x, void* y, int64_t w, int64_t b, int64_t e) {
  Forward<BFloat16>(x, y, w, b, e);
}
PRM_SIMD void BackwardF32(const void* d, const void* x, void* dx, void* y, int64_t w, int64_t b,
                          int64_t e) {
  Backward<float>(d, x, dx, y, w, b, e);
}
PRM_SIMD void BackwardBf16(const void* d, const void* x, void* dx, void* y, int64_t w, int64_t b,
                           int64_t e) {
  Backward<BFloat16>(d, x, dx, y, w, b, e);
}

bool Fast(const at::Tensor& x) {
  return x.is_cpu() && x.is_contiguous() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

}  // namespace

at::Tensor SwiGlu(const at::Tensor& gate_up) {
  TORCH_CHECK(gate_up.dim() == 2 && gate_up.size(1) % 2 == 0, "SwiGLU: expected [T, 2F], got ",
              gate_up.sizes());
  const int64_t width = gate_up.size(1) / 2;
  if (!Fast(gate_up)) {
    const auto parts = gate_up.to(at::kFloat).split(width, 1);
    return (at::silu(parts[0]) * parts[1]).to(gate_up.scalar_type());
  }
  at::Tensor out = at::empty({gate_up.size(0), width}, gate_up.options());
  const auto body = gate_up.scalar_type() == at::kBFloat16 ? ForwardBf16 : ForwardF32;
  at::parallel_for(0, gate_up.size(0), 16, [&](int64_t begin, int64_t end) {
    body(gate_up.const_data_ptr(), out.data_ptr(), width, begin, end);
  });
  return out;
}

SwiGluGrads SwiGluBackward(const at::Tensor& grad, const at::Tensor& gate_up) {
  const int64_t width = gate_up.size(1) / 2;
  TORCH_CHECK(grad.dim() == 2 && grad.size(0) == gate_up.size(0) && grad.size(1) == width &&
                  grad.scalar_type() == gate_up.scalar_type(),
              "SwiGLU: gradient ", grad.sizes(), " beside input ", gate_up.sizes());
  if (!Fast(gate_up) || !grad.is_contiguous()) {
    const auto parts = gate_up.to(at::kFloat).split(width, 1);
    const at::Tensor d = grad.to(at::kFloat), s = parts[0].sigmoid(), silu = parts[0] * s;
    const at::Tensor grad_gate = d * parts[1] * (s + silu * (1 - s));
    return {at::cat({grad_gate, d * silu}, 1).to(gate_up.scalar_type()),
            (silu * parts[1]).to(gate_up.scalar_type())};
  }
  SwiGluGrads grads{at::empty_like(gate_up), at::empty_like(grad)};
  const auto body = gate_up.scalar_type() == at::kBFloat16 ? BackwardBf16 : BackwardF32;
  at::parallel_for(0, gate_up.size(0), 16, [&](int64_t begin, int64_t end) {
    body(grad.const_data_ptr(), gate_up.const_data_ptr(), grads.gate_up.data_ptr(),
         grads.activation.data_ptr(), width, begin, end);
  });
  return grads;
}

}  // namespace prm::ops
