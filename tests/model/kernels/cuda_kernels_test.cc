// The CUDA kernels, emulated on the CPU thread by thread from the source that nvcc compiles,
// against LibTorch's bodies.
#include <string>

#include "model/ops/attention.h"
#include "model/ops/glu.h"
#include "model/ops/head.h"
#include "model/ops/prefix_attention.h"
#include "model/ops/rms_norm.h"
#include "model/ops/rotary.h"
#include "tests/model/kernels/cuda_emulation.h"
// Include the emulation before the kernels.
#include "model/kernels/cuda/elementwise.cuh"
#include "model/kernels/cuda/plan.h"
#include "model/kernels/cuda/prefix_attention.cuh"
#include "tests/model/kernels/random_runs.h"
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

const Case kBf16{at::kCPU, at::kBFloat16};

template <class T>
T* Pointer(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}
uint16_t* Bits(const at::Tensor& x) { return Pointer<uint16_t>(x); }

// --- attention -----------------------------------------------------------------------------------

at::Tensor Keep(const at::Tensor& qkv, const std::vector<ops::KvRun>& runs,
                ops::AttentionShape shape, ops::KvBlocks* kv) {
  const std::vector<cuda::KeptToken> kept = cuda::PlanKeeping(runs);
  cuda::RotateAndKeepArgs args{.qkv = Bits(qkv),
                               .keys = Bits(kv->keys),
                               .values = Bits(kv->values),
                               .kept = kept.data(),
                               .tokens = int(qkv.size(0)),
                               .kept_count = int(kept.size()),
                               .heads = shape.heads,
                               .kv_heads = shape.kv_heads,
                               .head_dim = shape.head_dim};
  emulation::Launch(cuda::RotateAndKeepKernel<false>, unsigned(args.tokens + args.kept_count), 1,
                    32, args);
  return qkv;
}

template <int C>
at::Tensor Attend(const at::Tensor& qkv, const std::vector<ops::KvRun>& runs,
                  ops::AttentionShape shape, const ops::KvBlocks& kv, int most_slots = INT32_MAX) {
  const cuda::PrefixPlan plan =
      cuda::PlanPrefixAttention(runs, shape.heads / shape.kv_heads, shape.window, most_slots);
  const at::Tensor out = at::full({qkv.size(0), shape.heads * C}, NAN, qkv.options());
  const int64_t rows = int64_t(plan.slots) * shape.kv_heads * cuda::kTileRows;
  const at::Tensor sums = at::full({rows, C}, NAN), stats = at::full({rows, 2}, NAN);
  for (const cuda::Launch& launch : plan.launches) {
    const cuda::PrefixAttentionArgs args{
        .qkv = Bits(qkv),
        .keys = Bits(kv.keys),
        .values = Bits(kv.values),
        .out = Bits(out),
        .sums = Pointer<float>(sums),
        .stats = Pointer<float>(stats),
        .rows = plan.rows.data(),
        .visits = plan.visits.data(),
        .splits = plan.splits.data() + launch.split_begin,
        .merges = plan.merges.data() + launch.merge_begin,
        .split_count = launch.split_end - launch.split_begin,
        .merge_count = launch.merge_end - launch.merge_begin,
        .heads = shape.heads,
        .kv_heads = shape.kv_heads,
        .head_dim = C,
        .window = shape.window,
        .scale = shape.scale > 0 ? float(shape.scale) : 1 / std::sqrt(float(C)),
        .softcap = float(shape.softcap)};
    const unsigned heads = unsigned(shape.kv_heads);
    emulation::Launch(cuda::PrefixAttentionKernel<C>, unsigned(args.split_count), heads,
                      cuda::kAttentionThreads, args);
    emulation::Launch(cuda::MergeSplitsKernel<C>, unsigned(args.merge_count), heads,
                      cuda::kAttentionThreads, args);
  }
  return out;
}

// Keys and values as written by the kernels and by the reference.
struct BothBlocks {
  BothBlocks(ops::AttentionShape shape, int32_t blocks)
      : reference(Make(shape, blocks)), emulated(Make(shape, blocks)) {
    // Slots without a token must not be read.
    emulated.keys.fill_(NAN);
    emulated.values.fill_(NAN);
  }
  static ops::KvBlocks Make(ops::AttentionShape shape, int32_t blocks) {
    return ops::MakeKvBlocks(blocks, shape, at::kBFloat16, at::kCPU, ops::KvBody::kTorch);
  }
  ops::KvBlocks reference, emulated;
};

