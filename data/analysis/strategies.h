// Which way a solution goes: the closed lists of strategies by domain and a suggestion for the tag.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "data/symbolic/operations.h"
#include "data/symbolic/step_checker.h"
#include "data/trace.h"

namespace prm {

inline constexpr std::string_view kOtherStrategy = "other";

// The strategies that a trace of `domain` may be tagged with, "other" last. Domains without a list
// of their own have {forward, backward_chaining, other}.
std::span<const std::string_view> StrategiesOf(std::string_view domain);

bool IsStrategyOf(std::string_view strategy, std::string_view domain);

struct StrategySuggestion {
  std::string_view strategy;  // one of StrategiesOf
  std::string cue;            // the words or the check it rests on; empty: nothing spoke against it
};

// Rules over the words of the steps and what the symbolic checker found in them, the more telling
// first. A suggestion for the annotator, who chooses.
StrategySuggestion SuggestStrategy(const Trace& trace, std::span<const StepCheck> checks);

}  // namespace prm
