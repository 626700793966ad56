// Packed linear layers against products in float64, at sizes around their tiles, panels and depths.
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

const Case kCase{at::kCPU, at::kBFloat16};

void TestLinear(int64_t rows, int64_t inputs, int64_t outputs) {
  const std::string name = "linear " + std::to_string(rows) + " x " + std::to_string(inputs) +
                           " x " + std::to_string(outputs) + " ";
  const at::Tensor x = Random({rows, inputs}, kCase),
                   weight = Random({outputs, inputs}, kCase) / std::sqrt(double(inputs)),
                   bias = Random({outputs}, kCase, false);
  const at::Tensor product = at::mm(Double(x), Double(weight).t());
  const ops::PackedLinear linear(weight, bias, false), bare(weight, {}, false);
  ExpectClose((name + "with a bias").c_str(), linear.Forward(x), product + Double(bias), 2e-2);
  ExpectClose((name + "without").c_str(), bare.Forward(x), product, 2e-2);

  const at::Tensor before = Random({rows, outputs}, kCase, false);
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
                4e-3 * (1 + expected.abs().max().item<double>()));
  }
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  at::manual_seed(3);
  if (!ops::PackedLinear::Takes(at::zeros({2, 2}, at::kBFloat16))) {
    std::printf("skip  packed linear layers do not run on this CPU\n");
    return 77;
  }
  TestLinear(1, 2, 1);
  TestLinear(5, 34, 64);
  TestLinear(6, 96, 130);
  TestLinear(7, 100, 96);
  TestLinear(513, 64, 200);
  TestLinear(1030, 16, 66);
  TestLinear(13, 2048, 70);
  TestLinear(13, 4864, 128);
  Expect("what cannot be packed is not taken",
         !ops::PackedLinear::Takes(at::zeros({4, 3}, at::kBFloat16)) &&
             !ops::PackedLinear::Takes(at::zeros({4, 4}, at::kFloat)));
  return Failures();
}
