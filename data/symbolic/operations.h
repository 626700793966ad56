// The operation of a step, as one word of a closed list.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "data/symbolic/step_checker.h"

namespace prm {

enum class Operation : uint8_t {
  kDef,
  kSubst,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kPow,
  kExpand,
  kFactor,
  kSolve,
  kCompare,
  kCase,
  kCite,
  kCheck,
  kConclude,
};
inline constexpr int kNumOperations = int(Operation::kConclude) + 1;
inline constexpr std::array<std::string_view, kNumOperations> kOperationNames = {
    "DEF",    "SUBST", "ADD",     "SUB",  "MUL",  "DIV",   "POW",     "EXPAND",
    "FACTOR", "SOLVE", "COMPARE", "CASE", "CITE", "CHECK", "CONCLUDE"};

struct StepOperations {
  // The step's token in an operation sequence; nullopt: prose without one.
  std::optional<Operation> main;
  // Every operation found, each once, in order of the text; holds `main`.
  std::vector<Operation> all;
  // The most elementary operations that one relation of the step performs
  // (RelationCheck::operations).
  int largest_jump = 0;
};

// Of `step` whose check is `check`, made with StepCheckOptions::describe. Cue words decide first
// (suppose: CASE; let x be: DEF; by the theorem: CITE; check: CHECK; so the answer is: CONCLUDE),
// then the relations' operators.
StepOperations OperationsOf(std::string_view step, const StepCheck& check);

}  // namespace prm
