// A relation that a sentence states, and the sentence's cues about it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "data/math_text/math_token.h"
#include "data/math_text/verdict.h"

namespace prm {

// "=", "~", "<", ">", "<=", ">=", "!=".
constexpr std::string_view RelationSign(Relation relation) {
  constexpr std::array<std::string_view, 7> kSigns = {"=", "~", "<", ">", "<=", ">=", "!="};
  return kSigns[size_t(relation)];
}
// Whether the relation states that both sides are equal or about equal.
constexpr bool StatesEquality(Relation relation) {
  return relation == Relation::kEqual || relation == Relation::kAbout;
}
// Whether the relation holds for sides of which the left is less, or both are equal. kAbout counts
// as kUnequal: the caller decides what is close enough.
constexpr bool Holds(Relation relation, bool less, bool equal) {
  switch (relation) {
    case Relation::kEqual:
      return equal;
    case Relation::kLess:
      return less;
    case Relation::kGreater:
      return !less && !equal;
    case Relation::kLessEqual:
      return less || equal;
    case Relation::kGreaterEqual:
      return !less;
    default:
      return !equal;
  }
}

// Tokens [first, last).
struct TokenRange {
  uint32_t first = 0;
  uint32_t last = 0;
  bool empty() const { return first >= last; }
};

// What the sentence around a relation tells about it.
struct SentenceCues {
  bool question = false;
  bool negated = false;
  bool trial = false;
  bool supposed = false;  // "if", "assume" right before the left side
  bool about = false;
  bool percent = false;   // a percent sign or word
  bool rewrite = false;   // expand, factor, simplify
  bool equation = false;  // equation, both sides, solve
  bool modular = false;
  bool remainder = false;
};

struct FoundRelation {
  uint32_t sign = 0;  // token
  Relation relation = Relation::kEqual;
  TokenRange left;
  TokenRange right;
  bool chained = false;    // `left` is the `right` of the previous relation
  bool continued = false;  // `right` is the `left` of the next relation
  // Nothing unread beside the side belongs to it.
  bool clean_left = false;
  bool clean_right = false;
  // `right` is a fraction of something: "1/4 of the cake". Then clean_right is false.
  bool share = false;
  // Why a side ends, if the reason is not prose: kClockTime, kRatio, kUnread; else kWords.
  Reason obstacle = Reason::kWords;
  bool in_region = false;
  SentenceCues cues;
  TokenRange sentence;
};

}  // namespace prm
