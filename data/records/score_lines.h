// Scores of one trace as a JSON line: what `prm score`, `prm ask` and `prm rerank` write.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/error.h"
#include "data/io/text_io.h"
#include "data/metrics/aggregates.h"
#include "data/scores.h"

namespace prm {

// The scores of one trace with what follows from them, or why it has none: a row of a score file
// and of the scoring service's answers.
struct ScoreLine {
  std::string id;
  TraceScores scores;  // [S]
  Aggregates aggregate;
  std::optional<int> first_error;  // first step with p_correct below the threshold; nullopt: none
  int tokens = 0;                  // of the trace as the model read it; not in files
  std::optional<Error> error;      // set: the trace was not scored; only `id` is valid beside it
};

// Throws Error(kInvalidArgument) for no steps, Error(kInternal) for a score outside [0, 1].
ScoreLine MakeScoreLine(std::string id, TraceScores scores, double threshold);
ScoreLine MakeErrorLine(std::string id, Error error);

// One line of a score file, without newline: `label_probs` only where they are, `first_error` -1
// where there is none, or `id` and the text of `error` instead of everything else.
std::string ScoreLineToJson(const ScoreLine& line);
// Appends the members alone, without the braces, for a line that carries more.
void AppendScoreLineMembers(const ScoreLine& line, std::string* json);

// The line that one JSON object describes. `id` and one of `scores`, `label_probs`, `error` are
// required; unknown fields are ignored. What is absent is derived: scores from label_probs,
// aggregates from the scores, first_error at the threshold 0.5. An error gets the code
// kInvalidArgument, as files hold its text only. Throws Error(kInvalidArgument)
// naming `where` and the field: values outside [0, 1], probabilities that do not sum to 1 or to
// their score within 1e-3, lists of different lengths, first_error beyond the steps.
ScoreLine ParseScoreLine(std::string_view json, std::string_view where);

// Reads score lines one by one from a plain, gzip or xz file, or "-"; blank lines are skipped. Used
// by one thread at a time.
class ScoreLineReader {
 public:
  explicit ScoreLineReader(const std::filesystem::path& path) : lines_(path) {}
  // False at the end. Throws Error naming file, line and field; the next call goes on with the
  // following line.
  bool Next(ScoreLine* line);
  // "scores.jsonl:17" of the line that Next gave last.
  std::string Where() const;

 private:
  LineReader lines_;
};

}  // namespace prm
