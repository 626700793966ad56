// Scores of one trace as a JSON line: what `prm score`, `prm ask` and `prm rerank` write.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/io/text_io.h"
#include "data/metrics/aggregates.h"
#include "data/trace.h"

namespace prm {

struct ScoreLine {
  std::string id;
  std::vector<float> scores;            // [S] p_correct
  std::vector<LabelProbs> label_probs;  // [S], or empty where the model has no four labels
  Aggregates aggregate;
  int first_error = -1;              // first step with p_correct below the threshold; -1 none
  std::optional<std::string> error;  // set: the trace was not scored; only `id` is valid beside it
};

// Throws Error(kInvalidArgument) for no steps.
ScoreLine MakeScoreLine(std::string id, StepScores scores, double threshold);
ScoreLine MakeErrorLine(std::string id, std::string error);

// One line of formats section 2, without newline: `label_probs` only where they are, or `error`
// instead of everything but `id`. ParseScoreLine gives an equal line.
std::string ScoreLineToJson(const ScoreLine& line);
// Appends the members alone, without the braces, for a line that carries more.
void AppendScoreLineMembers(const ScoreLine& line, std::string* json);

// The line that one JSON object describes. `id` and one of `scores`, `label_probs`, `error` are
// required; unknown fields are ignored. What is absent is derived: scores from label_probs,
// aggregates from the scores, first_error at the threshold 0.5. Throws Error(kInvalidArgument)
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
