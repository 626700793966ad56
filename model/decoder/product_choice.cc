#include "model/decoder/product_choice.h"

#include <cmath>

#include "data/error.h"

namespace prm {

ProductChoice ChooseByRule(const ProductFacts& facts,
                           const std::function<ops::CpuProductRates()>& measure) {
  constexpr int64_t kSmall = 1 << 16;  // not worth the measurement
  if (facts.dtype == c10::kBFloat16) {
    if (!facts.bf16_panels) return {false, "this CPU does not multiply bfloat16"};
    if (!facts.bf16_tiles) return {true, "bfloat16 on AVX512-BF16"};
  } else if (facts.largest < kSmall) {
    return {false, "small matrices in float32"};
  }
  const ops::CpuProductRates rates = measure();
  return {1.1 * rates.panels >= rates.libtorch,
          StrCat("measured: panels ", std::lround(rates.panels), " GFLOP/s, LibTorch ",
                 std::lround(rates.libtorch))};
}

ProductChoice ChooseProducts(const std::string& name, c10::ScalarType dtype, int64_t largest) {
  const bool has_panels = dtype != c10::kBFloat16 || ops::HasBf16Panels();
  if (name == "libtorch") return {.panels = false};
  if (name == "panels") {
    if (has_panels) return {.panels = true};
    throw Error(
        ErrorCode::kUnimplemented,
        "products panels: no bfloat16 panels on this CPU; expected AVX512-BF16, or float32");
  }
  if (name != "auto") {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("products: expected auto, panels or libtorch, got \"", name, "\""));
  }
  return ChooseByRule({.dtype = dtype,
                       .largest = largest,
                       .bf16_panels = ops::HasBf16Panels(),
                       .bf16_tiles = ops::HasBf16Tiles()},
                      [&] { return ops::MeasureCpuProducts(dtype); });
}

}  // namespace prm
