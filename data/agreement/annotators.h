// Annotators as records: who they are to the project, for which domains they have credentials, and
// who may label what.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

using UtcTime = std::chrono::sys_seconds;

// "2026-03-01" (its first second) or "2026-03-01T12:00:00Z"; nullopt for anything else.
std::optional<UtcTime> ParseUtcTime(std::string_view text);
// "2026-03-01", or with the time of day where it is not midnight.
std::string FormatUtcTime(UtcTime time);

enum class AnnotatorRole : uint8_t { kAnnotator, kAuthor, kReviewer, kAdjudicator };
inline constexpr std::string_view kRoleNames[] = {"annotator", "author", "reviewer", "adjudicator"};

struct Credential {
  std::string domain;
  std::string issuer;    // who says so
  std::string evidence;  // where it can be looked up
  UtcTime issued;
  std::optional<UtcTime> expires;  // valid before it; nullopt: does not expire
};

struct AnnotatorRecord {
  std::string id;
  bool active = true;
  std::vector<AnnotatorRole> roles;
  std::vector<std::string> domains;  // that they work in
  std::vector<Credential> credentials;
  std::vector<std::string> conflicts;  // ids of authors and names of sources they may not judge
};

// The record that one JSON object describes:
//   {"id": "ann-07", "active": true, "roles": ["annotator"], "domains": ["math"],
//    "credentials": [{"domain": "math", "issuer": "..", "evidence": "..", "issued": "2026-01-01",
//                     "expires": "2028-01-01"}], "conflicts": ["ann-02"]}
// `active` and `conflicts` may be absent; `expires` may be null but not absent. Throws
// Error(kInvalidArgument) "`where`: field: ..", also for unknown fields, for ids with control
// characters, for credentials of domains not listed and for those that expire before they begin.
AnnotatorRecord ParseAnnotator(std::string_view json, std::string_view where);

struct AnnotatorsFile {
  std::vector<AnnotatorRecord> annotators;
  std::vector<std::string> refused;  // "annotators.jsonl:3: id: ..": lines that are no records
};
// JSON lines; an id that comes twice is refused. Throws Error only where the file cannot be read.
AnnotatorsFile ReadAnnotators(const std::filesystem::path& path);

// Work on one trace.
struct LabelTask {
  std::string domain;
  AnnotatorRole role = AnnotatorRole::kAnnotator;
  std::string author;                    // of the trace; empty: nobody known here
  std::string source;                    // of the trace; may be empty
  std::vector<std::string> labelled_by;  // of what a reviewer or adjudicator would judge
};

struct LabelPermit {
  bool allowed = false;
  std::string reason;  // of a refusal, as it is told to the annotator
};
// Who may label what at time `at`: active, in the role, working in the domain, with a credential
// valid at that time, and judging neither their own work nor what they have an interest in. Deny by
// default. Whether the calibration gate lets them is data/agreement/calibration_gate.h.
LabelPermit MayLabel(const AnnotatorRecord& annotator, const LabelTask& task, UtcTime at);

// One line an annotator and domain: id, whether active, roles, domain, credential at that time.
// `domain`: only that one; empty: all.
std::string ListAnnotators(const std::vector<AnnotatorRecord>& annotators, UtcTime at,
                           const std::string& domain = "");

}  // namespace prm
