// The gate before annotation: no full annotation before a calibration round has passed. Rules and
// the state machine are pure; whoever hands out work asks them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "data/agreement/annotator_card.h"
#include "data/agreement/ratings_file.h"
#include "data/agreement/statistics.h"

namespace prm {

// Recorded with every round that they judged.
struct GateOptions {
  // The set.
  int64_t min_traces = 30;
  int64_t min_steps = 150;
  double min_error_share = 0.25;      // of steps incorrect or incomplete
  double min_redundant_share = 0.10;  // of steps
  int64_t min_right_answer_wrong_step = 5;
  int64_t min_clean = 5;
  // The group.
  double min_alpha = 0.80;            // nominal, four labels
  double min_alpha_low = 0.667;       // lower end of its interval
  double min_incorrect_alpha = 0.80;  // incorrect against the rest
  int64_t min_label_units = 10;       // units on which somebody gave the label
  // The person.
  double min_gold_accuracy = 0.75;
  double min_incorrect_recall = 0.80;
  double max_false_alarms = 0.10;
};

enum class RuleVerdict : uint8_t { kPassed, kFailed, kInsufficient };
std::string_view VerdictName(RuleVerdict verdict);

struct RuleResult {
  std::string rule;  // "nominal alpha"
  RuleVerdict verdict = RuleVerdict::kInsufficient;
  std::optional<double> value;  // nullopt: not measured
  double bar = 0;
  bool is_upper_bar = false;  // the value may be at most the bar
  std::string detail;         // why insufficient; empty: nothing to add
};

// Insufficient where one rule is: what cannot be measured is neither passed nor failed. Else failed
// where one rule is. No rules: insufficient.
RuleVerdict Together(const std::vector<RuleResult>& rules);

struct GroupEvidence {
  std::optional<CalibrationSet> set;  // of the four step labels; nullopt: no gold
  Statistic alpha, incorrect_alpha;
  std::optional<double> alpha_low;   // nullopt: no interval
  std::vector<int64_t> label_units;  // [4] units on which somebody gave the label
  int64_t candidates = 0;
  int64_t missing = 0;  // labels that a candidate owes: all rate all
};
std::vector<RuleResult> JudgeGroup(const GroupEvidence& evidence, const GateOptions& options = {});

struct PersonEvidence {
  std::string annotator;
  Rate gold, gold_incorrect, false_alarms;
  int64_t done = 0, asked = 0;  // items of the set
  // Active time, and the reading floor of the same steps; nullopt: not measured.
  std::optional<double> seconds, floor_seconds;
};
std::vector<RuleResult> JudgePerson(const PersonEvidence& evidence,
                                    const GateOptions& options = {});

// --- the state machine --------------------------------------------------------------------------

enum class GateStatus : uint8_t { kDraft, kCalibrating, kPassed, kFailed };
std::string_view StatusName(GateStatus status);

struct PersonResult {
  std::string annotator;
  std::vector<RuleResult> rules;
};

struct GateRound {
  int guideline_version = 1;
  std::string set;  // id of the calibration set
  GateOptions options;
  std::vector<RuleResult> group;
  std::vector<PersonResult> people;
};

// Of one project and domain. Labels of a round count only where its version has passed.
struct GateState {
  std::string project, domain;
  int guideline_version = 1;
  GateStatus status = GateStatus::kDraft;
  std::string set;                               // being rated, while calibrating
  std::vector<GateRound> rounds;                 // finished, in order; insufficient ones too
  std::set<std::string> used_sets;               // seen by candidates: never again a fresh one
  std::set<std::string> passed;                  // annotators who passed under this version
  std::map<std::string, std::string> suspended;  // annotator -> reason
};

// draft -> calibrating; a set that was used is refused.
struct StartRound {
  std::string set;
};
// calibrating -> passed | failed, or stays calibrating where the evidence is insufficient.
struct FinishRound {
  GateOptions options;
  GroupEvidence group;
  std::vector<PersonEvidence> people;
};
// passed | failed -> calibrating with the next version and a fresh set; nobody has passed yet.
struct NextVersion {
  std::string set;
};
// calibrating -> calibrating with a fresh set, after an insufficient round.
struct AnotherSet {
  std::string set;
};
struct SuspendAnnotator {
  std::string annotator, reason;
};
// A suspended annotator, or one who failed as a person, passes with new evidence under the same
// version once the group has passed.
struct JudgeAgain {
  GateOptions options;
  PersonEvidence person;
  std::string set;
};
using GateEvent =
    std::variant<StartRound, FinishRound, NextVersion, AnotherSet, SuspendAnnotator, JudgeAgain>;

// Throws Error(kFailedPrecondition) for an event that the status does not allow and for a set that
// was used before.
GateState Apply(GateState state, const GateEvent& event);

// Empty: yes. Else the reason, as it is told to the annotator.
std::string WhyMayNotAnnotate(const GateState& state, const std::string& annotator);

// Whether labels collected under this version may leave: only where its gate has passed, and never
// those of a round that did not.
bool MayExport(const GateState& state, int guideline_version);

}  // namespace prm
