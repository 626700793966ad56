// Warnings about single steps. They route work to people; they never label.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "data/analysis/guidelines.h"
#include "data/analysis/quantities.h"
#include "data/symbolic/step_checker.h"

namespace prm {

enum class Lint : uint8_t {
  kManyUnits,  // more of the guideline's units than allowed
  kManySentences,
  kManyWords,
  kSkippedStep,          // an equation more than one elementary operation from the context
  kUnsupportedQuantity,  // a number without a source
  kRepeatedStep,         // at least .9 similar to an earlier step, apart from filler words
};
inline constexpr int kNumLints = 6;
std::string_view LintName(Lint lint);

struct LintFinding {
  Lint lint;
  uint32_t step;         // 0-based
  std::string evidence;  // for people
};

// Sentences of `text`: runs that contain a letter and end in . ! or ? before white space or the
// end. The full stop of an abbreviation, initial or list mark ends no sentence; "Right." is not
// counted.
int CountSentences(std::string_view text);

// Words separated by white space that contain a letter or digit; a delimited formula is one word.
int CountWords(std::string_view text);

// Both sides of relations as parsed, in a canonical order.
using WrittenRelations = std::unordered_set<std::string>;

// The number of the guideline's units in `step`. A relation already in `written` is not counted as
// a transformation; those of the step are added to it.
int CountUnits(StepUnit unit, std::string_view step, const StepCheck& check,
               WrittenRelations* written);

// 1 - word Levenshtein distance / the longer length; 0 if words other than fillers ("so", "now",
// "the") differ, since one other word or number makes another statement.
double StepSimilarity(std::string_view normal_a, std::string_view normal_b);

// Lints the steps of one trace in order. Time per step is bounded however many came before: a step
// is compared with at most kMaxCompared earlier ones of the same content. Used by one thread at a
// time.
class StepLinter {
 public:
  // `guideline` must outlive the linter.
  StepLinter(std::string_view problem, const Guideline& guideline);

  // The findings of the next step; `check` is its symbolic check.
  std::vector<LintFinding> Next(std::string_view step, const StepCheck& check);

  static constexpr size_t kMaxCompared = 64;
  static constexpr size_t kMaxComparedWords = 300;

 private:
  void LintSize(std::string_view step, const StepCheck& check, std::vector<LintFinding>* found);
  void LintRepeat(std::string_view step, std::vector<LintFinding>* found);

  const Guideline& guideline_;
  KnownQuantities known_;
  WrittenRelations written_;
  uint32_t index_ = 0;
  // Earlier steps as normal text, by the hash of their words without fillers.
  struct Earlier {
    uint32_t step;
    std::string normal;
  };
  std::unordered_map<uint64_t, std::vector<Earlier>> earlier_;
};

}  // namespace prm
