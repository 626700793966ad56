// Plants flaws with known labels into right traces.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/symbolic/step_checker.h"
#include "data/text/random.h"
#include "data/trace.h"

namespace prm {

// `step` with one number or operator changed so that a relation in it fails.
struct CorruptedStep {
  std::string text;
  std::string_view kind;  // "number" or "operator"
  std::string before;     // the token
  std::string after;
};

// Changes a closed equality that `check` (of `step`, with describe) found to hold; nullopt if there
// is none or the change leaves it true. Inequality is decided by the sides' values, not by the
// verdict.
std::optional<CorruptedStep> CorruptStep(std::string_view step, const StepCheck& check,
                                         SynthRandom* random);

// "necessary", "redundant", "incomplete", "incorrect".
enum class Corruption : uint8_t { kNecessary, kRedundant, kIncomplete, kIncorrect };
inline constexpr int kNumCorruptions = 4;
inline constexpr std::array<std::string_view, kNumCorruptions> kCorruptionNames = {
    "necessary", "redundant", "incomplete", "incorrect"};

// Plants one flaw in `trace`, whose steps must all be labelled correct: kIncorrect changes a number
// or an operator; kRedundant repeats a step; kIncomplete drops a step whose number a later one
// uses; kNecessary changes nothing. Steps after the first error carry no label. The id gets a
// suffix such as "#incorrect"; `meta_json` records the change and its origin. nullopt if the trace
// allows no such flaw. Equal seeds give equal traces. Source: Xia et al. 2024, "Evaluating
// mathematical reasoning beyond accuracy" (ReasonEval), section 4.
std::optional<Trace> CorruptTrace(const Trace& trace, Corruption corruption, uint64_t seed);

}  // namespace prm
