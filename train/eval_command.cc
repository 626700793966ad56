// prm eval
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <optional>

#include "data/command_flags.h"
#include "data/error.h"
#include "data/io/progress_line.h"
#include "data/io/text_io.h"
#include "data/metrics/floors.h"
#include "data/metrics/metrics.h"
#include "data/records/score_lines.h"
#include "data/records/trace_reader.h"
#include "model/commands.h"
#include "model/files/prm_json.h"
#include "model/scoring/offline_scoring.h"
#include "train/commands.h"

namespace prm {
namespace {

struct EvalOptions {
  std::string model, scores;       // one of the two
  std::string data;                // labelled traces
  std::string dev, dev_scores;     // where the threshold is tuned
  std::vector<std::string> train;  // where the text-free floors are fitted
  std::string json;                // empty: none
  OfflineOptions scoring;
  ScorerOptions scorer;
};

// What was left out of the evaluation, to be said aloud.
struct LeftOut {
  int64_t traces = 0, cut_traces = 0, cut_steps = 0;
};

std::vector<LabelledScores> ScoreWithModel(StepScorer& scorer, const EvalOptions& options,
                                           const std::string& file, LeftOut* left_out) {
  std::vector<LabelledScores> scored;
  OfflineScorer offline(scorer, options.scoring, [&](const Trace& trace, ScoreLine line) {
    if (line.error) {
      if (!IsTooLong(line) || options.scoring.too_long == TooLong::kError) {
        throw Error(ErrorCode::kInvalidArgument,
                    StrCat(file, ": ", line.error->what(),
                           IsTooLong(line) ? " (--too-long skip or cut, or --max-tokens)" : ""));
      }
      ++left_out->traces;
      return;
    }
    const size_t cut_steps = trace.steps.size() - line.scores.size();
    left_out->cut_traces += cut_steps > 0;
    left_out->cut_steps += int64_t(cut_steps);
    scored.push_back(WithScores(trace, std::move(line.scores)));
  });
  TraceReader reader(file);
  ProgressLine progress;
  const auto count = [&] { return StrCat(scored.size(), " traces scored"); };
  for (Trace trace; reader.Next(&trace);) {
    offline.Add(std::move(trace));
    progress.Update(count);
  }
  offline.Flush();
  progress.Finish(count());
  return scored;
}

std::vector<LabelledScores> JoinScores(const std::string& scores_file, const std::string& file,
                                       LeftOut* left_out) {
  std::map<std::string, ScoreLine> by_id;
  ScoreLineReader reader(scores_file);
  for (ScoreLine line; reader.Next(&line);) {
    const std::string id = line.id;
    if (!by_id.emplace(id, std::move(line)).second) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(reader.Where(), ": id: \"", id, "\" comes twice"));
    }
  }
  std::vector<LabelledScores> scored;
  TraceReader traces(file);
  for (Trace trace; traces.Next(&trace);) {
    const auto found = by_id.find(trace.id);
    if (found == by_id.end()) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(traces.Where(), ": no scores for \"", trace.id, "\" in ", scores_file));
    }
    ScoreLine& line = found->second;
    if (line.error) {
      ++left_out->traces;
      continue;
    }
    if (line.scores.size() != trace.steps.size()) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(scores_file, ": \"", trace.id, "\": ", line.scores.size(), " scores for ",
                         trace.steps.size(), " steps"));
    }
    scored.push_back(WithScores(trace, std::move(line.scores)));
  }
  return scored;
}

void PrintTable(const EvalReport& r, const LeftOut& left_out, bool has_train, bool has_dev) {
  const auto row = [](const char* name, const std::optional<double>& value, const char* note) {
    if (value) {
      std::printf("  %-38s %7.4f  %s\n", name, *value, note);
    } else {
      std::printf("  %-38s       -  %s\n", name, note);
    }
  };
  std::printf("%lld traces, %lld annotated steps\n", (long long)r.traces, (long long)r.steps);
  if (left_out.traces || left_out.cut_traces) {
    std::printf("left out: %lld traces; cut: %lld traces, %lld steps\n", (long long)left_out.traces,
                (long long)left_out.cut_traces, (long long)left_out.cut_steps);
  }
  if (r.first_error_undecidable > 0) {
    std::printf("%lld traces without a decidable first error: not in first-error F1\n",
                (long long)r.first_error_undecidable);
  }
  row("step AUROC (errors)", r.step_auroc, "");
  row("  floor, online, without text", r.floor_online_auroc, has_train ? "" : "needs --train");
  row("  floor, whole, without text", r.floor_whole_auroc, has_train ? "" : "needs --train");
  row("average precision (errors)", r.average_precision, "");
  row("first-error F1 at 0.5", r.f1_at_half, "");
  if (r.checkpoint_threshold) {
    const std::string at = StrCat("at ", *r.checkpoint_threshold);
    row("first-error F1, checkpoint's threshold", r.f1_at_checkpoint, at.c_str());
  }
  row("first-error F1, tuned", r.f1_tuned, has_dev ? "threshold from --dev" : "needs --dev");
  const char* threshold = has_dev                  ? "tuned on --dev"
                          : r.checkpoint_threshold ? "the checkpoint's"
                                                   : "without --model or --dev";
  row("threshold", r.threshold, threshold);
  row("  exact on traces with an error", r.acc_error, "at this threshold");
  row("  exact on traces without", r.acc_correct, "at this threshold");
  row("calibration error (10 bins)", r.ece, "");
  row("Brier", r.brier, "");
  row("macro F1 of four labels", r.macro_f1, "where necessity is known");
  row("redundancy AUROC", r.redundancy_auroc, "where necessity is known");
  row("PRMScore", r.prm_score, "");
}

