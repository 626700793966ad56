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
  kManyUnits,  // more than the guideline's one transformation, source, ..
  kManySentences,
  kManyWords,
  kSkippedStep,          // an equation more than one elementary operation from the context
  kUnsupportedQuantity,  // a number from nowhere
  kRepeatedStep,         // at least .9 alike to an earlier step, but for filler words
};
inline constexpr int kNumLints = 6;
std::string_view LintName(Lint lint);

struct LintFinding {
  Lint lint;
  uint32_t step;         // 0-based
  std::string evidence;  // for people
};

// Sentences of `text`: runs that end in . ! or ? before white space or the end, and hold a letter;
// a full stop of an abbreviation, initial or list mark ends none; "Right." is none.
int CountSentences(std::string_view text);

// Words between white space that hold a letter or a digit; a formula between delimiters is one.
int CountWords(std::string_view text);

// Both sides of relations as parsed, in one order.
using WrittenRelations = std::unordered_set<std::string>;

// How many of the guideline's units `step` holds. A relation of `written`, where those of the step
// are added, is no transformation.
int CountUnits(StepUnit unit, std::string_view step, const StepCheck& check,
               WrittenRelations* written);

// 1 - Levenshtein distance over the longer length, of words; 0 where more than filler words ("so",
// "now", "the") differ, for one other word or number makes another statement.
double StepSimilarity(std::string_view normal_a, std::string_view normal_b);

// Lints the steps of one trace in order. Time for a step is bounded whatever came before: it is
// compared with at most kMaxCompared earlier ones of the same content. Used by one thread at a
// time.
class StepLinter {
 public:
  // `guideline` outlives the linter.
  StepLinter(std::string_view problem, const Guideline& guideline);

  // Of the next step, with its symbolic check.
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
  // By the hash of a step's words but fillers: the steps with these, as normal text.
  struct Earlier {
    uint32_t step;
    std::string normal;
  };
  std::unordered_map<uint64_t, std::vector<Earlier>> earlier_;
};

}  // namespace prm
