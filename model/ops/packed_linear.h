// Linear layers with constant weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/config/model_config.h"

namespace prm::ops {

// How a weight is stored. The narrow formats are symmetric, with one float32 scale per row that
// maps the row's largest magnitude to the largest number of the format.
// Source: Dettmers et al. 2022, "LLM.int8()", section 2.1 (absmax, vector-wise).
enum class WeightFormat {
  kAsStored,  // in the compute dtype
  kInt8,      // -127 .. 127; each is exact in bfloat16, so products are those of the dtype
  kFp8,       // e4m3; rows of x are rounded to it, too. Only CUDA from sm_89 (Ada, Hopper)
};

enum class LinearBody {
  kPanels,  // CPU: an output is bitwise the same in any batch, on any number of threads
  kCuda,    // CUDA kernels: the same; bfloat16, and float32 if not gated
  kTorch,   // the narrow formats on any device: the reference
};

struct LinearOptions {
  bool gated = false;  // rows are gates [F], then ups [F], for Glu
  WeightFormat format = WeightFormat::kAsStored;
  LinearBody body = LinearBody::kPanels;
};

// A weight [N, K] and a bias [N], repacked in the order in which the body reads them. Includes the
// operation that follows the product. Immutable; any thread.
struct LinearProduct;
class PackedLinear {
 public:
  // Whether the body accepts the weight. kPanels: float32, and bfloat16 if the CPU has AVX512-BF16
  // and K is even; as stored or int8. kCuda: as stored; for bfloat16, K and N (F if gated) must be
  // multiples of 8. kTorch: the narrow formats; fp8 needs bfloat16 and multiples of 16.
  static bool Takes(const at::Tensor& weight, const LinearOptions& options = {});
  // weight has the compute dtype; bias may be undefined.
  PackedLinear(const at::Tensor& weight, const at::Tensor& bias, const LinearOptions& options);
  // Returns a copy on the device. Panels must stay on the CPU; kCuda can multiply only on a GPU.
  PackedLinear To(at::Device device) const;

  at::ScalarType dtype() const { return dtype_; }  // the compute dtype
  int64_t numel() const { return inputs_ * outputs_; }
  int64_t bytes() const;

  // x [T, K] and the results have the compute dtype.
  at::Tensor Forward(const at::Tensor& x) const;                     // [T, N]
  void AddTo(const at::Tensor& x, at::Tensor* sum) const;            // sum [T, N] float32 += ...
  at::Tensor Glu(const at::Tensor& x, Activation activation) const;  // [T, F]

 private:
  void Pack(const at::Tensor& weight, const at::Tensor& bias);
  void Multiply(const at::Tensor& x, LinearProduct product) const;
  void CheckInput(const at::Tensor& x) const;
  at::Tensor ByTorch(const at::Tensor& x) const;  // [T, N]

  int64_t inputs_ = 0, outputs_ = 0;
  LinearOptions options_;
  at::ScalarType dtype_;
  at::Tensor values_;        // panels; else [N, K], reordered for the CUDA kernel if gated
  at::Tensor scale_, bias_;  // float32, per output of the panels or [N]; kTorch: bias as given
};

// How fast this CPU computes products of a layer's size in a dtype: our panels and LibTorch.
struct CpuProductRates {
  double panels = 0, libtorch = 0;  // GFLOP/s
};
// Measures on LibTorch's threads, 20 to 200 ms, once per process and dtype. This CPU's panels must
// support the dtype.
const CpuProductRates& MeasureCpuProducts(at::ScalarType dtype);

// Whether this CPU has bfloat16 panels (AVX512-BF16), and on tiles (AMX).
bool HasBf16Panels();
bool HasBf16Tiles();

// Row n is values[n] * scale[n].
struct QuantizedWeight {
  at::Tensor values;  // [N, K] int8 or float8_e4m3fn
  at::Tensor scale;   // [N] float32
};
// weight [N, K] in any dtype; the result is on the same device. Rows whose largest magnitude is
// below 1e-30 become zeros. Works on some rows at a time: a few MB of temporary memory.
QuantizedWeight QuantizeRows(const at::Tensor& weight, WeightFormat format);

// Whether the device supports fp8 products; tries one.
bool RunsFp8(at::Device device);

}  // namespace prm::ops
