#include "model/decoder/dtype_rates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/error.h"

namespace prm {

std::string DtypeRates::ToString() const {
  return StrCat("measured: float32 ", std::lround(float32), " GFLOP/s, bfloat16 ",
                std::lround(bfloat16));
}

DtypeRates MeasureDtypeRates(double gflop, const ProductBodies& float32,
                             const ProductBodies& bfloat16, const std::function<double()>& now) {
  constexpr int kRounds = 6;  // the first warms up threads and memory
  const auto best_of = [&](const ProductBodies& bodies, double best) {
    for (const auto& body : bodies) {
      const double start = now();
      body();
      best = std::min(best, now() - start);
    }
    return best;
  };
  double in_float32 = std::numeric_limits<double>::infinity(), in_bfloat16 = in_float32;
  for (int round = 0; round < kRounds; ++round) {
    in_float32 = best_of(float32, in_float32);
    in_bfloat16 = best_of(bfloat16, in_bfloat16);
  }
  return {gflop / in_float32, gflop / in_bfloat16};
}

}  // namespace prm
