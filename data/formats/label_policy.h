// How labels are mapped for formats with fewer than four: always stated, never implied.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/trace.h"

namespace prm {

// What a label becomes. kOwn: unchanged.
enum class LabelFate { kOwn, kPositive, kNegative, kMasked };
// "own", "positive", "negative", "masked".
std::string_view LabelFateName(LabelFate fate);

// The defaults change nothing. A step without a label is always masked.
// Source: specs, formats section 1 "Policies".
struct LabelPolicy {
  LabelFate redundant = LabelFate::kOwn;          // PRM800K's 0 is a correct_redundant
  LabelFate incomplete = LabelFate::kOwn;         // kPositive not allowed
  LabelFate after_first_error = LabelFate::kOwn;  // kOwn, kNegative, kMasked; any step
  friend bool operator==(const LabelPolicy&, const LabelPolicy&) = default;
};

// Throws OptionError if an error label would become positive.
void CheckFates(const LabelPolicy& policy);

// {"redundant":"own","incomplete":"own","after_first_error":"own","null":"masked"}
std::string PolicyToJson(const LabelPolicy& policy);

// How many labels a policy changed, by rule.
struct PolicyEffect {
  int64_t redundant = 0;
  int64_t incomplete = 0;
  int64_t after_first_error = 0;

  PolicyEffect& operator+=(const PolicyEffect& other) {
    redundant += other.redundant;
    incomplete += other.incomplete;
    after_first_error += other.after_first_error;
    return *this;
  }
};

// Rewrites the labels of `trace`, and its first_error if they move it: positive is
// correct_necessary with necessity_known false, negative is incorrect, masked is no label. A first
// error whose own label is masked becomes "not decidable". Adds to `*effect`.
void ApplyPolicy(const LabelPolicy& policy, Trace* trace, PolicyEffect* effect);

}  // namespace prm
