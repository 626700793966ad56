#include "model/decoder/dtype_rates.h"

#include <gtest/gtest.h>

namespace prm {
namespace {

// A clock that bodies advance by their duration: the milliseconds of their runs, in order.
class FakeMachine {
 public:
  std::function<void()> Body(std::vector<double> milliseconds) {
    return [this, milliseconds, run = size_t{0}]() mutable {
      seconds_ += 1e-3 * milliseconds[std::min(run++, milliseconds.size() - 1)];
    };
  }
  DtypeRates Measure(const ProductBodies& float32, const ProductBodies& bfloat16) {
    return MeasureDtypeRates(0.5, float32, bfloat16, [this] { return seconds_; });
  }

 private:
  double seconds_ = 7;
};

TEST(DtypeRates, AreThoseOfTheFastestBodyAndItsBestRun) {
  FakeMachine machine;
  const DtypeRates rates =
      machine.Measure({machine.Body({9}), machine.Body({50, 5, 80})}, {machine.Body({40, 2.5})});
  EXPECT_NEAR(rates.float32, 100, 1e-6);
  EXPECT_NEAR(rates.bfloat16, 200, 1e-6);
  EXPECT_EQ(rates.ToString(), "measured: float32 100 GFLOP/s, bfloat16 200");
}

TEST(DtypeRates, TakeTheFasterFormat) {
  EXPECT_TRUE((DtypeRates{170, 70}.IsFloat32Faster()));
  EXPECT_FALSE((DtypeRates{220, 500}.IsFloat32Faster()));
}

TEST(DtypeRates, TakeBfloat16NearATie) {
  for (const double noise : {-0.04, 0.0, 0.04}) {
    EXPECT_FALSE((DtypeRates{100 * (1 + noise), 100 * (1 - noise)}.IsFloat32Faster())) << noise;
  }
}

// Other load during some rounds affects both formats, since they alternate.
TEST(DtypeRates, ABusySpellMeetsBothFormats) {
  FakeMachine machine;
  const DtypeRates rates =
      machine.Measure({machine.Body({12, 12, 12, 4, 4, 4})}, {machine.Body({15, 15, 15, 5, 5, 5})});
  EXPECT_NEAR(rates.float32 / rates.bfloat16, 1.25, 1e-6);
}

}  // namespace
}  // namespace prm