at::Tensor RandomQkv(int64_t rows, ops::AttentionShape shape) {
  return Random({rows, int64_t(shape.heads + 2 * shape.kv_heads) * shape.head_dim}, kBf16);
}

// Relative to the larger of 1 and the value: a bfloat16 result is rounded twice, its weights once.
double WorstError(const at::Tensor& out, const at::Tensor& expected) {
  const at::Tensor error = (Double(out) - Double(expected)).abs() / Double(expected).abs().clamp(1);
  const double worst = error.max().item<double>();
  return std::isnan(worst) ? INFINITY : worst;
}

std::string Name(ops::AttentionShape s) {
  return std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) + "x" +
         std::to_string(s.head_dim) + (s.window > 0 ? " windowed" : "") +
         (s.softcap > 0 ? " capped" : "") + ": ";
}

template <int C>
void TestBatches(ops::AttentionShape shape, unsigned seed, const std::vector<RunBatch>& batches) {
  shape.head_dim = C;
  BothBlocks kv(shape, 200);
  const std::string name = "emulated attention " + Name(shape);
  emulation::machine.eager_copies = seed % 2 == 1;
  double worst = 0;
  for (const RunBatch& batch : batches) {
    const at::Tensor qkv = RandomQkv(batch.rows, shape);
    ops::KeepKeysAndValues(qkv, batch.runs, shape, &kv.reference);
    Keep(qkv, batch.runs, shape, &kv.emulated);
    const at::Tensor expected = ops::PrefixAttention(qkv, batch.runs, shape, kv.reference);
    const at::Tensor out = Attend<C>(qkv, batch.runs, shape, kv.emulated);
    worst = std::max(worst, WorstError(out, expected));
    // Run separately, each run gives the same bits.
    const ops::KvRun& run = batch.runs[seed % batch.runs.size()];
    ExpectClose((name + "the same bits alone").c_str(),
                Attend<C>(qkv, {run}, shape, kv.emulated).narrow(0, run.row, run.count),
                out.narrow(0, run.row, run.count), 0);
  }
  Expect((name + "as the reference, " + std::to_string(worst)).c_str(), worst <= kBf16.tolerance());
}

std::vector<RunBatch> SomeBatches(unsigned seed, int64_t first, int runs, int64_t most_tokens) {
  RandomRuns tree(seed, 200);
  std::vector<RunBatch> batches(1);
  tree.Start(first, &batches[0]);
  batches.push_back(tree.Any(runs, most_tokens));
  batches.push_back(tree.Any(runs, most_tokens));
  return batches;
}

void TestAttention() {
  unsigned seed = 0;
  for (const ops::AttentionShape& shape :
       std::vector<ops::AttentionShape>{{.heads = 4, .kv_heads = 2},
                                        {.heads = 14, .kv_heads = 2},
                                        {.heads = 3, .kv_heads = 3, .scale = 0.4},
                                        {.heads = 6, .kv_heads = 2, .window = 19},
                                        {.heads = 6, .kv_heads = 2, .window = 150, .softcap = 5},
                                        {.heads = 4, .kv_heads = 1, .softcap = 1.5}}) {
    for (int i = 0; i < 2; ++i, ++seed) {
      TestBatches<16>(shape, seed, SomeBatches(seed, 130, 6, 40));
    }
  }
  TestBatches<64>({.heads = 9, .kv_heads = 3}, seed, SomeBatches(seed, 100, 4, 20));
  TestBatches<80>({.heads = 2, .kv_heads = 2}, seed, SomeBatches(seed, 100, 2, 20));
  TestBatches<96>({.heads = 2, .kv_heads = 1}, seed, SomeBatches(seed, 100, 2, 20));
  TestBatches<128>({.heads = 4, .kv_heads = 2}, seed, SomeBatches(seed, 100, 3, 20));
  TestBatches<256>({.heads = 2, .kv_heads = 1, .window = 90}, seed, SomeBatches(seed, 100, 2, 20));
}

