// Expressions as trees and as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/algebra/fraction.h"

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

// Names of the variables of one trace; an id is an index into the list.
class SymbolTable {
 public:
  static constexpr int kMaxSymbols = 200;
  static constexpr size_t kMaxNameBytes = 64;
  // Returns -1 if the table is full or the name is too long.
  int IdOf(std::string_view name);
  std::string_view NameOf(int id) const { return names_[size_t(id)]; }
  void Clear() { names_.clear(); }

 private:
  std::vector<std::string> names_;
};

// Binding powers, shared by the parser and the text output.
inline constexpr int kSumPower = 10;
inline constexpr int kSignPower = 15;
inline constexpr int kProductPower = 20;
inline constexpr int kPowerPower = 40;

// Storage for trees, reused between expressions.
struct ExpressionArena {
  std::vector<ExpressionNode> nodes;
  std::vector<Fraction> numbers;
  void Clear() {
    nodes.clear();
    numbers.clear();
  }
};

// The tree as text with a minimum of parentheses: "(x + 1)*2".
std::string ExpressionToText(const ExpressionArena& arena, int root, const SymbolTable& symbols);

}  // namespace prm
