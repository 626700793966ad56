#include "data/formats/label_policy.h"

#include <algorithm>
#include <array>

#include "data/error.h"

namespace prm {
namespace {

constexpr std::array<std::string_view, 4> kFateNames = {"own", "positive", "negative", "masked"};

// Returns true if the step's label changed.
bool Apply(LabelFate fate, Step* step, bool* necessity_known) {
  const std::optional<StepLabel> before = step->label;
  switch (fate) {
    case LabelFate::kOwn:
      return false;
    case LabelFate::kPositive:
      step->label = StepLabel::kCorrectNecessary;
      *necessity_known = false;
      break;
    case LabelFate::kNegative:
      step->label = StepLabel::kIncorrect;
      break;
    case LabelFate::kMasked:
      step->label.reset();
      break;
  }
  return step->label != before;
}

}  // namespace

std::string_view LabelFateName(LabelFate fate) { return kFateNames[size_t(fate)]; }

void CheckFates(const LabelPolicy& policy) {
  if (policy.incomplete == LabelFate::kPositive) {
    throw OptionError("an incomplete step is an error: own, negative or masked, not positive");
  }
  if (policy.after_first_error == LabelFate::kPositive) {
    throw OptionError("steps after the first error: own, negative or masked, not positive");
  }
}

std::string PolicyToJson(const LabelPolicy& policy) {
  return StrCat(R"({"redundant":")", LabelFateName(policy.redundant), R"(","incomplete":")",
                LabelFateName(policy.incomplete), R"(","after_first_error":")",
                LabelFateName(policy.after_first_error), R"(","null":"masked"})");
}

void ApplyPolicy(const LabelPolicy& policy, Trace* trace, PolicyEffect* effect) {
  std::vector<Step>& steps = trace->steps;
  bool* known = &trace->necessity_known;
  for (Step& step : steps) {
    if (step.label != StepLabel::kCorrectRedundant) continue;
    effect->redundant += Apply(policy.redundant, &step, known);
  }
  // Incomplete steps are errors, so the first error is determined before they are masked.
  const int labelled = FirstLabelledError(*trace);
  int first = trace->first_error.value_or(labelled);
  if (labelled >= 0 && (first < 0 || labelled < first)) first = labelled;
  if (trace->first_error && first != *trace->first_error) trace->first_error = first;
  for (size_t i = 0; i < steps.size(); ++i) {
    const bool after = first >= 0 && i > size_t(first);
    if (after && policy.after_first_error != LabelFate::kOwn) {
      effect->after_first_error += Apply(policy.after_first_error, &steps[i], known);
    } else if (steps[i].label == StepLabel::kIncomplete) {
      effect->incomplete += Apply(policy.incomplete, &steps[i], known);
    }
  }
  const bool was_masked = first >= 0 && labelled == first && !steps[size_t(first)].label;
  if (was_masked) trace->first_error.reset();
}

}  // namespace prm
