// Exact arithmetic for synthesized problems: fractions and small formulas over named values.
#pragma once

#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// A reduced fraction, den > 0. Operations throw Error(kOutOfRange) past 64 bits.
struct Rational {
  int64_t num = 0;
  int64_t den = 1;
  bool IsInteger() const { return den == 1; }
  friend bool operator==(const Rational&, const Rational&) = default;
};

Rational operator+(Rational a, Rational b);
Rational operator-(Rational a, Rational b);
Rational operator*(Rational a, Rational b);
// nullopt if b = 0.
std::optional<Rational> Divide(Rational a, Rational b);
bool operator<(Rational a, Rational b);

// "84", "2.5" if three decimals suffice to be exact, else "82/7".
std::string ToText(Rational value);

using Values = std::map<std::string, Rational, std::less<>>;

// How operators are written; constant within a trace.
struct Notation {
  std::string_view times = "×";
  std::string_view divided_by = "÷";
};

// A formula such as "a * (b + 2)".
struct Expression {
  enum class Kind { kNumber, kName, kBinary };
  Kind kind = Kind::kNumber;
  Rational number = {};               // kNumber
  std::string name = {};              // kName
  char op = 0;                        // kBinary: + - * /
  std::vector<Expression> args = {};  // kBinary: two
};

// Grammar: sum of products of integers, names and parentheses. Throws Error(kInvalidArgument)
// naming the text and the offset.
Expression ParseExpression(std::string_view text);

// nullopt on division by zero. Throws Error(kInvalidArgument) for an unknown name.
std::optional<Rational> Evaluate(const Expression& expression, const Values& values);

// The formula with numbers substituted, e.g. "3 × (4 + 5)".
std::string Render(const Expression& expression, const Values& values, const Notation& notation);

// All leaves, left to right; the pointers are valid while *expression is not changed.
std::vector<Expression*> Leaves(Expression* expression);

bool DependsOn(const Expression& expression, std::string_view name);

}  // namespace prm
