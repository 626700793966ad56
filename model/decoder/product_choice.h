// Who multiplies a layer's matrices on a CPU: our panels or LibTorch. Both give the same numbers
// but for rounding.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>
#include <string>

#include "model/ops/packed_linear.h"

namespace prm {

struct ProductChoice {
  bool panels = false;
  std::string why{};  // what made auto choose; empty where it was given

  std::string Name() const { return panels ? "panels" : "libtorch"; }
};

// What auto decides by.
struct ProductFacts {
  c10::ScalarType dtype;
  int64_t largest = 0;       // values of a layer's largest matrix
  bool bf16_panels = false;  // the panels multiply bfloat16 here (AVX512-BF16)
  bool bf16_tiles = false;   // and on tiles (AMX), as LibTorch does
};

// bfloat16 without AVX512-BF16: LibTorch; without AMX: the panels. float32 of less than 2^16 values
// a matrix: LibTorch. Else, in float32 and on AMX, LibTorch's product is a good one, and how good
// differs between machines: `measure` is asked once, and the panels are taken unless they are
// slower by more than a tenth, which is what they spare after a product.
ProductChoice ChooseByRule(const ProductFacts& facts,
                           const std::function<ops::CpuProductRates()>& measure);

// name: auto (the rule), panels, libtorch. Throws Error(kInvalidArgument) for another word,
// Error(kUnimplemented) for panels where this CPU has none for the dtype.
ProductChoice ChooseProducts(const std::string& name, c10::ScalarType dtype, int64_t largest);

}  // namespace prm
