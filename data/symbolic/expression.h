// Expressions as trees, read from tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/symbolic/fraction.h"
#include "data/symbolic/math_tokens.h"
#include "data/symbolic/step_checker.h"

namespace prm {

enum class NodeKind : uint8_t {
  kNumber,  // numbers[index]
  kSymbol,  // symbol `index`
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kPower,
  kNegate,     // a
  kRoot,       // a; the b-th root
  kFactorial,  // a
  kBinomial,   // a over b
};

struct ExpressionNode {
  NodeKind kind = NodeKind::kNumber;
  int32_t a = -1;  // nodes
  int32_t b = -1;
  int32_t index = -1;
};

// Names of the variables of one trace; ids are places in the list.
class SymbolTable {
 public:
  static constexpr int kMaxSymbols = 200;
  // -1 where there is no room.
  int IdOf(std::string_view name);
  std::string_view NameOf(int id) const { return names_[size_t(id)]; }
  void Clear() { names_.clear(); }

 private:
  std::vector<std::string> names_;
};

// Storage of trees, to be reused.
struct ExpressionArena {
  std::vector<ExpressionNode> nodes;
  std::vector<Fraction> numbers;
  void Clear() {
    nodes.clear();
    numbers.clear();
  }
};

// Ways to read what writers leave open.
enum Reading : uint8_t {
  kReadMixedAsProduct = 1,     // 2 1/3 is 2/3
  kReadPercentAsNumber = 2,    // 15% is 15
  kReadJuxtaposedFirst = 4,    // 1/2x is 1/(2x)
  kReadDivisionFromRight = 8,  // 14/1/4 is 14/(1/4)
};
inline constexpr int kNumReadings = 16;

// What was seen on the way.
struct ExpressionTraits {
  uint8_t ambiguities = 0;    // readings that change the tree
  bool has_operator = false;  // else one number or symbol, perhaps signed
  bool has_symbol = false;
  bool has_root = false;
  bool has_percent = false;
  bool has_decimal = false;
  bool has_unit_word = false;  // any word behind a number
  uint64_t units = 0;          // bit UnitId of the units of the table
  int shown_decimals = -1;     // of a lone number; -1: not a lone number
  int operations = 0;          // + - * / ^ ! written
};

struct ParsedExpression {
  int root = -1;  // -1: outside the grammar, see `reason`
  Reason reason = Reason::kUnread;
  ExpressionTraits traits;
};

// Reads all of `tokens` as one expression under `reading`, a set of Reading bits. Words are skipped
// behind an operand. Nodes are added to *arena. Nesting past 64, more than 400 tokens or a number
// of more digits than Fraction holds is kTooBig.
// Source: Pratt 1973, "Top down operator precedence", POPL.
ParsedExpression ParseMath(std::string_view text, std::span<const MathToken> tokens,
                           uint8_t reading, SymbolTable* symbols, ExpressionArena* arena);

// The tree as text with as few parentheses as needed: "(x + 1)*2".
std::string ExpressionToText(const ExpressionArena& arena, int root, const SymbolTable& symbols);

}  // namespace prm
