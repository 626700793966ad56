// Products in pieces against float64: whole, cut by rows and cut by columns.
#include "model/ops/mat_mul.h"

#include <ATen/Parallel.h>

#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

void TestProduct(const Case& c, int64_t rows, int64_t inner, int64_t columns) {
  const std::string name = c.name("product") + " " + std::to_string(rows) + " x " +
                           std::to_string(inner) + " x " + std::to_string(columns) + " ";
  const at::Tensor a = Random({rows, inner}, c),
                   b = Random({columns, inner}, c) / std::sqrt(double(inner)),
                   bias = Random({columns}, c);
  const at::Tensor expected = at::mm(Double(a), Double(b).t());
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    const std::string on = "on " + std::to_string(threads) + " threads";
    const at::Tensor product = ops::MatMul(a, b.t());
    ExpectClose((name + on).c_str(), product, expected, 2 * c.tolerance());
    ExpectClose((name + "with a bias " + on).c_str(), ops::MatMul(a, b.t(), bias),
                expected + Double(bias), 4 * c.tolerance());
    ExpectClose((name + "of a transposed matrix " + on).c_str(),
                ops::MatMul(a.t().contiguous().t(), b.t()), expected, 2 * c.tolerance());
    bool same = true;
    for (int run = 0; run < 8; ++run) same = same && ops::MatMul(a, b.t()).equal(product);
    Expect((name + "is bitwise the same, whoever takes which piece, " + on).c_str(), same);
    Expect((name + "leaves LibTorch its threads, " + on).c_str(), at::get_num_threads() == threads);
  }
}

// An error in a piece, which another thread may have taken.
void TestError() {
  at::set_num_threads(2);
  const at::Tensor a = at::ones({2048, 64}), b = at::ones({64, 64}, at::kBFloat16);
  bool thrown = false;
  try {
    ops::MatMul(a, b);
  } catch (const c10::Error&) {
    thrown = true;
  }
  Expect("an error in a piece reaches the caller", thrown);
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const Case c{at::kCPU, dtype};
    TestProduct(c, 5, 64, 7);
    TestProduct(c, 1601, 96, 100);   // by rows; the last piece has fewer
    TestProduct(c, 130, 2100, 900);  // by columns
  }
  TestError();
  return Failures();
}
