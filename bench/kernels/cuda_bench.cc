// How fast are the CUDA kernels beside LibTorch's operators? Attention of appends and of branches
// over kept blocks beside scaled_dot_product_attention on the same keys laid out side by side
// (which is given for nothing: a cache in blocks would have to be gathered first), the passes by
// rows beside the bodies that run without the module, and the products of `--batch-invariant`
// beside cuBLASLt's: what the flag costs. Microseconds a call, the best of rounds.
//
//   kernel_cuda_bench
#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>

#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

const at::Device kGpu(at::kCUDA, 0);

double Microseconds(const std::function<void()>& f) {
  constexpr int kCalls = 50, kRounds = 5;
  const c10::impl::VirtualGuardImpl gpu(c10::kCUDA);
  double best = 1e9;
  for (int round = 0; round <= kRounds; ++round) {  // the first is not counted
    gpu.synchronizeDevice(0);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) f();
    gpu.synchronizeDevice(0);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    if (round > 0) best = std::min(best, time.count() / kCalls);
  }
  return best;
}

at::Tensor OnGpu(at::IntArrayRef sizes, at::ScalarType dtype = at::kBFloat16) {
  return at::randn(sizes, at::TensorOptions().device(kGpu)).to(dtype);
}

// `branches` of one trunk, `count` new tokens each.
void Attention(ops::AttentionShape shape, int branches, int64_t trunk, int64_t count) {
  constexpr int64_t kTokens = ops::kKvBlockTokens;
  const int64_t own = (count + kTokens - 1) / kTokens, C = shape.head_dim;
  std::vector<ops::KvRun> runs;
  for (int b = 0; b < branches; ++b) {
    ops::KvRun run;
    run.row = b * count, run.count = count, run.position = trunk;
    for (int64_t i = 0; i < trunk / kTokens; ++i) run.blocks.push_back(int32_t(i));
    for (int64_t i = 0; i < own; ++i) {
      run.blocks.push_back(int32_t(trunk / kTokens + b * own + i));
    }
    runs.push_back(run);
  }
  ops::KvBlocks kv = ops::MakeKvBlocks(trunk / kTokens + branches * own, shape, at::kBFloat16, kGpu,
                                       ops::ChooseKvBody(shape, at::kBFloat16, kGpu));
  const at::Tensor qkv = OnGpu({branches * count, (shape.heads + 2 * shape.kv_heads) * C});
  const ops::KvRuns made(runs);
  const double ours = Microseconds([&] { ops::PrefixAttention(qkv, made, shape, kv); });
  const at::Tensor query = OnGpu({branches, shape.heads, count, C}),
                   key = OnGpu({branches, shape.kv_heads, trunk + count, C}),
                   value = OnGpu({branches, shape.kv_heads, trunk + count, C});
  const at::Tensor mask =
      at::ones({count, trunk + count}, at::TensorOptions().device(kGpu)).tril(trunk).to(at::kBool);
  const double theirs = Microseconds([&] {
    at::scaled_dot_product_attention(query, key, value, mask, 0.0, false, std::nullopt, true);
  });
  std::printf("attention %d/%dx%d  %2d branches, %4ld + %3ld tokens  %8.1f us  sdpa %8.1f us\n",
              shape.heads, shape.kv_heads, shape.head_dim, branches, long(trunk), long(count), ours,
              theirs);
}

void Rows(int64_t rows, int64_t width, int64_t units) {
  const at::Tensor residual = OnGpu({rows, width}, at::kFloat), delta = OnGpu({rows, width}),
                   weight = OnGpu({width}, at::kFloat), gate_up = OnGpu({rows, 2 * units});
  const double norm =
      Microseconds([&] { ops::AddRmsNorm(residual, delta, weight, 1e-5, at::kBFloat16); });
  const double plain_norm = Microseconds([&] {
    const at::Tensor sum = residual + delta;
    (sum * at::rsqrt(sum.square().mean(-1, true) + 1e-5) * weight).to(at::kBFloat16);
  });
  const double glu = Microseconds([&] { ops::Glu(gate_up, Activation::kSilu); });
  const double plain_glu = Microseconds([&] {
    const auto parts = gate_up.split(units, 1);
    at::silu(parts[0]) * parts[1];
  });
  std::printf("%5ld rows  norm %7.1f us, operators %7.1f us  glu %7.1f us, operators %7.1f us\n",
              long(rows), norm, plain_norm, glu, plain_glu);
}

