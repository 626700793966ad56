// The promise of `--batch-invariant` on a GPU, for a small decoder made of the ops: a token's
// result is bitwise that of its whole trace alone, whatever shares the batch, however the trace was
// cut, and whether earlier tokens are in this batch or kept. Runs under emulation, and on a GPU if
// present, at a size that uses every tile.
#include <string>
#include <utility>

#include "model/ops/attention.h"
#include "model/ops/head.h"
#include "model/ops/packed_linear.h"
#include "model/ops/prefix_attention.h"
#include "model/ops/rms_norm.h"
#include "model/ops/rotary.h"
#include "tests/model/kernels/emulated_kernels.h"
// Include the emulation before the kernels.
#include "tests/model/kernels/random_runs.h"
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

constexpr int kVocabulary = 50;
constexpr int32_t kBlocks = 200;

struct Size {
  int64_t width, units;
  int heads, kv_heads, head_dim;
};

class TinyDecoder {
 public:
  TinyDecoder(Size size, at::Device device) : device_(device) {
    shape_ = {.heads = size.heads, .kv_heads = size.kv_heads, .head_dim = size.head_dim};
    embedding_ = Weights({kVocabulary, size.width}, 1).to(at::kFloat);
    const int64_t C = size.head_dim, queries = C * size.heads,
                  all = queries + 2 * C * size.kv_heads;
    for (const int window : {0, 90}) {
      layers_.push_back({Norm(size.width), Norm(size.width), Linear(all, size.width),
                         Linear(size.width, queries), Linear(2 * size.units, size.width, true),
                         Linear(size.width, size.units), window});
    }
    std::vector<float> frequencies;
    for (int i = 0; i < C / 2; ++i) {
      frequencies.push_back(float(std::pow(1e4, -2.0 * i / double(C))));
    }
    table_ = ops::MakeRotaryTable(2048, frequencies, 1.0, device);
    final_norm_ = Norm(size.width);
    head_ = Weights({4, size.width}, 1).to(at::kFloat);
    packed_head_ =
        ops::PackedLinear(head_.to(at::kCPU), {}, {.body = ops::LinearBody::kCuda}).To(device);
  }

  std::vector<ops::KvBlocks> EmptyCache() const {
    std::vector<ops::KvBlocks> kept;
    for (const Layer& layer : layers_) {
      const ops::AttentionShape shape = ShapeOf(layer);
      kept.push_back(ops::MakeKvBlocks(kBlocks, shape, at::kBFloat16, device_,
                                       ops::ChooseKvBody(shape, at::kBFloat16, device_)));
    }
    Expect("the attention is that of the kernels", kept[0].body == ops::KvBody::kCuda);
    return kept;
  }

  // [rows, 4 probabilities and 4 logits], on the CPU.
  at::Tensor Outputs(const std::vector<ops::KvRun>& list, const std::vector<int64_t>& ids,
                     std::vector<ops::KvBlocks>* kept) const {
    const ops::KvRuns runs(list);
    std::vector<int64_t> positions(ids.size());
    for (const ops::KvRun& run : list) {
      for (int64_t i = 0; i < run.count; ++i) positions[size_t(run.row + i)] = run.position + i;
    }
    const at::Tensor at = OnDevice(positions);
    at::Tensor residual = embedding_.index_select(0, OnDevice(ids));
    const auto norm = [&](const at::Tensor& weight, at::ScalarType dtype) {
      const auto normed = ops::AddRmsNorm(residual, {}, weight, 1e-5, dtype);
      residual = normed.residual;
      return normed.normed;
    };
    for (size_t l = 0; l < layers_.size(); ++l) {
      const Layer& layer = layers_[l];
      at::Tensor qkv = layer.qkv.Forward(norm(layer.attention_norm, at::kBFloat16));
      ops::RotateAndKeep(qkv, at, table_, RotaryLayout::kHalf, runs, ShapeOf(layer), &(*kept)[l]);
      layer.out.AddTo(ops::PrefixAttention(qkv, runs, ShapeOf(layer), (*kept)[l]), &residual);
      const at::Tensor units =
          layer.gate_up.Glu(norm(layer.mlp_norm, at::kBFloat16), Activation::kSilu);
      layer.down.AddTo(units, &residual);
    }
    const at::Tensor bias = at::zeros({4}, head_.options());
    const at::Tensor read = ops::ReadHead(residual, {}, final_norm_, 1e-5, head_, bias,
                                          {ops::HeadActivation::kSoftmax});
    return at::cat({read, packed_head_->Forward(norm(final_norm_, at::kFloat))}, 1).to(at::kCPU);
  }

 private:
  struct Layer {
    at::Tensor attention_norm, mlp_norm;
    ops::PackedLinear qkv, out, gate_up, down;
    int window;
  };
  ops::AttentionShape ShapeOf(const Layer& layer) const {
    ops::AttentionShape shape = shape_;
    shape.window = layer.window;
    return shape;
  }
  at::Tensor OnDevice(const std::vector<int64_t>& values) const {
    return at::tensor(values).to(device_);
  }
  at::Tensor Weights(at::IntArrayRef sizes, double scale) const {
    return (at::randn(sizes) * scale).to(at::kBFloat16).to(device_);
  }
  at::Tensor Norm(int64_t width) const { return (1 + 0.3 * at::randn({width})).to(device_); }
  ops::PackedLinear Linear(int64_t outputs, int64_t inputs, bool gated = false) const {
    const at::Tensor weight = at::randn({outputs, inputs}) / std::sqrt(double(inputs));
    return ops::PackedLinear(weight.to(at::kBFloat16), at::randn({outputs}),
                             {.gated = gated, .body = ops::LinearBody::kCuda})
        .To(device_);
  }

