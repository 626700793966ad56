// Which number format a machine multiplies faster: told from measured rates.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace prm {

// Of the products in each number format.
struct DtypeRates {
  double float32 = 0, bfloat16 = 0;  // GFLOP/s

  // By more than a tenth. Near a tie bfloat16 is taken: its weights and keys take half the memory,
  // and noise does not change the choice from one run to the next.
  bool IsFloat32Faster() const { return float32 > 1.1 * bfloat16; }
  // "measured: float32 170 GFLOP/s, bfloat16 70"
  std::string ToString() const;
};

// Ways to compute the same products, of which the fastest will serve.
using ProductBodies = std::vector<std::function<void()>>;

// Runs all bodies of both formats in turns, so that whatever else the machine does meets both
// alike, and takes each one's best time. gflop: of one run, above 0; now: seconds, rising.
DtypeRates MeasureDtypeRates(double gflop, const ProductBodies& float32,
                             const ProductBodies& bfloat16, const std::function<double()>& now);

}  // namespace prm