// The four products of a layer by bodies of one kind.
struct LayerProducts {
  std::function<void()> qkv, attention_out, gate_up, down;
};

// A layer's products at `rows` rows: in the fixed order, with activation and residual inside,
// beside LibTorch's with the gated unit behind; there the next norm adds to the residual.
void Products(const char* model, int64_t rows, int64_t width, int64_t qkv, int64_t units) {
  const auto weight = [](int64_t outputs, int64_t inputs) {
    return OnGpu({outputs, inputs}) / std::sqrt(double(inputs));
  };
  const at::Tensor w_qkv = weight(qkv, width), w_out = weight(width, width),
                   w_gate_up = weight(2 * units, width), w_down = weight(width, units),
                   x = OnGpu({rows, width}), hidden = OnGpu({rows, units});
  at::Tensor residual = OnGpu({rows, width}, at::kFloat);
  const auto pack = [](const at::Tensor& w, bool gated) {
    return ops::PackedLinear(w, {}, {.gated = gated, .body = ops::LinearBody::kCuda});
  };
  const auto p_qkv = pack(w_qkv, false), p_out = pack(w_out, false),
             p_gate_up = pack(w_gate_up, true), p_down = pack(w_down, false);
  const LayerProducts ours{[&] { p_qkv.Forward(x); }, [&] { p_out.AddTo(x, &residual); },
                           [&] { p_gate_up.Glu(x, Activation::kSilu); },
                           [&] { p_down.AddTo(hidden, &residual); }};
  const LayerProducts theirs{[&] { at::mm(x, w_qkv.t()); }, [&] { at::mm(x, w_out.t()); },
                             [&] { ops::Glu(at::mm(x, w_gate_up.t()), Activation::kSilu); },
                             [&] { at::mm(hidden, w_down.t()); }};
  const double flop = 2.0 * double(rows) * double(width) * double(qkv + width + 3 * units);
  const auto print = [&](const char* name, const LayerProducts& products) {
    const double t[] = {Microseconds(products.qkv), Microseconds(products.attention_out),
                        Microseconds(products.gate_up), Microseconds(products.down)};
    const double all = t[0] + t[1] + t[2] + t[3];
    std::printf("  %-11s qkv %8.1f  out %8.1f  gate, up %8.1f  down %8.1f  all %9.1f us", name,
                t[0], t[1], t[2], t[3], all);
    std::printf("  %6.1f TFLOP/s  %6.2f TB/s of weights\n", flop / all / 1e6,
                flop / double(rows) / all / 1e6);
    return all;
  };
  std::printf("products of a layer of %s, %ld rows\n", model, long(rows));
  const double fixed = print("fixed order", ours), free = print("LibTorch", theirs);
  std::printf("  --batch-invariant takes %.2f times as long\n", fixed / free);
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  if (!HasCuda()) {
    std::printf("skip  no CUDA device\n");
    return 77;
  }
  std::printf("kernels: %s\n", ops::DescribeKernels(kGpu).c_str());
  for (const ops::AttentionShape& shape :
       {ops::AttentionShape{14, 2, 64}, ops::AttentionShape{28, 4, 128}}) {
    Attention(shape, 1, 2048, 40);
    Attention(shape, 8, 2048, 1);
    Attention(shape, 16, 2048, 40);
    Attention(shape, 64, 512, 40);
    Attention(shape, 1, 0, 1024);
  }
  for (const int64_t rows : {1, 64, 1024}) Rows(rows, 3584, 18944);
  if (ops::DescribeKernels(kGpu) != "CUDA") {
    std::printf("skip  products in a fixed order: they need the kernels\n");
    return 77;
  }
  for (const int64_t rows : {1, 16, 32, 128, 512, 2048, 4096}) {
    Products("Qwen2.5-7B", rows, 3584, 4608, 18944);
    Products("Qwen2-0.5B", rows, 896, 1152, 4864);
  }
}
