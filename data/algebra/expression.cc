#include "data/algebra/expression.h"

#include <algorithm>

namespace prm {
namespace {

int PowerOf(NodeKind kind) {
  switch (kind) {
    case NodeKind::kAdd:
    case NodeKind::kSubtract:
      return kSumPower;
    case NodeKind::kNegate:
      return kSignPower;
    case NodeKind::kMultiply:
    case NodeKind::kDivide:
      return kProductPower;
    case NodeKind::kPower:
      return kPowerPower;
    default:
      return kPowerPower + 1;
  }
}

class Printer {
 public:
  Printer(const ExpressionArena& arena, const SymbolTable& symbols)
      : arena_(arena), symbols_(symbols) {}

  void Print(int root, int minimum, std::string* out) const {
    const ExpressionNode& node = arena_.nodes[size_t(root)];
    const bool wrap = PowerOf(node.kind) < minimum;
    if (wrap) out->push_back('(');
    switch (node.kind) {
      case NodeKind::kNumber:
        out->append(arena_.numbers[size_t(node.index)].ToText());
        break;
      case NodeKind::kSymbol:
        out->append(symbols_.NameOf(node.index));
        break;
      case NodeKind::kAdd:
        Binary(node, " + ", kSumPower, out);
        break;
      case NodeKind::kSubtract:
        Binary(node, " - ", kSumPower, out);
        break;
      case NodeKind::kMultiply:
        Binary(node, "*", kProductPower, out);
        break;
      case NodeKind::kDivide:
        Binary(node, "/", kProductPower, out);
        break;
      case NodeKind::kPower:
        Print(node.a, kPowerPower + 1, out);
        out->push_back('^');
        Print(node.b, kPowerPower, out);
        break;
      case NodeKind::kNegate:
        out->push_back('-');
        Print(node.a, kSignPower + 1, out);
        break;
      case NodeKind::kFactorial:
        Print(node.a, kPowerPower + 1, out);
        out->push_back('!');
        break;
      case NodeKind::kRoot:
        Call("root", node, out);
        break;
      case NodeKind::kBinomial:
        Call("binomial", node, out);
        break;
    }
    if (wrap) out->push_back(')');
  }

 private:
  void Binary(const ExpressionNode& node, std::string_view op, int power, std::string* out) const {
    Print(node.a, power, out);
    out->append(op);
    Print(node.b, power + 1, out);
  }
  void Call(std::string_view name, const ExpressionNode& node, std::string* out) const {
    out->append(name);
    out->push_back('(');
    Print(node.a, 0, out);
    out->append(", ");
    Print(node.b, 0, out);
    out->push_back(')');
  }

  const ExpressionArena& arena_;
  const SymbolTable& symbols_;
};

}  // namespace

int SymbolTable::IdOf(std::string_view name) {
  if (name.size() > kMaxNameBytes) return -1;
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end()) return int(found - names_.begin());
  if (names_.size() == kMaxSymbols) return -1;
  names_.emplace_back(name);
  return int(names_.size()) - 1;
}

std::string ExpressionToText(const ExpressionArena& arena, int root, const SymbolTable& symbols) {
  std::string text;
  Printer(arena, symbols).Print(root, 0, &text);
  return text;
}

}  // namespace prm
