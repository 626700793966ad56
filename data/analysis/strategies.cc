#include "data/analysis/strategies.h"

#include <algorithm>
#include <array>
#include <vector>

#include "data/error.h"
#include "data/math_text/verdict.h"
#include "data/similarity/normal_text.h"

namespace prm {
namespace {

using List = std::span<const std::string_view>;

constexpr std::array<std::string_view, 11> kMath = {
    "algebraic_procedure", "inspect_verify", "backward",    "case_split",
    "unit_ratio",          "geometric",      "estimate",    "enumerate",
    "induction",           "contradiction",  kOtherStrategy};
constexpr std::array<std::string_view, 3> kLogic = {"forward", "backward_chaining", kOtherStrategy};
// Problems in medicine and law are often calculations or chains of conditions.
constexpr std::array<std::string_view, 15> kMedicine = {"symptom_cluster",
                                                        "differential_elimination",
                                                        "forward",
                                                        "backward_chaining",
                                                        "algebraic_procedure",
                                                        "inspect_verify",
                                                        "backward",
                                                        "case_split",
                                                        "unit_ratio",
                                                        "geometric",
                                                        "estimate",
                                                        "enumerate",
                                                        "induction",
                                                        "contradiction",
                                                        kOtherStrategy};
constexpr std::array<std::string_view, 15> kLaw = {
    "precedent",      "first_principles", "forward",    "backward_chaining", "algebraic_procedure",
    "inspect_verify", "backward",         "case_split", "unit_ratio",        "geometric",
    "estimate",       "enumerate",        "induction",  "contradiction",     kOtherStrategy};

// Words that indicate a strategy, between spaces in normal text. `least`: minimum number of steps.
struct Cue {
  std::string_view strategy;
  std::string_view words;
  int least = 1;
};

constexpr Cue kMathCues[] = {
    {"contradiction", "contradiction"},
    {"contradiction", "contradicts"},
    {"contradiction", "assume the contrary"},
    {"induction", "induction"},
    {"induction", "inductive"},
    {"case_split", "case 1"},
    {"case_split", "case i"},
    {"case_split", "first case"},
    {"case_split", "cases"},
    {"case_split", "either", 2},
    {"backward", "backward"},
    {"backward", "backwards"},
    {"backward", "in reverse"},
    {"backward", "undo"},
    {"inspect_verify", "by inspection"},
    {"inspect_verify", "try"},
    {"inspect_verify", "trying"},
    {"inspect_verify", "guess"},
    {"inspect_verify", "trial and error"},
    {"inspect_verify", "too big", 2},
    {"inspect_verify", "too small", 2},
    {"enumerate", "list all"},
    {"enumerate", "list the"},
    {"enumerate", "enumerate"},
    {"enumerate", "possibilities are"},
    {"enumerate", "count them"},
    {"enumerate", "one by one"},
    {"geometric", "triangle", 2},
    {"geometric", "pythagorean"},
    {"geometric", "angle", 2},
    {"geometric", "circle", 2},
    {"geometric", "radius", 2},
    {"geometric", "perpendicular", 2},
    {"geometric", "draw"},
    {"geometric", "diagram"},
    {"geometric", "number line"},
    {"estimate", "estimate"},
    {"estimate", "roughly", 2},
    {"estimate", "approximately", 2},
    {"unit_ratio", "ratio"},
    {"unit_ratio", "proportion"},
    {"unit_ratio", "unit rate"},
    {"unit_ratio", "per", 2},
    {"unit_ratio", "each part"},
    {"unit_ratio", "one part"},
};
constexpr Cue kLogicCues[] = {
    {"backward_chaining", "backward"},        {"backward_chaining", "backwards"},
    {"backward_chaining", "to show that"},    {"backward_chaining", "it suffices"},
    {"backward_chaining", "it is enough to"}, {"backward_chaining", "for this to be true"},
    {"backward_chaining", "would need"},
};
constexpr Cue kMedicineCues[] = {
    {"differential_elimination", "rule out"},       {"differential_elimination", "ruled out"},
    {"differential_elimination", "rules out"},      {"differential_elimination", "differential"},
    {"differential_elimination", "excluded"},       {"differential_elimination", "excludes"},
    {"differential_elimination", "less likely"},    {"differential_elimination", "unlikely"},
    {"differential_elimination", "does not fit"},   {"differential_elimination", "speaks against"},
    {"differential_elimination", "argues against"},
};
constexpr Cue kLawCues[] = {
    {"precedent", "precedent"}, {"precedent", "held in"},   {"precedent", "held that"},
    {"precedent", "v"},         {"precedent", "case law"},  {"precedent", "earlier case"},
    {"precedent", "decided"},   {"precedent", "the court"},
};

struct DomainRules {
  List strategies;
  std::span<const Cue> cues;
  std::string_view otherwise;  // if no cue matches
  bool may_calculate = false;  // without a cue, steps that calculate use the rules of mathematics
};

const DomainRules& RulesOf(std::string_view domain) {
  static constexpr DomainRules kMathRules{kMath, kMathCues, "algebraic_procedure"};
  static constexpr DomainRules kLogicRules{kLogic, kLogicCues, "forward"};
  static constexpr DomainRules kMedicineRules{kMedicine, kMedicineCues, "symptom_cluster", true};
  static constexpr DomainRules kLawRules{kLaw, kLawCues, "first_principles", true};
  constexpr std::string_view kQuantitative[] = {
      "math",      "physics",    "chemistry",   "science",          "finance",
      "rates",     "percent",    "percentages", "linear_equations", "units",
      "equations", "arithmetic", "algebra",     "geometry"};
  const std::string_view stem = domain.substr(0, domain.find('-'));
  if (stem == "medicine") return kMedicineRules;
  if (stem == "law") return kLawRules;
  const bool quantitative = std::find(std::begin(kQuantitative), std::end(kQuantitative), stem) !=
                            std::end(kQuantitative);
  return quantitative ? kMathRules : kLogicRules;
}

bool HasWords(std::string_view spaced, std::string_view words) {
  for (size_t at = spaced.find(words); at != spaced.npos; at = spaced.find(words, at + 1)) {
    const size_t end = at + words.size();
    if (at > 0 && spaced[at - 1] == ' ' && end < spaced.size() && spaced[end] == ' ') return true;
  }
  return false;
}

// The first cue found in enough steps; nullptr if none.
const Cue* SpokenCue(std::span<const Cue> cues, const std::vector<std::string>& steps) {
  for (const Cue& cue : cues) {
    const auto count = std::count_if(steps.begin(), steps.end(), [&](const std::string& step) {
      return HasWords(step, cue.words);
    });
    if (count >= cue.least) return &cue;
  }
  return nullptr;
}

bool TriesValue(const StepCheck& check) {
  return std::any_of(
      check.relations.begin(), check.relations.end(),
      [](const RelationCheck& relation) { return relation.reason == Reason::kCandidateVerified; });
}

}  // namespace

List StrategiesOf(std::string_view domain) { return RulesOf(domain).strategies; }

bool IsStrategyOf(std::string_view strategy, std::string_view domain) {
  const List list = StrategiesOf(domain);
  return std::find(list.begin(), list.end(), strategy) != list.end();
}

StrategySuggestion SuggestStrategy(const Trace& trace, std::span<const StepCheck> checks) {
  constexpr size_t kMaxSteps = 200;  // enough to determine the strategy
  std::vector<std::string> steps;
  for (const Step& step : trace.steps) {
    if (steps.size() == kMaxSteps) break;
    steps.push_back(" " + NormalText(step.text) + " ");
  }
  const DomainRules* rules = &RulesOf(trace.domain);
  const Cue* cue = SpokenCue(rules->cues, steps);
  const bool calculates = std::any_of(checks.begin(), checks.end(), [](const StepCheck& check) {
    return check.verdict != Verdict::kNotChecked;
  });
  if (cue == nullptr && calculates && rules->may_calculate) {
    rules = &RulesOf("math");
    cue = SpokenCue(rules->cues, steps);
  }
  const bool proof =
      cue != nullptr && (cue->strategy == "contradiction" || cue->strategy == "induction" ||
                         cue->strategy == "case_split");
  const bool mathematics = rules->strategies.data() == kMath.data();
  // A value tried before anything is derived; later, it would only check the result.
  if (mathematics && !proof && !checks.empty() && TriesValue(checks.front())) {
    return {"inspect_verify", "the first step tries a value that fits"};
  }
  if (cue != nullptr) return {cue->strategy, StrCat("\"", cue->words, "\"")};
  return {rules->otherwise, ""};
}

}  // namespace prm
