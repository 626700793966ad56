// Linear layers of the CUDA kernels, emulated on the CPU and on a GPU if present: compared with
// float64, and each row bitwise the same in every tile and batch.
#include <ATen/Parallel.h>

#include "model/ops/packed_linear.h"
#include "tests/model/kernels/emulated_kernels.h"
// Include the emulation before the kernels.
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

using cuda::LinearArgs;
using cuda::LinearResult;

const Case kBf16{at::kCPU, at::kBFloat16}, kFloat{at::kCPU, at::kFloat};

// --- one tile's kernel ---------------------------------------------------------------------------

template <class Tile>
at::Tensor Multiply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    LinearResult result, at::Tensor out) {
  const LinearArgs args{.x = x.const_data_ptr(),
                        .weight = weight.const_data_ptr(),
                        .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                        .out = out.data_ptr(),
                        .rows = x.size(0),
                        .inputs = x.size(1),
                        .outputs = weight.size(0),
                        .bf16 = true,
                        .result = result};
  const char* error = cuda::launch::LinearOf<Tile>(args, nullptr);
  Expect(error ? error : "a tile's kernel runs", error == nullptr);
  return out;
}

struct Product {
  at::Tensor x, weight, bias;
};
Product RandomProduct(int64_t rows, int64_t inputs, int64_t outputs, const Case& c) {
  return {Random({rows, inputs}, c), Random({outputs, inputs}, c) / std::sqrt(double(inputs)),
          Random({outputs}, c, false)};
}

// All tiles, with copies as late and as early as possible.
void TestTiles(int64_t rows, int64_t inputs, int64_t outputs) {
  const std::string name = "emulated linear " + std::to_string(rows) + " x " +
                           std::to_string(inputs) + " x " + std::to_string(outputs) + ": ";
  const Product p = RandomProduct(rows, inputs, outputs, kBf16);
  const at::Tensor expected = at::mm(Double(p.x), Double(p.weight).t()) + Double(p.bias);
  const at::Tensor before = Random({rows, outputs}, kFloat);
  for (const LinearResult result : {LinearResult::kStore, LinearResult::kAdd, LinearResult::kGlu}) {
    const bool adds = result == LinearResult::kAdd, glu = result == LinearResult::kGlu;
    if (glu && outputs % 16 != 0) continue;
    const auto out = [&] {
      if (adds) return before.clone();
      return at::full({rows, glu ? outputs / 2 : outputs}, NAN, p.x.options());
    };
    emulation::machine.eager_copies = false;
    const at::Tensor large = Multiply<cuda::LargeTile>(p.x, p.weight, p.bias, result, out()),
                     small = Multiply<cuda::SmallTile>(p.x, p.weight, p.bias, result, out());
    emulation::machine.eager_copies = true;
    const at::Tensor medium = Multiply<cuda::MediumTile>(p.x, p.weight, p.bias, result, out()),
                     again = Multiply<cuda::SmallTile>(p.x, p.weight, p.bias, result, out());
    if (!glu) {
      ExpectClose((name + (adds ? "added" : "stored")).c_str(), large,
                  adds ? expected + Double(before) : expected, adds ? 2e-5 : 2 * kBf16.tolerance());
    }
    ExpectClose((name + "large and small tiles, bitwise").c_str(), large, small, 0);
    ExpectClose((name + "large and medium tiles, bitwise").c_str(), large, medium, 0);
    ExpectClose((name + "copies early and late, bitwise").c_str(), small, again, 0);
  }
}

// Allowed error of a float32 sum: on tensor cores the truncation of each partial sum of 16 inputs,
// else rounding; in both cases plus the last additions of bias and sum.
double SumTolerance(const Product& p, const Case& on) {
  constexpr int64_t kStep = 16;
  const auto options = at::TensorOptions().dtype(at::kDouble).device(on.device);
  const at::Tensor x = p.x.to(options), weight = p.weight.to(options);
  at::Tensor partial = at::zeros({x.size(0), weight.size(0)}, options);
  double largest = 0;
  for (int64_t k = 0; k < x.size(1); k += kStep) {
    const int64_t count = std::min(kStep, x.size(1) - k);
    partial.addmm_(x.narrow(1, k, count), weight.narrow(1, k, count).t());
    largest = std::max(largest, partial.abs().max().item<double>());
  }
  const int64_t depth = on.dtype == at::kFloat ? 1 : kStep;
  return TensorCoreError(x.size(1), depth, largest) + std::ldexp(16.0, -24);
}

// --- the op --------------------------------------------------------------------------------------

