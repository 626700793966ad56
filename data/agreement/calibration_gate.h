// The gate before annotation: full annotation is refused until a calibration round has passed. The
// rules and the state machine are pure; the code that assigns work calls them.
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

// Stored with every round judged by them.
struct GateOptions {
  // Rules about the calibration set.
  int64_t min_traces = 30;
  int64_t min_steps = 150;
  double min_error_share = 0.25;      // of steps incorrect or incomplete
  double min_redundant_share = 0.10;  // of steps
  int64_t min_right_answer_wrong_step = 5;
  int64_t min_clean = 5;
  // Rules about the group.
  double min_alpha = 0.80;            // nominal, four labels
  double min_alpha_low = 0.667;       // lower end of its interval
  double min_incorrect_alpha = 0.80;  // incorrect against the rest
  int64_t min_label_units = 10;       // units on which somebody gave the label
  // Rules about one annotator.
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
  bool is_upper_bar = false;  // true: `value` must be at most the bar; false: at least
  std::string detail;         // why insufficient; empty: nothing to add
};

// Combines rules: insufficient if any rule is (an unmeasured rule neither passes nor fails), else
// failed if any rule is. No rules: insufficient.
RuleVerdict Together(const std::vector<RuleResult>& rules);

struct GroupEvidence {
  std::optional<CalibrationSet> set;  // requires the four step labels; nullopt: no gold
  Statistic alpha, incorrect_alpha;
  std::optional<double> alpha_low;   // nullopt: no interval
  std::vector<int64_t> label_units;  // [4] units on which somebody gave the label
  int64_t candidates = 0;
  int64_t missing = 0;  // labels that a candidate has not given: all must rate all
};
std::vector<RuleResult> JudgeGroup(const GroupEvidence& evidence, const GateOptions& options = {});

struct PersonEvidence {
  std::string annotator;
  Rate gold, gold_incorrect, false_alarms;
  int64_t done = 0, asked = 0;  // items of the set
  // Active time, and the lower bound of the reading time for the same steps; nullopt: not measured.
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

// State of one project and domain. Labels of a round count only if its version has passed.
struct GateState {
  std::string project, domain;
  int guideline_version = 1;
  GateStatus status = GateStatus::kDraft;
  std::string set;                               // being rated, while calibrating
  std::vector<GateRound> rounds;                 // finished, in order; insufficient ones too
  std::set<std::string> used_sets;               // seen by candidates; never fresh again
  std::set<std::string> passed;                  // annotators who passed under this version
  std::map<std::string, std::string> suspended;  // annotator -> reason
};

// draft -> calibrating; a set used before is refused.
struct StartRound {
  std::string set;
};
// calibrating -> passed | failed; stays calibrating if the evidence is insufficient.
struct FinishRound {
  GateOptions options;
  GroupEvidence group;
  std::vector<PersonEvidence> people;
};
// passed | failed -> calibrating, with the next version and a fresh set; clears `passed`.
struct NextVersion {
  std::string set;
};
// calibrating -> calibrating, with a fresh set after an insufficient round.
struct AnotherSet {
  std::string set;
};
struct SuspendAnnotator {
  std::string annotator, reason;
};
// Judges again an annotator who was suspended or failed individually, on new evidence under the
// same version. Allowed once the group has passed.
struct JudgeAgain {
  GateOptions options;
  PersonEvidence person;
  std::string set;
};
using GateEvent =
    std::variant<StartRound, FinishRound, NextVersion, AnotherSet, SuspendAnnotator, JudgeAgain>;

// Throws Error(kFailedPrecondition) for an event that the status does not allow and for a set used
// before.
GateState Apply(GateState state, const GateEvent& event);

// Empty if the annotator may annotate; else the reason, as shown to them.
std::string WhyMayNotAnnotate(const GateState& state, const std::string& annotator);

// Whether labels collected under this version may be exported: only if its gate has passed. Labels
// of a round that did not pass are never exported.
bool MayExport(const GateState& state, int guideline_version);

}  // namespace prm
