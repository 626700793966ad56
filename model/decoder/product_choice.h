// Which code multiplies a layer's matrices on a CPU: our panels or LibTorch; equal up to rounding.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>
#include <string>

#include "model/ops/packed_linear.h"

namespace prm {

struct ProductChoice {
  bool panels = false;
  std::string why{};  // why auto chose it; empty if it was given

  std::string Name() const { return panels ? "panels" : "libtorch"; }
};

// The inputs of auto's rule.
struct ProductFacts {
  c10::ScalarType dtype;
  int64_t largest = 0;       // values in a layer's largest matrix
  bool bf16_panels = false;  // this CPU has bfloat16 panels (AVX512-BF16)
  bool bf16_tiles = false;   // and on tiles (AMX), as in LibTorch
};

// bfloat16 without AVX512-BF16: LibTorch; without AMX: panels. float32 with less than 2^16 values
// per matrix: LibTorch. Else (float32, or bfloat16 on AMX) speeds differ between machines: calls
// `measure` once and picks panels unless they are more than a tenth slower, which is the time they
// save after a product.
ProductChoice ChooseByRule(const ProductFacts& facts,
                           const std::function<ops::CpuProductRates()>& measure);

// name: auto (the rule), panels, libtorch. Throws Error(kInvalidArgument) for another word,
// Error(kUnimplemented) for panels that this CPU does not have for the dtype.
ProductChoice ChooseProducts(const std::string& name, c10::ScalarType dtype, int64_t largest);

}  // namespace prm
