#include "data/tokenizers/special_matcher.h"

#include <algorithm>
#include <utility>

#include "data/text/unicode.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

bool IsSpaceAt(std::string_view text, size_t at) {
  return CharClassTable()[DecodeUtf8(text.data() + at).code_point] == CharClass::kSpace;
}

// The match of `token` at `at`, extended by adjacent white space, but not before `from`.
SpecialMatcher::Match Widened(const SpecialToken& token, std::string_view text, size_t from,
                              size_t at) {
  size_t begin = at, end = at + token.text.size();
  while (token.lstrip && begin > from) {
    size_t before = begin - 1;
    while (before > from && (text[before] & 0xC0) == 0x80) --before;
    if (!IsSpaceAt(text, before)) break;
    begin = before;
  }
  while (token.rstrip && end < text.size() && IsSpaceAt(text, end)) {
    end += DecodeUtf8(text.data() + end).size_bytes;
  }
  return {begin, end - begin, token.id};
}

}  // namespace

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
    if (const SpecialToken* token = MatchAt(text, at)) return Widened(*token, text, from, at);
  }
  return std::nullopt;
}

// Narrows the sorted texts byte by byte to those that agree with `text` at `at`.
const SpecialToken* SpecialMatcher::MatchAt(std::string_view text, size_t at) const {
  const SpecialToken* longest = nullptr;
  auto begin = tokens_.begin();
  auto end = tokens_.end();
  for (size_t depth = 0; begin != end; ++depth) {
    // A text that ends here sorts before longer ones.
    if (begin->text.size() == depth) {
      longest = &*begin;
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
