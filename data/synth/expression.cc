#include "data/synth/expression.h"

#include <cctype>
#include <utility>

#include "data/error.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

Rational Reduced(__int128 num, __int128 den) {
  __int128 a = num < 0 ? -num : num;
  __int128 b = den;
  while (b != 0) std::swap(a %= b, b);
  if (a > 1) {
    num /= a;
    den /= a;
  }
  if (num > INT64_MAX || num < INT64_MIN || den > INT64_MAX) {
    throw Error(ErrorCode::kOutOfRange, "exact arithmetic: a fraction exceeds 64 bits");
  }
  return Rational{static_cast<int64_t>(num), static_cast<int64_t>(den)};
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Expression Parse() {
    Expression sum = Sum();
    if (Peek() != 0) Fail("end of the formula");
    return sum;
  }

 private:
  char Peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : 0;
  }

  [[noreturn]] void Fail(std::string_view expected) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("formula \"", text_, "\", offset ", at_, ": expected ", expected));
  }

  static Expression Join(char op, Expression left, Expression right) {
    Expression joined{.kind = Expression::Kind::kBinary, .op = op};
    joined.args.push_back(std::move(left));
    joined.args.push_back(std::move(right));
    return joined;
  }

  Expression Sum() {
    Expression left = Product();
    while (Peek() == '+' || Peek() == '-') {
      const char op = text_[at_++];
      left = Join(op, std::move(left), Product());
    }
    return left;
  }

  Expression Product() {
    Expression left = Leaf();
    while (Peek() == '*' || Peek() == '/') {
      const char op = text_[at_++];
      left = Join(op, std::move(left), Leaf());
    }
    return left;
  }

  Expression Leaf() {
    const char first = Peek();
    if (first == '(') {
      ++at_;
      Expression inner = Sum();
      if (Peek() != ')') Fail("')'");
      ++at_;
      return inner;
    }
    const size_t begin = at_;
    while (at_ < text_.size() && std::isalnum(static_cast<unsigned char>(text_[at_]))) ++at_;
    const std::string word(text_.substr(begin, at_ - begin));
    if (word.empty()) Fail("a number, a name or '('");
    Expression leaf;
    if (IsDigit(first)) {
      leaf.number = Rational{std::stoll(word), 1};
    } else {
      leaf.kind = Expression::Kind::kName;
      leaf.name = word;
    }
    return leaf;
  }

  std::string_view text_;
  size_t at_ = 0;
};

const Rational& Lookup(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end()) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("formula: unknown value \"", name, "\""));
  }
  return found->second;
}

int Precedence(const Expression& expression) {
  if (expression.kind != Expression::Kind::kBinary) return 3;
  return expression.op == '+' || expression.op == '-' ? 1 : 2;
}

std::string RenderLeaf(Rational value) {
  std::string text = ToText(value);
  const bool bare = value.num >= 0 && text.find('/') == std::string::npos;
  return bare ? text : "(" + text + ")";
}

}  // namespace

Rational operator+(Rational a, Rational b) {
  return Reduced(static_cast<__int128>(a.num) * b.den + static_cast<__int128>(b.num) * a.den,
                 static_cast<__int128>(a.den) * b.den);
}

Rational operator-(Rational a, Rational b) { return a + Rational{-b.num, b.den}; }

Rational operator*(Rational a, Rational b) {
  return Reduced(static_cast<__int128>(a.num) * b.num, static_cast<__int128>(a.den) * b.den);
}

std::optional<Rational> Divide(Rational a, Rational b) {
  if (b.num == 0) return std::nullopt;
  const int sign = b.num < 0 ? -1 : 1;
  return Reduced(static_cast<__int128>(a.num) * b.den * sign,
                 static_cast<__int128>(a.den) * b.num * sign);
}

bool operator<(Rational a, Rational b) {
  return static_cast<__int128>(a.num) * b.den < static_cast<__int128>(b.num) * a.den;
}

std::string ToText(Rational value) {
  if (value.IsInteger()) return std::to_string(value.num);
  for (int64_t scale = 10, digits = 1; digits <= 3; scale *= 10, ++digits) {
    const Rational scaled = value * Rational{scale, 1};
    if (!scaled.IsInteger()) continue;
    const int64_t magnitude = scaled.num < 0 ? -scaled.num : scaled.num;
    std::string fraction = std::to_string(magnitude % scale);
    fraction.insert(0, digits - fraction.size(), '0');
    return StrCat(value.num < 0 ? "-" : "", magnitude / scale, ".", fraction);
  }
  return StrCat(value.num, "/", value.den);
}

Expression ParseExpression(std::string_view text) { return Parser(text).Parse(); }

std::optional<Rational> Evaluate(const Expression& expression, const Values& values) {
  if (expression.kind == Expression::Kind::kNumber) return expression.number;
  if (expression.kind == Expression::Kind::kName) return Lookup(values, expression.name);
  const auto left = Evaluate(expression.args[0], values);
  const auto right = Evaluate(expression.args[1], values);
  if (!left || !right) return std::nullopt;
  switch (expression.op) {
    case '+':
      return *left + *right;
    case '-':
      return *left - *right;
    case '*':
      return *left * *right;
    default:
      return Divide(*left, *right);
  }
}

std::string Render(const Expression& expression, const Values& values, const Notation& notation) {
  if (expression.kind == Expression::Kind::kNumber) return RenderLeaf(expression.number);
  if (expression.kind == Expression::Kind::kName) {
    return RenderLeaf(Lookup(values, expression.name));
  }
  const auto operand = [&](const Expression& arg, int at_least) {
    std::string text = Render(arg, values, notation);
    return Precedence(arg) < at_least ? "(" + text + ")" : text;
  };
  const int own = Precedence(expression);
  std::string_view sign = expression.op == '+' ? "+" : "-";
  if (expression.op == '*') sign = notation.times;
  if (expression.op == '/') sign = notation.divided_by;
  return StrCat(operand(expression.args[0], own), " ", sign, " ",
                operand(expression.args[1], own + 1));
}

std::vector<Expression*> Leaves(Expression* expression) {
  if (expression->kind != Expression::Kind::kBinary) return {expression};
  std::vector<Expression*> leaves;
  for (Expression& arg : expression->args) {
    for (Expression* leaf : Leaves(&arg)) leaves.push_back(leaf);
  }
  return leaves;
}

bool DependsOn(const Expression& expression, std::string_view name) {
  if (expression.kind == Expression::Kind::kName) return expression.name == name;
  for (const Expression& arg : expression.args) {
    if (DependsOn(arg, name)) return true;
  }
  return false;
}

}  // namespace prm
