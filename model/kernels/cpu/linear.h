// The CPU bodies of packed linear layers. Internal to model/kernels.
#pragma once

#include <cstdint>

#include "model/kernels/cpu/cpu_math.h"
#include "model/ops/packed_linear.h"

namespace prm::ops {

inline constexpr int kPanel = 64;  // outputs

// y = scale (x W^T) + b and what becomes of it, a row of `out` having `stride` values.
struct LinearProduct {
  enum class Result {
    kStore,  // y, in the dtype of x
    kAdd,    // float32 out += y
    kGlu,    // activation(gate) * up, in the dtype of x: a panel's halves are both of 32 channels
  };
  Result result = Result::kStore;
  Activation activation = Activation::kSilu;
  void* out = nullptr;
  int64_t stride = 0;
  const void* x = nullptr;  // [T, K]
  int64_t rows = 0, inputs = 0;
  const void* panels = nullptr;
  bool int8 = false;             // what the panels hold: [K, 64] for either body
  const float* scale = nullptr;  // of all outputs of the panels
  const float* bias = nullptr;   // of all outputs of the panels
  int64_t outputs = 0;           // of the panels; of gated ones twice the channels
};

// Panels are [K, 64]. Any CPU.
void FloatProduct(const LinearProduct& product);

// Panels are [K/2, 64] words of neighbouring inputs, in the order in which this CPU reads them.
bool HasBf16Product();
void Bf16Product(const LinearProduct& product);
// One panel of the rows row_of[0..63] of weight [N, K]; -1: zeros.
void PackBf16Panel(const BFloat16* weight, int64_t inputs, const int64_t* row_of, BFloat16* panel);

// The same for int8 of either dtype, with the scales [64] of its outputs: what QuantizeRows gives.
void PackInt8Panel(const float* weight, int64_t inputs, const int64_t* row_of, int8_t* panel,
                   float* scale);
void PackInt8Panel(const BFloat16* weight, int64_t inputs, const int64_t* row_of, int8_t* panel,
                   float* scale);

// LibTorch's body: x [T, K] times the rows of `weight`, [T, N] in the dtype of x. bias [N] in that
// dtype, or undefined.
at::Tensor QuantizedProduct(const at::Tensor& x, const QuantizedWeight& weight,
                            const at::Tensor& bias);

}  // namespace prm::ops