// A model that reads the steps must judge better than one that only sees how long they are.
void WarnBelowFloors(const EvalReport& r) {
  const auto compare = [&](const char* name, const std::optional<double>& floor) {
    if (!r.step_auroc || !floor || *r.step_auroc >= *floor) return;
    std::fprintf(stderr,
                 "warning: the step AUROC %.4f is below the %s floor %.4f, which sees numbers and "
                 "lengths of steps and no text\n",
                 *r.step_auroc, name, *floor);
  };
  compare("online", r.floor_online_auroc);
  compare("whole", r.floor_whole_auroc);
}

void CheckOptions(const EvalOptions& o) {
  if (o.model.empty() == o.scores.empty()) {
    throw OptionError("eval: give either --model or --scores");
  }
  if (!o.scores.empty() && o.dev.empty() != o.dev_scores.empty()) {
    throw OptionError("eval: --scores with --dev needs --dev-scores, and the other way round");
  }
  if (!o.model.empty() && !o.dev_scores.empty()) {
    throw OptionError("eval: --dev-scores goes with --scores");
  }
}

void RunEval(const EvalOptions& options) {
  CheckOptions(options);
  std::vector<std::filesystem::path> read = CheckpointFiles(options.model);
  read.insert(read.end(), {options.data, options.scores, options.dev, options.dev_scores});
  CheckOutputs(read, {options.json});
  std::optional<OutputFile> json;  // opened first: scoring may take long
  if (!options.json.empty()) json.emplace(options.json);
  LeftOut left_out, dev_left_out;
  std::vector<LabelledScores> scored, dev;
  std::optional<double> checkpoint_threshold;
  if (!options.model.empty()) {
    const auto scorer = OpenScorer(options.model, options.scorer);
    checkpoint_threshold = scorer->description().threshold;
    scored = ScoreWithModel(*scorer, options, options.data, &left_out);
    if (!options.dev.empty()) dev = ScoreWithModel(*scorer, options, options.dev, &dev_left_out);
  } else {
    scored = JoinScores(options.scores, options.data, &left_out);
    if (!options.dev.empty()) dev = JoinScores(options.dev_scores, options.dev, &dev_left_out);
  }
  EvalReport report = Evaluate(scored, dev, checkpoint_threshold);
  if (!options.train.empty()) {
    std::vector<Trace> train;
    for (const std::string& file : options.train) {
      for (Trace& trace : ReadTraces(file)) train.push_back(std::move(trace));
    }
    const Floors floors = TextFreeFloors(train, ReadTraces(options.data));
    report.floor_online_auroc = floors.online_auroc;
    report.floor_whole_auroc = floors.whole_auroc;
    WarnBelowFloors(report);
  } else {
    std::fprintf(stderr, "no --train file: the text-free floors are left out\n");
  }
  if (json) {
    json->Write(EvalReportToJson(report) + "\n");
    json->Commit();
  }
  if (options.json == "-") {
    if (left_out.traces || left_out.cut_traces) {
      std::fprintf(stderr, "left out: %lld traces; cut: %lld traces, %lld steps\n",
                   (long long)left_out.traces, (long long)left_out.cut_traces,
                   (long long)left_out.cut_steps);
    }
  } else {
    PrintTable(report, left_out, !options.train.empty(), !options.dev.empty());
  }
}

}  // namespace

void AddEvalCommand(CLI::App& app) {
  auto o = std::make_shared<EvalOptions>();
  CLI::App* eval = app.add_subcommand("eval", "Compares step scores with labels.");
  eval->group("Training");
  eval->add_option("--model", o->model, "Checkpoint folder");
  eval->add_option("--scores", o->scores, "Scores by prm score, instead of a model");
  eval->add_option("--data", o->data, "Labelled traces")->required();
  eval->add_option("--dev", o->dev, "Labelled traces on which the threshold is tuned");
  eval->add_option("--dev-scores", o->dev_scores, "Scores of the --dev file, with --scores");
  eval->add_option("--train", o->train, "Traces on which the text-free floors are fitted");
  AddJson(eval, o->json);
  AddScoringFlags(eval, &o->scoring, &o->scorer);
  AddExamples(eval, {"prm eval --model model --data dev.jsonl --train traces.jsonl",
                     "prm eval --scores scores.jsonl --data traces.jsonl --json eval.json"});
  eval->callback([o] { RunEval(*o); });
}

}  // namespace prm
