#include "data/math_text/relation_finder.h"

#include <algorithm>

#include "data/math_text/sentence_cues.h"
#include "data/math_text/verdict.h"

namespace prm {
namespace {

// Words that a unit may have between its number and the next operator: "3 cups of coffee per day".
constexpr uint32_t kMaxUnitWords = 6;
constexpr uint32_t kNoUnit = kWordStop | kWordTrial | kWordPreposition | kWordTimes | kWordPlus |
                             kWordMinus | kWordBy | kWordEquals | kWordEqual;

class Finder : private TokenView {
 public:
  Finder(const TokenView& view, std::vector<FoundRelation>* relations)
      : TokenView(view), relations_(*relations) {}

  void Run() {
    for (TokenRange sentence; sentence.first < Size(); sentence.first = sentence.last + 1) {
      sentence.last = sentence.first;
      bool has_relation = false;
      while (sentence.last < Size() && !EndsSentence(sentence.last)) {
        has_relation |= tokens[sentence.last].kind == TokenKind::kRelation;
        ++sentence.last;
      }
      if (has_relation) FindInSentence(sentence);
    }
  }

 private:
  bool IsOperator(uint32_t i, char op) const {
    return tokens[i].kind == TokenKind::kOperator && tokens[i].op == op;
  }
  bool EndsSentence(uint32_t i) const {
    const TokenKind kind = tokens[i].kind;
    return kind == TokenKind::kStop || kind == TokenKind::kNewline || kind == TokenKind::kQuestion;
  }

  void FindInSentence(TokenRange sentence) {
    const SentenceCues cues = CuesOf(*this, sentence);
    for (uint32_t i = sentence.first; i < sentence.last; ++i) {
      if (At(i).kind != TokenKind::kRelation) continue;
      FoundRelation relation;
      relation.sign = i;
      relation.relation = At(i).relation;
      relation.in_region = At(i).in_region;
      relation.cues = cues;
      relation.sentence = sentence;
      FoundRelation* before = relations_.empty() ? nullptr : &relations_.back();
      if (before != nullptr && before->continued && before->right.last == i) {
        relation.left = before->right;
        relation.chained = true;
        relation.clean_left = true;
      } else {
        GrowLeft(&relation);
        if (relation.left.empty()) ContinueLine(before, &relation);
      }
      GrowRight(&relation);
      if (!relation.cues.negated) relation.cues.negated = IsNegatedNearby(*this, relation);
      relation.cues.supposed = IsSupposed(*this, relation);
      relations_.push_back(relation);
    }
  }

  // A line that starts with its sign continues the line before.
  void ContinueLine(FoundRelation* before, FoundRelation* relation) {
    if (before == nullptr || before->right.empty()) return;
    uint32_t i = relation->sign;
    bool new_line = false;
    while (i > before->right.last) {
      const TokenKind kind = At(i - 1).kind;
      if (kind != TokenKind::kNewline && kind != TokenKind::kComma) break;
      new_line |= kind == TokenKind::kNewline;
      --i;
    }
    if (i != before->right.last || !new_line) return;
    relation->left = before->right;
    relation->chained = true;
    relation->clean_left = true;
    before->continued = true;
  }

  // --- left ----------------------------------------------------------------------------------

  static bool IsOperand(TokenKind kind) {
    return kind == TokenKind::kNumber || kind == TokenKind::kClose || kind == TokenKind::kPercent ||
           kind == TokenKind::kSymbol;
  }
  static bool StartsOperand(TokenKind kind) {
    return kind == TokenKind::kNumber || kind == TokenKind::kOpen || kind == TokenKind::kCurrency ||
           kind == TokenKind::kCommand || kind == TokenKind::kSymbol;
  }

  // Tokens that belong to a side in any position.
  static bool IsPart(TokenKind kind) {
    return kind == TokenKind::kNumber || kind == TokenKind::kSymbol ||
           kind == TokenKind::kPercent || kind == TokenKind::kCurrency ||
           kind == TokenKind::kCommand || kind == TokenKind::kOperator;
  }

  void GrowLeft(FoundRelation* relation) {
    const uint32_t floor = relation->sentence.first;
    uint32_t i = relation->sign;
    int depth = 0;
    bool growing = true;
    while (growing && i > floor) {
      const MathToken& token = At(i - 1);
      uint32_t taken = 1;
      switch (token.kind) {
        case TokenKind::kClose:
          ++depth;
          break;
        case TokenKind::kOpen:
          if (depth == 0) taken = 0;
          depth -= taken != 0;
          break;
        case TokenKind::kWord:
          taken = depth > 0 ? 1 : WordsLeft(i, floor);
          break;
        case TokenKind::kComma:
          taken = depth > 0;
          break;
        default:
          taken = IsPart(token.kind);
          if (taken == 0) NoteObstacle(token.kind, relation);
      }
      growing = taken > 0;
      i -= taken;
    }
    relation->left = {i, relation->sign};
    relation->clean_left = depth == 0 && IsCleanLeft(*relation);
  }