// A single append with more blocks than one split takes, and branches of a long trunk.
void TestSplits(ops::AttentionShape shape, unsigned seed) {
  RandomRuns tree(seed, 200);
  std::vector<RunBatch> batches(2);
  tree.Start(1200, &batches[0]);
  tree.Append(0, 9, &batches[1]);
  for (int i = 0; i < 3; ++i) tree.Fork(0, 1100 + 30 * i, 3, &batches[1]);
  shape.head_dim = 16;
  BothBlocks blocks(shape, 200);
  const at::Tensor trunk = RandomQkv(1200, shape), qkv = RandomQkv(batches[1].rows, shape);
  for (ops::KvBlocks* x : {&blocks.reference, &blocks.emulated}) {
    ops::KeepKeysAndValues(trunk, batches[0].runs, shape, x);
  }
  ops::KeepKeysAndValues(qkv, batches[1].runs, shape, &blocks.reference);
  Keep(qkv, batches[1].runs, shape, &blocks.emulated);
  const at::Tensor out = Attend<16>(qkv, batches[1].runs, shape, blocks.emulated);
  const std::string name = "emulated attention, splits " + Name(shape);
  ExpectClose((name + "as the reference").c_str(), out,
              ops::PrefixAttention(qkv, batches[1].runs, shape, blocks.reference),
              kBf16.tolerance());
  ExpectClose((name + "the same bits alone").c_str(),
              Attend<16>(qkv, {batches[1].runs[0]}, shape, blocks.emulated).narrow(0, 0, 9),
              out.narrow(0, 0, 9), 0);
  ExpectClose((name + "the same bits in several launches").c_str(),
              Attend<16>(qkv, batches[1].runs, shape, blocks.emulated, 3), out, 0);
}

// The result of a batch when the first run's values are NaN.
struct Infected {
  at::Tensor healthy, infected;
};
Infected InfectFirstRun(const RunBatch& before, const RunBatch& batch, ops::AttentionShape shape) {
  const int64_t C = shape.head_dim, queries = shape.heads * C, K = shape.kv_heads;
  const at::Tensor trunk = RandomQkv(before.rows, shape), qkv = RandomQkv(batch.rows, shape),
                   bad = qkv.clone();
  const ops::KvRun& first = batch.runs[0];
  bad.narrow(0, first.row, first.count).narrow(1, queries + K * C, K * C).fill_(INFINITY);
  const auto attend = [&](const at::Tensor& x) {
    BothBlocks blocks(shape, 50);
    Keep(trunk, before.runs, shape, &blocks.emulated);
    Keep(x, batch.runs, shape, &blocks.emulated);
    return Attend<16>(x, batch.runs, shape, blocks.emulated);
  };
  return {attend(qkv), attend(bad)};
}

// Traces with common blocks share tiles; a NaN stays in its own trace.
void TestInfection() {
  const ops::AttentionShape shape{.heads = 6, .kv_heads = 2, .head_dim = 16};
  for (const auto& [where, leaves] :
       {std::pair("branches", int64_t{128}), {"branches inside of a block", int64_t{100}}}) {
    RandomRuns tree(2, 50);
    RunBatch before, batch;
    tree.Start(128, &before);
    for (int i = 0; i < 3; ++i) tree.Fork(0, leaves, 5, &batch);
    const Infected x = InfectFirstRun(before, batch, shape);
    const std::string name = std::string("emulated attention, ") + where + ": ";
    Expect((name + "the infected trace has no numbers").c_str(),
           !x.infected.narrow(0, 0, 5).isfinite().any().item<bool>());
    ExpectClose((name + "its neighbours have their bits").c_str(), x.infected.narrow(0, 5, 10),
                x.healthy.narrow(0, 5, 10), 0);
  }
  RandomRuns tree(3, 50);
  RunBatch before, batch;
  tree.Start(100, &before);
  tree.Append(0, 10, &batch);
  tree.LookAgain(0, 70, &batch);
  const Infected x = InfectFirstRun(before, batch, shape);
  ExpectClose("emulated attention: a token looked at again beside what follows it in its block",
              x.infected.narrow(0, 10, 1), x.healthy.narrow(0, 10, 1), 0);
}

// --- by rows -------------------------------------------------------------------------------------

