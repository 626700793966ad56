// Annotator records: identity, credentials by domain, and who may label what.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

using UtcTime = std::chrono::sys_seconds;

// Accepts "2026-03-01" (its first second) or "2026-03-01T12:00:00Z"; returns nullopt otherwise.
std::optional<UtcTime> ParseUtcTime(std::string_view text);
// "2026-03-01", plus the time of day unless it is midnight.
std::string FormatUtcTime(UtcTime time);

enum class AnnotatorRole : uint8_t { kAnnotator, kAuthor, kReviewer, kAdjudicator };
inline constexpr std::string_view kRoleNames[] = {"annotator", "author", "reviewer", "adjudicator"};

struct Credential {
  std::string domain;
  std::string issuer;    // who issued it
  std::string evidence;  // where it can be verified
  UtcTime issued;
  std::optional<UtcTime> expires;  // first instant at which it is invalid; nullopt: does not expire
};

struct AnnotatorRecord {
  std::string id;
  bool active = true;
  std::vector<AnnotatorRole> roles;
  std::vector<std::string> domains;  // domains they work in
  std::vector<Credential> credentials;
  std::vector<std::string> conflicts;  // ids of authors and names of sources they may not judge
};

// Parses the record of one JSON object:
//   {"id": "ann-07", "active": true, "roles": ["annotator"], "domains": ["math"],
//    "credentials": [{"domain": "math", "issuer": "..", "evidence": "..", "issued": "2026-01-01",
//                     "expires": "2028-01-01"}], "conflicts": ["ann-02"]}
// `active` and `conflicts` may be absent; `expires` may be null but not absent. Throws
// Error(kInvalidArgument) "`where`: field: ..", also for unknown fields, ids with control
// characters, credentials for domains that are not listed, and credentials that expire before they
// begin.
AnnotatorRecord ParseAnnotator(std::string_view json, std::string_view where);

struct AnnotatorsFile {
  std::vector<AnnotatorRecord> annotators;
  std::vector<std::string> refused;  // "annotators.jsonl:3: id: ..": invalid lines
};
// Reads JSON lines; a repeated id is refused. Throws Error only if the file cannot be read.
AnnotatorsFile ReadAnnotators(const std::filesystem::path& path);

// The work of labelling one trace.
struct LabelTask {
  std::string domain;
  AnnotatorRole role = AnnotatorRole::kAnnotator;
  std::string author;                    // the trace's author; empty: none known
  std::string source;                    // the trace's source; may be empty
  std::vector<std::string> labelled_by;  // whose labels a reviewer or adjudicator would judge
};

struct LabelPermit {
  bool allowed = false;
  std::string reason;  // of a refusal, as shown to the annotator
};
// Whether the annotator may do `task` at time `at`: active, has the role, works in the domain,
// holds a credential valid at that time, and judges neither their own work nor work they have a
// conflict of interest with. Denies by default. The calibration gate is separate: see
// data/agreement/calibration_gate.h.
LabelPermit MayLabel(const AnnotatorRecord& annotator, const LabelTask& task, UtcTime at);

// One line per annotator and domain: id, active or not, roles, domain, credential at time `at`.
// `domain` restricts the list to that domain; empty: all.
std::string ListAnnotators(const std::vector<AnnotatorRecord>& annotators, UtcTime at,
                           const std::string& domain = "");

}  // namespace prm
