// Packed linear layers against products in float64, at sizes around their tiles, panels and depths.
#include <ATen/Parallel.h>

#include "model/ops/packed_linear.h"
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

// The values that a weight represents in a format.
at::Tensor Held(const at::Tensor& weight, ops::WeightFormat format) {
  if (format == ops::WeightFormat::kAsStored) return Double(weight);
  const ops::QuantizedWeight quantized = ops::QuantizeRows(weight, format);
  return Double(quantized.values) * Double(quantized.scale).unsqueeze(1);
}

void TestLinear(const Case& c, ops::WeightFormat format, int64_t rows, int64_t inputs,
                int64_t outputs) {
  const bool int8 = format == ops::WeightFormat::kInt8;
  const std::string name = c.name(int8 ? "int8" : "linear") + " " + std::to_string(rows) + " x " +
                           std::to_string(inputs) + " x " + std::to_string(outputs) + " ";
  const at::Tensor x = Random({rows, inputs}, c),
                   weight = Random({outputs, inputs}, c) / std::sqrt(double(inputs)),
                   bias = Random({outputs}, c, false);
  const at::Tensor product = at::mm(Double(x), Held(weight, format).t());
  const ops::LinearOptions options{.format = format};
  const ops::PackedLinear linear(weight, bias, options), bare(weight, {}, options);
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
    const ops::PackedLinear gated(weight, bias, {.gated = true, .format = format});
    ExpectClose((name + "gated").c_str(), gated.Glu(x, a), expected,
                0.4 * c.tolerance() * (1 + expected.abs().max().item<double>()));
  }
}

// Each number of rows takes another path through tiles and widening.
void TestInt8InAnyCompany(const Case& c) {
  const int64_t inputs = 2100, outputs = 130;
  const at::Tensor x = Random({600, inputs}, c), weight = Random({outputs, inputs}, c);
  const ops::PackedLinear linear(weight, {}, {.format = ops::WeightFormat::kInt8});
  at::set_num_threads(1);
  const at::Tensor whole = linear.Forward(x);
  at::set_num_threads(2);
  for (const int64_t rows : {1, 3, 6, 7, 24, 25, 64, 511}) {
    const at::Tensor part = linear.Forward(x.narrow(0, 600 - rows, rows).contiguous());
    ExpectClose((c.name("int8") + " bitwise among " + std::to_string(rows)).c_str(), part,
                whole.narrow(0, 600 - rows, rows), 0);
  }
}

// LibTorch's body. fp8 also rounds the rows of x; the CPU multiplies fp8 slowly.
void TestTorchBody(const Case& c, ops::WeightFormat format) {
  const bool fp8 = format == ops::WeightFormat::kFp8;
  const std::string name = c.name(fp8 ? "fp8" : "int8") + ", LibTorch's body";
  const at::Tensor x = Random({9, 64}, c), weight = Random({48, 64}, c) / 8, bias = Random({48}, c);
  const at::Tensor left = fp8 ? Held(x, format) : Double(x);
  const at::Tensor expected = at::mm(left, Held(weight, format).t()) + Double(bias);
  const ops::LinearOptions options{.format = format, .body = ops::LinearBody::kTorch};
  const auto linear =
      ops::PackedLinear(weight.to(at::kCPU), bias.to(at::kCPU), options).To(c.device);
  // The product and the result are both rounded.
  ExpectClose(name.c_str(), linear.Forward(x), expected, 4 * c.tolerance());
  Expect((name + ", no rows").c_str(),
         linear.Forward(x.narrow(0, 0, 0)).sizes() == at::IntArrayRef({0, 48}));
}

void TestRounding() {
  const at::Tensor weight = at::randn({70, 90}) * at::logspace(-20, 20, 70).unsqueeze(1);
  weight[3].zero_();
  weight[4][5] = NAN;
  const ops::QuantizedWeight q = ops::QuantizeRows(weight, ops::WeightFormat::kInt8);
  const at::Tensor error = (Held(weight, ops::WeightFormat::kInt8) - Double(weight)).abs();
  const at::Tensor steps = error / Double(q.scale).unsqueeze(1);
  Expect("int8 is within half a step of the weight, zeros and a NaN's row aside",
         steps.nan_to_num(0).max().item<double>() <= 0.5 + 1e-4);
  Expect("each row uses all of int8",
         q.values.to(at::kFloat).abs().amax(1).eq(127).sum().item<int64_t>() == 68);
  const at::Tensor y = ops::PackedLinear(weight, {}, {.format = ops::WeightFormat::kInt8})
                           .Forward(at::ones({1, 90}));
  Expect("zeros stay zeros", y[0][3].item<float>() == 0);
  Expect("a NaN stays one", std::isnan(y[0][4].item<float>()) && y.isnan().sum().item<int>() == 1);
}

