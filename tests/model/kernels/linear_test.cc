// Packed linear layers against products in float64, at sizes around their tiles, panels and depths.
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

void TestLinear(const Case& c, int64_t rows, int64_t inputs, int64_t outputs) {
  const std::string name = c.name("linear") + " " + std::to_string(rows) + " x " +
                           std::to_string(inputs) + " x " + std::to_string(outputs) + " ";
  const at::Tensor x = Random({rows, inputs}, c),
                   weight = Random({outputs, inputs}, c) / std::sqrt(double(inputs)),
                   bias = Random({outputs}, c, false);
  const at::Tensor product = at::mm(Double(x), Double(weight).t());
  const ops::PackedLinear linear(weight, bias, false), bare(weight, {}, false);
  ExpectClose((name + "with a bias").c_str(), linear.Forward(x), product + Double(bias),
              2 * c.tolerance());
  ExpectClose((name + "without").c_str(), bare.Forward(x), product, 2 * c.tolerance());

  const at::Tensor before = Random({rows, outputs}, c, false);
  at::Tensor sum = before.clone();
  linear.AddTo(x, &sum);
  ExpectClose((name + "added").c_str(), sum, Double(before) + product + Double(bias), 2e-5);

  const at::Tensor alone = linear.Forward(x.narrow(0, rows - 1, 1).contiguous());
  ExpectClose((name + "row by itself, bitwise").c_str(), alone,
              linear.Forward(x).narrow(0, rows - 1, 1), 0);
  if (outputs % 2 != 0) return;
  for (const Activation a : {Activation::kSilu, Activation::kGeluTanh}) {
    const auto parts = (product + Double(bias)).split(outputs / 2, 1);
    const at::Tensor gate =
        a == Activation::kSilu ? at::silu(parts[0]) : at::gelu(parts[0], "tanh");
    const at::Tensor expected = gate * parts[1];
    // The result is rounded to 8 bits.
    ExpectClose((name + "gated").c_str(), ops::PackedLinear(weight, bias, true).Glu(x, a), expected,
                0.4 * c.tolerance() * (1 + expected.abs().max().item<double>()));
  }
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  at::manual_seed(3);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const Case c{at::kCPU, dtype};
    if (!ops::PackedLinear::Takes(at::zeros({2, 2}, dtype))) {
      std::printf("skip  %s does not run on this CPU\n", c.name("linear").c_str());
      continue;
    }
    TestLinear(c, 1, 2, 1);
    TestLinear(c, 5, 34, 64);
    TestLinear(c, 6, 96, 130);
    TestLinear(c, 7, 100, 96);
    TestLinear(c, 513, 64, 200);
    TestLinear(c, 1030, 16, 66);
    TestLinear(c, 13, 2048, 70);
    TestLinear(c, 13, 4864, 128);
  }
  Expect("what cannot be packed is not taken",
         !ops::PackedLinear::Takes(at::zeros({4, 3}, at::kBFloat16)) &&
             !ops::PackedLinear::Takes(at::zeros({4, 4}, at::kDouble)));
  return Failures();
}
