// How a solution proceeds: the closed lists of strategies by domain, and a suggested tag.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "data/symbolic/operations.h"
#include "data/symbolic/step_checker.h"
#include "data/trace.h"

namespace prm {

inline constexpr std::string_view kOtherStrategy = "other";

// The strategies with which a trace of `domain` may be tagged, "other" last. Domains without their
// own list have {forward, backward_chaining, other}.
std::span<const std::string_view> StrategiesOf(std::string_view domain);

bool IsStrategyOf(std::string_view strategy, std::string_view domain);

struct StrategySuggestion {
  std::string_view strategy;  // one of StrategiesOf
  std::string cue;            // the words or check it rests on; empty: the default
};

// Applies rules to the words of the steps and the symbolic checker's findings, most telling first.
// Only a suggestion: the annotator chooses.
StrategySuggestion SuggestStrategy(const Trace& trace, std::span<const StepCheck> checks);

}  // namespace prm
