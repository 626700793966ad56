#include "data/score_output.h"

#include <cstdio>

#include "data/error.h"

namespace prm {

namespace {

constexpr std::chrono::milliseconds kReportEvery(200);

}  // namespace

ScoreOutput::ScoreOutput(const std::string& path) : path_(path), file_(path) {}

void ScoreOutput::Write(const ScoreLine& line, int64_t tokens) {
  file_.Write(ScoreLineToJson(line) + "\n");
  ++traces_;
  refused_ += line.error ? 1 : 0;
  tokens_ += tokens;
  if (Clock::now() - reported_ > kReportEvery) Report("");
}

void ScoreOutput::Finish() {
  Report("\n");
  file_.Commit();
  if (refused_ > 0) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(refused_, " of ", traces_, " traces could not be scored; their lines in ",
                       path_, " say why"));
  }
}

void ScoreOutput::Report(const char* end) {
  reported_ = Clock::now();
  const double seconds = std::chrono::duration<double>(reported_ - start_).count();
  std::fprintf(stderr, "\r%lld traces, %lld tokens, %.0f tokens/s%s", (long long)traces_,
               (long long)tokens_, double(tokens_) / seconds, end);
}

}  // namespace prm
