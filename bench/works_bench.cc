// How fast are the four workloads of search over reasoning? Token ids are random from a seed,
// lengths are fixed:
//   rerank    one problem, 16 candidates in one request, every step read
//   distinct  16 problems, one candidate each, the same lengths
//   stream    one trace that grows step by step to 2,048 tokens, a score after each
//   beam      4 beams x 4 children x 10 levels; which 4 survive depends on the seed alone
//
//   works_bench --model CHECKPOINT            {} when it is ready; commands from standard input,
//                                             answers to its output
//   works_bench --model FOLDER --dump FILE    the works of --seed as JSON lines, for bench/peers
//
// A command is "WORK SEED", the answer a line of JSON: the times of its requests, computed tokens,
// scores, and LibTorch's rate of matrix products of the model's shapes. With it a driver
// (bench/works) alternates between this process and peers. A seed can be run only once, since its
// traces are then cached. Loading and warm-up are not timed.
#include <algorithm>
#include <iostream>
#include <iterator>
#include <sstream>

#include "bench/model_bench.h"
#include "data/text/random.h"
#include "model/config/config_json.h"
#include "model/decoder/compute_target.h"
#include "model/step_scorer.h"

namespace prm::bench {
namespace {

constexpr int64_t kProblemTokens = 128, kStepTokens = 32;  // of stream and beam
constexpr int64_t kStreamTokens = 2048;
constexpr int kCandidates = 16;
constexpr int kBeams = 4, kChildren = 4, kLevels = 10;
// The seed of the step lengths of rerank and distinct: 132 steps, 4,233 tokens.
constexpr uint64_t kLengthSeed = 1450;
const std::vector<std::string> kWorks = {"rerank", "distinct", "stream", "beam"};

struct Options {
  std::string model, device = "cpu", dtype = "auto", weights = "as-stored", dump;
  int threads = 0;  // 0: all cores
  uint64_t seed = 1;
  int64_t cache_bytes = int64_t{1} << 30;
};

using Request = std::vector<TraceTokens>;  // one call of Score
using Work = std::vector<Request>;

class TraceMaker {
 public:
  TraceMaker(uint64_t seed, int vocab_size)
      : random_(seed), vocab_size_(uint64_t(vocab_size)), problem_(seed * 2 * kCandidates) {}

  // Begins with tokens that no other trace has, of this seed or later ones.
  TraceTokens Problem() {
    TraceTokens trace{.ids = {TokenId(problem_++ % vocab_size_)}, .step_reads = {}};
    Append(kProblemTokens - 1, &trace);
    return trace;
  }
  void Append(int64_t tokens, TraceTokens* trace) {
    for (int64_t i = 0; i < tokens; ++i) trace->ids.push_back(TokenId(random_.Below(vocab_size_)));
  }
  void AppendStep(int64_t tokens, TraceTokens* trace) {
    Append(tokens, trace);
    trace->step_reads.push_back(int32_t(trace->ids.size()) - 1);
  }
  // The trace plus one step; only that step is read.
  TraceTokens Child(const TraceTokens& parent) {
    TraceTokens child{.ids = parent.ids, .step_reads = {}};
    AppendStep(kStepTokens, &child);
    return child;
  }
  SynthRandom& random() { return random_; }

