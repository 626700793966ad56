// One written solution of a problem, with or without a planted flaw.
#pragma once

#include <string>
#include <string_view>

#include "data/synth/problem.h"
#include "data/trace.h"

namespace prm {

enum class SynthFlaw { kNone, kIncorrect, kCancelling, kIncomplete };

struct SynthSolutionPlan {
  const SynthStrategy* strategy = nullptr;  // not null
  SynthFlaw flaw = SynthFlaw::kNone;
  int flaw_at = 0;                  // index of an operation; operations.size(): the conclusion
  bool separate_conclusion = true;  // false: the last operation's step also gives the answer
  bool wrong_answer = false;        // an incorrect step must also lead to a wrong answer
  int redundant_percent = 0;        // chance of a redundant step before each step
};

// Writes the steps, labels, first_error, final_correct, answer and strategy of a trace.
// `*flaw_kind` names the planted flaw ("none" without one). Returns false if the problem allows no
// such flaw there; then discard `*trace`.
bool WriteSolution(const SynthProblem& problem, const SynthSolutionPlan& plan, SynthRandom* random,
                   Trace* trace, std::string* flaw_kind);

}  // namespace prm
