// How fast are the CUDA kernels compared with LibTorch's? Attention of appends and branches over
// cached blocks, against flash attention of ragged batches (cu_seqlens) on contiguous keys
// (gathering them from blocks is not counted); the row-wise passes, against the operators used
// without the module; and the products of `--batch-invariant`, against cuBLASLt's: the cost of the
// flag.
//
// Microseconds per call, the best of several rounds. Calls are recorded as a graph and replayed, so
// that launch overhead is not timed. Data is random, and inputs cycle through more copies than any
// cache holds.
//
//   kernel_cuda_bench
#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>

#include "model/kernels/cuda/module.h"
#include "model/ops/attention.h"
#include "model/ops/describe.h"
#include "model/ops/glu.h"
#include "model/ops/packed_linear.h"
#include "model/ops/prefix_attention.h"
#include "model/ops/rms_norm.h"
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

const at::Device kGpu(at::kCUDA, 0);

// `f(i)` is the i-th call.
double Microseconds(const std::function<void(int)>& f) {
  constexpr int kCalls = 20, kReplays = 5, kRounds = 5;
  static const auto recorder = cuda::MakeGraphRecorder(kGpu);
  TORCH_CHECK(recorder, "libprm_cuda_graph.so is not there: without graphs nothing is timed");
  const auto graph = recorder->Record([&] {
    for (int i = 0; i < kCalls; ++i) f(i);
  });
  const c10::impl::VirtualGuardImpl gpu(c10::kCUDA);
  double best = 1e9;
  for (int round = 0; round <= kRounds; ++round) {  // the first is not counted
    gpu.synchronizeDevice(0);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kReplays; ++i) graph->Replay();
    gpu.synchronizeDevice(0);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    if (round > 0) best = std::min(best, time.count() / (kCalls * kReplays));
  }
  return best;
}

at::Tensor OnGpu(at::IntArrayRef sizes, at::ScalarType dtype = at::kBFloat16) {
  return at::randn(sizes, at::TensorOptions().device(kGpu)).to(dtype);
}

// Copies of what `make` returns (`bytes` each), more than any cache holds; used in turn.
template <class T>
class InTurn {
 public:
  InTurn(int64_t bytes, const std::function<T()>& make) {
    constexpr int64_t kBeyondCaches = int64_t{256} << 20;
    const int64_t count = std::clamp<int64_t>(kBeyondCaches / std::max<int64_t>(1, bytes), 2, 20);
    for (int64_t i = 0; i < count; ++i) all_.push_back(make());
  }
  T& operator[](int call) { return all_[size_t(call) % all_.size()]; }

 private:
  std::vector<T> all_;
};
InTurn<at::Tensor> TensorsOnGpu(at::IntArrayRef sizes, at::ScalarType dtype = at::kBFloat16,
                                double scale = 1) {
  const std::vector<int64_t> shape = sizes.vec();
  return {c10::multiply_integers(shape) * int64_t(at::elementSize(dtype)),
          [&] { return OnGpu(shape, at::kFloat).mul_(scale).to(dtype); }};
}

// `branches` of one shared prefix, `count` new tokens each.
std::vector<ops::KvRun> Branches(int branches, int64_t trunk, int64_t count) {
  constexpr int64_t kTokens = ops::kKvBlockTokens;
  const int64_t own = (count + kTokens - 1) / kTokens;
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
  return runs;
}

// The offsets of equal parts, in the form of flash attention's cu_seqlens.
at::Tensor Offsets(int parts, int64_t each) {
  return at::arange(0, parts * each + 1, each, at::TensorOptions().dtype(at::kInt).device(kGpu));
}

void Attention(ops::AttentionShape shape, int branches, int64_t trunk, int64_t count) {
  const int64_t C = shape.head_dim, H = shape.heads, K = shape.kv_heads, keys = trunk + count;
  const std::vector<ops::KvRun> list = Branches(branches, trunk, count);
  const ops::KvRuns runs(list);
  const int64_t blocks = list.back().blocks.back() + 1;
  const int64_t block_bytes = 2 * 2 * K * ops::kKvBlockTokens * C;
  InTurn<ops::KvBlocks> kv(blocks * block_bytes, [&] {
    ops::KvBlocks made = ops::MakeKvBlocks(blocks, shape, at::kBFloat16, kGpu,
                                           ops::ChooseKvBody(shape, at::kBFloat16, kGpu));
    made.keys.normal_(), made.values.normal_();
    return made;
  });
  InTurn<at::Tensor> qkv = TensorsOnGpu({branches * count, (H + 2 * K) * C});
  const double ours =
      Microseconds([&](int i) { ops::PrefixAttention(qkv[i], runs, shape, kv[i]); });
  InTurn<at::Tensor> query = TensorsOnGpu({branches * count, H, C}),
                     key = TensorsOnGpu({branches * keys, K, C}),
                     value = TensorsOnGpu({branches * keys, K, C});
  const at::Tensor of_queries = Offsets(branches, count), of_keys = Offsets(branches, keys);
  const double flash = Microseconds([&](int i) {
    at::_flash_attention_forward(query[i], key[i], value[i], of_queries, of_keys, count, keys, 0.0,
                                 /*is_causal=*/true, /*return_debug_mask=*/false);
  });
  const double flop = 4.0 * double(branches * H * C) *
                      (double(count) * double(trunk) + double(count) * double(count + 1) / 2);
  std::printf(
      "attention %ld/%ldx%ld  %2d branches, %5ld + %4ld tokens  %8.1f us %6.1f TFLOP/s"
      "  flash %8.1f us %6.1f\n",
      long(H), long(K), long(C), branches, long(trunk), long(count), ours, flop / ours / 1e6, flash,
      flop / flash / 1e6);
}

