#include "data/similarity/exact_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "data/similarity/normal_text.h"
#include "data/text/ascii.h"
#include "data/text/unicode.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

// Replacements for marks, chosen because NormalText keeps them as words.
constexpr std::string_view kFactorial = "\u00a1", kUnequal = "\u2260", kPrime = "\u2032",
                           kRatio = "\u2236", kTerms = "\u22ef", kCurrency = "\u00a4",
                           kNot = "\u00ac", kUpper = "\u2191", kNorm = "\u2016";

constexpr std::array<std::string_view, 18> kSigns = {
    kFactorial, kUnequal, kPrime, kRatio, kTerms, kCurrency, kNot, kUpper, kNorm,
    "^",        "_",      "+",    "<",    ">",    "<=",      ">=", "%",    "\\bold"};

constexpr char32_t kLeftQuote = 0x2018, kRightQuote = 0x2019, kLeftQuotes = 0x201C,
                   kRightQuotes = 0x201D, kEllipsis = 0x2026;

bool IsGreek(char32_t c) { return c >= 0x370 && c <= 0x3FF; }

// Replaces marks that NormalText drops by ones that it keeps, in one pass.
class MarkWriter {
 public:
  explicit MarkWriter(std::string_view text) : text_(text), utf8_(!FindInvalidUtf8(text)) {
    out_.reserve(text.size() + text.size() / 8);
  }

