#include "data/synth/synth.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "data/error.h"
#include "data/io/file_error.h"
#include "data/io/text_io.h"
#include "data/records/trace_reader.h"
#include "data/synth/problem.h"
#include "data/synth/solution.h"
#include "data/text/random.h"

namespace prm {
namespace {

constexpr int kMaxTries = 1000;

std::string_view SplitName(SynthSplit split) {
  switch (split) {
    case SynthSplit::kTrain:
      return "train";
    case SynthSplit::kDev:
      return "dev";
    case SynthSplit::kRerank:
      return "rerank";
  }
  throw Error(ErrorCode::kInternal, "synth: unknown split");
}

void RequireAtLeast(std::string_view what, int64_t value, int64_t least) {
  if (value >= least) return;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("synth: ", what, ": expected at least ", least, ", got ", value));
}

void RequirePercent(std::string_view what, int percent) {
  if (percent >= 0 && percent <= 100) return;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("synth: ", what, ": expected 0 to 100, got ", percent));
}

std::vector<const SynthTemplate*> TemplatesOf(SynthSplit split) {
  std::vector<const SynthTemplate*> found;
  for (const SynthTemplate& one : SynthTemplates()) {
    if (one.split == split) found.push_back(&one);
  }
  return found;
}

// Deals the templates in rounds, each in a new order, so that all are used equally often.
class TemplateDealer {
 public:
  explicit TemplateDealer(SynthSplit split) : templates_(TemplatesOf(split)) {}

  const SynthTemplate& Next(SynthRandom* random) {
    if (next_ % templates_.size() == 0) random->Shuffle(&templates_);
    return *templates_[next_++ % templates_.size()];
  }

 private:
  std::vector<const SynthTemplate*> templates_;
  size_t next_ = 0;
};

// Walks over the steps with equal chance of a flaw at each.
void DrawFlaw(const SynthOptions& options, SynthRandom* random, SynthSolutionPlan* plan) {
  const int steps =
      static_cast<int>(plan->strategy->operations.size()) + (plan->separate_conclusion ? 1 : 0);
  for (int at = 0; at < steps; ++at) {
    if (!random->Chance(options.flaw_percent)) continue;
    plan->flaw_at = at;
    const bool incomplete = random->Chance(options.incomplete_percent);
    const bool cancel = random->Chance(options.cancel_percent);
    plan->flaw = incomplete ? SynthFlaw::kIncomplete
                 : cancel   ? SynthFlaw::kCancelling
                            : SynthFlaw::kIncorrect;
    return;
  }
}

void Describe(const SynthProblem& problem, const std::string& flaw_kind, Trace* trace) {
  const nlohmann::ordered_json meta = {{"template", std::string(problem.source->id)},
                                       {"split", std::string(SplitName(problem.source->split))},
                                       {"flaw", flaw_kind}};
  trace->meta_json = meta.dump();
}

std::string JoinedSteps(const Trace& trace) {
  std::string joined;
  for (const Step& step : trace.steps) joined += step.text + "\n";
  return joined;
}

// Tries plans of `draw_plan` until one can be written and differs from the previous solutions.
template <class DrawPlan>
Trace WriteNewSolution(const SynthProblem& problem, SynthRandom* random,
                       std::set<std::string>* written, DrawPlan draw_plan) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    Trace trace;
    std::string flaw_kind;
    const SynthSolutionPlan plan = draw_plan(tries);
    if (!WriteSolution(problem, plan, random, &trace, &flaw_kind)) continue;
    if (!written->insert(JoinedSteps(trace)).second) continue;
    Describe(problem, flaw_kind, &trace);
    return trace;
  }
  throw Error(ErrorCode::kResourceExhausted,
              StrCat("synth: template ", problem.source->id, " gives only ", written->size(),
                     " different solutions of a problem"));
}

const SynthStrategy* PickStrategy(const SynthProblem& problem, size_t turn) {
  const auto& strategies = problem.source->strategies;
  return &strategies[turn % strategies.size()];
}

// Three sound, one incomplete, one with cancelling slips, three incorrect.
constexpr SynthFlaw kCandidateFlaws[] = {
    SynthFlaw::kNone,       SynthFlaw::kNone,      SynthFlaw::kNone,      SynthFlaw::kIncomplete,
    SynthFlaw::kCancelling, SynthFlaw::kIncorrect, SynthFlaw::kIncorrect, SynthFlaw::kIncorrect};