  at::Device device_;
  ops::AttentionShape shape_;
  at::Tensor embedding_, final_norm_, head_;
  std::vector<Layer> layers_;
  ops::RotaryTable table_;
  std::optional<ops::PackedLinear> packed_head_;
};

// The tokens in the slots of blocks, as runs write and copy them.
class SlotTokens {
 public:
  explicit SlotTokens(unsigned seed) : random_(seed), ids_(size_t(kBlocks) * kTokens, -1) {}

  // The ids of a batch's rows; new ids where runs keep theirs.
  std::vector<int64_t> Apply(const RunBatch& batch) {
    std::vector<int64_t> ids(size_t(batch.rows), -1);
    for (const ops::KvRun& run : batch.runs) {
      for (int64_t t = run.position / kTokens * kTokens; run.copy_from >= 0 && t < run.position;
           ++t) {
        At(run, t) = ids_[size_t(run.copy_from * kTokens + t % kTokens)];
      }
      for (int64_t t = run.position; t < run.position + run.count; ++t) {
        if (run.keeps) At(run, t) = int64_t(random_() % kVocabulary);
        ids[size_t(run.row + t - run.position)] = At(run, t);
      }
    }
    return ids;
  }
  // The trace up to the run's last token.
  std::vector<int64_t> TraceOf(const ops::KvRun& run) {
    std::vector<int64_t> ids;
    for (int64_t t = 0; t < run.position + run.count; ++t) ids.push_back(At(run, t));
    return ids;
  }

 private:
  static constexpr int64_t kTokens = ops::kKvBlockTokens;
  int64_t& At(const ops::KvRun& run, int64_t t) {
    return ids_[size_t(run.blocks[size_t(t / kTokens)] * kTokens + t % kTokens)];
  }
  std::mt19937 random_;
  std::vector<int64_t> ids_;
};

at::Tensor WholeAndAlone(const TinyDecoder& decoder, const std::vector<int64_t>& ids) {
  std::vector<ops::KvBlocks> kept = decoder.EmptyCache();
  ops::KvRun run{.row = 0, .count = int64_t(ids.size()), .position = 0, .blocks = {}};
  for (int64_t t = 0; t < run.count; t += ops::kKvBlockTokens) {
    run.blocks.push_back(int32_t(run.blocks.size()));
  }
  return decoder.Outputs({run}, ids, &kept);
}

void TestCompany(const TinyDecoder& decoder, unsigned seed, const std::string& name,
                 const std::vector<RunBatch>& batches) {
  std::vector<ops::KvBlocks> kept = decoder.EmptyCache();
  SlotTokens tokens(seed);
  int runs = 0, differing = 0;
  for (const RunBatch& batch : batches) {
    emulation::machine.eager_copies = seed % 2 == 1;
    const at::Tensor together = decoder.Outputs(batch.runs, tokens.Apply(batch), &kept);
    for (const ops::KvRun& run : batch.runs) {
      const at::Tensor alone = WholeAndAlone(decoder, tokens.TraceOf(run));
      ++runs;
      differing += !at::equal(alone.narrow(0, run.position, run.count),
                              together.narrow(0, run.row, run.count));
    }
  }
  Expect((name + ": of " + std::to_string(runs) + " runs in company, " + std::to_string(differing) +
          " differ from their traces whole and alone")
             .c_str(),
         differing == 0 && runs > 0);
}

void TestDecoder(const TinyDecoder& decoder, const std::string& name, int rounds,
                 int64_t most_tokens) {
  for (unsigned seed = 0; int(seed) < rounds; ++seed) {
    RandomRuns tree(seed, kBlocks);
    std::vector<RunBatch> batches;
    for (int i = 0; i < 3; ++i) batches.push_back(tree.Any(i == 0 ? 2 : 4, most_tokens));
    TestCompany(decoder, seed, name + ", random batches", batches);
  }
  // Keys of two splits: an append, branches before and after the border, an unrelated trace.
  RandomRuns tree(9, kBlocks);
  std::vector<RunBatch> batches(2);
  tree.Start(505, &batches[0]);
  tree.Append(0, 20, &batches[1]);
  tree.Fork(0, 430, 3, &batches[1]);
  tree.Fork(0, 512, 9, &batches[1]);
  tree.Start(5, &batches[1]);
  tree.LookAgain(0, 100, &batches[1]);
  TestCompany(decoder, 9, name + ", branches of a long trunk", batches);
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  Seed(3);
  if (!Asked("PRM_GPU_ONLY")) {
    const cuda::EmulatedKernels kernels;
    TestDecoder(TinyDecoder({.width = 72, .units = 40, .heads = 3, .kv_heads = 1, .head_dim = 64},
                            at::kCPU),
                "emulated", 2, 70);
  }
  if (!RunsCuda()) return Failures();
  const at::Device gpu(at::kCUDA, 0);
  const bool small = Asked("PRM_SMALL");
  TestDecoder(
      TinyDecoder({.width = 896, .units = 4864, .heads = 14, .kv_heads = 2, .head_dim = 64}, gpu),
      "cuda:0", small ? 1 : 20, small ? 70 : 700);
  if (small) return Failures();
  TestDecoder(
      TinyDecoder({.width = 1024, .units = 2816, .heads = 8, .kv_heads = 4, .head_dim = 128}, gpu),
      "cuda:0, wide heads", 10, 700);
  return Failures();
}
