// Each op against its formula in float64 and autograd, in float32 and bfloat16, on the CPU and on
// CUDA if a device is present.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <string>

#include "model/ops/attention.h"
#include "model/ops/glu.h"
#include "model/ops/head.h"
#include "model/ops/rms_norm.h"
#include "model/ops/rotary.h"
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

// The gradient of sum(f(x) * g) at x, in float64 on the CPU.
at::Tensor Gradient(const std::function<at::Tensor(const at::Tensor&)>& f, const at::Tensor& x,
                    const at::Tensor& g) {
  const at::Tensor input = x.to(at::kCPU, at::kDouble).detach().requires_grad_(true);
  const at::Tensor out = f(input);
  return torch::autograd::grad({(out * g.to(at::kCPU, at::kDouble)).sum()}, {input})[0];
}

void TestRmsNorm(const Case& c) {
  // 130 rows: two whole blocks of 64 and a partial one.
  const at::Tensor residual = Random({130, 37}, c, false), delta = Random({130, 37}, c);
  const at::Tensor weight = Random({37}, c, false);
  const double eps = 1e-5;
  const auto result = ops::AddRmsNorm(residual, delta, weight, eps, c.dtype);
  const at::Tensor sum = Double(residual) + Double(delta);
  const auto norm = [&](const at::Tensor& x) {
    return x * at::rsqrt(x.square().mean(-1, true) + eps) * Double(weight);
  };
  ExpectClose(c.name("rms_norm sum").c_str(), result.residual, sum, 1e-6);
  ExpectClose(c.name("rms_norm").c_str(), result.normed, norm(sum), 4 * c.tolerance());

  const at::Tensor grad = Random({130, 37}, c), grad_residual = Random({130, 37}, c, false);
  at::Tensor grad_weight = at::ones({37}, weight.options());
  const auto grads = ops::AddRmsNormBackward(grad, grad_residual, result.residual, result.rstd,
                                             weight, c.dtype, grad_weight);
  ExpectClose(c.name("rms_norm grad").c_str(), grads.residual,
              Gradient(norm, sum, grad) + Double(grad_residual), 1e-4);
  ExpectClose(c.name("rms_norm grad, compute dtype").c_str(), grads.residual_compute,
              Double(grads.residual), 10 * c.tolerance());
  const at::Tensor xhat = sum * at::rsqrt(sum.square().mean(-1, true) + eps);
  ExpectClose(c.name("rms_norm grad of the weight, added").c_str(), grad_weight,
              1.0 + (Double(grad) * xhat).sum(0), 1e-3);
}

void TestGlu(const Case& c, Activation activation) {
  const bool silu = activation == Activation::kSilu;
  const std::string name = c.name(silu ? "glu of silu" : "glu of gelu");
  const auto expect = [&](const char* what, const at::Tensor& actual, const at::Tensor& expected,
                          double tolerance) {
    ExpectClose((name + what).c_str(), actual, expected, tolerance);
  };
  const at::Tensor gate_up = 3 * Random({50, 2 * 45}, c), grad = Random({50, 45}, c);
  const auto f = [silu](const at::Tensor& x) {
    const auto parts = x.split(45, 1);
    return (silu ? at::silu(parts[0]) : at::gelu(parts[0], "tanh")) * parts[1];
  };
  const at::Tensor expected = f(Double(gate_up));
  const double scale = expected.abs().max().item<double>();
  expect("", ops::Glu(gate_up, activation), expected, scale * c.tolerance());
  const auto grads = ops::GluBackward(grad, gate_up, activation);
  expect(" recomputed", grads.activation, expected, scale * c.tolerance());
  expect(" grad", grads.gate_up, Gradient(f, gate_up, grad), scale * c.tolerance());
  at::Tensor extreme = at::full({1, 2}, 1.0, gate_up.options());
  extreme[0][0] = -200.0;
  expect(" of a large negative gate is zero", ops::Glu(extreme, activation), at::zeros({1, 1}),
         1e-30);
}

void TestRotary(const Case& c, RotaryLayout layout) {
  const int heads = 3, head_dim = 10, half = head_dim / 2;
  std::vector<float> frequencies;
  for (int i = 0; i < half; ++i) frequencies.push_back(float(std::pow(1e4, -2.0 * i / head_dim)));
  const auto table = ops::MakeRotaryTable(32, frequencies, 1.0, c.device);
  const at::Tensor start = Random({7, 5 * head_dim}, c);
  const at::Tensor positions = at::tensor({0, 1, 2, 31, 0, 5, 9}, at::kLong).to(c.device);
  at::Tensor x = start.clone();
  ops::ApplyRotary(x, positions, table, heads, head_dim, layout, false);
  at::Tensor expected = Double(start).clone();
  for (int64_t t = 0; t < 7; ++t) {
    for (int h = 0; h < heads; ++h) {
      for (int i = 0; i < half; ++i) {
        const int64_t a = h * head_dim + (layout == RotaryLayout::kHalf ? i : 2 * i);
        const int64_t b = h * head_dim + (layout == RotaryLayout::kHalf ? i + half : 2 * i + 1);
        const double angle =
            Double(positions)[t].item<double>() * std::pow(10000.0, -2.0 * i / head_dim);
        const double u = Double(start)[t][a].item<double>(), v = Double(start)[t][b].item<double>();
        expected[t][a] = u * std::cos(angle) - v * std::sin(angle);
        expected[t][b] = v * std::cos(angle) + u * std::sin(angle);
      }
    }
  }
  const std::string name =
      c.name(layout == RotaryLayout::kHalf ? "rotary half" : "rotary interleaved");
  ExpectClose(name.c_str(), x, expected, c.tolerance());
  ops::ApplyRotary(x, positions, table, heads, head_dim, layout, true);
  ExpectClose((name + " there and back").c_str(), x, Double(start), c.tolerance());
}

