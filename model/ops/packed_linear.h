// Linear layers whose weights do not change.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/config/model_config.h"

namespace prm::ops {

// How a weight is held. The narrow formats are symmetric, with one float32 scale a row: its largest
// magnitude is the largest number of the format. Source: Dettmers et al. 2022, "LLM.int8()",
// section 2.1 (absmax, vector-wise).
enum class WeightFormat {
  kAsStored,  // in the compute dtype
  kInt8,      // -127 .. 127, each a bfloat16 without rounding: the products stay those of the dtype
  kFp8,       // e4m3; the rows of x are rounded to it, too. CUDA from sm_89 on (Ada, Hopper) alone
};

enum class LinearBody {
  kPanels,  // the CPU's: an output is bitwise the same whatever shares its batch, on any threads
  kCuda,    // of the CUDA kernels: the same; bfloat16, and float32 where not gated
  kTorch,   // of the narrow formats on any device: the reference
};

struct LinearOptions {
  bool gated = false;  // the rows are gates [F], then ups [F], for Glu
  WeightFormat format = WeightFormat::kAsStored;
  LinearBody body = LinearBody::kPanels;
};

// A weight [N, K] and a bias [N] in the order in which the body reads them, with what follows the
// product. Immutable, any thread.
struct LinearProduct;
class PackedLinear {
 public:
  // The CPU's body takes float32, and bfloat16 where the CPU has AVX512-BF16 and K is even, as they
  // are and as int8; that of the CUDA kernels what is as stored, of bfloat16 K in eights and N, or
  // F where gated, in eights; LibTorch's the narrow formats, fp8 of bfloat16 with multiples of 16.
  static bool Takes(const at::Tensor& weight, const LinearOptions& options = {});
  // weight in the compute dtype; bias may be undefined.
  PackedLinear(const at::Tensor& weight, const at::Tensor& bias, const LinearOptions& options);
  // The same there; panels stay on the CPU. The CUDA kernels' body multiplies on a GPU alone.
  PackedLinear To(at::Device device) const;

  at::ScalarType dtype() const { return dtype_; }  // the compute dtype
  int64_t numel() const { return inputs_ * outputs_; }
  int64_t bytes() const;

  // x [T, K] in the compute dtype, as the result.
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
  at::Tensor values_;        // panels; else [N, K], where gated for CUDA in the order of its kernel
  at::Tensor scale_, bias_;  // float32, of the panels' outputs, or [N]; LibTorch's bias as given
};

// How fast this CPU computes products of a layer's size in a dtype, by the panels and by LibTorch.
struct CpuProductRates {
  double panels = 0, libtorch = 0;  // GFLOP/s
};
// On LibTorch's threads, in some 20 to 200 ms; once a process for each dtype. The panels must take
// the dtype here.
const CpuProductRates& MeasureCpuProducts(at::ScalarType dtype);

// Whether panels of bfloat16 are multiplied here (AVX512-BF16), and on tiles (AMX).
bool HasBf16Panels();
bool HasBf16Tiles();

// Row n is values[n] * scale[n].
struct QuantizedWeight {
  at::Tensor values;  // [N, K] int8 or float8_e4m3fn
  at::Tensor scale;   // [N] float32
};
// weight [N, K] in any dtype, on its device; rows below 1e-30 become zeros. Temporary memory is a
// few MB: some rows at a time.
QuantizedWeight QuantizeRows(const at::Tensor& weight, WeightFormat format);

// Whether the device multiplies fp8: it is tried.
bool RunsFp8(at::Device device);

}  // namespace prm::ops