  static void NoteObstacle(TokenKind kind, FoundRelation* relation) {
    if (kind == TokenKind::kClock) relation->obstacle = Reason::kClockTime;
    if (kind == TokenKind::kRatio) relation->obstacle = Reason::kRatio;
    if (kind == TokenKind::kUnknown) relation->obstacle = Reason::kUnread;
  }

  // How many of the words that end before token `i` belong to an expression that continues at `i`.
  uint32_t WordsLeft(uint32_t i, uint32_t floor) const {
    const bool operand_follows = StartsOperand(At(i).kind);
    if (operand_follows && i >= floor + 2) {
      const bool behind_operand = IsOperand(At(i - 2).kind) || At(i - 2).kind == TokenKind::kWord;
      if (IsWord(i - 1, kWordTimes | kWordPlus | kWordMinus) && behind_operand) return 1;
      if (TextOf(i - 1) == "by" && IsWord(i - 2, kWordBy)) return 2;
      if (IsWord(i - 1, kWordOf) && IsFractionBefore(i - 1, floor)) return 1;
    }
    if (IsWord(i - 1, kWordPercent)) return 1;
    return UnitWordsLeft(i, floor);
  }

  // Whether a percentage or a fraction of numbers ends before token `i`.
  bool IsFractionBefore(uint32_t i, uint32_t floor) const {
    if (i <= floor) return false;
    if (At(i - 1).kind == TokenKind::kPercent || IsWord(i - 1, kWordPercent)) return true;
    if (At(i - 1).kind == TokenKind::kClose && At(i - 1).op == '}') return true;
    if (At(i - 1).kind != TokenKind::kNumber) return false;
    if (At(i - 1).den > 1) return true;
    return i >= floor + 3 && IsOperator(i - 2, '/') && At(i - 3).kind == TokenKind::kNumber;
  }

  uint32_t UnitWordsLeft(uint32_t i, uint32_t floor) const {
    uint32_t words = 0;
    uint32_t taken = 0;
    while (i - taken > floor && words < kMaxUnitWords) {
      const uint32_t at = i - taken - 1;
      const bool below = at > floor && At(at).kind == TokenKind::kWord && IsOperator(at - 1, '/');
      if (IsUnitWord(at, words == 0)) {
        ++words;
        taken += below ? 2 : 1;
        continue;
      }
      const bool number = At(at).kind == TokenKind::kNumber || At(at).kind == TokenKind::kPercent ||
                          At(at).kind == TokenKind::kClose;
      // "of" may be between unit words, but not after the number.
      const bool of = IsWord(i - taken, kWordOf);
      return number && !of ? taken : 0;
    }
    return 0;
  }
  bool IsUnitWord(uint32_t at, bool last) const {
    if (At(at).kind != TokenKind::kWord) return false;
    const uint32_t classes = At(at).word.classes;
    if (!last && (classes & (kWordOf | kWordPer))) return true;
    return (classes & kWordNoun) || (classes & kNoUnit) == 0;
  }

  bool IsCleanLeft(const FoundRelation& relation) const {
    const uint32_t first = relation.left.first;
    const uint32_t floor = relation.sentence.first;
    if (relation.left.empty()) return false;
    if (At(first).kind == TokenKind::kOperator) {
      const bool sign = (At(first).op == '-' || At(first).op == '+') &&
                        first + 1 < relation.left.last && !At(first + 1).space_before;
      const bool starts = first == floor || At(first - 1).kind == TokenKind::kRegionOpen ||
                          At(first - 1).kind == TokenKind::kOpen || At(first).space_before;
      if (!sign || !starts) return false;
    }
    uint32_t i = first;
    if (i > floor && At(i - 1).kind == TokenKind::kRegionOpen) {
      --i;
      if (i == floor) return true;
      const TokenKind before = At(i - 1).kind;
      if (before == TokenKind::kRegionClose) return false;
    }
    // A single number in prose ends a phrase, unless the phrase has just begun.
    const uint32_t size = relation.left.last - first;
    const bool lone = !relation.in_region && i > floor &&
                      (size == 1 || (size == 2 && At(first).kind == TokenKind::kCurrency));
    if (lone && At(i - 1).kind == TokenKind::kWord && !IsWord(i - 1, kWordStop)) return false;
    return NothingUnreadBefore(i, floor);
  }

