#include "model/decoder/product_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/error_of.h"

namespace prm {
namespace {

using testing::HasSubstr;

constexpr ProductFacts kFloat{.dtype = c10::kFloat, .largest = 1 << 20};

ProductChoice Measured(const ProductFacts& facts, double panels, double libtorch) {
  return ChooseByRule(facts, [=] { return ops::CpuProductRates{panels, libtorch}; });
}
ProductChoice Unmeasured(const ProductFacts& facts) {
  return ChooseByRule(facts, []() -> ops::CpuProductRates {
    ADD_FAILURE() << "measured";
    return {};
  });
}

TEST(ProductChoice, IsMeasuredInFloat32AndOnTilesAndSaysSo) {
  const ProductFacts tiles{.dtype = c10::kBFloat16, .bf16_panels = true, .bf16_tiles = true};
  for (const ProductFacts& facts : {kFloat, tiles}) {
    EXPECT_TRUE(Measured(facts, 100, 109).panels) << "they spare a tenth";
    EXPECT_FALSE(Measured(facts, 100, 111).panels);
    EXPECT_EQ(Measured(facts, 100, 111).why, "measured: panels 100 GFLOP/s, LibTorch 111");
  }
}

TEST(ProductChoice, NoClockDecidesWhereTheCpuDoes) {
  ProductFacts facts{.dtype = c10::kBFloat16};
  EXPECT_EQ(Unmeasured(facts).Name(), "libtorch");
  facts.bf16_panels = true;
  EXPECT_EQ(Unmeasured(facts).Name(), "panels");
  EXPECT_THAT(Unmeasured(facts).why, HasSubstr("AVX512-BF16"));
  EXPECT_EQ(Unmeasured({.dtype = c10::kFloat, .largest = 1000}).Name(), "libtorch");
}

TEST(ProductChoice, AGivenOneIsTakenWithoutAWhy) {
  for (const std::string name : {"panels", "libtorch"}) {
    const ProductChoice choice = ChooseProducts(name, c10::kFloat, 1 << 20);
    EXPECT_EQ(choice.Name(), name);
    EXPECT_EQ(choice.why, "");
  }
  EXPECT_THAT(
      MessageOf([] { ChooseProducts("fast", c10::kFloat, 1); }, ErrorCode::kInvalidArgument),
      HasSubstr("expected auto, panels or libtorch"));
}

}  // namespace
}  // namespace prm
