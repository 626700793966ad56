#include "train/run.h"

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "data/error.h"
#include "data/file_error.h"
#include "data/stop_signal.h"
#include "data/text_io.h"
#include "data/trace_reader.h"
#include "model/checkpoint_files.h"
#include "model/kernels/ops.h"
#include "train/evaluation.h"

namespace prm {
namespace {

using Clock = std::chrono::steady_clock;
double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One JSON object a line; on resuming, what came after the saved step is dropped.
class MetricsLog {
 public:
  MetricsLog(const std::filesystem::path& path, int64_t resumed_step) : path_(path) {
    std::string kept;
    if (resumed_step > 0 && std::filesystem::exists(path)) {
      LineReader reader(path);
      std::string_view line;
      while (reader.Next(&line)) {
        const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
        if (entry.is_object() && entry.value("step", int64_t{0}) <= resumed_step) {
          kept.append(line).append("\n");
        }
      }
    }
    WriteFileAtomically(path, kept);
    file_.open(path, std::ios::app);
  }
  void Write(const nlohmann::json& entry) {
    file_ << entry.dump() << std::endl;
    if (!file_) throw FileError("append", path_, errno);
  }

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

std::vector<Trace> ReadAll(const std::vector<std::string>& files) {
  std::vector<Trace> traces;
  for (const std::string& file : files) {
    TraceReader reader(file);
    for (Trace trace; reader.Next(&trace);) traces.push_back(std::move(trace));
  }
  return traces;
}

void ReportCounts(const char* what, const ExampleCounts& c) {
  std::fprintf(stderr, "%s: %lld traces, %lld steps (%lld labelled), %lld tokens\n", what,
               (long long)c.traces, (long long)c.steps, (long long)c.labelled_steps,
               (long long)c.tokens);
  if (c.cut_traces || c.skipped_traces || c.unlabelled_traces) {
    std::fprintf(stderr,
                 "%s: too long: %lld traces cut (%lld steps lost), %lld skipped; without labels: "
                 "%lld left out\n",
                 what, (long long)c.cut_traces, (long long)c.cut_steps, (long long)c.skipped_traces,
                 (long long)c.unlabelled_traces);
  }
}

PrmJson DescribeCheckpoint(const RunOptions& options, const LoadedModel& model, int max_tokens) {
  PrmJson prm;
  prm.format = model.prm ? model.prm->format : NewlineFormat(*model.tokenizer, model.prepend_bos);
  prm.max_tokens = max_tokens;
  prm.base_model = std::filesystem::path(options.model).filename().string();
  if (options.examples.negative_after_first_error) prm.label_policy.after_first_error = "negative";
  for (const std::string& file : options.data) {
    prm.training_data.push_back(
        {std::filesystem::path(file).filename().string(), Sha256OfFile(file)});
  }
  const TrainerOptions& t = options.trainer;
  prm.training_options_json = nlohmann::json({{"epochs", t.epochs},
                                              {"tokens", t.tokens},
                                              {"batch_tokens", t.batch_tokens},
                                              {"lr", t.adamw.lr},
                                              {"head_lr", t.adamw.head_lr},
                                              {"weight_decay", t.adamw.weight_decay},
                                              {"warmup", t.warmup},
                                              {"class_weights", t.loss.class_weights},
                                              {"max_tokens", options.examples.max_tokens},
                                              {"seed", t.seed}})
                                  .dump();
  return prm;
}

class Run {
 public:
  explicit Run(const RunOptions& options);
  void Train();

 private:
  void Evaluate();
  void Save(const char* name, bool with_state);
  void Progress(const StepReport& report, double seconds);

