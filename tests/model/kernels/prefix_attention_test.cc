// Attention over kept keys and values equals attention over whole traces, however they are cut,
// forked and batched; bitwise on the CPU.
#include "model/ops/prefix_attention.h"

#include <limits>
#include <numeric>

#include "model/ops/attention.h"
#include "model/ops/rotary.h"
#include "tests/model/kernels/random_runs.h"
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

using ops::kKvBlockTokens;

// Keys and values of one layer, and traces in it.
class Layer {
 public:
  Layer(const Case& c, ops::AttentionShape shape, ops::KvBody body)
      : shape_(shape), kv_(ops::MakeKvBlocks(24, shape, c.dtype, c.device, body)) {
    // A trace's blocks are not adjacent.
    for (int32_t block = 0; block < 24; ++block) free_.push_back(block * 7 % 24);
  }
  int32_t NewBlock() {
    const int32_t block = free_.back();
    free_.pop_back();
    return block;
  }
  // Blocks for `tokens` tokens; the first ones are those of `trunk`.
  std::vector<int32_t> Blocks(int64_t tokens, std::vector<int32_t> trunk = {}) {
    while (int64_t(trunk.size()) * kKvBlockTokens < tokens) trunk.push_back(NewBlock());
    return trunk;
  }
  void FillWithNan() {
    for (at::Tensor* kept : {&kv_.keys, &kv_.values}) {
      kept->fill_(std::numeric_limits<float>::quiet_NaN());
    }
  }
  at::Tensor Attend(const at::Tensor& qkv, const std::vector<ops::KvRun>& runs) {
    ops::KeepKeysAndValues(qkv, runs, shape_, &kv_);
    return ops::PrefixAttention(qkv, runs, shape_, kv_);
  }

 private:
  ops::AttentionShape shape_;
  ops::KvBlocks kv_;
  std::vector<int32_t> free_;
};

// Tokens [position, position + count) of a trace stored in `blocks`, at rows from `row` on.
ops::KvRun Run(int64_t row, int64_t position, int64_t count, std::vector<int32_t> blocks) {
  return {.row = row, .count = count, .position = position, .blocks = std::move(blocks)};
}

void TestBody(const Case& c, ops::AttentionShape shape, ops::KvBody body) {
  constexpr int64_t kTrace = 240, kFork = 100, kBranch = 90;
  const int64_t width = int64_t(shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  const at::Tensor trace = Random({kTrace, width}, c), branch = Random({kBranch, width}, c);
  const at::Tensor forked = at::cat({trace.narrow(0, 0, kFork), branch});
  const auto reference = [&](const at::Tensor& x) {
    return AttentionReference(Double(x), {0, x.size(0)}, shape);
  };
  const std::string name = c.name("prefix attention") + " body " + std::to_string(int(body)) + " " +
                           std::to_string(shape.heads) + "/" + std::to_string(shape.kv_heads) +
                           "x" + std::to_string(shape.head_dim) +
                           (shape.window > 0 ? " windowed" : "") +
                           (shape.softcap > 0 ? " capped" : "") + ": ";

  Layer whole(c, shape, body);
  const auto trunk = whole.Blocks(kTrace);
  const at::Tensor at_once = whole.Attend(trace, {Run(0, 0, kTrace, trunk)});
  ExpectClose((name + "a whole trace").c_str(), at_once, reference(trace), c.tolerance());

  const bool bitwise = c.device.is_cpu() && body != ops::KvBody::kTorch;
  const auto expect_same = [&](const char* what, const at::Tensor& x, const at::Tensor& y) {
    ExpectClose((name + what).c_str(), x, y, bitwise ? 0 : c.tolerance());
  };
  Layer cut(c, shape, body);
  const auto blocks = cut.Blocks(kTrace);
  std::vector<at::Tensor> parts;
  const std::vector<int64_t> cuts = {0, 50, 51, 64, 180, kTrace};
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const int64_t begin = cuts[i], count = cuts[i + 1] - begin;
    parts.push_back(
        cut.Attend(trace.narrow(0, begin, count).contiguous(), {Run(0, begin, count, blocks)}));
  }
  expect_same("step by step", at::cat(parts), at_once);

  // Blocks that another trace left full of NaNs.
  Layer used(c, shape, body);
  used.FillWithNan();
  const auto reused = used.Blocks(kTrace);
  parts = {};
  for (const auto& [begin, count] : std::vector<std::pair<int64_t, int64_t>>{{0, 51}, {51, 90}}) {
    parts.push_back(
        used.Attend(trace.narrow(0, begin, count).contiguous(), {Run(0, begin, count, reused)}));
  }
  expect_same("in blocks used before", at::cat(parts), at_once.narrow(0, 0, 141));

  // A branch that leaves the trace in the middle of its second block, in the same batch.
  Layer shared(c, shape, body);
  const auto all = shared.Blocks(kTrace);
  ops::KvRun fork = Run(kTrace, kFork, kBranch, shared.Blocks(kFork + kBranch, {all[0]}));
  fork.copy_from = all[1];
  const at::Tensor both = shared.Attend(at::cat({trace, branch}), {Run(0, 0, kTrace, all), fork});
  expect_same("beside a branch", both.narrow(0, 0, kTrace), at_once);
  ExpectClose((name + "a branch").c_str(), both.narrow(0, kTrace, kBranch),
              reference(forked).narrow(0, kFork, kBranch), c.tolerance());

  // A token computed before is read again.
  ops::KvRun again = Run(0, 150, 1, all);
  again.keeps = false;
  const at::Tensor other =
      at::cat({trace.narrow(0, 150, 1).narrow(1, 0, shape.heads * shape.head_dim),
               Random({1, width - shape.heads * shape.head_dim}, c)},
              1);
  expect_same("a token again", shared.Attend(other, {again}), at_once.narrow(0, 150, 1));
  expect_same("which leaves keys and values alone",
              shared.Attend(trace.narrow(0, 180, 60).contiguous(), {Run(0, 180, 60, all)}),
              at_once.narrow(0, 180, 60));
}

