// Where prose relates two expressions.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/symbolic/math_tokens.h"
#include "data/symbolic/sentence_cues.h"
#include "data/symbolic/step_checker.h"

namespace prm {

struct FoundRelation {
  uint32_t sign = 0;  // token
  char op = '=';
  TokenRange left;
  TokenRange right;
  bool chained = false;    // `left` is the `right` of the relation before
  bool continued = false;  // `right` is the `left` of the relation after
  // Nothing that belongs to a side stands unread beside it.
  bool clean_left = false;
  bool clean_right = false;
  // `right` is a fraction of something: "1/4 of the cake". clean_right is false then.
  bool share = false;
  // Why a side ends where it does, if not with prose: kClockTime, kRatio, kUnread; else kWords.
  Reason obstacle = Reason::kWords;
  bool in_region = false;
  SentenceCues cues;
  TokenRange sentence;
};

// Replaces *relations by those of the text, in the order of the tokens. "equals" and "is equal to"
// in *tokens become relation signs.
void FindRelations(std::string_view text, std::vector<MathToken>* tokens,
                   std::vector<FoundRelation>* relations);

}  // namespace prm