SynthRerankProblem DrawRerankProblem(const SynthProblem& problem, int index, SynthRandom* random) {
  SynthRerankProblem out;
  out.id = StrCat("synth/rerank/", index);
  out.problem = problem.text;
  out.ground_truth = ToText(problem.answer);
  std::set<std::string> written;
  for (const SynthFlaw flaw : kCandidateFlaws) {
    const auto draw_plan = [&](int tries) {
      SynthSolutionPlan plan;
      plan.strategy = PickStrategy(problem, random->Below(1000));
      plan.separate_conclusion = random->Chance(60);
      plan.redundant_percent = 10;
      plan.flaw = flaw;
      if (flaw == SynthFlaw::kCancelling && tries > kMaxTries / 2) {
        plan.flaw = SynthFlaw::kIncorrect;
      }
      plan.wrong_answer = flaw == SynthFlaw::kIncorrect;
      plan.flaw_at = static_cast<int>(random->Below(plan.strategy->operations.size() + 1));
      return plan;
    };
    out.candidates.push_back(WriteNewSolution(problem, random, &written, draw_plan));
  }
  random->Shuffle(&out.candidates);
  for (size_t i = 0; i < out.candidates.size(); ++i) {
    out.candidates[i].id = StrCat(out.id, "/", i);
  }
  return out;
}

}  // namespace

std::vector<Trace> Synthesize(const SynthOptions& options) {
  RequireAtLeast("count", options.count, 0);
  RequireAtLeast("traces_per_problem", options.traces_per_problem, 1);
  RequirePercent("redundant_percent", options.redundant_percent);
  RequirePercent("flaw_percent", options.flaw_percent);
  RequirePercent("incomplete_percent", options.incomplete_percent);
  RequirePercent("cancel_percent", options.cancel_percent);
  SynthRandom random(options.seed);
  TemplateDealer dealer(options.split);
  std::vector<Trace> traces;
  for (int index = 0; static_cast<int>(traces.size()) < options.count; ++index) {
    const SynthProblem problem = DrawProblem(dealer.Next(&random), &random);
    std::set<std::string> written;
    const int room = options.count - static_cast<int>(traces.size());
    for (int turn = 0; turn < std::min(options.traces_per_problem, room); ++turn) {
      traces.push_back(WriteNewSolution(problem, &random, &written, [&](int) {
        SynthSolutionPlan plan;
        plan.strategy = PickStrategy(problem, index + turn);
        plan.separate_conclusion = random.Chance(60);
        plan.redundant_percent = options.redundant_percent;
        DrawFlaw(options, &random, &plan);
        return plan;
      }));
      traces.back().id = StrCat("synth/", SplitName(options.split), "/", index, "/", turn);
    }
  }
  return traces;
}

std::vector<SynthRerankProblem> SynthesizeRerank(const SynthRerankOptions& options) {
  RequireAtLeast("problems", options.problems, 0);
  SynthRandom random(options.seed);
  TemplateDealer dealer(SynthSplit::kRerank);
  std::vector<SynthRerankProblem> problems;
  for (int index = 0; index < options.problems; ++index) {
    problems.push_back(
        DrawRerankProblem(DrawProblem(dealer.Next(&random), &random), index, &random));
  }
  return problems;
}

std::string RerankProblemToJson(const SynthRerankProblem& problem) {
  nlohmann::ordered_json candidates = nlohmann::ordered_json::array();
  for (const Trace& trace : problem.candidates) {
    nlohmann::ordered_json steps = nlohmann::ordered_json::array();
    for (const Step& step : trace.steps) steps.push_back(step.text);
    candidates.push_back({{"steps", std::move(steps)},
                          {"answer", trace.answer.value()},
                          {"is_correct", trace.final_correct.value()}});
  }
  const nlohmann::ordered_json line = {{"id", problem.id},
                                       {"problem", problem.problem},
                                       {"ground_truth", problem.ground_truth},
                                       {"candidates", std::move(candidates)}};
  return line.dump();
}

void WriteSynthFiles(const std::filesystem::path& folder, const SynthFiles& files) {
  for (const char* name : {"train.jsonl", "dev.jsonl", "rerank.jsonl"}) {
    if (!std::filesystem::exists(folder / name)) continue;
    throw Error(ErrorCode::kAlreadyExists,
                StrCat((folder / name).string(), ": already exists; expected a new folder"));
  }
  const auto train = Synthesize({.count = files.train, .seed = files.seed});
  const auto dev = Synthesize({.split = SynthSplit::kDev, .count = files.dev, .seed = files.seed});
  const auto rerank = SynthesizeRerank({.problems = files.rerank, .seed = files.seed});
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw FileError("create the folder", folder, failed.value());
  const auto write_traces = [&](std::string_view name, const std::vector<Trace>& traces) {
    TraceWriter writer(folder / name);
    for (const Trace& trace : traces) writer.Write(trace);
    writer.Close();
  };
  write_traces("train.jsonl", train);
  write_traces("dev.jsonl", dev);
  std::string lines;
  for (const SynthRerankProblem& problem : rerank) lines += RerankProblemToJson(problem) + "\n";
  WriteFileAtomically(folder / "rerank.jsonl", lines);
}

}  // namespace prm