void TestReadHead(const Case& c, ops::HeadActivation activation) {
  constexpr int64_t kReads = 6, kWidth = 70, kOutputs = 4;
  const auto make = [&](at::IntArrayRef shape) { return Random(shape, c, false); };
  const at::Tensor residual = make({kReads, kWidth}), delta = Random({kReads, kWidth}, c),
                   norm = make({kWidth}), weight = make({kOutputs, kWidth}),
                   bias = make({kOutputs});
  const at::Tensor sum = Double(residual) + Double(delta);
  const at::Tensor hidden = sum * at::rsqrt(sum.square().mean(-1, true) + 1e-5) * Double(norm);
  at::Tensor expected = at::addmm(Double(bias), hidden, Double(weight).t());
  if (activation.softcap > 0) {
    expected = (expected / activation.softcap).tanh() * activation.softcap;
  }
  if (activation.kind == ops::HeadActivation::kSoftmax) expected = expected.softmax(-1);
  if (activation.kind == ops::HeadActivation::kSigmoid) expected = expected.sigmoid();
  ExpectClose(c.name("head").c_str(),
              ops::ReadHead(residual, delta, norm, 1e-5, weight, bias, activation), expected, 1e-4);
}

void TestAttention(const Case& c, ops::AttentionShape shape) {
  // Lengths around the block sizes of the kernels.
  const std::vector<int64_t> offsets = {0, 1, 18, 82, 83, 240};
  const at::Tensor qkv =
      Random({offsets.back(), int64_t(shape.heads + 2 * shape.kv_heads) * shape.head_dim}, c);
  const at::Tensor grad = Random({offsets.back(), int64_t(shape.heads) * shape.head_dim}, c);
  const auto f = [&](const at::Tensor& x) { return AttentionReference(x, offsets, shape); };
  const auto result = ops::PackedAttention(qkv, offsets, shape, true);
  const std::string name = c.name("attention") + " " + std::to_string(shape.heads) + "/" +
                           std::to_string(shape.kv_heads) + "x" + std::to_string(shape.head_dim) +
                           (shape.window > 0 ? " windowed" : "") +
                           (shape.softcap > 0 ? " capped" : "");
  ExpectClose(name.c_str(), result.out, f(Double(qkv)), c.tolerance());
  ExpectClose((name + " grad").c_str(),
              ops::PackedAttentionBackward(grad, qkv, result, offsets, shape),
              Gradient(f, qkv, grad), 8 * c.tolerance());
}

void TestRefusals() {
  const auto refuses = [](const std::function<void()>& f) {
    try {
      f();
    } catch (const c10::Error&) {
      return true;
    }
    return false;
  };
  const at::Tensor x = at::zeros({4, 8}), weight = at::ones({7});
  Expect("rms_norm refuses a weight of another width",
         refuses([&] { ops::AddRmsNorm(x, {}, weight, 1e-5, at::kFloat); }));
  Expect("glu refuses an odd width", refuses([&] {
           ops::Glu(at::zeros({4, 7}), Activation::kSilu);
         }));
  Expect("attention refuses offsets that do not cover the rows", refuses([&] {
           ops::PackedAttention(at::zeros({4, 24}), {0, 3}, {1, 1, 8}, false);
         }));
  at::Tensor y = at::zeros({4, 8});
  Expect("rotary refuses a table of another head size", refuses([&] {
           ops::ApplyRotary(y, at::zeros({4}, at::kLong),
                            ops::MakeRotaryTable(8, {1.0f, 0.01f}, 1.0, at::kCPU), 1, 8,
                            RotaryLayout::kHalf, false);
         }));
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  Seed(3);
  for (const Case& c : AllCases()) {
    TestRmsNorm(c);
    TestGlu(c, Activation::kSilu);
    TestGlu(c, Activation::kGeluTanh);
    TestRotary(c, RotaryLayout::kHalf);
    TestRotary(c, RotaryLayout::kInterleaved);
    TestReadHead(c, {ops::HeadActivation::kNone});
    TestReadHead(c, {ops::HeadActivation::kSoftmax, 3.0});
    TestReadHead(c, {ops::HeadActivation::kSigmoid});
    TestAttention(c, {9, 3, 64});
    TestAttention(c, {4, 4, 16});
    TestAttention(c, {6, 1, 80});
    TestAttention(c, {.heads = 4, .kv_heads = 2, .head_dim = 16, .scale = 0.4});
    TestAttention(c, {.heads = 4, .kv_heads = 2, .head_dim = 16, .window = 19});
    TestAttention(c, {.heads = 4, .kv_heads = 2, .head_dim = 16, .window = 500});
    TestAttention(c, {.heads = 4, .kv_heads = 2, .head_dim = 16, .softcap = 1.5});
  }
  TestRefusals();
  return Failures();
}
