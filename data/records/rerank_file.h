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
  std::optional<std::string> answer;  // as given; a JSON number as it is written
  std::optional<bool> is_correct;
};

struct RerankProblem {
  std::string id;
  std::string problem;
  std::optional<std::string> ground_truth;
  std::vector<RerankCandidate> candidates;  // at least one
};

// The problem that one JSON object describes; unknown fields are ignored. Throws
// Error(kInvalidArgument) "where: candidates[3].steps[1]: expected .., got ..".
RerankProblem ParseRerankProblem(std::string_view json, std::string_view where);

// Reads problems one by one from a plain, gzip or xz file, or "-"; blank lines are skipped. Used by
// one thread at a time.
class RerankReader {
 public:
  explicit RerankReader(const std::filesystem::path& path) : lines_(path) {}
  // False at the end. Throws Error naming file, line and field; the next call goes on with the
  // following line.
  bool Next(RerankProblem* problem);
  // "rerank.jsonl:17" of the problem that Next gave last.
  std::string Where() const;

 private:
  LineReader lines_;
};

// Candidate `index` as a trace to score, with id "<problem id>/<index>".
Trace CandidateTrace(const RerankProblem& problem, int index);

// The given answer, else the one found in the last step; nullopt where there is none.
std::optional<FoundAnswer> CandidateAnswer(const RerankCandidate& candidate);

// `is_correct` where given, else whether the answer equals the ground truth (no answer: false);
// nullopt where neither is known.
std::optional<bool> CandidateIsCorrect(const RerankProblem& problem, int index);

struct RerankResult {
  std::string id;
  Ranking ranking;
  std::vector<ScoreLine> candidates;                // [N]
  std::vector<std::optional<FoundAnswer>> answers;  // [N]
  std::vector<std::string> normalized;              // [N] of answers; empty: none
  std::vector<int> doubtful;                        // DoubtfulWinners
};

// lines [N]: one a candidate, in order. Throws Error(kInvalidArgument) for another number of lines.
RerankResult RankProblem(const RerankProblem& problem, std::vector<ScoreLine> lines,
                         AggregateKind weight = AggregateKind::kMin);

// What RankCandidates looks at, of each candidate of `result`.
std::vector<RankedCandidate> RankedCandidates(const RerankResult& result);

// One line of formats section 8, without newline. Each candidate's line also says `answer` (as
// written), `normalized_answer` and `answer_source`, all null where none was found; a choice that
// cannot be made is null. `ties` names the rules whose choice does not stand alone, each with the
// candidates that tie; `doubtful` as DoubtfulWinners.
std::string RerankResultToJson(const RerankResult& result);

}  // namespace prm
