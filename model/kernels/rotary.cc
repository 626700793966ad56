// Rotation of channel pairs by position, in place; angles are products in float32.
#include "model/ops/rotary.h"

#include <ATen/ATen.h>

#include "model/kernels/cpu/cpu_math.h"
#include "model/kernels/cpu/for_each.h"

namespace prm::ops {
namespace {

struct Rows {
  void* x;
  const int64_t* positions;
  const float* cos;
  const float* sin;
  int64_t stride, heads, half;
  float sign;  // -1: inverse
};

template <class T, RotaryLayout layout>
PRM_INLINE void Rotate(const Rows& a, int64_t begin, int64_t end) {
  constexpr bool kIsHalf = layout == RotaryLayout::kHalf;
  for (int64_t row = begin; row < end; ++row) {
    const float* cos = a.cos + a.positions[row] * a.half;
    const float* sin = a.sin + a.positions[row] * a.half;
    for (int64_t head = 0; head < a.heads; ++head) {
      T* x = static_cast<T*>(a.x) + row * a.stride + head * 2 * a.half;
#pragma omp simd
      for (int64_t i = 0; i < a.half; ++i) {
        T& first = x[kIsHalf ? i : 2 * i];
        T& second = x[kIsHalf ? i + a.half : 2 * i + 1];
        const float u = ToFloat(first), v = ToFloat(second), s = a.sign * sin[i];
        first = FromFloat<T>(u * cos[i] - v * s);
        second = FromFloat<T>(v * cos[i] + u * s);
      }
    }
  }
}

PRM_SIMD void HalfF32(const Rows& a, int64_t b, int64_t e) {
  Rotate<float, RotaryLayout::kHalf>(a, b, e);
}
PRM_SIMD void HalfBf16(const Rows& a, int64_t b, int64_t e) {
  Rotate<BFloat16, RotaryLayout::kHalf>(a, b, e);
}
PRM_SIMD void InterleavedF32(const Rows& a, int64_t b, int64_t e) {
  Rotate<float, RotaryLayout::kInterleaved>(a, b, e);
}
PRM_SIMD void InterleavedBf16(const Rows& a, int64_t b, int64_t e) {
  Rotate<BFloat16, RotaryLayout::kInterleaved>(a, b, e);
}

void RotateReference(at::Tensor& x, const at::Tensor& positions, const RotaryTable& table,
                     int heads, int head_dim, RotaryLayout layout, bool inverse) {
  at::Tensor view = x.narrow(1, 0, int64_t(heads) * head_dim).view({x.size(0), heads, head_dim});
  const int64_t half = head_dim / 2;
  const bool is_half = layout == RotaryLayout::kHalf;
  at::Tensor first = is_half ? view.narrow(2, 0, half) : view.slice(2, 0, head_dim, 2);
  at::Tensor second = is_half ? view.narrow(2, half, half) : view.slice(2, 1, head_dim, 2);
  const at::Tensor cos = table.cos.index_select(0, positions).unsqueeze(1);
  at::Tensor sin = table.sin.index_select(0, positions).unsqueeze(1);
  if (inverse) sin = -sin;
  const at::Tensor u = first.to(at::kFloat), v = second.to(at::kFloat);
  first.copy_(u * cos - v * sin);
  second.copy_(v * cos + u * sin);
}

}  // namespace

RotaryTable MakeRotaryTable(int max_positions, const std::vector<float>& frequencies,
                            double magnitude, at::Device device) {
  TORCH_CHECK(!frequencies.empty(), "rotary: no frequencies");
  const at::Tensor positions = at::arange(max_positions, at::kFloat);
  const at::Tensor angle = at::outer(positions, at::tensor(frequencies)).to(at::kDouble);
  const auto table = [&](const at::Tensor& x) { return (x * magnitude).to(device, at::kFloat); };
  return {table(angle.cos()), table(angle.sin())};
}

void CheckRotary(const at::Tensor& x, const at::Tensor& positions, const RotaryTable& table,
                 int heads, int head_dim) {
  TORCH_CHECK(x.dim() == 2 && x.size(1) >= int64_t(heads) * head_dim && x.stride(1) == 1,
              "rotary: expected [T, >= ", heads * head_dim, "], got ", x.sizes());
  TORCH_CHECK(positions.dim() == 1 && positions.size(0) == x.size(0) &&
                  positions.scalar_type() == at::kLong,
              "rotary: expected int64 positions [", x.size(0), "], got ", positions.sizes());
  TORCH_CHECK(table.cos.size(1) * 2 == head_dim, "rotary: table is for head size ",
              table.cos.size(1) * 2, ", not ", head_dim);
}

void ApplyRotary(at::Tensor& x, const at::Tensor& positions, const RotaryTable& table, int heads,
                 int head_dim, RotaryLayout layout, bool inverse) {
  CheckRotary(x, positions, table, heads, head_dim);
  const bool bf16 = x.scalar_type() == at::kBFloat16;
  if (!x.is_cpu() || !(bf16 || x.scalar_type() == at::kFloat)) {
    return RotateReference(x, positions, table, heads, head_dim, layout, inverse);
  }
  const Rows rows{x.data_ptr(),
                  positions.const_data_ptr<int64_t>(),
                  table.cos.const_data_ptr<float>(),
                  table.sin.const_data_ptr<float>(),
                  x.stride(0),
                  heads,
                  head_dim / 2,
                  inverse ? -1.0f : 1.0f};
  const auto body = layout == RotaryLayout::kHalf ? (bf16 ? HalfBf16 : HalfF32)
                                                  : (bf16 ? InterleavedBf16 : InterleavedF32);
  ForEachBlock(x.size(0), 64, [&](int64_t b, int64_t e) { body(rows, b, e); });
}

}  // namespace prm::ops
