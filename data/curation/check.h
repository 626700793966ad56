// One report on a trace file: everything for or against training on it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/analysis/coverage.h"
#include "data/analysis/qa.h"
#include "data/analysis/step_lints.h"
#include "data/curation/authors.h"
#include "data/curation/finding_sample.h"
#include "data/math_text/verdict.h"
#include "data/records/trace_stream.h"
#include "data/similarity/contamination.h"
#include "data/similarity/duplicates.h"
#include "data/similarity/problem_table.h"

namespace prm {

struct CheckOptions {
  std::filesystem::path in;
  std::vector<std::filesystem::path> against;  // evaluation files
  std::filesystem::path guidelines;            // empty: the shipped ones
  std::filesystem::path plan;                  // of coverage; empty: 20 per cell
  size_t examples = 20;                        // of each kind of finding
  uint64_t seed = 1;                           // of the samples
  int threads = 0;                             // 0: all cores
};

// Diversity of one set of traces.
struct DiversityReport {
  int64_t traces = 0;
  std::optional<double> vendi;      // of operation paths; nullopt: no path
  int64_t paths = 0;                // traces with at least one operation
  std::optional<double> self_bleu;  // of a sample; nullopt: fewer than two traces
  std::optional<double> distinct2;  // of the same sample
  int64_t sampled = 0;              // traces in that sample
  std::map<std::string, std::map<std::string, int64_t>> strategies;  // by domain
  std::map<std::string, std::optional<double>> strategy_entropy;     // by domain, over its list
};

struct CheckReport {
  std::string file;
  uint64_t seed = 1;

  // Rows and the data card.
  int64_t rows = 0;
  RefusedLines refused;
  int64_t steps = 0;
  int64_t longest_trace = 0;                    // steps
  std::array<int64_t, kNumLabels> labels = {};  // of steps
  int64_t unlabelled_steps = 0;
  int64_t necessity_unknown = 0;                    // traces
  std::map<std::string, int64_t> sources, domains;  // traces
  FindingSample repeated_ids;

  // Two-level QA.
  std::array<std::array<int64_t, kNumStepsVerdicts>, kNumAnswerVerdicts> qa = {};
  std::array<int64_t, kNumQaStatuses> statuses = {};
  FindingSample right_answer_wrong_process, answer_conflicts, disputed_answers;

  // Lints.
  std::array<FindingSample, kNumLints> lints;
  std::vector<AuthorLength> authors;
  FindingSample unknown_strategies;

  // Symbolic checks: steps by verdict and label (last column: no label).
  std::array<std::array<int64_t, kNumLabels + 1>, 3> verdicts = {};
  std::array<int64_t, kNumReasons> reasons = {};
  int64_t hard_refutations = 0;
  std::array<FindingSample, kNumSymbolicConflicts> conflicts;

  // Duplicates and groups.
  std::array<FindingSample, kNumDuplicateKinds> duplicates;
  int64_t problems = 0, groups = 0;
  int64_t largest_group = 0;                 // traces
  std::array<FindingSample, 3> group_links;  // by ProblemLink: what joined two groups
  int64_t comparisons_left_out = 0;

  // Contamination; empty files: not asked for.
  std::vector<std::string> against;
  int64_t evaluation_problems = 0;
  std::array<FindingSample, kNumContaminationKinds> contamination;  // problems
  int64_t contaminated_traces = 0;

  // Diversity.
  DiversityReport all, passed;
  std::map<int64_t, int64_t> distinct_paths;  // problems by distinct valid paths
  int64_t problems_not_clustered = 0;         // too many distinct paths
  std::vector<CellState> coverage;            // of passed traces
};

// Reads `options.in` once. Lines that are not valid traces are counted and skipped. Memory: about 1
// kB per trace plus the problem's text, whatever the trace's length. Throws Error for files that
// cannot be read and for malformed evaluation files.
CheckReport CheckTraces(const CheckOptions& options);

// The report as one page of text, as JSON (keys: docs/checking_data.md), and as one HTML page with
// pictures.
std::string CheckText(const CheckReport& report);
std::string CheckJson(const CheckReport& report);
std::string CheckHtml(const CheckReport& report);

}  // namespace prm
