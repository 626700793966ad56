#include "train/run.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "data/error.h"
#include "data/io/file_error.h"
#include "data/io/stop_signal.h"
#include "data/records/trace_reader.h"
#include "model/files/checkpoint_files.h"
#include "model/ops/describe.h"
#include "model/scoring/self_test.h"
#include "train/data_warnings.h"
#include "train/evaluation.h"
#include "train/metrics_log.h"

namespace prm {
namespace {

using Clock = std::chrono::steady_clock;
double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

const char* TooLongName(TooLong policy) {
  return policy == TooLong::kError ? "error" : policy == TooLong::kSkip ? "skip" : "cut";
}

std::string OrNone(const std::string& text) { return text.empty() ? "none" : text; }

// Options that change the result and are not in Trainer::Options. Every option must be in one of
// the two, except paths, --resume and how often OUT/last is written.
nlohmann::ordered_json OptionsOf(const RunOptions& o) {
  return {{"max_tokens", o.examples.max_tokens},
          {"too_long", TooLongName(o.examples.too_long)},
          {"soft", o.examples.use_soft},
          {"negative_after_first_error", o.examples.negative_after_first_error},
          {"separator", OrNone(o.separator)},
          {"dev_sha256", o.dev.empty() ? "none" : Sha256OfFile(o.dev)},
          {"eval_tokens", o.eval_tokens}};
}

// Results are equal to the last bit only if these are equal.
nlohmann::ordered_json MachineOf(const ComputeTarget& target) {
  return {{"device", target.device.str()},
          {"threads", at::get_num_threads()},
          {"kernels", ops::DescribeKernels(target.device)}};
}

StepFormat FormatOf(const RunOptions& options, const LoadedModel& model) {
  if (!model.prm) {
    return options.separator.empty()
               ? NewlineFormat(*model.tokenizer, model.prepend_bos)
               : SeparatorFormat(*model.tokenizer, model.prepend_bos, options.separator);
  }
  if (!options.separator.empty() && !options.resume) {
    throw Error(ErrorCode::kFailedPrecondition,
                StrCat("option separator ", options.separator, ": ", options.model,
                       " is a checkpoint that already defines how a step ends; ",
                       "expected a backbone, or no option separator"));
  }
  return model.prm->format;
}

PrmJson DescribeCheckpoint(const RunOptions& options, const LoadedModel& model, int max_tokens) {
  PrmJson prm;
  prm.format = FormatOf(options, model);
  prm.max_tokens = max_tokens;
  prm.base_model = std::filesystem::path(options.model).filename().string();
  if (options.resume) prm.base_model = model.prm->base_model;
  if (options.examples.negative_after_first_error) prm.label_policy.after_first_error = "negative";
  for (const std::string& file : options.data) {
    prm.training_data.push_back(
        {std::filesystem::path(file).filename().string(), Sha256OfFile(file)});
  }
  return prm;
}

void CheckOut(const RunOptions& options) {
  const std::filesystem::path out = options.out, state = out / "last" / "trainer.json";
  const bool can_resume = std::filesystem::exists(state);
  if (options.resume && can_resume) return;
  if (options.resume) throw Error(ErrorCode::kNotFound, state.string() + ": nothing to resume");
  for (const std::string name : {"last", "best", "metrics.jsonl"}) {
    if (!std::filesystem::exists(std::filesystem::symlink_status(out / name))) continue;
    std::string what = (out / name).string() + ": already exists; expected another option out";
    if (can_resume) what += ", or option resume to continue it";
    if (name == "metrics.jsonl") what += " (or delete it: its run saved no model)";
    throw Error(ErrorCode::kAlreadyExists, what);
  }
}

void Warn(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
}

// A resumed run keeps its number format: another one would be another model.
ComputeTarget TargetOf(RunOptions* options, const std::filesystem::path& last) {
  bool of_run = false;
  if (options->resume && options->dtype == "auto") {
    const nlohmann::ordered_json saved = ReadTrainerState(last / "trainer.json").options;
    const auto dtype = saved.find("dtype");
    of_run = dtype != saved.end() && dtype->is_string();
    if (of_run) options->dtype = dtype->get<std::string>();
  }
  ComputeTarget target =
      ChooseComputeTarget(options->device, options->dtype, options->threads, Products::kTraining);
  if (of_run) target.why = "of the resumed run";
  return target;
}

// Removes a folder created for work that could not begin, if it is empty; empty path: no folder.
struct UnusedFolder {
  std::filesystem::path path;
  ~UnusedFolder() {
    std::error_code not_empty;
    if (!path.empty()) std::filesystem::remove(path, not_empty);
  }
};

class Run {
 public:
  explicit Run(const RunOptions& options);
  void Train();

