// Decides by measured rates which number format a machine multiplies faster.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace prm {

// Rates of the products in each number format.
struct DtypeRates {
  double float32 = 0, bfloat16 = 0;  // GFLOP/s

  // Requires more than a tenth. Near a tie bfloat16 wins: its weights and keys take half the
  // memory, and noise cannot change the choice between runs.
  bool IsFloat32Faster() const { return float32 > 1.1 * bfloat16; }
  // "measured: float32 170 GFLOP/s, bfloat16 70"
  std::string ToString() const;
};

// Alternative ways to compute the same products; the fastest will be used.
using ProductBodies = std::vector<std::function<void()>>;

// Alternates all bodies of both formats, so that other load on the machine affects both alike, and
// takes the best time of each. gflop: per run, above 0; now: a clock in seconds.
DtypeRates MeasureDtypeRates(double gflop, const ProductBodies& float32,
                             const ProductBodies& bfloat16, const std::function<double()>& now);

}  // namespace prm