// `on`: the device to run on. The weights are packed on the CPU.
void TestPacked(const Case& on, int64_t rows, int64_t inputs, int64_t outputs) {
  const std::string name = on.name("packed for CUDA") + " " + std::to_string(rows) + " x " +
                           std::to_string(inputs) + " x " + std::to_string(outputs) + " ";
  const Product p = RandomProduct(rows, inputs, outputs, {at::kCPU, on.dtype});
  const at::Tensor product = at::mm(Double(p.x), Double(p.weight).t()), x = p.x.to(on.device);
  const ops::LinearOptions options{.body = ops::LinearBody::kCuda};
  const auto linear = ops::PackedLinear(p.weight, p.bias, options).To(on.device),
             bare = ops::PackedLinear(p.weight, {}, options).To(on.device);
  const at::Tensor whole = linear.Forward(x);
  ExpectClose((name + "with a bias").c_str(), whole, product + Double(p.bias), 2 * on.tolerance());
  ExpectClose((name + "without").c_str(), bare.Forward(x), product, 2 * on.tolerance());
  const at::Tensor before = Random({rows, outputs}, on, false);
  at::Tensor sum = before.clone();
  linear.AddTo(x, &sum);
  const at::Tensor added = Double(before) + product + Double(p.bias);
  ExpectClose((name + "added").c_str(), sum, added, SumTolerance(p, on));
  // Omits the last step, like a loop that ends too early.
  const int64_t step = std::min<int64_t>(inputs, 16);
  const at::Tensor last = at::mm(Double(p.x).narrow(1, inputs - step, step),
                                 Double(p.weight).narrow(1, inputs - step, step).t());
  ExpectFar((name + "added, without the last inputs").c_str(), sum, added - last,
            SumTolerance(p, on));
  for (const int64_t count : {int64_t{1}, std::min<int64_t>(rows, 33), rows / 2}) {
    if (count == 0) continue;
    const at::Tensor some = linear.Forward(x.narrow(0, rows - count, count).contiguous());
    ExpectClose((name + "some rows alone, bitwise").c_str(), some,
                whole.narrow(0, rows - count, count), 0);
  }
  if (on.dtype == at::kFloat || outputs % 16 != 0) return;
  for (const Activation a : {Activation::kSilu, Activation::kGeluTanh}) {
    const auto parts = (product + Double(p.bias)).split(outputs / 2, 1);
    const at::Tensor gate =
        a == Activation::kSilu ? at::silu(parts[0]) : at::gelu(parts[0], "tanh");
    const at::Tensor expected = gate * parts[1];
    const auto gated =
        ops::PackedLinear(p.weight, p.bias, {.gated = true, .body = ops::LinearBody::kCuda})
            .To(on.device);
    ExpectClose((name + "gated").c_str(), gated.Glu(x, a), expected,
                0.4 * on.tolerance() * (1 + expected.abs().max().item<double>()));
    ExpectClose((name + "gated, a row alone, bitwise").c_str(),
                gated.Glu(x.narrow(0, rows - 1, 1).contiguous(), a),
                gated.Glu(x, a).narrow(0, rows - 1, 1), 0);
  }
}

void TestTaken() {
  const ops::LinearOptions cuda{.body = ops::LinearBody::kCuda};
  const auto takes = [&](at::IntArrayRef sizes, at::ScalarType dtype, bool gated = false) {
    return ops::PackedLinear::Takes(at::zeros(sizes, dtype),
                                    {.gated = gated, .body = ops::LinearBody::kCuda});
  };
  Expect("bfloat16 is taken in eights", takes({8, 8}, at::kBFloat16) &&
                                            !takes({8, 12}, at::kBFloat16) &&
                                            !takes({12, 8}, at::kBFloat16));
  Expect("gated, with halves in eights",
         takes({16, 8}, at::kBFloat16, true) && !takes({24, 8}, at::kBFloat16, true));
  Expect("float32 is taken where not gated",
         takes({3, 5}, at::kFloat) && !takes({16, 16}, at::kFloat, true));
  Expect("not int8", !ops::PackedLinear::Takes(
                         at::zeros({16, 16}, at::kBFloat16),
                         {.format = ops::WeightFormat::kInt8, .body = ops::LinearBody::kCuda}));
  const ops::PackedLinear linear(at::zeros({8, 8}, at::kBFloat16), {}, cuda);
  bool refused = false;
  try {
    linear.Forward(at::zeros({1, 8}, at::kBFloat16));
  } catch (const c10::Error&) {
    refused = true;
  }
  Expect("without kernels it does not multiply", refused);
}

void TestChoice() {
  using enum cuda::launch::TileSize;
  const auto chosen = [](int64_t rows) {
    return cuda::launch::ChooseTile({.rows = rows, .inputs = 896, .outputs = 896, .bf16 = true});
  };
  Expect("batches of 32, 512 and 4096 rows take small, medium and large tiles",
         chosen(32) == kSmall && chosen(512) == kMedium && chosen(4096) == kLarge);
}

void TestEmulated() {
  TestTaken();
  TestChoice();
  TestTiles(1, 8, 8);
  TestTiles(33, 72, 48);
  TestTiles(70, 640, 136);
  TestTiles(130, 200, 144);
  const cuda::EmulatedKernels kernels;
  for (const int64_t rows : {1, 5, 40}) TestPacked(kFloat, rows, 70, 11);
  TestPacked(kBf16, 3, 64, 16);
  TestPacked(kBf16, 45, 136, 272);
  // Truncates as tensor cores do, for as many inputs as the widest model has.
  emulation::machine.truncates = true;
  TestPacked(kBf16, 3, 4864, 16);
  emulation::machine.truncates = false;
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  Seed(3);
  if (!Asked("PRM_GPU_ONLY")) TestEmulated();
  if (!RunsCuda()) return Failures();
  const at::Device gpu(at::kCUDA, 0);
  TestPacked({gpu, at::kBFloat16}, 77, 72, 48);
  TestPacked({gpu, at::kFloat}, 70, 896, 896);
  if (Asked("PRM_SMALL")) {  // one row, and rows for each tile
    for (const int64_t rows : {1, 33, 257}) TestPacked({gpu, at::kBFloat16}, rows, 896, 1152);
    return Failures();
  }
  TestPacked({gpu, at::kFloat}, 1, 3584, 2);
  for (const int64_t rows : {1, 16, 33, 100, 512, 2048}) {
    TestPacked({gpu, at::kBFloat16}, rows, 896, 9728);
    TestPacked({gpu, at::kBFloat16}, rows, 4864, 896);
    TestPacked({gpu, at::kBFloat16}, rows, 3584, 4608);
  }
  return Failures();
}