  RunOptions options_;
  std::filesystem::path out_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  PrmJson prm_;
  std::vector<Trace> dev_traces_;
  std::vector<Example> dev_;
  std::vector<TraceTokens> self_test_tokens_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<MetricsLog> metrics_;
  std::optional<double> best_;  // metric of best/
  double loss_average_ = 0.0;
  Clock::time_point last_save_ = Clock::now();
  int64_t tokens_at_start_ = 0;
  Clock::time_point started_ = Clock::now();
};

Run::Run(const RunOptions& options) : options_(options), out_(options.out) {
  const std::filesystem::path last = out_ / "last";
  if (!options.resume && std::filesystem::exists(last)) {
    throw Error(ErrorCode::kAlreadyExists,
                out_.string() + ": holds a training run; --resume goes on with it");
  }
  if (options.resume && !std::filesystem::exists(last / "trainer.json")) {
    throw Error(ErrorCode::kNotFound, (last / "trainer.json").string() + ": nothing to resume");
  }
  std::error_code error;
  std::filesystem::create_directories(out_, error);
  if (error) throw FileError("create the folder", out_, error.value());
  const ComputeTarget target = ChooseComputeTarget(options.device, options.dtype, options.threads);
  const std::vector<Trace> traces = ReadAll(options.data);
  LoadedModel model = LoadModel(options.resume ? last.string() : options.model);
  if (model.prm && model.prm->head != Head()) {
    throw Error(ErrorCode::kUnimplemented,
                StrCat(options.model, ": training goes on from a linear head of the four labels; ",
                       "this one has another (prm describe)"));
  }
  tokenizer_ = model.tokenizer;
  const int max_tokens = std::min(options.examples.max_tokens, model.config.max_positions());
  options_.examples.max_tokens = max_tokens;
  prm_ = DescribeCheckpoint(options_, model, model.config.max_positions());
  if (options.resume) prm_.base_model = model.prm->base_model;

  ExampleCounts counts;
  std::vector<Example> examples =
      MakeExamples(traces, prm_.format, *tokenizer_, options_.examples, &counts);
  ReportCounts("train", counts);
  if (!options.dev.empty()) {
    ExampleCounts dev_counts;
    dev_traces_ = ReadAll({options.dev});
    dev_ = MakeExamples(dev_traces_, prm_.format, *tokenizer_, options_.examples, &dev_counts);
    ReportCounts("dev", dev_counts);
  }
  for (size_t i = 0; i < std::min<size_t>(3, examples.size()); ++i) {
    self_test_tokens_.push_back(examples[i * examples.size() / 3].tokens);
  }
  trainer_ =
      std::make_unique<Trainer>(std::move(model), std::move(examples), target, options_.trainer);
  if (options.resume) best_ = trainer_->Resume(last);
  metrics_ = std::make_unique<MetricsLog>(out_ / "metrics.jsonl", trainer_->steps());
  tokens_at_start_ = trainer_->tokens_seen();
  std::fprintf(stderr, "training %lld tokens on %s in %s, kernels: %s\n",
               (long long)trainer_->total_tokens(), target.device.str().c_str(),
               DtypeName(target.dtype).c_str(), ops::DescribeKernels(target.device).c_str());
}

void Run::Progress(const StepReport& report, double seconds) {
  loss_average_ = report.step == 1 || loss_average_ == 0.0
                      ? report.loss
                      : 0.95 * loss_average_ + 0.05 * report.loss;
  const double elapsed = SecondsSince(started_);
  const double rate = double(report.tokens - tokens_at_start_) / elapsed;
  const double left = double(trainer_->total_tokens() - report.tokens) / rate;
  std::fprintf(stderr, "step %lld  %5.1f%%  loss %.4f  %.0f tokens/s  %d:%02d left\n",
               (long long)report.step, 100 * trainer_->Progress(), loss_average_, rate,
               int(left) / 60, int(left) % 60);
  metrics_->Write({{"step", report.step},
                   {"tokens", report.tokens},
                   {"loss", report.loss},
                   {"grad_norm", report.grad_norm},
                   {"lr", report.lr},
                   {"seconds", seconds},
                   {"tokens_per_second", rate}});
}

void Run::Save(const char* name, bool with_state) {
  // The weights are written as they multiply, rounded to bfloat16 where training multiplied in it:
  // that is the model that was trained and evaluated. Unrounded, they are another one; what the
  // rounding of weights changes is systematic, and some times what that of activations changes.
  const Decoder exported = trainer_->Exported();
  const DecoderWeights& weights = exported.weights();
  const Decoder exact(exported.config(),
                      ForCompute(weights, at::kFloat, weights.embedding.device()));
  prm_.self_tests.clear();
  const std::vector<StepScores> scores = ScoreSteps(exact, prm_.head, self_test_tokens_);
  for (size_t i = 0; i < scores.size(); ++i) {
    prm_.self_tests.push_back({self_test_tokens_[i], scores[i]});
  }
  try {
    CheckSelfTests(exported, prm_, name);
  } catch (const Error& error) {
    std::fprintf(stderr, "warning: will load with --dtype float32 only: %s\n", error.what());
  }
  CheckpointWriter writer(out_ / name);
  WriteCheckpoint(exported, *tokenizer_, prm_, &writer);
  if (with_state) trainer_->SaveState(&writer, best_);
  writer.Commit();
  if (with_state) last_save_ = Clock::now();
}

void Run::Evaluate() {
  double metric = double(trainer_->steps());  // without dev data the latest is the best
  if (!dev_.empty()) {
    const Clock::time_point start = Clock::now();
    const DevScores dev =
        EvaluateExamples(trainer_->Exported(), dev_, options_.trainer.micro_tokens);
    metric = dev.step_auroc.value_or(-dev.loss);
    std::fprintf(stderr, "dev: loss %.4f, step AUROC %.4f, Brier %.4f (%.0f s)\n", dev.loss,
                 dev.step_auroc.value_or(NAN), dev.brier, SecondsSince(start));
    nlohmann::json entry = {{"step", trainer_->steps()},
                            {"tokens", trainer_->tokens_seen()},
                            {"dev_loss", dev.loss},
                            {"dev_brier", dev.brier},
                            {"dev_step_auroc", nullptr}};
    if (dev.step_auroc) entry["dev_step_auroc"] = *dev.step_auroc;
    metrics_->Write(entry);
    started_ += Clock::now() - start;  // tokens/s is of training alone
  }
  const bool is_best = !best_ || metric > *best_;
  if (is_best) best_ = metric;
  if (is_best) Save("best", /*with_state=*/false);
  Save("last", /*with_state=*/true);
}

void Run::Train() {
  const StopSignal stop;
  started_ = Clock::now();
  // Multiples of the interval, wherever the run was interrupted.
  const auto evaluations = [&] {
    return options_.eval_tokens > 0 ? trainer_->tokens_seen() / options_.eval_tokens : 0;
  };
  while (!trainer_->Done()) {
    const int epoch = trainer_->epoch();
    const int64_t evaluated = evaluations();
    const Clock::time_point start = Clock::now();
    const StepReport report = trainer_->Step();
    Progress(report, SecondsSince(start));
    if (trainer_->Done() || trainer_->epoch() != epoch || evaluations() > evaluated) {
      Evaluate();
    } else if (options_.save_minutes > 0 && SecondsSince(last_save_) > 60 * options_.save_minutes) {
      Save("last", /*with_state=*/true);
    }
    if (stop.Received() && !trainer_->Done()) {
      Save("last", /*with_state=*/true);
      throw Error(ErrorCode::kCancelled,
                  StrCat("stopped by a signal after step ", report.step, "; saved in ",
                         (out_ / "last").string(), ", --resume goes on"));
    }
  }
}

}  // namespace

void RunTraining(const RunOptions& options) { Run(options).Train(); }

}  // namespace prm