  // Scans prose leftwards from token `i` to the start of the clause or a stop word. There must be
  // no word directly before it (ignoring articles) that takes the expression as its operand, and no
  // number within two words.
  bool NothingUnreadBefore(uint32_t i, uint32_t floor) const {
    const uint32_t end = i;
    uint32_t words = 0;   // without articles
    bool joined = false;  // "and", "to" directly before: a number further left would belong
    for (; i > floor; --i) {
      const MathToken& token = At(i - 1);
      switch (token.kind) {
        case TokenKind::kColon:
        case TokenKind::kRegionOpen:
          return true;
        case TokenKind::kOpen:
          return words == 0;
        case TokenKind::kComma:
          return i - 1 == floor || At(i - 2).kind != TokenKind::kNumber || words > 0 ||
                 (CommaEndsClause(i - 1, floor) && !MayBeThousands(end));
        case TokenKind::kNumber:
          return words >= 2 && !joined;
        case TokenKind::kWord:
          break;
        default:
          return false;
      }
      const uint32_t classes = token.word.classes;
      if (classes & kWordFunction) return words > 0;
      if (words == 0 && !(classes & kWordStop)) {
        if ((classes & (kWordTimes | kWordPlus | kWordMinus | kWordNumber)) &&
            !IsNamedPart(i - 1, floor)) {
          return false;
        }
        if (IsForm(i - 1, {"by", "between", "over"})) return false;
        joined |= (classes & kWordBinding) != 0;
        const bool of_number =
            (classes & kWordOf) && i - 1 > floor &&
            (IsWord(i - 2, kWordNumber | kWordPercent) || IsOperand(At(i - 2).kind));
        if (of_number) return false;
      } else if (classes & (kWordStop | kWordEquation)) {
        return true;
      }
      words += !IsForm(i - 1, {"the", "a", "an", "his", "her", "their", "its", "of", "all", "those",
                               "these", "and", "to", "from"});
    }
    return true;
  }

  // "the second half": a name, not a factor.
  bool IsNamedPart(uint32_t i, uint32_t floor) const {
    return IsForm(i, {"half", "third", "quarter"}) && i > floor &&
           IsForm(i - 1, {"first", "second", "other", "last"});
  }

  // 14, 400: the window may start with the end of a number that contains a space.
  bool MayBeThousands(uint32_t first) const {
    return At(first).kind == TokenKind::kNumber && At(first).end - At(first).begin == 3;
  }

  // The comma at `i` after a number is not a list if a word other than "and" precedes it.
  bool CommaEndsClause(uint32_t i, uint32_t floor) const {
    return i >= floor + 2 && At(i - 2).kind != TokenKind::kComma &&
           At(i - 2).kind != TokenKind::kNumber && At(i - 2).kind != TokenKind::kOpen;
  }

  // --- right ---------------------------------------------------------------------------------

  void GrowRight(FoundRelation* relation) {
    const uint32_t ceiling = relation->sentence.last;
    uint32_t i = relation->sign + 1;
    // "= about 5", "= only 5"
    while (i < ceiling && IsWord(i, kWordAbout)) ++i;
    const uint32_t first = i;
    int depth = 0;
    bool growing = true;
    while (growing && i < ceiling) {
      const MathToken& token = At(i);
      uint32_t taken = 1;
      switch (token.kind) {
        case TokenKind::kOpen:
          if (depth == 0 && i > first && OpensRemark(i, ceiling)) taken = 0;
          depth += taken != 0;
          break;
        case TokenKind::kClose:
          if (depth == 0) taken = 0;
          depth -= taken != 0;
          break;
        case TokenKind::kWord:
          taken = depth > 0 ? 1 : WordsRight(i, first, ceiling);
          break;
        case TokenKind::kComma:
          taken = depth > 0;
          break;
        case TokenKind::kRelation:
          relation->continued = depth == 0;
          taken = 0;
          break;
        default:
          taken = IsPart(token.kind);
          if (taken == 0) NoteObstacle(token.kind, relation);
      }
      growing = taken > 0;
      i += taken;
    }
    relation->right = {first, i};
    if (first == i) relation->continued = false;
    relation->clean_right = depth == 0 && (relation->continued || IsCleanRight(*relation));
    relation->share =
        depth == 0 && i > first && i < ceiling && IsWord(i, kWordOf) && IsFractionBefore(i, first);
  }

  // "(mod 7)", "(since ..)": a bracket that starts with a word.
  bool OpensRemark(uint32_t i, uint32_t ceiling) const {
    return i + 1 < ceiling && At(i + 1).kind == TokenKind::kWord;
  }

  // How many words from token `i` belong to the side that starts at `first`.
  uint32_t WordsRight(uint32_t i, uint32_t first, uint32_t ceiling) const {
    if (i == first) return 0;
    const bool behind_operand = IsOperand(At(i - 1).kind) || At(i - 1).kind == TokenKind::kWord;
    if (i + 1 < ceiling && behind_operand) {
      const bool operand_follows = StartsOperand(At(i + 1).kind);
      if (IsWord(i, kWordTimes | kWordPlus | kWordMinus) && operand_follows) return 1;
      if (IsWord(i, kWordBy) && TextOf(i + 1) == "by" && i + 2 < ceiling) return 2;
      if (IsWord(i, kWordOf) && operand_follows && IsFractionBefore(i, first)) return 1;
    }
    if (IsWord(i, kWordPercent)) return 1;
    return UnitWordsRight(i, ceiling);
  }

