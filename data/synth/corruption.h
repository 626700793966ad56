// Flaws with a known label planted into right traces.
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

// One number or operator of `step` changed so that a relation of it does not hold.
struct CorruptedStep {
  std::string text;
  std::string_view kind;  // "number" or "operator"
  std::string before;     // the token
  std::string after;
};

// Changes a closed equality that `check` (of `step`, described) found to hold; nothing where there
// is none or where the change leaves it true. That the two sides differ is read from their values,
// not from the verdict.
std::optional<CorruptedStep> CorruptStep(std::string_view step, const StepCheck& check,
                                         SynthRandom* random);

// "necessary", "redundant", "incomplete", "incorrect".
enum class Corruption : uint8_t { kNecessary, kRedundant, kIncomplete, kIncorrect };
inline constexpr int kNumCorruptions = 4;
inline constexpr std::array<std::string_view, kNumCorruptions> kCorruptionNames = {
    "necessary", "redundant", "incomplete", "incorrect"};

// `trace`, whose steps must all be labelled correct, with one flaw: kIncorrect changes a number or
// an operator; kRedundant says a step again; kIncomplete leaves out the step that a later one takes
// a number from; kNecessary changes nothing. Steps behind the first error carry no label. The id
// gets the suffix "#incorrect", `meta_json` says what was changed and where from. Nothing where the
// trace allows no such flaw. Equal seeds give equal traces.
// Source: Xia et al. 2024, "Evaluating mathematical reasoning beyond accuracy" (ReasonEval),
// section 4.
std::optional<Trace> CorruptTrace(const Trace& trace, Corruption corruption, uint64_t seed);

}  // namespace prm
