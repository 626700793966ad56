// The error of a score that is not finite.
#pragma once

#include <string>

#include "data/error.h"

namespace prm {

// kDataLoss: the score of a step is not finite.
class ScoreNotFinite : public Error {
 public:
  // `read`: index among the requested reads. `where` is a prefix of the message, for example "trace
  // 3 of the batch: ".
  ScoreNotFinite(int read, int step, const std::string& where = "")
      : Error(ErrorCode::kDataLoss,
              StrCat(where, "step ", step, ": the model's score is not finite: its weights ",
                     "are damaged, or too large for their number format")),
        read_(read) {}
  int read() const { return read_; }

 private:
  int read_;
};

}  // namespace prm