void Rows(int64_t rows, int64_t width, int64_t units) {
  InTurn<at::Tensor> residual = TensorsOnGpu({rows, width}, at::kFloat),
                     delta = TensorsOnGpu({rows, width}), gate_up = TensorsOnGpu({rows, 2 * units});
  const at::Tensor weight = OnGpu({width}, at::kFloat);
  const double norm = Microseconds(
      [&](int i) { ops::AddRmsNorm(residual[i], delta[i], weight, 1e-5, at::kBFloat16); });
  const double plain_norm = Microseconds([&](int i) {
    const at::Tensor sum = residual[i] + delta[i];
    (sum * at::rsqrt(sum.square().mean(-1, true) + 1e-5) * weight).to(at::kBFloat16);
  });
  const double glu = Microseconds([&](int i) { ops::Glu(gate_up[i], Activation::kSilu); });
  const double plain_glu = Microseconds([&](int i) {
    const auto parts = gate_up[i].split(units, 1);
    at::silu(parts[0]) * parts[1];
  });
  // Read and written once: the residual twice in float32, delta and result in bfloat16 (3 x 4
  // bytes).
  std::printf(
      "%5ld rows  norm %7.1f us %5.2f TB/s, operators %7.1f us  glu %7.1f us %5.2f TB/s, "
      "operators %7.1f us\n",
      long(rows), norm, 12.0 * double(rows * width) / norm / 1e6, plain_norm, glu,
      6.0 * double(rows * units) / glu / 1e6, plain_glu);
}

// The four products of a layer in one implementation.
struct LayerProducts {
  std::function<void(int)> qkv, attention_out, gate_up, down;
};

// A layer's products at `rows` rows: ours in fixed order, with activation and residual fused,
// against LibTorch's followed by the gated unit; there the next norm adds the residual.
void Products(const char* model, int64_t rows, int64_t width, int64_t qkv, int64_t units) {
  const auto weights = [](int64_t outputs, int64_t inputs) {
    return TensorsOnGpu({outputs, inputs}, at::kBFloat16, 1 / std::sqrt(double(inputs)));
  };
  InTurn<at::Tensor> w_qkv = weights(qkv, width), w_out = weights(width, width),
                     w_gate_up = weights(2 * units, width), w_down = weights(width, units),
                     x = TensorsOnGpu({rows, width}), hidden = TensorsOnGpu({rows, units}),
                     residual = TensorsOnGpu({rows, width}, at::kFloat);
  const auto pack = [](InTurn<at::Tensor>& w, bool gated) {
    int next = 0;
    return InTurn<ops::PackedLinear>(w[0].numel() * 2, [&] {
      return ops::PackedLinear(w[next++], {}, {.gated = gated, .body = ops::LinearBody::kCuda});
    });
  };
  auto p_qkv = pack(w_qkv, false), p_out = pack(w_out, false), p_gate_up = pack(w_gate_up, true),
       p_down = pack(w_down, false);
  const LayerProducts ours{[&](int i) { p_qkv[i].Forward(x[i]); },
                           [&](int i) { p_out[i].AddTo(x[i], &residual[i]); },
                           [&](int i) { p_gate_up[i].Glu(x[i], Activation::kSilu); },
                           [&](int i) { p_down[i].AddTo(hidden[i], &residual[i]); }};
  const LayerProducts theirs{
      [&](int i) { at::mm(x[i], w_qkv[i].t()); }, [&](int i) { at::mm(x[i], w_out[i].t()); },
      [&](int i) { ops::Glu(at::mm(x[i], w_gate_up[i].t()), Activation::kSilu); },
      [&](int i) { at::mm(hidden[i], w_down[i].t()); }};
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
  if (!RunsCuda()) return failures > 0 ? 1 : 77;
  for (const ops::AttentionShape& shape :
       {ops::AttentionShape{14, 2, 64}, ops::AttentionShape{28, 4, 128}}) {
    Attention(shape, 1, 2048, 40);
    Attention(shape, 8, 2048, 1);
    Attention(shape, 16, 2048, 40);
    Attention(shape, 64, 512, 40);
    Attention(shape, 32, 1984, 32);
    Attention(shape, 1, 0, 1024);
  }
  for (const int64_t rows : {1, 64, 1024, 8192}) Rows(rows, 3584, 18944);
  if (ops::DescribeKernels(kGpu) != "CUDA") {
    SkipCuda("no CUDA kernels, of which products in a fixed order are");
    return failures > 0 ? 1 : 77;
  }
  for (const int64_t rows : {1, 16, 32, 128, 512, 2048, 4096}) {
    Products("Qwen2.5-7B", rows, 3584, 4608, 18944);
    Products("Qwen2-0.5B", rows, 896, 1152, 4864);
  }
  return failures > 0 ? 1 : 0;
}
