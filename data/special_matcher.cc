#include "data/special_matcher.h"

#include <algorithm>
#include <utility>

namespace prm {

SpecialMatcher::SpecialMatcher(std::vector<SpecialToken> tokens) : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(),
            [](const SpecialToken& a, const SpecialToken& b) { return a.text < b.text; });
  for (const SpecialToken& token : tokens_) {
    bool& start = starts_[static_cast<unsigned char>(token.text[0])];
    if (!start) first_bytes_.push_back(token.text[0]);
    start = true;
  }
}

std::optional<SpecialMatcher::Match> SpecialMatcher::Find(std::string_view text,
                                                          size_t from) const {
  if (tokens_.empty()) return std::nullopt;
  for (size_t at = from; at < text.size(); ++at) {
    if (first_bytes_.size() == 1) {
      at = text.find(first_bytes_[0], at);
      if (at == std::string_view::npos) return std::nullopt;
    } else if (!starts_[static_cast<unsigned char>(text[at])]) {
      continue;
    }
    if (std::optional<Match> match = MatchAt(text, at)) return match;
  }
  return std::nullopt;
}

// Narrows the sorted texts byte by byte to those that agree with `text` at `at`.
std::optional<SpecialMatcher::Match> SpecialMatcher::MatchAt(std::string_view text,
                                                             size_t at) const {
  std::optional<Match> longest;
  auto begin = tokens_.begin();
  auto end = tokens_.end();
  for (size_t depth = 0; begin != end; ++depth) {
    // A text that ends here sorts before those that go on.
    if (begin->text.size() == depth) {
      longest = Match{at, depth, begin->id};
      ++begin;
    }
    if (at + depth >= text.size()) break;
    const auto byte = static_cast<unsigned char>(text[at + depth]);
    const auto byte_of = [depth](const SpecialToken& token) {
      return static_cast<unsigned char>(token.text[depth]);
    };
    begin = std::partition_point(begin, end, [&](const auto& t) { return byte_of(t) < byte; });
    end = std::partition_point(begin, end, [&](const auto& t) { return byte_of(t) == byte; });
  }
  return longest;
}

}  // namespace prm