template <class Delta, class Out, int N>
void TestRmsNorm(int64_t width, bool has_delta, at::ScalarType delta_type, at::ScalarType out) {
  const at::Tensor residual = at::randn({5, width}), weight = at::randn({width});
  const at::Tensor delta = has_delta ? at::randn({5, width}).to(delta_type) : at::Tensor();
  const auto expected = ops::AddRmsNorm(residual, delta, weight, 1e-5, out);
  const at::Tensor sum = at::empty_like(residual), rstd = at::empty({5}),
                   normed = at::empty(residual.sizes(), out);
  emulation::Launch(cuda::AddRmsNormKernel<Delta, Out, N>, 5, 1, 64,
                    cuda::AddRmsNormArgs{.residual = Pointer<float>(residual),
                                         .delta = has_delta ? delta.data_ptr() : nullptr,
                                         .weight = Pointer<float>(weight),
                                         .sum = Pointer<float>(sum),
                                         .normed = normed.data_ptr(),
                                         .rstd = Pointer<float>(rstd),
                                         .rows = 5,
                                         .width = int(width),
                                         .eps = 1e-5f});
  const double tolerance = out == at::kFloat ? 5e-6 : 2e-2;
  ExpectClose("emulated rms_norm", normed, expected.normed, 4 * tolerance);
  ExpectClose("emulated rms_norm rstd", rstd, expected.rstd, 1e-6);
  if (has_delta) ExpectClose("emulated rms_norm sum", sum, expected.residual, 0);
}

template <bool kInterleaved>
void TestRotateAndKeep(ops::AttentionShape shape) {
  RandomRuns tree(4, 30);
  const RunBatch batch = tree.Any(6, 30);
  const int half = shape.head_dim / 2;
  std::vector<float> frequencies;
  for (int i = 0; i < half; ++i) frequencies.push_back(float(std::pow(1e4, -double(i) / half)));
  const auto table = ops::MakeRotaryTable(600, frequencies, 1.0, at::kCPU);
  std::vector<int64_t> positions(size_t(batch.rows), 0);
  for (const ops::KvRun& run : batch.runs) {
    for (int64_t i = 0; i < run.count; ++i) positions[size_t(run.row + i)] = run.position + i;
  }
  const at::Tensor start = RandomQkv(batch.rows, shape), rotated = start.clone(),
                   qkv = start.clone();
  at::Tensor x = rotated;
  ops::ApplyRotary(x, at::tensor(positions), table, shape.heads + shape.kv_heads, shape.head_dim,
                   kInterleaved ? RotaryLayout::kInterleaved : RotaryLayout::kHalf, false);
  BothBlocks kv(shape, 30);
  // Only the reference copies tokens after a run's last.
  kv.emulated.keys.zero_(), kv.emulated.values.zero_();
  std::vector<ops::KvRun> runs = batch.runs;
  ops::KeepKeysAndValues(rotated, runs, shape, &kv.reference);
  const std::vector<cuda::KeptToken> kept = cuda::PlanKeeping(runs);
  const cuda::RotateAndKeepArgs args{.qkv = Bits(qkv),
                                     .keys = Bits(kv.emulated.keys),
                                     .values = Bits(kv.emulated.values),
                                     .kept = kept.data(),
                                     .positions = positions.data(),
                                     .cos = Pointer<float>(table.cos),
                                     .sin = Pointer<float>(table.sin),
                                     .interleaved = kInterleaved,
                                     .tokens = int(batch.rows),
                                     .kept_count = int(kept.size()),
                                     .heads = shape.heads,
                                     .kv_heads = shape.kv_heads,
                                     .head_dim = shape.head_dim};
  emulation::Launch(cuda::RotateAndKeepKernel<kInterleaved>,
                    unsigned(args.tokens + args.kept_count), 1, 32, args);
  const int64_t queries = int64_t(shape.heads) * shape.head_dim;
  ExpectClose("emulated rotary, queries", qkv.narrow(1, 0, queries), rotated.narrow(1, 0, queries),
              2e-2);
  ExpectClose("emulated rotary leaves keys and values", qkv.slice(1, queries),
              start.slice(1, queries), 0);
  std::vector<int64_t> slots;
  for (const cuda::KeptToken& k : kept) slots.push_back(k.slot);
  const auto of_slots = [&](const at::Tensor& blocks) {  // [kept, K, C]
    return blocks.view({-1, shape.kv_heads, 64, shape.head_dim})
        .transpose(1, 2)
        .reshape({-1, shape.kv_heads, shape.head_dim})
        .index_select(0, at::tensor(slots));
  };
  ExpectClose("emulated keeping, keys", of_slots(kv.emulated.keys), of_slots(kv.reference.keys),
              2e-2);
  ExpectClose("emulated keeping, values", of_slots(kv.emulated.values),
              of_slots(kv.reference.values), 0);
}