 private:
  void LoadDev(const std::vector<Trace>& train);
  bool Evaluate();
  void Save(const char* name, bool with_state);
  void SaveLast();
  void Progress(const StepReport& report, double seconds);
  bool Stopped() const { return (stop_ && stop_->Received()) || pipe_closed_; }
  [[noreturn]] void SaveAndStop();
  std::string Best() const;
  __attribute__((format(printf, 2, 3))) void Say(const char* format, ...);

  std::optional<StopSignal> stop_;  // set while it trains; before, there is nothing to save
  bool pipe_closed_ = false;        // nobody reads standard error any more
  RunOptions options_;
  std::filesystem::path out_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  PrmJson prm_;
  std::vector<Example> dev_;
  std::vector<TraceTokens> self_test_tokens_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<MetricsLog> metrics_;
  TrainerState state_;  // except for the trainer's own counts
  int64_t saved_steps_ = -1;
  Clock::time_point last_save_ = Clock::now();
  int64_t tokens_at_start_ = 0;
  Clock::time_point started_ = Clock::now();
};

void Run::Say(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (std::vfprintf(stderr, format, arguments) < 0 && errno == EPIPE) pipe_closed_ = true;
  va_end(arguments);
}

void Run::LoadDev(const std::vector<Trace>& train) {
  if (options_.dev.empty()) return;
  const std::vector<Trace> traces = ReadAll({options_.dev});
  ExampleCounts counts;
  dev_ = MakeExamples(traces, prm_.format, *tokenizer_, options_.examples, &counts);
  ReportCounts("dev", counts);
  const bool judges = std::ranges::any_of(dev_, [](const Example& example) {
    return std::ranges::any_of(example.targets,
                               [](const StepTarget& target) { return !target.labels.empty(); });
  });
  if (!judges) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("option dev ", options_.dev, ": no step of its ", traces.size(),
                       " traces has a label; expected labels, or no option dev"));
  }
  Warn(ClassWarnings(dev_, "dev"));
  Warn(OverlapWarnings(train, traces));
}

