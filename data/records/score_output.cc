#include "data/records/score_output.h"

#include <algorithm>

#include "data/error.h"

namespace prm {

ScoreOutput::ScoreOutput(const std::string& path) : path_(path), file_(path) {}

void ScoreOutput::Write(const ScoreLine& line) {
  file_.Write(ScoreLineToJson(line) + "\n");
  ++traces_;
  refused_ += line.error ? 1 : 0;
  tokens_ += line.tokens;
  progress_.Update([this] { return Rate(); });
}

void ScoreOutput::Finish() {
  progress_.Finish(Rate());
  file_.Commit();
  if (refused_ > 0) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(refused_, " of ", traces_, " traces could not be scored; their lines in ",
                       path_, " say why"));
  }
}

std::string ScoreOutput::Rate() const {
  const double seconds =
      std::max(1e-9, std::chrono::duration<double>(Clock::now() - start_).count());
  return StrCat(traces_, " traces, ", tokens_, " tokens, ", int64_t(double(tokens_) / seconds),
                " tokens/s");
}

}  // namespace prm
