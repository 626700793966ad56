// Flags that `prm data import` and `prm data export` share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data/command_flags.h"
#include "data/conversion/report.h"
#include "data/formats/label_policy.h"

namespace prm {

// Adds --redundant and its kind: an option of a LabelFate, or of an optional one.
template <class Fate>
CLI::Option* AddFateFlag(CLI::App* verb, const char* name, Fate* fate, const char* what) {
  return AddChoice(
      verb, name, *fate,
      std::vector<std::pair<std::string, LabelFate>>{{"own", LabelFate::kOwn},
                                                     {"positive", LabelFate::kPositive},
                                                     {"negative", LabelFate::kNegative},
                                                     {"masked", LabelFate::kMasked}},
      what);
}

}  // namespace prm