Run::Run(const RunOptions& options) : options_(options), out_(options.out) {
  CheckOut(options);
  std::error_code error;
  UnusedFolder unused;
  if (std::filesystem::create_directories(out_, error)) unused.path = out_;
  if (error) throw FileError("create the folder", out_, error.value());
  const std::filesystem::path last = out_ / "last";
  const ComputeTarget target = TargetOf(&options_, last);
  const std::vector<Trace> traces = ReadAll(options.data);
  LoadedModel model = LoadModel(options.resume ? last.string() : options.model, {},
                                /*with_tokenizer=*/true, options.verify);
  if (model.prm && model.prm->head != Head()) {
    throw Error(
        ErrorCode::kUnimplemented,
        StrCat(options.model, ": training continues only a linear head of the four labels; ",
               "this model has another (prm model describe)"));
  }
  tokenizer_ = model.tokenizer;
  options_.examples.max_tokens =
      std::min(options.examples.max_tokens, model.config.max_positions());
  prm_ = DescribeCheckpoint(options_, model, model.config.max_positions());

  ExampleCounts counts;
  std::vector<Example> examples =
      MakeExamples(traces, prm_.format, *tokenizer_, options_.examples, &counts);
  ReportCounts("train", counts);
  Warn(ClassWarnings(examples, "data"));
  LoadDev(traces);
  for (size_t i = 0; i < std::min<size_t>(3, examples.size()); ++i) {
    self_test_tokens_.push_back(examples[i * examples.size() / 3].tokens);
  }
  const FileSums state_sums =
      options.resume && options.verify ? TrainingFiles(*model.prm) : FileSums();
  trainer_ =
      std::make_unique<Trainer>(std::move(model), std::move(examples), target, options_.trainer);
  const nlohmann::ordered_json run_options = OptionsOf(options_), machine = MachineOf(target);
  if (options.resume) {
    ReadVerified(last, state_sums, [&] { state_ = trainer_->Resume(last, run_options); });
    if (const std::string changes = OptionChanges(state_.machine, machine); !changes.empty()) {
      Warn({StrCat("resumed: ", changes, ": the last bits of the result may differ")});
    }
    saved_steps_ = trainer_->steps();
  }
  state_.options = run_options;
  state_.machine = machine;
  nlohmann::ordered_json all = trainer_->Options();
  all.update(run_options);
  all.update(machine);
  prm_.training_options_json = all.dump();
  metrics_ = std::make_unique<MetricsLog>(out_ / "metrics.jsonl", trainer_->steps());
  unused.path.clear();
  tokens_at_start_ = trainer_->tokens_seen();
  if (!target.why.empty()) {
    Say("dtype: %s (%s)\n", DtypeName(target.dtype).c_str(), target.why.c_str());
  }
  Say("training %lld tokens on %s in %s, kernels: %s\n", (long long)trainer_->total_tokens(),
      target.device.str().c_str(), DtypeName(target.dtype).c_str(),
      ops::DescribeKernels(target.device).c_str());
}

void Run::Progress(const StepReport& report, double seconds) {
  double& average = state_.loss_average.emplace(
      state_.loss_average ? 0.95 * *state_.loss_average + 0.05 * report.loss : report.loss);
  const double elapsed = std::max(1e-9, SecondsSince(started_));
  const double rate = double(report.tokens - tokens_at_start_) / elapsed;
  // The last step may exceed the requested tokens.
  const double tokens_left = double(std::max<int64_t>(0, trainer_->total_tokens() - report.tokens));
  const auto left = (long long)(trainer_->Done() ? 0 : tokens_left / rate);
  Say("step %lld  %5.1f%%  loss %.4f  %.0f tokens/s  %lld:%02lld left\n", (long long)report.step,
      100 * trainer_->Progress(), average, rate, left / 60, left % 60);
  metrics_->Write({{"step", report.step},
                   {"tokens", report.tokens},
                   {"loss", report.loss},
                   {"grad_norm", report.grad_norm},
                   {"lr", report.lr},
                   {"seconds", seconds},
                   {"tokens_per_second", rate}});
}

void Run::Save(const char* name, bool with_state) {
  // Weights are saved as they were multiplied, rounded to bfloat16 if training multiplied in it:
  // that is the model that was trained and evaluated. Unrounded weights would be a different model:
  // rounding weights is a systematic error, several times that of rounding activations.
  const Decoder exported = trainer_->Exported();
  const DecoderWeights& weights = exported.weights();
  const Decoder exact(exported.config(),
                      ForCompute(weights, at::kFloat, weights.embedding.device()));
  prm_.self_tests.clear();
  const std::vector<TraceScores> scores = ScoreSteps(exact, prm_.head, self_test_tokens_);
  for (size_t i = 0; i < scores.size(); ++i) {
    CheckFinite(scores[i], StrCat("step ", trainer_->steps(), ": self-test trace ", i));
    prm_.self_tests.push_back({self_test_tokens_[i], scores[i]});
  }
  try {
    CheckSelfTests(exported, prm_, name);
  } catch (const Error& error) {
    Say("warning: will load in float32 only: %s\n", error.what());
  }
  CheckpointWriter writer(out_ / name);
  WriteCheckpoint(exported, *tokenizer_, &writer);
  if (with_state) trainer_->SaveState(&writer, state_);
  CommitCheckpoint(prm_, &writer);
}

void Run::SaveLast() {
  if (saved_steps_ == trainer_->steps()) return;
  Save("last", /*with_state=*/true);
  saved_steps_ = trainer_->steps();
  last_save_ = Clock::now();
}

