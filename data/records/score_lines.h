// Scores of one trace as a JSON line: the output of `prm score`, `prm ask` and `prm rerank`.
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

// The scores of one trace with derived values, or the reason why it has none: a row of a score file
// and of the scoring service's answers.
struct ScoreLine {
  std::string id;
  TraceScores scores;  // [S]
  Aggregates aggregate;
  std::optional<int> first_error;  // first step with p_correct below the threshold; nullopt: none
  int tokens = 0;                  // of the trace as read by the model; not in files
  std::optional<Error> error;      // set: the trace was not scored; only `id` is valid
};

// Throws Error(kInvalidArgument) for no steps, Error(kInternal) for a score outside [0, 1].
ScoreLine MakeScoreLine(std::string id, TraceScores scores, double threshold);
ScoreLine MakeErrorLine(std::string id, Error error);

// One line of a score file, without newline. `label_probs` is present only if known; `first_error`
// is -1 if there is none. With an error, only `id` and the text of `error` are written.
std::string ScoreLineToJson(const ScoreLine& line);
// Appends only the members, without braces, for a line that has more.
void AppendScoreLineMembers(const ScoreLine& line, std::string* json);

// Parses the line of one JSON object. `id` and one of `scores`, `label_probs`, `error` are
// required; unknown fields are ignored. Absent values are derived: scores from label_probs,
// aggregates from the scores, first_error at the threshold 0.5. An error gets the code
// kInvalidArgument, as files hold only its text. Throws Error(kInvalidArgument) naming `where` and
// the field: values outside [0, 1], probabilities that do not sum to 1 or to their score within
// 1e-3, lists of different lengths, first_error beyond the steps.
ScoreLine ParseScoreLine(std::string_view json, std::string_view where);

// Reads score lines one by one from a plain, gzip or xz file, or "-"; blank lines are skipped. Used
// by one thread at a time.
class ScoreLineReader {
 public:
  explicit ScoreLineReader(const std::filesystem::path& path) : lines_(path) {}
  // Returns false at the end. Throws Error naming file, line and field; the next call continues
  // with the following line.
  bool Next(ScoreLine* line);
  // "scores.jsonl:17": the place of the line that Next returned last.
  std::string Where() const;

 private:
  LineReader lines_;
};

}  // namespace prm