// Faults that the comparison of sums, the strictest above, must detect.
void TestFaultsShow(const Case& c) {
  const at::Tensor x = Random({8, 2048}, c), weight = Random({64, 2048}, c) / 45;
  at::Tensor sum = at::zeros({8, 64});
  ops::PackedLinear(weight, {}, {.format = ops::WeightFormat::kInt8}).AddTo(x, &sum);
  const ops::QuantizedWeight q = ops::QuantizeRows(weight, ops::WeightFormat::kInt8);
  const auto shows = [&](const char* fault, const at::Tensor& values, const at::Tensor& scale) {
    const at::Tensor held = Double(values) * Double(scale).unsqueeze(1);
    const at::Tensor difference = (Double(sum) - at::mm(Double(x), held.t())).abs();
    Expect((c.name("int8") + fault).c_str(), difference.max().item<double>() > 2e-5);
  };
  shows(", the neighbour's scale would show", q.values, q.scale.roll(1));
  shows(", inputs exchanged would show", q.values.view({64, 1024, 2}).flip(2).reshape({64, 2048}),
        q.scale);
  at::Tensor step = q.values.clone();
  step[5][7] += 1;
  shows(", one weight wrong by one step would show", step, q.scale);
}

void TestMemory() {
  const at::Tensor weight = at::randn({256, 1024}).to(at::kBFloat16);
  const auto bytes = [&](ops::WeightFormat format) {
    return double(ops::PackedLinear(weight, {}, {.format = format}).bytes());
  };
  const double ratio = bytes(ops::WeightFormat::kInt8) / bytes(ops::WeightFormat::kAsStored);
  Expect("int8 takes half the memory of bfloat16", ratio > 0.49 && ratio < 0.51);
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  Seed(3);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    if (Asked("PRM_GPU_ONLY")) break;
    const Case c{at::kCPU, dtype};
    if (!ops::PackedLinear::Takes(at::zeros({2, 2}, dtype))) {
      std::printf("skip  %s does not run on this CPU\n", c.name("linear").c_str());
      continue;
    }
    for (const auto format : {ops::WeightFormat::kAsStored, ops::WeightFormat::kInt8}) {
      TestLinear(c, format, 1, 2, 1);
      TestLinear(c, format, 5, 34, 64);
      TestLinear(c, format, 6, 96, 130);
      TestLinear(c, format, 7, 100, 96);
      TestLinear(c, format, 513, 64, 200);
      TestLinear(c, format, 1030, 16, 66);
      TestLinear(c, format, 13, 2048, 70);
      TestLinear(c, format, 13, 4864, 128);
      TestLinear(c, format, 40, 2112, 128);
      TestLinear(c, format, 270, 2112, 1290);
    }
    TestInt8InAnyCompany(c);
    TestFaultsShow(c);
    if (dtype == at::kBFloat16) TestMemory();
  }
  for (const Case& c : AllCases()) {
    TestTorchBody(c, ops::WeightFormat::kInt8);
    if (c.dtype == at::kBFloat16) TestTorchBody(c, ops::WeightFormat::kFp8);
  }
  TestRounding();
  using enum ops::WeightFormat;
  const at::Tensor odd = at::zeros({4, 3}, at::kBFloat16);
  Expect("what cannot be packed is not taken",
         !ops::PackedLinear::Takes(odd) &&
             !ops::PackedLinear::Takes(at::zeros({4, 4}, at::kDouble)) &&
             !ops::PackedLinear::Takes(odd, {.format = kInt8}) &&
             !ops::PackedLinear::Takes(at::zeros({16, 16}), {.format = kFp8}) &&
             !ops::PackedLinear::Takes(odd, {.format = kFp8, .body = ops::LinearBody::kTorch}));
  Expect("no fp8 on the CPU", !ops::RunsFp8(at::kCPU));
  return Failures();
}