void Run::SaveAndStop() {
  SaveLast();
  throw Error(ErrorCode::kCancelled,
              StrCat("stopped ", pipe_closed_ ? "since nobody reads standard error" : "by a signal",
                     " after step ", trainer_->steps(), "; saved in ", (out_ / "last").string(),
                     ", option resume continues"));
}

// Returns false if the run was stopped meanwhile; the evaluation is then still due.
bool Run::Evaluate() {
  double metric = double(trainer_->steps());  // without dev data the latest is the best
  state_.evaluation_due = true;
  if (!dev_.empty()) {
    const Clock::time_point start = Clock::now();
    std::optional<DevScores> dev;
    try {
      dev = EvaluateExamples(trainer_->Exported(), dev_, options_.trainer.micro_tokens,
                             [this] { return Stopped(); });
    } catch (const Error& error) {
      throw Error(error.code(), StrCat("step ", trainer_->steps(), ": dev: ", error.what()));
    }
    if (!dev) return false;
    metric = dev->step_auroc.value_or(-dev->loss);
    char auroc[16] = "undefined";
    if (dev->step_auroc) std::snprintf(auroc, sizeof(auroc), "%.4f", *dev->step_auroc);
    Say("dev: loss %.4f, step AUROC %s, Brier %.4f (%.0f s)\n", dev->loss, auroc, dev->brier,
        SecondsSince(start));
    nlohmann::json entry = {{"step", trainer_->steps()},
                            {"tokens", trainer_->tokens_seen()},
                            {"dev_loss", dev->loss},
                            {"dev_brier", dev->brier},
                            {"dev_step_auroc", nullptr}};
    if (dev->step_auroc) entry["dev_step_auroc"] = *dev->step_auroc;
    metrics_->Write(entry);
    started_ += Clock::now() - start;  // tokens/s covers training only
  }
  const bool is_best = !state_.best_metric || metric > *state_.best_metric;
  if (is_best) state_.best_metric = metric;
  if (is_best) Save("best", /*with_state=*/false);
  state_.evaluation_due = false;
  saved_steps_ = -1;  // an earlier save, if any, was before the evaluation
  SaveLast();
  return true;
}

std::string Run::Best() const {
  if (dev_.empty() || !state_.best_metric) return "without dev data, best/ equals last/";
  const double metric = *state_.best_metric;
  return StrCat("best dev ", metric < 0 ? "loss " : "step AUROC ", std::abs(metric), ", in ",
                (out_ / "best").string());
}

void Run::Train() {
  if (trainer_->Done() && !state_.evaluation_due) {
    Say("already finished at step %lld; %s\n", (long long)trainer_->steps(), Best().c_str());
    return;
  }
  stop_.emplace();
  started_ = Clock::now();
  if (state_.evaluation_due && !Evaluate()) SaveAndStop();
  // Evaluates at multiples of the interval, wherever the run was interrupted.
  const auto evaluations = [&] {
    return options_.eval_tokens > 0 ? trainer_->tokens_seen() / options_.eval_tokens : 0;
  };
  while (!trainer_->Done()) {
    const int epoch = trainer_->epoch();
    const int64_t evaluated = evaluations();
    const Clock::time_point start = Clock::now();
    const StepReport report = trainer_->Step();
    const double seconds = SecondsSince(start);
    state_.evaluation_due =
        trainer_->Done() || trainer_->epoch() != epoch || evaluations() > evaluated;
    try {
      Progress(report, seconds);
    } catch (const Error&) {  // from metrics.jsonl
      SaveLast();
      throw;
    }
    if (state_.evaluation_due && !Evaluate()) SaveAndStop();
    if (Stopped() && !trainer_->Done()) SaveAndStop();
    const double interval = 60 * options_.save_minutes;
    if (interval > 0 && SecondsSince(last_save_) > interval) SaveLast();
  }
  Say("done: %s\n", Best().c_str());
}

}  // namespace

void RunTraining(const RunOptions& options) { Run(options).Train(); }

}  // namespace prm
