#include "data/symbolic/operations.h"

#include <algorithm>
#include <string>

#include "data/math_text/verdict.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

struct Cue {
  std::string_view words;  // lower case
  Operation operation;
};

// Ordered by weight: the first that occurs is the step's token, unless a relation is more specific.
constexpr std::array kLeadingCues = {
    Cue{"suppose", Operation::kCase},
    Cue{"assume", Operation::kCase},
    Cue{"case ", Operation::kCase},
    Cue{"let's try", Operation::kCheck},
    Cue{"try ", Operation::kCheck},
    Cue{"check", Operation::kCheck},
    Cue{"verify", Operation::kCheck},
    Cue{"test ", Operation::kCheck},
    Cue{"the answer is", Operation::kConclude},
    Cue{"final answer", Operation::kConclude},
    Cue{"# answer", Operation::kConclude},
    Cue{"####", Operation::kConclude},
    Cue{"\\boxed", Operation::kConclude},
    Cue{"let ", Operation::kDef},
    Cue{"denote", Operation::kDef},
    Cue{"define", Operation::kDef},
    Cue{"expand", Operation::kExpand},
    Cue{"distribut", Operation::kExpand},
    Cue{"foil", Operation::kExpand},
    Cue{"factor", Operation::kFactor},
    Cue{"substitut", Operation::kSubst},
    Cue{"plug", Operation::kSubst},
    Cue{"theorem", Operation::kCite},
    Cue{"formula", Operation::kCite},
    Cue{"by definition", Operation::kCite},
    Cue{"recall", Operation::kCite},
    Cue{"identity", Operation::kCite},
    Cue{"solv", Operation::kSolve},
    Cue{"compar", Operation::kCompare},
    Cue{"greater than", Operation::kCompare},
    Cue{"less than", Operation::kCompare},
};

// Used if neither a leading cue nor a relation gives a token.
constexpr std::array kTrailingCues = {
    Cue{"subtract", Operation::kSub}, Cue{"minus", Operation::kSub}, Cue{"divid", Operation::kDiv},
    Cue{"multipl", Operation::kMul},  Cue{"times", Operation::kMul}, Cue{"square", Operation::kPow},
    Cue{"add", Operation::kAdd},      Cue{"sum", Operation::kAdd},   Cue{"plus", Operation::kAdd},
};

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (IsUpper(c)) c = char(c - 'A' + 'a');
  }
  return lower;
}

// Matches only at the start of a word, so "test " is not found in "latest ".
bool HasCue(std::string_view lower, std::string_view cue) {
  for (size_t at = lower.find(cue); at != lower.npos; at = lower.find(cue, at + 1)) {
    if (at == 0 || !IsLetter(lower[at - 1]) || !IsLetter(cue[0])) return true;
  }
  return false;
}

// The last operator applied in a form written by ExpressionToText: the loosest one outside
// parentheses.
std::optional<Operation> TopOperation(std::string_view form) {
  int depth = 0;
  std::optional<Operation> loose;
  std::optional<Operation> tight;
  for (size_t i = 1; i < form.size(); ++i) {
    const char c = form[i];
    depth += (c == '(') - (c == ')');
    if (form[0] == '(' && depth == -1) depth = 0;
    if (depth > 0) continue;
    if (c == ' ' && i + 1 < form.size()) {
      if (form[i + 1] == '+') loose = Operation::kAdd;
      if (form[i + 1] == '-') loose = Operation::kSub;
    }
    if (c == '*') tight = Operation::kMul;
    if (c == '/') tight = Operation::kDiv;
    if (c == '^' && !tight) tight = Operation::kPow;
  }
  return loose ? loose : tight;
}

bool HasLetter(std::string_view form) { return std::any_of(form.begin(), form.end(), IsLetter); }

std::optional<Operation> OperationOf(const RelationCheck& relation) {
  if (relation.relation != "=" && relation.relation != "~") return Operation::kCompare;
  if (relation.reason == Reason::kCandidateVerified) return Operation::kCheck;
  if (HasLetter(relation.left_form) != HasLetter(relation.right_form) &&
      relation.reason == Reason::kFollows) {
    return Operation::kSolve;
  }
  if (relation.reason == Reason::kNewEquation && !HasLetter(relation.right_form) &&
      !TopOperation(relation.left_form)) {
    return Operation::kDef;
  }
  const std::optional<Operation> left = TopOperation(relation.left_form);
  return left ? left : TopOperation(relation.right_form);
}

}  // namespace

StepOperations OperationsOf(std::string_view step, const StepCheck& check) {
  StepOperations operations;
  const auto add = [&](Operation operation) {
    if (!operations.main) operations.main = operation;
    auto& all = operations.all;
    if (std::find(all.begin(), all.end(), operation) == all.end()) all.push_back(operation);
  };
  const std::string lower = LowerCase(step);
  for (const Cue& cue : kLeadingCues) {
    if (HasCue(lower, cue.words)) add(cue.operation);
  }
  for (const RelationCheck& relation : check.relations) {
    operations.largest_jump = std::max(operations.largest_jump, relation.operations);
    if (const std::optional<Operation> operation = OperationOf(relation)) add(*operation);
  }
  if (!operations.main) {
    for (const Cue& cue : kTrailingCues) {
      if (HasCue(lower, cue.words)) add(cue.operation);
    }
  }
  return operations;
}

}  // namespace prm
