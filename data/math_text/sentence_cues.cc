#include "data/math_text/sentence_cues.h"

#include <algorithm>

namespace prm {
namespace {

// "42 / 2 = 21 were not cherry" negates the things, not the relation.
bool IsNegatedThing(const TokenView& view, uint32_t i, const FoundRelation& relation) {
  return !relation.in_region && i > relation.right.last && view.IsForm(i, {"not"}) &&
         view.IsForm(i - 1, {"were"});
}

// "No, we subtract 4 to get x = 5" answers an earlier statement.
bool IsInterjection(const TokenView& view, uint32_t i, uint32_t sentence) {
  return i == sentence && view.IsForm(i, {"No", "no"}) && i + 1 < view.Size() &&
         view.At(i + 1).kind == TokenKind::kComma;
}

// "wrong", "impossible" negate a whole statement, wherever they are in the sentence.
bool IsStrongNegation(const TokenView& view, uint32_t i) {
  return view.IsWord(i, kWordNegation) &&
         !view.IsForm(i,
                      {"not", "no", "No", "never", "cannot", "can't", "don't", "doesn't", "won't",
                       "didn't", "isn't", "wasn't", "aren't", "nor", "neither", "instead"});
}

// "Not true!", "This is incorrect", "But that is a contradiction" from token `i` on, about the
// previous sentence.
bool IsDenial(const TokenView& view, uint32_t i) {
  const auto is_word = [&](uint32_t at, uint32_t classes) {
    return at < view.Size() && view.IsWord(at, classes);
  };
  if (is_word(i, kWordNegation) || is_word(i + 1, kWordNegation)) return true;
  while (i < view.Size() &&
         view.IsForm(i, {"This", "That", "It", "Which", "But", "However", ",", "this", "that", "it",
                         "which", "is", "was", "clearly", "obviously", "a"})) {
    ++i;
  }
  const bool not_so = is_word(i, kWordNegation) && view.IsForm(i, {"not"}) && i + 1 < view.Size() &&
                      view.IsForm(i + 1, {"true", "correct", "possible", "valid", "right"});
  return not_so || (i < view.Size() && IsStrongNegation(view, i));
}

}  // namespace

bool TokenView::IsForm(uint32_t i, std::initializer_list<std::string_view> words) const {
  return std::find(words.begin(), words.end(), TextOf(i)) != words.end();
}

size_t MergeWordRelations(std::string_view text, std::vector<MathToken>* tokens) {
  const TokenView view{text, *tokens};
  std::vector<MathToken>& all = *tokens;
  const auto is_cue = [](const MathToken& token) {
    return token.kind == TokenKind::kWord && (token.word.classes & (kWordEquals | kWordEqual));
  };
  const auto count_signs = [&] {
    return size_t(std::count_if(all.begin(), all.end(), [](const MathToken& token) {
      return token.kind == TokenKind::kRelation;
    }));
  };
  if (std::none_of(all.begin(), all.end(), is_cue)) return count_signs();
  size_t kept = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    all[kept++] = all[i];
    if (!is_cue(all[i])) continue;
    const bool to = i + 1 < all.size() && view.TextOf(uint32_t(i) + 1) == "to";
    const bool negated = kept >= 2 && all[kept - 2].kind == TokenKind::kWord &&
                         (all[kept - 2].word.classes & kWordNegation);
    if (negated || ((all[i].word.classes & kWordEqual) && !to)) continue;
    MathToken sign = all[i];
    sign.kind = TokenKind::kRelation;
    sign.op = 0;
    sign.relation = Relation::kEqual;
    sign.word = {};
    --kept;
    if (kept > 0 && all[kept - 1].kind == TokenKind::kWord &&
        view.IsForm(uint32_t(kept) - 1, {"is", "are", "was", "be"})) {
      sign.begin = all[--kept].begin;
    }
    if (to) sign.end = all[++i].end;
    all[kept++] = sign;
  }
  all.resize(kept);
  return count_signs();
}

SentenceCues CuesOf(const TokenView& view, TokenRange sentence) {
  uint32_t classes = 0;
  bool strong = false;
  bool percent = false;
  for (uint32_t i = sentence.first; i < sentence.last; ++i) {
    classes |= view.At(i).word.classes;
    percent |= view.At(i).kind == TokenKind::kPercent;
    strong |= IsStrongNegation(view, i);
  }
  bool base = false;
  for (uint32_t i = sentence.first; i + 1 < sentence.last; ++i) {
    base |= view.TextOf(i) == "base" && view.At(i + 1).kind == TokenKind::kNumber;
  }
  SentenceCues cues;
  cues.question =
      sentence.last < view.Size() && view.At(sentence.last).kind == TokenKind::kQuestion;
  cues.negated = strong;
  cues.trial = classes & kWordTrial;
  cues.about = classes & kWordAbout;
  cues.percent = percent || (classes & kWordPercent) != 0;
  cues.rewrite = classes & kWordRewrite;
  cues.equation = classes & kWordEquation;
  cues.modular = base || (classes & kWordModular) != 0;
  cues.remainder = classes & kWordRemainder;
  return cues;
}

bool IsNegatedNearby(const TokenView& view, const FoundRelation& relation) {
  constexpr uint32_t kBefore = 3;
  constexpr uint32_t kAfter = 5;
  const TokenRange sentence = relation.sentence;
  uint32_t first = relation.left.first - std::min(relation.left.first, kBefore);
  uint32_t last = std::max(relation.right.last, relation.sign) + kAfter;
  if (relation.in_region) {
    first = sentence.first;
    last = sentence.last;
  }
  for (uint32_t i = std::max(first, sentence.first); i < std::min(last, sentence.last); ++i) {
    if (view.IsWord(i, kWordNegation) && !IsNegatedThing(view, i, relation) &&
        !IsInterjection(view, i, sentence.first)) {
      return true;
    }
  }
  return IsDenial(view, sentence.last + 1);
}

bool IsSupposed(const TokenView& view, const FoundRelation& relation) {
  constexpr uint32_t kBefore = 4;
  const uint32_t end = std::min(relation.left.first, relation.sign);
  for (uint32_t i = end; i > relation.sentence.first && end - i < kBefore; --i) {
    const TokenKind kind = view.At(i - 1).kind;
    if (kind == TokenKind::kComma || kind == TokenKind::kColon) return false;
    if (kind == TokenKind::kWord &&
        view.IsForm(i - 1, {"if", "If", "assume", "Assume", "suppose", "Suppose", "assuming",
                            "assumed", "paradoxically", "imagine", "Imagine"})) {
      return true;
    }
  }
  return false;
}

bool MentionsDivision(std::string_view text_before) {
  // Without the first letter, which may be a capital.
  return text_before.find("ivid") != text_before.npos ||
         text_before.find("ancel") != text_before.npos;
}

}  // namespace prm
