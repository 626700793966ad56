// Flags and endings that `prm data import` and `prm data export` share.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "data/conversion/report.h"
#include "data/formats/label_policy.h"

namespace prm {

// What a verb exits with where it went to the end but refused rows.
inline constexpr int kExitRefused = 3;

// Adds --redundant and its kind: an option of a LabelFate, or of an optional one.
template <class Fate>
CLI::Option* AddFateFlag(CLI::App* verb, const char* name, Fate* fate, const char* what) {
  static const std::map<std::string, LabelFate> kFates = {{"own", LabelFate::kOwn},
                                                          {"positive", LabelFate::kPositive},
                                                          {"negative", LabelFate::kNegative},
                                                          {"masked", LabelFate::kMasked}};
  // Without the description of CLI11, which lists numbers.
  return verb->add_option(name, *fate, what)
      ->transform(CLI::CheckedTransformer(kFates).description(""))
      ->type_name("own|positive|negative|masked");
}

}  // namespace prm
