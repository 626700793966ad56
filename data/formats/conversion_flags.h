// Flags and endings that `prm data import` and `prm data export` share.
#pragma once

#include <map>
#include <string>

#include "data/formats/label_policy.h"
#include "data/formats/report.h"

namespace prm {

// What a verb exits with where it went to the end but refused rows.
inline constexpr int kExitRefused = 3;

// The words of --redundant and its kind.
inline const std::map<std::string, LabelFate>& LabelFates() {
  static const std::map<std::string, LabelFate> fates = {{"own", LabelFate::kOwn},
                                                         {"positive", LabelFate::kPositive},
                                                         {"negative", LabelFate::kNegative},
                                                         {"masked", LabelFate::kMasked}};
  return fates;
}

}  // namespace prm