// Batches of random trees with rotation, compared with the reference on the device.
void TestTrees(const Case& c, ops::AttentionShape shape, ops::KvBody body) {
  constexpr int64_t kPositions = 2000;
  constexpr int32_t kBlocks = 200;
  std::vector<float> frequencies(size_t(shape.head_dim) / 2, 0.01f);
  const auto table = ops::MakeRotaryTable(kPositions, frequencies, 1.0, c.device);
  const int64_t width = int64_t(shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  const unsigned seeds = Asked("PRM_SMALL") ? 1 : 3;
  double worst = 0;
  for (unsigned seed = 0; seed < seeds; ++seed) {
    RandomRuns tree(seed, kBlocks);
    ops::KvBlocks kv = ops::MakeKvBlocks(kBlocks, shape, c.dtype, c.device, body);
    ops::KvBlocks reference =
        ops::MakeKvBlocks(kBlocks, shape, c.dtype, c.device, ops::KvBody::kTorch);
    for (int i = 0; i < 4; ++i) {
      RunBatch batch;
      i == 0 ? tree.Start(700, &batch) : void(batch = tree.Any(9, 70));
      std::vector<int64_t> positions(size_t(batch.rows), 0);
      for (const ops::KvRun& run : batch.runs) {
        std::iota(positions.begin() + run.row, positions.begin() + run.row + run.count,
                  run.position);
      }
      const at::Tensor rows = at::tensor(positions).to(c.device);
      at::Tensor qkv = Random({batch.rows, width}, c), turned = qkv.clone();
      const ops::KvRuns runs(batch.runs);
      ops::RotateAndKeep(qkv, rows, table, RotaryLayout::kInterleaved, runs, shape, &kv);
      ops::ApplyRotary(turned, rows, table, shape.heads + shape.kv_heads, shape.head_dim,
                       RotaryLayout::kInterleaved, false);
      ops::KeepKeysAndValues(turned, runs, shape, &reference);
      const at::Tensor expected = Double(ops::PrefixAttention(turned, runs, shape, reference));
      const at::Tensor error =
          (Double(ops::PrefixAttention(qkv, runs, shape, kv)) - expected) / expected.abs().clamp(1);
      const double largest = error.abs().max().item<double>();
      worst = largest > worst || std::isnan(largest) ? largest : worst;
    }
  }
  const std::string name = c.name("prefix attention") + " body " + std::to_string(int(body)) +
                           " of trees, head size " + std::to_string(shape.head_dim);
  ExpectClose(name.c_str(), at::full({1}, worst), at::zeros({1}), c.tolerance());
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  Seed(3);
  std::vector<ops::AttentionShape> shapes = {
      {14, 2, 64},
      {8, 2, 128},
      {4, 4, 16},
      {6, 1, 80},
      {.heads = 4, .kv_heads = 2, .head_dim = 16, .scale = 0.4},
      {.heads = 4, .kv_heads = 2, .head_dim = 16, .window = 19},
      {.heads = 4, .kv_heads = 2, .head_dim = 16, .window = 500},
      {.heads = 4, .kv_heads = 2, .head_dim = 16, .softcap = 1.5},
      {.heads = 4, .kv_heads = 2, .head_dim = 64, .window = 70, .softcap = 5},
      {2, 1, 256},
      {.heads = 8, .kv_heads = 1, .head_dim = 48, .window = 70, .softcap = 5}};
  if (Asked("PRM_SMALL")) shapes.resize(2);
  for (const Case& c : AllCases()) {
    for (const ops::AttentionShape& shape : shapes) {
      const ops::KvBody best = ops::ChooseKvBody(shape, c.dtype, c.device);
      TestBody(c, shape, best);
      if (best == ops::KvBody::kAvx512Bf16) TestBody(c, shape, ops::KvBody::kPortable);
      if (best != ops::KvBody::kTorch) {
        TestBody(c, shape, ops::KvBody::kTorch);
        TestTrees(c, shape, best);
      }
    }
  }
  return Failures();
}