template <class T, int N>
void TestGlu(const Case& c, int64_t width, Activation activation) {
  const at::Tensor gate_up = 3 * Random({5, 2 * width}, c);
  const at::Tensor expected = ops::Glu(gate_up, activation), out = at::empty_like(expected);
  emulation::Launch(cuda::GluKernel<T, N>, 3, 1, 32,
                    cuda::GluArgs{.gate_up = gate_up.data_ptr(),
                                  .out = out.data_ptr(),
                                  .rows = 5,
                                  .width = width,
                                  .gelu = activation == Activation::kGeluTanh});
  ExpectClose(c.name("emulated glu").c_str(), out, expected,
              expected.abs().max().item<double>() * c.tolerance());
}

template <class Delta>
void TestReadHead(bool has_delta, at::ScalarType delta_type, int outputs,
                  ops::HeadActivation activation) {
  constexpr int64_t kReads = 3, kWidth = 70;
  const at::Tensor residual = at::randn({kReads, kWidth}), norm = at::randn({kWidth}),
                   weight = at::randn({outputs, kWidth}), bias = at::randn({outputs});
  const at::Tensor delta = has_delta ? at::randn({kReads, kWidth}).to(delta_type) : at::Tensor();
  const at::Tensor expected = ops::ReadHead(residual, delta, norm, 1e-5, weight, bias, activation);
  const at::Tensor out = at::empty_like(expected);
  emulation::Launch(cuda::ReadHeadKernel<Delta>, kReads, 1, 64,
                    cuda::ReadHeadArgs{.residual = Pointer<float>(residual),
                                       .delta = has_delta ? delta.data_ptr() : nullptr,
                                       .norm = Pointer<float>(norm),
                                       .weight = Pointer<float>(weight),
                                       .bias = Pointer<float>(bias),
                                       .out = Pointer<float>(out),
                                       .reads = int(kReads),
                                       .width = int(kWidth),
                                       .outputs = outputs,
                                       .eps = 1e-5f,
                                       .softcap = float(activation.softcap),
                                       .activation = cuda::HeadActivation(activation.kind)});
  ExpectClose("emulated head", out, expected, 5e-5);
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  Seed(3);
  TestAttention();
  TestSplits({.heads = 4, .kv_heads = 2}, 1);
  TestSplits({.heads = 14, .kv_heads = 2, .window = 600}, 2);
  TestInfection();
  TestRmsNorm<cuda::Bf16, cuda::Bf16, 4>(132, true, at::kBFloat16, at::kBFloat16);
  TestRmsNorm<float, float, 1>(37, true, at::kFloat, at::kFloat);
  TestRmsNorm<cuda::Bf16, float, 4>(64, true, at::kBFloat16, at::kFloat);
  TestRmsNorm<cuda::Bf16, cuda::Bf16, 4>(128, false, at::kBFloat16, at::kBFloat16);
  TestRotateAndKeep<false>({4, 2, 16});
  TestRotateAndKeep<true>({3, 1, 80});
  for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh}) {
    TestGlu<cuda::Bf16, 8>(kBf16, 72, activation);
    TestGlu<float, 1>({at::kCPU, at::kFloat}, 45, activation);
  }
  using Head = ops::HeadActivation;
  TestReadHead<cuda::Bf16>(true, at::kBFloat16, 2, {Head::kSoftmax});
  TestReadHead<float>(true, at::kFloat, 45, {Head::kSoftmax, 3.0});
  TestReadHead<float>(false, at::kFloat, 1, {Head::kSigmoid});
  TestReadHead<float>(false, at::kFloat, 5, {Head::kNone});
  return Failures();
}
