// Counts how often the checker refutes right steps and finds wrong ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "data/symbolic/step_checker.h"
#include "data/symbolic/verdict_counts.h"
#include "data/trace.h"

namespace prm::bench {

// Wilson score interval of 95 %. Source: Wilson 1927, "Probable inference, the law of succession,
// and statistical inference", JASA 22.
struct Proportion {
  int64_t hits = 0;
  int64_t of = 0;
  double value() const { return of == 0 ? 0 : double(hits) / double(of); }
  double Low() const;
  double High() const;
};

// "gsm8k" for grade-school prose, "prm800k" for competition solutions with LaTeX, "" for others.
std::string_view AuditStyle(std::string_view source);

struct AuditRow {
  VerdictCounts right;        // steps labelled correct
  int64_t right_refuted = 0;  // hard refutations of right steps
  int64_t confirmed = 0;      // of these, listed as real errors of the source
  Proportion closed_recall;   // closed arithmetic, corrupted: refuted hard
  // Steps with meta.error_type calculation_error that hold both sides of a relation and at least
  // one false relation: refuted hard.
  Proportion slip_recall;
  int64_t true_slips = 0;  // such steps whose relations are all true
};

struct Audit {
  // By style or source, and half: "gsm8k held-out".
  std::map<std::string, AuditRow> rows;
  // Hard refutations of right steps: "eic_gsm8k/12:3".
  std::vector<std::string> refuted_right;
};

// Whether a step that a source marks as a calculation error holds both sides of a relation: an
// operator between numbers, an equality sign, a number. Uses only characters, not the checker.
bool HoldsBothSides(std::string_view step);

class Auditor {
 public:
  // `confirmed`: identifiers of refuted_right that a person judged to be real errors.
  explicit Auditor(std::set<std::string> confirmed, uint64_t seed = 1)
      : confirmed_(std::move(confirmed)), seed_(seed) {}

  void Add(const Trace& trace, const std::vector<StepCheck>& checks);
  const Audit& audit() const { return audit_; }
  // The table of targets, as Markdown.
  std::string ToMarkdown() const;

 private:
  std::set<std::string> confirmed_;
  uint64_t seed_;
  Audit audit_;
};

// Reads one identifier per line; "#" starts a comment, blank lines are skipped. Throws Error, which
// names the file.
std::set<std::string> ReadConfirmedSlips(const std::filesystem::path& path);

}  // namespace prm::bench
