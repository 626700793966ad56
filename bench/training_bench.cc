// How many tokens per second does training process? Runs one epoch over real traces with the
// Trainer of `prm train`. Reports items_per_second, peak memory, and the rate relative to
// LibTorch's matrix products of the same shapes in this run.
//
//   training_bench --model CHECKPOINT [--data FILE] [--traces N] [--benchmark_out=RESULT.json]
//   training_bench --model CHECKPOINT --dump-ids IDS.jsonl       for bench/peers, no measurement
//
// Loading and a warm-up on the first traces are not timed. bench/compare runs this against a peer.
#include <benchmark/benchmark.h>

#include <cstdio>

#include "bench/model_bench.h"
#include "model/decoder/compute_target.h"
#include "train/trainer.h"

namespace prm::bench {
namespace {

struct Options {
  InputOptions input;
  std::string dump_ids;
  int warmup_traces = 32;
  TrainerOptions trainer;
};

std::vector<Example> ReadTrainingExamples(const InputOptions& options) {
  const std::filesystem::path prm_json = std::filesystem::path(options.model) / "prm.json";
  std::optional<PrmJson> prm;
  if (std::filesystem::exists(prm_json)) prm = ReadPrmJson(prm_json);
  const std::unique_ptr<WeightSource> source =
      OpenWeights(options.model, prm ? &prm->head : nullptr);
  const StepFormat format =
      prm ? prm->format : NewlineFormat(*source->tokenizer(), /*prepend_bos=*/false);
  return ReadExamples(options, format, *source->tokenizer());
}

int64_t CountSteps(std::span<const Example> examples) {
  int64_t steps = 0;
  for (const Example& e : examples) steps += int64_t(e.targets.size());
  return steps;
}

void WarmUp(const Options& options, const std::vector<Example>& examples, ComputeTarget target) {
  if (options.warmup_traces <= 0) return;
  const size_t count = std::min(examples.size(), size_t(options.warmup_traces));
  Trainer trainer(LoadModel(options.input.model), {examples.begin(), examples.begin() + count},
                  target, options.trainer);
  while (!trainer.Done()) trainer.Step();
}

void Training(benchmark::State& state, const Options& options, const std::vector<Example>& examples,
              ComputeTarget target) {
  WarmUp(options, examples, target);
  LoadedModel model = LoadModel(options.input.model);
  const ModelConfig config = model.config;
  const auto matmul_rate = [&] {
    return MatmulFlopsPerSecond(config, target, options.trainer.micro_tokens, true);
  };
  const double rate_before = matmul_rate();
  Trainer trainer(std::move(model), examples, target, options.trainer);
  double seconds = 0, loss = 0;
  AwaitDevice(target.device);
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    while (!trainer.Done()) loss = trainer.Step().loss;
    AwaitDevice(target.device);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  state.counters["peak_rss_bytes"] = PeakRssBytes();
  state.counters["peak_device_bytes"] = PeakDeviceBytes(target.device);
  state.SetItemsProcessed(trainer.tokens_seen());
  state.counters["tokens"] = double(trainer.tokens_seen());
  state.counters["steps"] = double(trainer.steps());
  state.counters["last_loss"] = loss;
  const double rate = (rate_before + matmul_rate()) / 2;
  const double flops = 3 * LinearFlops(config, trainer.tokens_seen(), CountSteps(examples));
  state.counters["matmul_gflops_per_second"] = rate / 1e9;
  state.counters["share_of_matmul_rate"] = flops / seconds / rate;
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  CLI::App app("Tokens a second of training (and Google Benchmark's --benchmark_* flags)");
  Options options;
  AddInputFlags(app, &options.input);
  app.add_option("--dump-ids", options.dump_ids, "write the examples for the peer and stop");
  app.add_option("--warmup-traces", options.warmup_traces)->capture_default_str();
  app.add_option("--batch-tokens", options.trainer.batch_tokens)->capture_default_str();
  app.add_option("--micro-tokens", options.trainer.micro_tokens)->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const ComputeTarget target = ChooseComputeTarget(options.input.device, options.input.dtype,
                                                   options.input.threads, Products::kTraining);
  const std::vector<Example> examples = ReadTrainingExamples(options.input);
  if (!options.dump_ids.empty()) {
    WriteExamples(examples, options.dump_ids);
    return 0;
  }
  RunOnce("Training/" + DtypeName(target.dtype), Training, options, examples, target);
  return 0;
}

}  // namespace
}  // namespace prm::bench

int main(int argc, char** argv) {
  return prm::bench::ReportErrors("training_bench", prm::bench::Main, argc, argv);
}