  // A unit is read if an operator or relation follows it, or if it is in the table.
  uint32_t UnitWordsRight(uint32_t i, uint32_t ceiling) const {
    if (IsWord(i, kWordOf)) return 0;
    uint32_t taken = 0;
    uint32_t known = 0;
    uint32_t words = 0;
    while (i + taken < ceiling && words < kMaxUnitWords) {
      const uint32_t at = i + taken;
      const bool below =
          IsOperator(at, '/') && at + 1 < ceiling && At(at + 1).kind == TokenKind::kWord;
      if (below) {
        taken += 2;
        ++words;
        continue;
      }
      if (At(at).kind == TokenKind::kRelation) return taken;
      if (At(at).kind == TokenKind::kOperator) {
        const bool goes_on = at + 1 < ceiling && StartsOperand(At(at + 1).kind);
        return goes_on ? taken : known;
      }
      if (!IsUnitWord(at, words == 0)) break;
      ++taken;
      ++words;
      if (At(at).word.unit != 0 && words <= 2) known = taken;
    }
    return known;
  }

  bool IsCleanRight(const FoundRelation& relation) const {
    const uint32_t ceiling = relation.sentence.last;
    uint32_t i = relation.right.last;
    if (relation.right.empty() || At(i - 1).kind == TokenKind::kOperator) {
      if (relation.right.empty() || At(i - 1).op != '!') return false;
    }
    if (i < ceiling && At(i).kind == TokenKind::kRegionClose) ++i;
    if (i >= ceiling) return true;
    const MathToken& next = At(i);
    switch (next.kind) {
      case TokenKind::kOperator:
      case TokenKind::kNumber:
      case TokenKind::kUnknown:
      case TokenKind::kClock:
      case TokenKind::kRatio:
      case TokenKind::kSymbol:
      case TokenKind::kCommand:
        return false;
      case TokenKind::kComma:
        return !StartsList(i, ceiling);
      case TokenKind::kOpen:  // 2(length + 5) is a product, 2 (rounded) a remark
        return next.space_before && !next.in_region;
      case TokenKind::kWord:
        break;
      default:
        return true;
    }
    const uint32_t classes = next.word.classes;
    const bool number_follows =
        i + 1 < ceiling && (StartsOperand(At(i + 1).kind) || IsWord(i + 1, kWordNumber));
    if (classes & (kWordAlternative | kWordModular | kWordBy)) return false;
    if (classes & (kWordPlus | kWordMinus)) return !number_follows;
    // "85 times." counts; "3 times as many", "2 times the price" multiply.
    if (classes & kWordTimes) return i + 1 >= ceiling || !IsForm(i + 1, {"as", "the", "more"});
    // "1/3 of the cake"; after a unit "of" belongs to the unit: "3 hours of work".
    if (classes & kWordOf) return At(relation.right.last - 1).kind == TokenKind::kWord;
    if (IsForm(i, {"half", "halves", "third", "thirds", "quarter", "quarters", "hundred",
                   "thousand", "million", "billion", "trillion", "dozen", "fifths"})) {
      return false;
    }
    if (IsForm(i, {"to", "through"})) return !number_follows;
    return !(TextOf(i) == "and" && i + 1 < ceiling &&
             (TextOf(i + 1) == "a" || At(i + 1).kind == TokenKind::kNumber));
  }

  // ", 3" and ", 3 or 4" if the sentence or the list continues after the number.
  bool StartsList(uint32_t i, uint32_t ceiling) const {
    if (i + 1 >= ceiling) return false;
    if (IsOperator(i + 1, '-') || At(i + 1).kind == TokenKind::kUnknown) return true;
    if (At(i + 1).kind != TokenKind::kNumber) return false;
    if (i + 2 >= ceiling) return true;
    const TokenKind kind = At(i + 2).kind;
    return kind == TokenKind::kComma || kind == TokenKind::kRegionClose ||
           IsWord(i + 2, kWordAlternative) || TextOf(i + 2) == "and";
  }

  std::vector<FoundRelation>& relations_;
};

}  // namespace

bool FindRelations(std::string_view text, size_t most, std::vector<MathToken>* tokens,
                   std::vector<FoundRelation>* relations) {
  relations->clear();
  if (MergeWordRelations(text, tokens) > most) return false;
  Finder({text, *tokens}, relations).Run();
  return true;
}

}  // namespace prm
