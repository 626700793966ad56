// 8-bit weights: rounding the rows of a matrix, and LibTorch's products on any device. Tests on the
// CPU compare them with float64.
#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "model/kernels/cpu/linear.h"
#include "model/ops/packed_linear.h"

namespace prm::ops {
namespace {

constexpr float kInt8Max = 127, kFp8Max = 448;
// The smallest magnitude of a row: the inverse of a smaller one would overflow.
constexpr float kSmallest = 1e-30f;

// Compares the bits, so that a NaN is the largest and becomes the scale of its row.
template <class T>
PRM_INLINE float LargestMagnitude(const T* x, int64_t count) {
  uint32_t largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::bit_cast<uint32_t>(ToFloat(x[i])) & 0x7fffffffu);
  }
  return std::bit_cast<float>(largest);
}

// Transposes 64 inputs of each row at a time, a block that fits the cache.
template <class T>
PRM_INLINE void QuantizePanel(const T* weight, int64_t inputs, const int64_t* row_of, int8_t* panel,
                              float* scale) {
  constexpr int64_t kBlock = 64;
  float inverse[kPanel];
  for (int n = 0; n < kPanel; ++n) {
    const float largest =
        row_of[n] < 0 ? 0.0f : LargestMagnitude(weight + row_of[n] * inputs, inputs);
    scale[n] = largest / kInt8Max;
    inverse[n] = largest > kSmallest ? 1 / largest * kInt8Max : 0.0f;
  }
  for (int64_t k = 0; k < inputs; k += kBlock) {
    const int64_t count = std::min(kBlock, inputs - k);
    int8_t block[kPanel][kBlock] = {};
    for (int n = 0; n < kPanel; ++n) {
      if (row_of[n] < 0) continue;
      const T* row = weight + row_of[n] * inputs + k;
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) {
        block[n][i] = int8_t(int32_t(std::rint(ToFloat(row[i]) * inverse[n])));
      }
    }
    for (int64_t i = 0; i < count; ++i) {
      for (int n = 0; n < kPanel; ++n) panel[(k + i) * kPanel + n] = block[n][i];
    }
  }
}

PRM_SIMD void QuantizeFloatPanel(const float* weight, int64_t inputs, const int64_t* row_of,
                                 int8_t* panel, float* scale) {
  QuantizePanel(weight, inputs, row_of, panel, scale);
}
PRM_SIMD void QuantizeBf16Panel(const BFloat16* weight, int64_t inputs, const int64_t* row_of,
                                int8_t* panel, float* scale) {
  QuantizePanel(weight, inputs, row_of, panel, scale);
}

QuantizedWeight Quantize(const at::Tensor& x, WeightFormat format) {
  const bool int8 = format == WeightFormat::kInt8;
  const double most = int8 ? kInt8Max : kFp8Max;
  const at::Tensor rows = x.to(at::kFloat), largest = rows.abs().amax(1, /*keepdim=*/true);
  // Uses no constant from the host, which a CUDA graph could not record.
  const at::Tensor inverse =
      (largest.reciprocal() * most).masked_fill_((largest > kSmallest).logical_not_(), 0);
  const at::Tensor scaled = rows * inverse;
  return {int8 ? scaled.round_().to(at::kChar) : scaled.to(at::kFloat8_e4m3fn),
          largest.squeeze(1) / most};
}

}  // namespace

void PackInt8Panel(const float* weight, int64_t inputs, const int64_t* row_of, int8_t* panel,
                   float* scale) {
  QuantizeFloatPanel(weight, inputs, row_of, panel, scale);
}
void PackInt8Panel(const BFloat16* weight, int64_t inputs, const int64_t* row_of, int8_t* panel,
                   float* scale) {
  QuantizeBf16Panel(weight, inputs, row_of, panel, scale);
}

QuantizedWeight QuantizeRows(const at::Tensor& weight, WeightFormat format) {
  constexpr int64_t kChunk = 1 << 20;  // values
  TORCH_CHECK(weight.dim() == 2 && format != WeightFormat::kAsStored, "quantize: ", weight.sizes());
  const at::ScalarType dtype = format == WeightFormat::kInt8 ? at::kChar : at::kFloat8_e4m3fn;
  const QuantizedWeight whole{at::empty(weight.sizes(), weight.options().dtype(dtype)),
                              at::empty({weight.size(0)}, weight.options().dtype(at::kFloat))};
  const int64_t chunk = std::max<int64_t>(1, kChunk / std::max<int64_t>(1, weight.size(1)));
  for (int64_t row = 0; row < weight.size(0); row += chunk) {
    const int64_t count = std::min(chunk, weight.size(0) - row);
    const QuantizedWeight part = Quantize(weight.narrow(0, row, count), format);
    whole.values.narrow(0, row, count).copy_(part.values);
    whole.scale.narrow(0, row, count).copy_(part.scale);
  }
  return whole;
}

at::Tensor QuantizedProduct(const at::Tensor& x, const QuantizedWeight& weight,
                            const at::Tensor& bias) {
  const auto options = x.options().dtype(at::kFloat);
  at::Tensor y;
  if (x.size(0) == 0) {
    y = at::empty({0, weight.values.size(0)}, options);
  } else if (weight.values.scalar_type() == at::kFloat8_e4m3fn) {
    // Row scales are applied outside: LibTorch's fp8 product takes one scale per matrix.
    const QuantizedWeight left = Quantize(x, WeightFormat::kFp8);
    const at::Tensor one = at::ones({}, options);
    y = at::_scaled_mm(left.values, weight.values.t(), one, one, {}, {}, at::kFloat);
    y.mul_(left.scale.unsqueeze(1)).mul_(weight.scale);
  } else {
    // The allocator reuses the buffer of the widened weight for the next layer.
    y = at::mm(x, weight.values.to(x.scalar_type()).t()) * weight.scale;
  }
  if (bias.defined()) y.add_(bias);
  return y.to(x.scalar_type());
}

bool RunsFp8(at::Device device) {
  if (!device.is_cuda()) return false;
  try {
    const at::Tensor x = at::ones({16, 16}, at::TensorOptions(device).dtype(at::kBFloat16));
    QuantizedProduct(x, QuantizeRows(x, WeightFormat::kFp8), {});
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

}  // namespace prm::ops
