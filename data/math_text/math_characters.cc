#include "data/math_text/math_characters.h"

#include <algorithm>
#include <array>

namespace prm {
namespace {

constexpr MathCharacter Operator(std::string_view bytes, char op) {
  return {bytes, CharacterKind::kToken, TokenKind::kOperator, op};
}
constexpr MathCharacter Related(std::string_view bytes, Relation relation) {
  return {bytes, CharacterKind::kToken, TokenKind::kRelation, 0, MathCommand::kNone, relation};
}
constexpr MathCharacter Kind(std::string_view bytes, TokenKind kind) {
  return {bytes, CharacterKind::kToken, kind};
}
constexpr MathCharacter Number(std::string_view bytes, uint8_t num, uint8_t den) {
  MathCharacter number{bytes, CharacterKind::kNumber, TokenKind::kNumber};
  number.num = num;
  number.den = den;
  return number;
}
constexpr MathCharacter Superscript(std::string_view bytes, uint8_t num) {
  MathCharacter number = Number(bytes, num, 1);
  number.what = CharacterKind::kSuperscript;
  return number;
}
constexpr MathCharacter Other(std::string_view bytes, CharacterKind what) { return {bytes, what}; }

constexpr std::array kCharacters = {
    Other("’", CharacterKind::kQuote),
    Other("‘", CharacterKind::kQuote),
    Other("“", CharacterKind::kQuote),
    Other("”", CharacterKind::kQuote),
    Operator("×", '*'),
    Operator("·", '*'),
    Operator("⋅", '*'),
    Operator("∙", '*'),
    Operator("•", '*'),
    Operator("∗", '*'),
    Operator("÷", '/'),
    Operator("∕", '/'),
    Operator("−", '-'),
    Operator("–", '-'),
    Related("≈", Relation::kAbout),
    Related("≅", Relation::kAbout),
    Related("≤", Relation::kLessEqual),
    Related("≥", Relation::kGreaterEqual),
    Related("≠", Relation::kUnequal),
    Kind("£", TokenKind::kCurrency),
    Kind("€", TokenKind::kCurrency),
    Kind("→", TokenKind::kStop),
    Kind("⇒", TokenKind::kStop),
    Kind("∴", TokenKind::kStop),
    Kind("—", TokenKind::kStop),
    Kind("…", TokenKind::kUnknown),
    Kind("π", TokenKind::kSymbol),
    Kind("θ", TokenKind::kSymbol),
    Kind("α", TokenKind::kSymbol),
    Kind("β", TokenKind::kSymbol),
    Kind("Δ", TokenKind::kUnknown),
    Kind("∞", TokenKind::kUnknown),
    MathCharacter{"√", CharacterKind::kToken, TokenKind::kCommand, 0, MathCommand::kRoot},
    Number("½", 1, 2),
    Number("⅓", 1, 3),
    Number("⅔", 2, 3),
    Number("¼", 1, 4),
    Number("¾", 3, 4),
    Number("⅕", 1, 5),
    Number("⅛", 1, 8),
    Number("⅜", 3, 8),
    Number("⅝", 5, 8),
    Superscript("¹", 1),
    Superscript("²", 2),
    Superscript("³", 3),
    Superscript("⁴", 4),
    Other("°", CharacterKind::kDegree),
    Other("\u00a0", CharacterKind::kSpace),
    Other("\u2009", CharacterKind::kSpace),
    Other("\u202f", CharacterKind::kSpace),
    Other("\u200b", CharacterKind::kSpace),
    Other("\u200a", CharacterKind::kSpace),
};

constexpr LatexCommand LatexRelation(std::string_view name, Relation relation) {
  return {name, LatexKind::kToken, TokenKind::kRelation, 0, MathCommand::kNone, relation};
}

// Sorted by name.
constexpr std::array kLatex = {
    LatexCommand{"Rightarrow", LatexKind::kToken, TokenKind::kStop},
    LatexCommand{"alpha", LatexKind::kToken, TokenKind::kSymbol},
    LatexRelation("approx", Relation::kAbout),
    LatexCommand{"ast", LatexKind::kToken, TokenKind::kOperator, '*'},
    LatexCommand{"because", LatexKind::kToken, TokenKind::kStop},
    LatexCommand{"begin", LatexKind::kBegin},
    LatexCommand{"beta", LatexKind::kToken, TokenKind::kSymbol},
    LatexCommand{"big", LatexKind::kSpace},
    LatexCommand{"bigg", LatexKind::kSpace},
    LatexCommand{"binom", LatexKind::kToken, TokenKind::kCommand, 0, MathCommand::kBinomial},
    LatexCommand{"boxed", LatexKind::kTransparent},
    LatexCommand{"cdot", LatexKind::kToken, TokenKind::kOperator, '*'},
    LatexCommand{"cfrac", LatexKind::kToken, TokenKind::kCommand, 0, MathCommand::kFraction},
    LatexCommand{"choose", LatexKind::kToken, TokenKind::kCommand, 0, MathCommand::kChoose},
    LatexCommand{"circ", LatexKind::kDegree},
    LatexCommand{"dbinom", LatexKind::kToken, TokenKind::kCommand, 0, MathCommand::kBinomial},
    LatexCommand{"degree", LatexKind::kDegree},
    LatexCommand{"delta", LatexKind::kToken, TokenKind::kSymbol},
    LatexCommand{"dfrac", LatexKind::kToken, TokenKind::kCommand, 0, MathCommand::kFraction},
    LatexCommand{"displaystyle", LatexKind::kSpace},
    LatexCommand{"div", LatexKind::kToken, TokenKind::kOperator, '/'},
    LatexCommand{"end", LatexKind::kEnd},
    LatexCommand{"fbox", LatexKind::kTransparent},
    LatexCommand{"frac", LatexKind::kToken, TokenKind::kCommand, 0, MathCommand::kFraction},
    LatexCommand{"gamma", LatexKind::kToken, TokenKind::kSymbol},
    LatexRelation("ge", Relation::kGreaterEqual),
    LatexRelation("geq", Relation::kGreaterEqual),
    LatexRelation("gt", Relation::kGreater),
    LatexCommand{"iff", LatexKind::kToken, TokenKind::kStop},
    LatexCommand{"implies", LatexKind::kToken, TokenKind::kStop},
    LatexCommand{"lambda", LatexKind::kToken, TokenKind::kSymbol},
    LatexRelation("le", Relation::kLessEqual),
    LatexCommand{"left", LatexKind::kSpace},
    LatexRelation("leq", Relation::kLessEqual),
    LatexRelation("lt", Relation::kLess),
    LatexCommand{"mbox", LatexKind::kText},
    LatexCommand{"mu", LatexKind::kToken, TokenKind::kSymbol},
    LatexRelation("ne", Relation::kUnequal),
    LatexRelation("neq", Relation::kUnequal),
    LatexCommand{"phi", LatexKind::kToken, TokenKind::kSymbol},
    LatexCommand{"pi", LatexKind::kToken, TokenKind::kSymbol},
    LatexCommand{"qquad", LatexKind::kToken, TokenKind::kComma},
    LatexCommand{"quad", LatexKind::kToken, TokenKind::kComma},
    LatexCommand{"right", LatexKind::kSpace},
    LatexCommand{"rightarrow", LatexKind::kToken, TokenKind::kStop},
    LatexCommand{"sqrt", LatexKind::kToken, TokenKind::kCommand, 0, MathCommand::kRoot},
    LatexCommand{"tbinom", LatexKind::kToken, TokenKind::kCommand, 0, MathCommand::kBinomial},
    LatexCommand{"text", LatexKind::kText},
    LatexCommand{"textbf", LatexKind::kText},
    LatexCommand{"textit", LatexKind::kText},
    LatexCommand{"textrm", LatexKind::kText},
    LatexCommand{"tfrac", LatexKind::kToken, TokenKind::kCommand, 0, MathCommand::kFraction},
    LatexCommand{"therefore", LatexKind::kToken, TokenKind::kStop},
    LatexCommand{"theta", LatexKind::kToken, TokenKind::kSymbol},
    LatexCommand{"times", LatexKind::kToken, TokenKind::kOperator, '*'},
};

}  // namespace

TokenKind KindOfSign(char c) {
  switch (c) {
    case '+':
    case '/':
    case '^':
      return TokenKind::kOperator;
    case '%':
      return TokenKind::kPercent;
    case '(':
    case '[':
      return TokenKind::kOpen;
    case ')':
    case ']':
      return TokenKind::kClose;
    case ',':
      return TokenKind::kComma;
    case ';':
      return TokenKind::kStop;
    case '?':
      return TokenKind::kQuestion;
    default:
      return TokenKind::kUnknown;
  }
}

const MathCharacter* FindMathCharacter(std::string_view text) {
  const auto found =
      std::find_if(kCharacters.begin(), kCharacters.end(),
                   [&](const MathCharacter& entry) { return text.starts_with(entry.bytes); });
  return found == kCharacters.end() ? nullptr : &*found;
}

const LatexCommand* FindLatexCommand(std::string_view name) {
  const auto found =
      std::lower_bound(kLatex.begin(), kLatex.end(), name,
                       [](const LatexCommand& a, std::string_view b) { return a.name < b; });
  return found != kLatex.end() && found->name == name ? &*found : nullptr;
}

}  // namespace prm
