// Problem templates for synthesized traces: text, quantities and solutions.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace prm {

enum class SynthSplit { kTrain, kDev, kRerank };

// Phrases are alternatives separated by '|', clauses without a capital or a full stop. In braces:
// a value's name; {=} "3 × 4 = 12"; {r} the result; {N}, {M} two people; {o} a plural thing;
// {ans} the answer.

// A mistake that needs subject knowledge, besides the generic ones (wrong result, operator,
// operand) that apply to every operation.
struct SynthSlip {
  std::string_view kind;
  std::string_view formula;
  std::string_view phrases = {};  // empty: those of the operation
  std::string_view assign = {};   // empty: the operation's phrases
};

// One step of a solution: result = formula.
struct SynthOperation {
  std::string_view result;
  std::string_view formula;
  std::string_view phrases;  // each states what the number means, so a wrong formula makes it false
  std::vector<SynthSlip> slips = {};
};

struct SynthStrategy {
  std::string_view name;
  std::vector<SynthOperation> operations;
  std::string_view answer = "ans";  // the value that answers the question
};

// A sentence of the problem about one value that a step may repeat or misread.
struct SynthGiven {
  std::string_view value;
  std::string_view phrases;
};

struct SynthTemplate {
  std::string_view id;
  std::string_view domain;
  SynthSplit split = SynthSplit::kTrain;
  // "a = 3..9; p = 10,20,25; t = a * p": a range, a choice, or a formula over the earlier ones.
  std::string_view values;
  std::string_view problems;     // full sentences
  std::string_view conclusions;  // claim {ans}
  std::vector<SynthGiven> givens;
  std::vector<SynthOperation> asides;  // true, computed from given values, useless for the question
  std::vector<SynthStrategy> strategies;
};

// All templates, in a fixed order; valid for the life of the program.
const std::vector<SynthTemplate>& SynthTemplates();

// The parts of SynthTemplates, one per file.
std::vector<SynthTemplate> ArithmeticTemplates();
std::vector<SynthTemplate> EquationTemplates();
std::vector<SynthTemplate> PercentTemplates();
std::vector<SynthTemplate> RateTemplates();
std::vector<SynthTemplate> UnitTemplates();

}  // namespace prm
