// Rerank files: problems with candidate solutions in, ranked candidates out, as JSON lines.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/answers/answers.h"
#include "data/io/text_io.h"
#include "data/metrics/aggregates.h"
#include "data/metrics/ranking.h"
#include "data/records/score_lines.h"
#include "data/trace.h"

namespace prm {

struct RerankCandidate {
  std::vector<std::string> steps;     // at least one, none blank
  std::optional<std::string> answer;  // as given; a JSON number as written
  std::optional<bool> is_correct;
};

struct RerankProblem {
  std::string id;
  std::string problem;
  std::optional<std::string> ground_truth;
  std::vector<RerankCandidate> candidates;  // at least one
};

// Parses the problem of one JSON object; unknown fields are ignored. Throws Error(kInvalidArgument)
// "where: candidates[3].steps[1]: expected .., got ..".
RerankProblem ParseRerankProblem(std::string_view json, std::string_view where);

// Reads problems one by one from a plain, gzip or xz file, or "-"; blank lines are skipped. Used by
// one thread at a time.
class RerankReader {
 public:
  explicit RerankReader(const std::filesystem::path& path) : lines_(path) {}
  // Returns false at the end. Throws Error naming file, line and field; the next call continues
  // with the following line.
  bool Next(RerankProblem* problem);
  // "rerank.jsonl:17": the place of the problem that Next returned last.
  std::string Where() const;

 private:
  LineReader lines_;
};

// Candidate `index` as a trace to score, with id "<problem id>/<index>".
Trace CandidateTrace(const RerankProblem& problem, int index);

// The given answer, else the one found in the last step; nullopt if there is none.
std::optional<FoundAnswer> CandidateAnswer(const RerankCandidate& candidate);

// `is_correct` if given, else whether the answer equals the ground truth (no answer: false);
// nullopt if neither is known.
std::optional<bool> CandidateIsCorrect(const RerankProblem& problem, int index);

struct RerankResult {
  std::string id;
  Ranking ranking;
  std::vector<ScoreLine> candidates;                // [N]
  std::vector<std::optional<FoundAnswer>> answers;  // [N]
  std::vector<std::string> normalized;              // [N] answers; empty: none
  std::vector<int> doubtful;                        // see DoubtfulWinners
};

// lines [N]: one per candidate, in order. Throws Error(kInvalidArgument) if their number differs.
RerankResult RankProblem(const RerankProblem& problem, std::vector<ScoreLine> lines,
                         AggregateKind weight = AggregateKind::kMin);

// The input of RankCandidates for each candidate of `result`.
std::vector<RankedCandidate> RankedCandidates(const RerankResult& result);

// One line of formats section 8, without newline. Each candidate's line also has `answer` (as
// written), `normalized_answer` and `answer_source`, all null if none was found. A choice that
// cannot be made is null. `ties` names the rules whose choice is tied, each with the tied
// candidates; `doubtful` is as in DoubtfulWinners.
std::string RerankResultToJson(const RerankResult& result);

}  // namespace prm