  std::string Run() && {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (IsWordAt(at_)) {
        Word();
      } else if (IsDigit(c)) {
        Digits();
      } else if (c == '\\') {
        Command();
      } else if (c & 0x80) {
        Wide();
      } else {
        Ascii(c);
      }
    }
    return std::move(out_);
  }

 private:
  // The kind of the last item, ignoring spaces and commas.
  enum class Last { kOther, kNumber, kSymbol, kClosing, kOperator, kWord, kPrime };

  size_t SizeAt(size_t at) const {
    return utf8_ && (text_[at] & 0x80) ? DecodeUtf8(&text_[at]).size_bytes : 1;
  }
  char32_t CodeAt(size_t at) const {
    if (at >= text_.size()) return 0;
    const auto byte = static_cast<unsigned char>(text_[at]);
    return utf8_ && (byte & 0x80) ? DecodeUtf8(&text_[at]).code_point : byte;
  }
  const utf8proc_property_t& PropertyAt(size_t at) const {
    return *utf8proc_get_property(utf8proc_int32_t(CodeAt(at)));
  }
  bool IsScriptAt(size_t at) const {
    const auto type = PropertyAt(at).decomp_type;
    return type == UTF8PROC_DECOMP_TYPE_SUPER || type == UTF8PROC_DECOMP_TYPE_SUB;
  }
  bool IsWordAt(size_t at) const {
    if (at >= text_.size()) return false;
    if (!(text_[at] & 0x80)) return IsLetter(text_[at]);
    return utf8_ && !IsScriptAt(at) && CharClassTable()[CodeAt(at)] == CharClass::kLetter;
  }
  char Peek(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  size_t SkipSpaces(size_t at) const {
    while (at < text_.size() && IsSpace(text_[at])) ++at;
    return at;
  }
  // Whether nothing directly before could be closed by a closing mark.
  bool IsOpenPlace() const {
    return at_ == 0 || IsSpace(text_[at_ - 1]) || text_[at_ - 1] == '(' || text_[at_ - 1] == '[' ||
           text_[at_ - 1] == '{' || text_[at_ - 1] == '$';
  }
  bool IsOperandBefore() const {
    return last_ == Last::kNumber || last_ == Last::kSymbol || last_ == Last::kClosing;
  }
  // A number, or a letter by itself.
  bool IsOperandAt(size_t at) const {
    if (at >= text_.size()) return false;
    if (IsDigit(text_[at])) return true;
    return IsWordAt(at) && !IsWordAt(at + SizeAt(at));
  }

  void Put(std::string_view mark, Last last) {
    out_ += mark;
    last_ = last;
  }

  void Word() {
    const size_t begin = at_;
    size_t letters = 0;
    for (; IsWordAt(at_); at_ += SizeAt(at_)) ++letters;
    const std::string_view word = text_.substr(begin, at_ - begin);
    const size_t next = SkipSpaces(at_);
    const bool article = (word == "A" || word == "I") && next > at_ && IsWordAt(next) &&
                         IsWordAt(next + SizeAt(next));
    const bool unit = last_ == Last::kNumber && letters <= 3 && word[0] == 'M';
    last_ = letters == 1 && !article ? Last::kSymbol : Last::kWord;
    if (article || (letters > 2 && !unit)) {
      out_ += word;
      return;
    }
    for (size_t i = begin; i < at_; i += SizeAt(i)) {
      const bool upper = PropertyAt(i).category == UTF8PROC_CATEGORY_LU;
      const bool shown = (letters == 1 || unit) && i == begin;
      if (upper && (shown || IsGreek(CodeAt(i)))) out_ += kUpper;
      out_ += text_.substr(i, SizeAt(i));
    }
  }

  void Digits() {
    const size_t begin = at_;
    while (IsDigit(Peek(0))) ++at_;
    // (1,200) may be a pair; 1,200 without brackets is a number.
    const bool opens = begin > 0 && text_[begin - 1] == '(';
    const bool pair = opens && Peek(0) == ',' && IsDigit(Peek(1)) && IsDigit(Peek(2)) &&
                      IsDigit(Peek(3)) && Peek(4) == ')';
    Put(text_.substr(begin, at_ - begin), Last::kNumber);
    if (!pair) return;
    out_ += ", ";
    ++at_;
  }

  void Command() {
    size_t end = at_ + 1;
    while (end < text_.size() && IsLetter(text_[end])) ++end;
    const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    const bool dots = name == "ldots" || name == "dots" || name == "cdots" || name == "dotsc" ||
                      name == "dotsb" || name == "hdots";
    if (name.empty()) {
      const char c = Peek(1);
      if (c == '$' || c == '|') {
        at_ += 2;
        return Put(c == '$' ? kCurrency : kNorm, c == '$' ? Last::kOperator : Last::kOther);
      }
      out_ += text_[at_++];
      if (at_ < text_.size() && !(text_[at_] & 0x80)) out_ += text_[at_++];
      return;
    }
    at_ = end;
    if (dots) return Terms();
    if (name == "mathbf" || name == "boldsymbol" || name == "bm") {
      return Put("\\bold ", Last::kOther);
    }
    out_ += '\\';
    Put(name, Last::kSymbol);
  }

  // Dots between terms; after a word they are only an ellipsis.
  void Terms() {
    if (last_ == Last::kWord || last_ == Last::kOther) {
      out_ += ' ';
    } else {
      Put(kTerms, Last::kOperator);
    }
  }

  void Wide() {
    const size_t size = SizeAt(at_);
    const char32_t c = CodeAt(at_);
    if (c == kRightQuote || c == kLeftQuote || c == kRightQuotes || c == kLeftQuotes) {
      Quote(c == kLeftQuote || c == kRightQuote ? '\'' : '"', size);
    } else if (utf8_ && IsScriptAt(at_)) {
      Script();
    } else if (c == kEllipsis) {
      at_ += size;
      Terms();
    } else if (c == 0x2062 || c == 0x2063 || c == 0x2064) {  // invisible times, comma, plus
      at_ += size;
      Put(c == 0x2062 ? "*" : c == 0x2063 ? "," : "+", Last::kOperator);
    } else if (utf8_ && PropertyAt(at_).decomp_type == UTF8PROC_DECOMP_TYPE_SQUARE) {
      Squared(text_.substr(at_, size));
      at_ += size;
    } else {
      // A circled digit does not continue the number before it.
      const bool number = utf8_ && PropertyAt(at_).decomp_type == UTF8PROC_DECOMP_TYPE_CIRCLE;
      if (number) out_ += ' ';
      out_ += text_.substr(at_, size);
      if (number) out_ += ' ';
      const bool sign = utf8_ && PropertyAt(at_).category == UTF8PROC_CATEGORY_SM;
      last_ = sign ? Last::kOperator : Last::kOther;
      at_ += size;
    }
  }

  // x⁻¹ as x^{-1}, x² as x^2.
  void Script() {
    const auto type = PropertyAt(at_).decomp_type;
    const size_t begin = at_;
    size_t count = 0;
    for (; at_ < text_.size() && (text_[at_] & 0x80) && PropertyAt(at_).decomp_type == type;
         at_ += SizeAt(at_)) {
      ++count;
    }
    out_ += type == UTF8PROC_DECOMP_TYPE_SUPER ? '^' : '_';
    if (count > 1) out_ += '{';
    out_ += text_.substr(begin, at_ - begin);
    Put(count > 1 ? "}" : "", Last::kNumber);
  }

  // ㎡ as m^2.
  void Squared(std::string_view character) {
    std::string plain =
        NormalizeUnicode(NormalForm::kNfkc, character).value_or(std::string(character));
    if (plain.size() > 1 && IsDigit(plain.back()) && IsLetter(plain[plain.size() - 2])) {
      plain.insert(plain.size() - 1, "^");
    }
    Put(plain, Last::kWord);
  }

  // ' and " are feet, inches and primes after an operand, unless they close a quotation.
  void Quote(char quote, size_t size) {
    bool& open = quote == '"' ? double_open_ : single_open_;
    const bool at_operand =
        at_ > 0 && !IsSpace(text_[at_ - 1]) && (last_ == Last::kNumber || last_ == Last::kPrime);
    const size_t next = at_ + size;
    const bool inside_word = quote == '\'' && IsWordAt(next);
    if (IsOpenPlace() && next < text_.size() && !IsSpace(text_[next])) {
      open = true;
    } else if (open && !inside_word) {
      open = false;
    } else if (at_operand && !inside_word) {
      Put(quote == '"' ? "\u2032\u2032" : kPrime, Last::kPrime);
      at_ = next;
      return;
    }
    out_ += quote;
    at_ = next;
  }

  void Ascii(char c) {
    if (c == '\'' || c == '"') return Quote(c, 1);
    const size_t begin = at_++;
    if (IsSpace(c) || c == ',') {
      out_ += c;
    } else if (c == '!' && Peek(0) == '=') {
      ++at_;
      Put(kUnequal, Last::kOperator);
    } else if (c == '!' && IsOperandBefore()) {
      out_ += kFactorial;  // n!! has two
    } else if (c == '.' && Peek(0) == '.') {
      while (Peek(0) == '.') ++at_;
      Terms();
    } else if (c == ':' && IsOperandBefore() && IsOperandAt(SkipSpaces(at_))) {
      Put(kRatio, Last::kOperator);
    } else if (c == '$' && IsDigit(Peek(0)) && !BeginsFormula(begin)) {
      Put(kCurrency, Last::kOperator);
    } else if (c == '~' && IsUnary(begin)) {
      Put(kNot, Last::kOperator);
    } else {
      out_ += c;
      const bool closes = c == ')' || c == ']' || c == '}';
      const bool reads_on = c == '$' || c == '.';
      const bool is_operator = std::string_view("+-*/^=<>({[|&%").find(c) != std::string_view::npos;
      if (!reads_on) {
        last_ = closes ? Last::kClosing : is_operator ? Last::kOperator : Last::kOther;
      }
    }
  }

  // A tilde before something that it negates or rounds; between words it is a LaTeX space.
  bool IsUnary(size_t at) const {
    const bool free = at == 0 || IsSpace(text_[at - 1]) || text_[at - 1] == '(';
    return free && (IsDigit(Peek(0)) || IsOperandAt(at_) || Peek(0) == '(');
  }

  // Whether a $ before a digit begins a formula, as in $5 + 3$, whose closing $ is on the same
  // line. For two amounts, a digit follows each $.
  bool BeginsFormula(size_t at) const {
    const size_t end = std::min(text_.find_first_of("$\n", at + 1), text_.size());
    const bool closes = end < text_.size() && text_[end] == '$';
    return closes && !(end + 1 < text_.size() && IsDigit(text_[end + 1]));
  }

  const std::string_view text_;
  const bool utf8_;
  size_t at_ = 0;
  Last last_ = Last::kOther;
  bool single_open_ = false, double_open_ = false;
  std::string out_;
};

}  // namespace

std::string ExactText(std::string_view text) { return NormalText(MarkWriter(text).Run()); }

bool IsSign(std::string_view word) {
  return std::find(kSigns.begin(), kSigns.end(), word) != kSigns.end();
}

}  // namespace prm
