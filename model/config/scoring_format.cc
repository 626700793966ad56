#include "model/config/scoring_format.h"

#include "data/error.h"

namespace prm {

std::string LabelPolicyString(const LabelPolicyNames& policy) {
  return StrCat("redundant=", policy.redundant, ", incomplete=", policy.incomplete,
                ", after_first_error=", policy.after_first_error,
                ", unlabelled=", policy.unlabelled);
}

std::vector<StepLabel> Head::StepLabels() const {
  std::vector<StepLabel> step_labels;
  for (const std::string& name : labels) {
    const std::optional<StepLabel> label = ParseLabel(name);
    if (!label) return {};
    step_labels.push_back(*label);
  }
  return step_labels;
}

}  // namespace prm
