#include "data/trace.h"

#include <algorithm>

namespace prm {

LabelSet AdmissibleLabels(const Trace& trace, int index) {
  const std::optional<StepLabel> label = trace.steps.at(size_t(index)).label;
  if (!label) return LabelSet();
  if (!trace.necessity_known && *label == StepLabel::kCorrectNecessary) return LabelSet::Correct();
  return LabelSet(*label);
}

int FirstLabelledError(const Trace& trace) {
  for (size_t i = 0; i < trace.steps.size(); ++i) {
    const std::optional<StepLabel>& label = trace.steps[i].label;
    if (label && IsError(*label)) return int(i);
  }
  return -1;
}

std::optional<int> DecidedFirstError(const Trace& trace) {
  for (size_t i = 0; i < trace.steps.size(); ++i) {
    const std::optional<StepLabel>& label = trace.steps[i].label;
    if (!label) return std::nullopt;
    if (IsError(*label)) return int(i);
  }
  return -1;
}

std::optional<StepLabel> ParseLabel(std::string_view name) {
  const auto found = std::find(kLabelNames.begin(), kLabelNames.end(), name);
  if (found == kLabelNames.end()) return std::nullopt;
  return StepLabel(found - kLabelNames.begin());
}

}  // namespace prm
