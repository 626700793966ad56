#include <algorithm>

#include "data/agreement/calibration_gate.h"
#include "data/error.h"

namespace prm {
namespace {

[[noreturn]] void Refuse(const GateState& state, std::string_view what) {
  throw Error(ErrorCode::kFailedPrecondition,
              StrCat("gate of project ", state.project, ", domain ", state.domain, ", version ",
                     state.guideline_version, " (", StatusName(state.status), "): ", what));
}

void Need(const GateState& state, bool allowed, std::string_view event) {
  if (!allowed) Refuse(state, StrCat("cannot ", event));
}

void UseSet(GateState* state, const std::string& set) {
  if (set.empty()) Refuse(*state, "expected the id of a calibration set");
  if (!state->used_sets.insert(set).second) {
    Refuse(*state, "calibration set " + set + " was used before; a fresh one is needed");
  }
  state->set = set;
  state->status = GateStatus::kCalibrating;
}

// Judges the annotator and records whether they passed.
PersonResult Judge(const PersonEvidence& person, const GateOptions& options, GateState* state) {
  PersonResult result{person.annotator, JudgePerson(person, options)};
  if (Together(result.rules) == RuleVerdict::kPassed) state->passed.insert(person.annotator);
  return result;
}

struct Machine {
  GateState state;

  void operator()(const StartRound& event) {
    Need(state, state.status == GateStatus::kDraft, "start a round");
    UseSet(&state, event.set);
  }

  void operator()(const FinishRound& event) {
    Need(state, state.status == GateStatus::kCalibrating && !state.set.empty(), "finish a round");
    GateRound round{state.guideline_version,
                    state.set,
                    event.options,
                    JudgeGroup(event.group, event.options),
                    {}};
    const RuleVerdict verdict = Together(round.group);
    if (verdict == RuleVerdict::kPassed) state.status = GateStatus::kPassed;
    if (verdict == RuleVerdict::kFailed) state.status = GateStatus::kFailed;
    for (const PersonEvidence& person : event.people) {
      round.people.push_back(Judge(person, event.options, &state));
    }
    if (verdict != RuleVerdict::kPassed) state.passed.clear();
    state.rounds.push_back(std::move(round));
    state.set.clear();
  }

  void operator()(const NextVersion& event) {
    Need(state, state.status == GateStatus::kPassed || state.status == GateStatus::kFailed,
         "start the next version");
    ++state.guideline_version;
    state.passed.clear();
    UseSet(&state, event.set);
  }

  void operator()(const AnotherSet& event) {
    Need(state, state.status == GateStatus::kCalibrating && state.set.empty(),
         "take another set before the round is finished");
    UseSet(&state, event.set);
  }

  void operator()(const SuspendAnnotator& event) {
    state.passed.erase(event.annotator);
    state.suspended[event.annotator] = event.reason;
  }

  void operator()(const JudgeAgain& event) {
    Need(state, state.status == GateStatus::kPassed, "judge a person before the group has passed");
    if (event.set.empty() || !state.used_sets.insert(event.set).second) {
      Refuse(state, "expected a set that was not used before, got \"" + event.set + "\"");
    }
    GateRound round{state.guideline_version, event.set, event.options, {}, {}};
    round.people.push_back(Judge(event.person, event.options, &state));
    if (state.passed.contains(event.person.annotator)) {
      state.suspended.erase(event.person.annotator);
    }
    state.rounds.push_back(std::move(round));
  }
};

}  // namespace

std::string_view StatusName(GateStatus status) {
  switch (status) {
    case GateStatus::kDraft:
      return "draft";
    case GateStatus::kCalibrating:
      return "calibrating";
    case GateStatus::kPassed:
      return "passed";
    case GateStatus::kFailed:
      return "failed";
  }
  return "unknown";
}

GateState Apply(GateState state, const GateEvent& event) {
  Machine machine{std::move(state)};
  std::visit(machine, event);
  return std::move(machine.state);
}

std::string WhyMayNotAnnotate(const GateState& state, const std::string& annotator) {
  if (state.status != GateStatus::kPassed) {
    return StrCat("calibration of guideline version ", state.guideline_version, " is ",
                  StatusName(state.status), ", not passed");
  }
  const auto suspended = state.suspended.find(annotator);
  if (suspended != state.suspended.end()) return "suspended: " + suspended->second;
  if (!state.passed.contains(annotator)) {
    return StrCat("has not passed the calibration of guideline version ", state.guideline_version);
  }
  return "";
}

bool MayExport(const GateState& state, int guideline_version) {
  if (guideline_version == state.guideline_version) return state.status == GateStatus::kPassed;
  return std::any_of(state.rounds.begin(), state.rounds.end(), [&](const GateRound& round) {
    return round.guideline_version == guideline_version &&
           Together(round.group) == RuleVerdict::kPassed;
  });
}

}  // namespace prm
