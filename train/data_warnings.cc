#include "train/data_warnings.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <unordered_set>

#include "data/error.h"

namespace prm {
namespace {

size_t HashOf(const Trace& trace) {
  std::string text = trace.problem;
  for (const Step& step : trace.steps) text.append(1, '\0').append(step.text);
  return std::hash<std::string_view>()(text);
}

}  // namespace

std::vector<std::string> ClassWarnings(std::span<const Example> examples,
                                       const std::string& source) {
  int64_t labelled = 0, correct = 0, wrong = 0;
  for (const Example& example : examples) {
    for (const StepTarget& target : example.targets) {
      if (!target.counts()) continue;
      ++labelled;
      const bool has_label = !target.labels.empty();
      correct += has_label ? target.labels.IsWithin(LabelSet::Correct()) : *target.soft == 1;
      wrong += has_label ? target.labels.IsWithin(LabelSet::Wrong()) : *target.soft == 0;
    }
  }
  if (labelled == 0 || (correct < labelled && wrong < labelled)) return {};
  const char* all = correct == labelled ? "correct" : "wrong";
  return {StrCat(source, ": all ", labelled, " labelled steps are ", all,
                 source == "dev"
                     ? ": there is no step AUROC, and the lowest loss chooses best/"
                     : ": from such data a model learns to give every step this label")};
}

std::vector<std::string> OverlapWarnings(std::span<const Trace> train, std::span<const Trace> dev) {
  std::unordered_set<size_t> seen;
  for (const Trace& trace : train) seen.insert(HashOf(trace));
  const auto both =
      std::ranges::count_if(dev, [&](const Trace& trace) { return seen.contains(HashOf(trace)); });
  if (both == 0) return {};
  return {StrCat("dev: ", both, " of its ", dev.size(),
                 " traces are in the training data too: best/ will be the checkpoint that "
                 "memorised them best, and the "
                 "figures say little about other traces (prm data split makes parts that share no "
                 "problem)")};
}

}  // namespace prm