 private:
  SynthRandom random_;
  uint64_t vocab_size_;
  uint64_t problem_;
};

// Tokens of each step of each candidate: 3 to 12 steps of 16 to 48.
std::vector<std::vector<int64_t>> CandidateLengths() {
  SynthRandom random(kLengthSeed);
  std::vector<std::vector<int64_t>> candidates(kCandidates);
  for (std::vector<int64_t>& steps : candidates) {
    steps.resize(size_t(random.Between(3, 12)));
    for (int64_t& tokens : steps) tokens = random.Between(16, 48);
  }
  return candidates;
}

Work MakeCandidates(TraceMaker* maker, bool one_problem) {
  Request request;
  TraceTokens problem = maker->Problem();
  for (const std::vector<int64_t>& steps : CandidateLengths()) {
    TraceTokens trace = problem;
    for (const int64_t tokens : steps) maker->AppendStep(tokens, &trace);
    request.push_back(std::move(trace));
    if (!one_problem) problem = maker->Problem();
  }
  return {std::move(request)};
}

Work MakeStream(TraceMaker* maker) {
  Work work = {{maker->Problem()}};
  while (int64_t(work.back()[0].ids.size()) < kStreamTokens) {
    work.push_back({maker->Child(work.back()[0])});
  }
  return work;
}

Work MakeBeam(TraceMaker* maker) {
  std::vector<TraceTokens> beams(kBeams, maker->Problem());
  Work work;
  for (int level = 0; level < kLevels; ++level) {
    Request& request = work.emplace_back();
    for (const TraceTokens& beam : beams) {
      for (int child = 0; child < kChildren; ++child) request.push_back(maker->Child(beam));
    }
    std::vector<TraceTokens> children = request;
    maker->random().Shuffle(&children);
    std::copy_n(std::make_move_iterator(children.begin()), kBeams, beams.begin());
  }
  return work;
}

Work MakeWork(const std::string& name, uint64_t seed, int vocab_size) {
  // Works of one seed do not share tokens with each other either.
  const auto number = std::find(kWorks.begin(), kWorks.end(), name) - kWorks.begin();
  TraceMaker maker(seed * kWorks.size() + uint64_t(number), vocab_size);
  if (name == "rerank") return MakeCandidates(&maker, /*one_problem=*/true);
  if (name == "distinct") return MakeCandidates(&maker, /*one_problem=*/false);
  if (name == "stream") return MakeStream(&maker);
  if (name == "beam") return MakeBeam(&maker);
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("unknown work \"", name, "\", expected rerank, distinct, stream or beam"));
}

struct WorkSize {
  int64_t tokens = 0;         // of all traces with reads
  int64_t unique_tokens = 0;  // of the prefix tree of all traces
  int64_t steps = 0;          // scores
};

WorkSize SizeOf(const Work& work) {
  WorkSize size;
  std::vector<std::vector<TokenId>> traces;
  for (const Request& request : work) {
    for (const TraceTokens& trace : request) {
      traces.push_back(trace.ids);
      size.steps += int64_t(trace.step_reads.size());
      if (!trace.step_reads.empty()) size.tokens += int64_t(trace.ids.size());
    }
  }
  std::sort(traces.begin(), traces.end());
  const std::vector<TokenId> none;
  for (size_t i = 0; i < traces.size(); ++i) {
    const std::vector<TokenId>& before = i == 0 ? none : traces[i - 1];
    const auto shared =
        std::mismatch(traces[i].begin(), traces[i].end(), before.begin(), before.end()).first;
    size.unique_tokens += traces[i].end() - shared;
  }
  return size;
}

void AddSize(const WorkSize& size, nlohmann::json* out) {
  (*out)["tokens"] = size.tokens;
  (*out)["unique_tokens"] = size.unique_tokens;
  (*out)["steps"] = size.steps;
}

// Lines {"work", "tokens", "unique_tokens", "steps", "requests" [R][B] {"ids" [T], "reads" [S]}}.
void Dump(const Options& options, const ModelConfig& config) {
  OutputFile file(options.dump);
  for (const std::string& name : kWorks) {
    const Work work = MakeWork(name, options.seed, config.vocab_size);
    nlohmann::json line = {{"work", name}};
    AddSize(SizeOf(work), &line);
    for (const Request& request : work) {
      nlohmann::json traces;
      for (const TraceTokens& t : request) {
        traces.push_back({{"ids", t.ids}, {"reads", t.step_reads}});
      }
      line["requests"].push_back(std::move(traces));
    }
    file.Write(line.dump() + "\n");
  }
  file.Commit();
}

struct Outcome {
  std::vector<double> seconds;  // [R] of each request
  std::vector<std::vector<TraceScores>> scores;
  int64_t tokens_computed = 0;
};

Outcome Run(const Work& work, StepScorer* scorer) {
  using Clock = std::chrono::steady_clock;
  Outcome outcome;
  for (const Request& request : work) {
    const auto start = Clock::now();
    outcome.scores.push_back(scorer->Score(request));
    outcome.seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    for (const TraceScores& t : outcome.scores.back()) outcome.tokens_computed += t.tokens_computed;
  }
  return outcome;
}

// The rates for a full batch and for a short one, in the timed number format.
struct MatmulRates {
  double rows4096 = 0, rows512 = 0;
};

MatmulRates MeasureMatmul(const StepScorer& scorer, const ModelConfig& config) {
  const auto rate = [&](int64_t rows) {
    return MatmulFlopsPerSecond(config, TargetOf(scorer), rows, /*backward=*/false,
                                /*seconds_each=*/0.1);
  };
  return {rate(4096), rate(512)};
}

nlohmann::json ScoresJson(const std::vector<std::vector<TraceScores>>& requests) {
  nlohmann::json all = nlohmann::json::array();
  for (const std::vector<TraceScores>& request : requests) {
    nlohmann::json& traces = all.emplace_back(nlohmann::json::array());
    for (const TraceScores& trace : request) traces.push_back(trace.label_probs);
  }
  return all;
}

nlohmann::json Answer(const std::string& name, uint64_t seed, const ModelConfig& config,
                      StepScorer* scorer) {
  const Work work = MakeWork(name, seed, config.vocab_size);
  const WorkSize size = SizeOf(work);
  const MatmulRates before = MeasureMatmul(*scorer, config);
  const Outcome outcome = Run(work, scorer);
  const MatmulRates after = MeasureMatmul(*scorer, config);
  if (scorer->description().reuses_prefixes && outcome.tokens_computed != size.unique_tokens) {
    throw Error(ErrorCode::kInternal,
                StrCat(name, " of seed ", seed, ": computed ", outcome.tokens_computed,
                       " tokens, the tree has ", size.unique_tokens));
  }
  const double flops = LinearFlops(config, outcome.tokens_computed, size.steps);
  nlohmann::json answer = {
      {"work", name},
      {"seed", seed},
      {"request_seconds", outcome.seconds},
      {"tokens_computed", outcome.tokens_computed},
      {"linear_flops", flops},
      {"matmul_flops_per_second", (before.rows4096 + after.rows4096) / 2},
      {"matmul_flops_per_second_512_rows", (before.rows512 + after.rows512) / 2},
      {"peak_rss_bytes", PeakRssBytes()},
      {"peak_device_bytes", PeakDeviceBytes(TargetOf(*scorer).device)},
      {"scores", ScoresJson(outcome.scores)}};
  AddSize(size, &answer);
  return answer;
}

// Runs long and short requests, so that LibTorch's set-up on first calls is not timed.
void WarmUp(const ModelConfig& config, StepScorer* scorer) {
  Work work = MakeWork("distinct", UINT64_MAX / kWorks.size(), config.vocab_size);
  work[0].resize(3);
  Run(work, scorer);
  for (TraceTokens& trace : work[0]) {
    trace.ids.resize(trace.ids.size() + kStepTokens);
    trace.step_reads.push_back(int32_t(trace.ids.size()) - 1);
    scorer->Score({&trace, 1});
  }
}

int Main(int argc, char** argv) {
  CLI::App app("The four works, run as standard input commands");
  Options options;
  app.add_option("--model", options.model, "checkpoint folder")->required();
  AddDeviceFlag(app, &options.device);
  app.add_option("--dtype", options.dtype)->capture_default_str();
  app.add_option("--weights", options.weights, "as-stored | int8 | fp8")->capture_default_str();
  app.add_option("--threads", options.threads, "0: all cores")->capture_default_str();
  app.add_option("--cache-bytes", options.cache_bytes, "0: nothing is reused")
      ->capture_default_str();
  app.add_option("--dump", options.dump, "write the works of --seed and stop");
  app.add_option("--seed", options.seed)->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const ModelConfig config = ReadConfigJson(std::filesystem::path(options.model) / "config.json");
  if (!options.dump.empty()) {
    Dump(options, config);
    return 0;
  }
  const auto scorer = LoadStepScorer(options.model, {.dtype = options.dtype,
                                                     .weights = options.weights,
                                                     .device = options.device,
                                                     .threads = options.threads,
                                                     .cache_bytes = options.cache_bytes});
  WarmUp(config, scorer.get());
  std::cout << "{}" << std::endl;  // ready
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t seed = 0;
    if (!(words >> name >> seed)) {
      throw Error(ErrorCode::kInvalidArgument, StrCat("expected WORK SEED, got \"", line, "\""));
    }
    std::cout << Answer(name, seed, config, scorer.get()).dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace prm::bench

int main(int argc, char** argv) {
  return prm::bench::ReportErrors("works_bench", prm::bench::Main, argc, argv);
}
