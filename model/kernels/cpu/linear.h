// The CPU bodies of packed linear layers. Internal to model/kernels.
#pragma once

#include <cstdint>

#include "model/kernels/cpu/cpu_math.h"
#include "model/ops/packed_linear.h"

namespace prm::ops {

inline constexpr int kPanel = 64;  // outputs per panel

// y = scale (x W^T) + b and the operation that follows; rows of `out` are `stride` values apart.
struct LinearProduct {
  enum class Result {
    kStore,  // y, in the dtype of x
    kAdd,    // float32 out += y
    kGlu,    // activation(gate) * up, in the dtype of x; both halves of a panel: 32 channels
  };
  Result result = Result::kStore;
  Activation activation = Activation::kSilu;
  void* out = nullptr;
  int64_t stride = 0;
  const void* x = nullptr;  // [T, K]
  int64_t rows = 0, inputs = 0;
  const void* panels = nullptr;
  bool int8 = false;             // panels hold int8, [K, 64], for either body
  const float* scale = nullptr;  // per output of the panels
  const float* bias = nullptr;   // per output of the panels
  int64_t outputs = 0;           // of the panels; twice the channels if gated
};

// Panels are [K, 64]. Runs on any CPU.
void FloatProduct(const LinearProduct& product);

// Panels are [K/2, 64] words of neighbouring inputs, in the order that suits this CPU.
bool HasBf16Product();
void Bf16Product(const LinearProduct& product);
// Packs rows row_of[0..63] of weight [N, K] as one panel; -1 gives zeros.
void PackBf16Panel(const BFloat16* weight, int64_t inputs, const int64_t* row_of, BFloat16* panel);

// The same in int8 from either dtype, with the scales [64] of its outputs, as in QuantizeRows.
void PackInt8Panel(const float* weight, int64_t inputs, const int64_t* row_of, int8_t* panel,
                   float* scale);
void PackInt8Panel(const BFloat16* weight, int64_t inputs, const int64_t* row_of, int8_t* panel,
                   float* scale);

// LibTorch's body: x [T, K] times the rows of `weight`, [T, N] in the dtype of x. bias [N] in that
// dtype, or undefined.
at::Tensor QuantizedProduct(const at::Tensor& x, const QuantizedWeight& weight,
                            const at::Tensor& bias);

}  // namespace prm::ops
