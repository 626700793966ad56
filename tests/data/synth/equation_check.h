// Finds the numeric equations in a sentence and evaluates them with independent arithmetic, so that
// labels are checked by different code than the code that wrote them.
#pragma once

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

struct EquationReport {
  int checked = 0;                    // "a = b" relations evaluated
  std::vector<std::string> refuted;   // the runs of text that do not hold
  std::vector<std::string> unclosed;  // runs in which a side of "=" cannot be read
};

// Evaluates + - * / ^ × ÷ − %, brackets and, if `x` is given, the unknown x with implicit products
// ("3x", "2(x + 1)").
class EquationChecker {
 public:
  explicit EquationChecker(std::optional<double> x = std::nullopt) : x_(x) {}

  EquationReport Check(std::string_view text) {
    Tokenize(text);
    EquationReport report;
    for (size_t begin = 0; begin < tokens_.size();) {
      size_t end = begin;
      while (end < tokens_.size() && tokens_[end].kind != 'w') ++end;
      CheckRun(begin, end, &report);
      begin = end + 1;
    }
    return report;
  }

 private:
  struct Token {
    char kind;  // 'n' number, 'x', one of + - * / ^ ( ) = %, 'w' anything else
    double value = 0;
    std::string text = {};
  };

  void Tokenize(std::string_view text) {
    tokens_.clear();
    while (!text.empty()) {
      size_t length = 1;
      const unsigned char first = text[0];
      Token token{'w'};
      if (std::isdigit(first)) {
        token = Number(text, &length);
      } else if (std::isalpha(first)) {
        while (length < text.size() && std::isalpha(static_cast<unsigned char>(text[length]))) {
          ++length;
        }
        if (text.substr(0, length) == "x") token.kind = 'x';
      } else if (std::string_view("+-*/^()=%").find(text[0]) != std::string_view::npos) {
        token.kind = text[0];
      } else if (text.starts_with("×") || text.starts_with("÷") || text.starts_with("−")) {
        token.kind = text.starts_with("×") ? '*' : text.starts_with("÷") ? '/' : '-';
        length = std::string_view(text.starts_with("−") ? "−" : "×").size();
      }
      token.text = std::string(text.substr(0, length));
      if (text[0] != ' ' && text[0] != '$') tokens_.push_back(token);
      text.remove_prefix(length);
    }
  }

  static bool DigitAt(std::string_view text, size_t at) {
    return at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]));
  }

  // "12", "2.5", "12,500".
  static Token Number(std::string_view text, size_t* length) {
    std::string digits;
    size_t at = 0;
    while (at < text.size()) {
      const bool group = text[at] == ',' && DigitAt(text, at + 1) && DigitAt(text, at + 2) &&
                         DigitAt(text, at + 3) && !DigitAt(text, at + 4);
      const bool point = text[at] == '.' && DigitAt(text, at + 1);
      if (!DigitAt(text, at) && !group && !point) break;
      if (!group) digits += text[at];
      ++at;
    }
    *length = at;
    return Token{'n', std::stod(digits)};
  }

  void CheckRun(size_t begin, size_t end, EquationReport* report) {
    std::vector<size_t> signs;
    std::string run;
    for (size_t at = begin; at < end; ++at) {
      run += tokens_[at].text + " ";
      if (tokens_[at].kind == '=') signs.push_back(at);
    }
    if (signs.empty()) return;
    std::optional<double> left;
    size_t side = begin;
    signs.push_back(end);
    for (const size_t sign : signs) {
      const bool named = side == begin && sign == side;  // "F = 3 × 4": a word on the left
      const auto value = named ? std::nullopt : Side(side, sign);
      if (!named && !value && !(HasUnknown(side, sign) && !x_)) report->unclosed.push_back(run);
      if (left && value) {
        ++report->checked;
        const double scale = std::max({1.0, std::abs(*left), std::abs(*value)});
        if (!(std::abs(*left - *value) <= 1e-9 * scale)) report->refuted.push_back(run);
      }
      if (value) left = value;
      side = sign + 1;
    }
  }

  bool HasUnknown(size_t begin, size_t end) const {
    for (size_t at = begin; at < end; ++at) {
      if (tokens_[at].kind == 'x') return true;
    }
    return false;
  }

  std::optional<double> Side(size_t begin, size_t end) {
    at_ = begin;
    end_ = end;
    const auto value = Sum();
    return at_ == end_ ? value : std::nullopt;
  }

  char Peek() const { return at_ < end_ ? tokens_[at_].kind : 0; }

  std::optional<double> Sum() {
    auto left = Product();
    while (left && (Peek() == '+' || Peek() == '-')) {
      const char op = tokens_[at_++].kind;
      const auto right = Product();
      if (!right) return right;
      *left += op == '+' ? *right : -*right;
    }
    return left;
  }

  std::optional<double> Product() {
    auto left = Power();
    while (left) {
      const char op = Peek();
      if (op == '*' || op == '/') ++at_;
      if (op != '*' && op != '/' && op != 'x' && op != '(') break;
      const auto right = Power();
      if (!right) return right;
      *left = op == '/' ? *left / *right : *left * *right;
    }
    return left;
  }

  std::optional<double> Power() {
    if (Peek() == '-') {
      ++at_;
      const auto value = Power();
      return value ? std::optional(-*value) : value;
    }
    auto base = Atom();
    if (base && Peek() == '^') {
      ++at_;
      const auto exponent = Power();
      return exponent ? std::optional(std::pow(*base, *exponent)) : exponent;
    }
    return base;
  }

  std::optional<double> Atom() {
    std::optional<double> value;
    if (Peek() == 'n') {
      value = tokens_[at_++].value;
    } else if (Peek() == 'x') {
      ++at_;
      value = x_;
    } else if (Peek() == '(') {
      ++at_;
      value = Sum();
      if (Peek() != ')') return std::nullopt;
      ++at_;
    }
    if (value && Peek() == '%') {
      ++at_;
      *value /= 100;
    }
    return value;
  }

  std::optional<double> x_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  size_t end_ = 0;
};

}  // namespace prm
