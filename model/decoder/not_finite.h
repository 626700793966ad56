// A score that is no number.
#pragma once

#include <string>

#include "data/error.h"

namespace prm {

// kDataLoss: the score of a step is no finite number.
class ScoreNotFinite : public Error {
 public:
  // `read`: of the steps that were to be read. `where` begins the message: "trace 3 of the batch:
  // ".
  ScoreNotFinite(int read, int step, const std::string& where = "")
      : Error(ErrorCode::kDataLoss,
              StrCat(where, "step ", step, ": the model's score is no finite number: its weights ",
                     "are damaged, or too large for their number format")),
        read_(read) {}
  int read() const { return read_; }

 private:
  int read_;
};

}  // namespace prm
