// How many tokens per second does scoring process? Scores real traces in packed batches with the
// StepScorer of a checkpoint. Reports items_per_second, peak memory, and the rate relative to
// LibTorch's matrix products of the same shapes in this run.
//
//   scoring_bench --model CHECKPOINT [--data FILE] [--traces N] [--benchmark_out=RESULT.json]
//                 [--dump-scores SCORES.jsonl]
//
// Loading, tokenizing and a warm-up on the first batches are not timed. bench/compare runs this
// against a peer.
#include <benchmark/benchmark.h>

#include <cstdio>

#include "bench/model_bench.h"
#include "model/config/config_json.h"
#include "model/decoder/compute_target.h"
#include "model/scoring/batching.h"
#include "model/step_scorer.h"

namespace prm::bench {
namespace {

struct Options {
  InputOptions input;
  std::string dump_scores;
  int64_t batch_tokens = 4096;  // per packed batch
  int warmup_batches = 2;
  bool self_test = true;
  std::string weights = "as-stored";
};

using Scores = std::vector<TraceScores>;  // [B]

void WriteScores(const Scores& scores, const std::filesystem::path& path) {
  OutputFile file(path);
  for (size_t i = 0; i < scores.size(); ++i) {
    file.Write(nlohmann::json({{"id", i}, {"label_probs", scores[i].label_probs}}).dump() + "\n");
  }
  file.Commit();
}

void Scoring(benchmark::State& state, const Options& options, StepScorer* scorer,
             const ModelConfig& config, const std::vector<TraceTokens>& traces) {
  std::vector<int64_t> lengths;
  int64_t tokens = 0, reads = 0;
  for (const TraceTokens& t : traces) {
    lengths.push_back(int64_t(t.ids.size()));
    tokens += lengths.back();
    reads += int64_t(t.step_reads.size());
  }
  const std::vector<BatchRange> batches = GroupByTokens(lengths, options.batch_tokens);
  const auto score = [&](const BatchRange& r) {
    return scorer->Score(std::span(traces).subspan(r.begin, r.end - r.begin));
  };
  const ComputeTarget target = TargetOf(*scorer);
  const auto matmul_rate = [&] {
    return MatmulFlopsPerSecond(config, target, options.batch_tokens, /*backward=*/false);
  };
  for (size_t b = 0; b < std::min(batches.size(), size_t(options.warmup_batches)); ++b) {
    score(batches[b]);
  }
  const double peak_before = PeakRssBytes();
  const double rate_before = matmul_rate();
  Scores scores;
  double seconds = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    for (const BatchRange& r : batches) {
      for (TraceScores& trace : score(r)) scores.push_back(std::move(trace));
    }
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  state.counters["peak_rss_bytes"] = PeakRssBytes();
  state.counters["peak_rss_bytes_loaded"] = peak_before;
  state.counters["peak_device_bytes"] = PeakDeviceBytes(target.device);
  state.SetItemsProcessed(tokens);
  state.counters["tokens"] = double(tokens);
  state.counters["batches"] = double(batches.size());
  const double rate = (rate_before + matmul_rate()) / 2;
  state.counters["matmul_gflops_per_second"] = rate / 1e9;
  state.counters["share_of_matmul_rate"] = LinearFlops(config, tokens, reads) / seconds / rate;
  if (!options.dump_scores.empty()) WriteScores(scores, options.dump_scores);
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  CLI::App app("Tokens a second of scoring (and Google Benchmark's --benchmark_* flags)");
  Options options;
  options.input.traces = 256;
  AddInputFlags(app, &options.input);
  app.add_option("--dump-scores", options.dump_scores, "JSON lines of label probabilities");
  app.add_option("--batch-tokens", options.batch_tokens)->capture_default_str();
  app.add_option("--warmup-batches", options.warmup_batches)->capture_default_str();
  app.add_option("--weights", options.weights, "as-stored | int8 | fp8")->capture_default_str();
  app.add_flag("!--no-self-test", options.self_test, "score even where the self-test fails");
  CLI11_PARSE(app, argc, argv);

  const auto scorer = LoadStepScorer(options.input.model, {.dtype = options.input.dtype,
                                                           .weights = options.weights,
                                                           .device = options.input.device,
                                                           .threads = options.input.threads,
                                                           .self_test = options.self_test});
  const ModelConfig config =
      ReadConfigJson(std::filesystem::path(options.input.model) / "config.json");
  const std::vector<TraceTokens> traces =
      TokensOf(ReadExamples(options.input, scorer->format(), scorer->tokenizer()));
  RunOnce("Scoring/" + scorer->description().dtype, Scoring, options, scorer.get(), config, traces);
  return 0;
}

}  // namespace
}  // namespace prm::bench

int main(int argc, char** argv) {
  return prm::bench::ReportErrors("scoring_bench", prm::bench::Main, argc, argv);
}
