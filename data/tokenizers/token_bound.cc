#include "data/tokenizers/token_bound.h"

#include <algorithm>
#include <optional>
#include <string>

#include "data/tokenizers/bpe_spec.h"

namespace prm {
namespace {

using Bytes = std::array<bool, 256>;

constexpr bool IsAscii(int byte) { return byte < 0x80; }
constexpr bool IsControl(int byte) { return byte < 0x20 || byte == 0x7F; }

// How many times shorter a text may become, in non-ASCII bytes. A character is at most three times
// (in compatibility forms four times) as long as its decomposition, which is at most three times as
// long as its composition. Each ASCII character stays separate or is the base of a composed one.
// Tests check this for all characters.
int64_t ShrinkOf(NormalForm form) {
  switch (form) {
    case NormalForm::kNfd:
      return 3;
    case NormalForm::kNfkd:
      return 4;
    case NormalForm::kNfc:
      return 9;
    case NormalForm::kNfkc:
      return 12;
  }
  return 1;
}

// The factor for all steps; nullopt if any text may vanish.
std::optional<int64_t> ShrinkOf(std::span<const NormalizerStep> steps) {
  int64_t shrink = 1;
  for (const NormalizerStep& step : steps) {
    if (step.kind == NormalizerStep::Kind::kUnicode) shrink *= ShrinkOf(step.form);
    if (step.kind == NormalizerStep::Kind::kReplace && step.to.size() < step.from.size()) {
      return std::nullopt;
    }
  }
  return shrink <= 255 ? std::optional(shrink) : std::nullopt;
}

// Bytes that become a token by themselves unless they become part of another.
Bytes BytesWithToken(const BpeSpec& spec) {
  Bytes has{};
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const std::string& token : spec.tokens) {
    if (spec.symbols == BpeSpec::Symbols::kBytes) {
      if (token.size() == 1) has[static_cast<unsigned char>(token[0])] = true;
    } else if (token.size() == 6 && token.starts_with("<0x") && token[5] == '>') {
      const size_t high = kDigits.find(token[3]), low = kDigits.find(token[4]);
      if (high < 16 && low < 16) has[high * 16 + low] = true;
    }
  }
  return has;
}

bool IsAll(const Bytes& has) {
  return std::ranges::all_of(has, [](bool b) { return b; });
}

// Whether bytes without a token in `has` are dropped only where they occur in a text: no normalizer
// produces them.
bool DropsOnlyItself(const Bytes& has, const BpeSpec& spec) {
  if (spec.normalizer.empty() && !spec.split.marks_spaces) return true;
  for (int byte = 0; byte < 256; ++byte) {
    if (!has[size_t(byte)] && !IsControl(byte)) return false;
  }
  return true;
}

template <class Tokens, class TextOf>
size_t LongestOf(const Tokens& tokens, const TextOf& text_of) {
  size_t longest = 1;
  for (const auto& token : tokens) longest = std::max(longest, text_of(token).size());
  return longest;
}

}  // namespace

TokenBound::TokenBound(const BpeSpec& spec) {
  const std::optional<int64_t> shrink = ShrinkOf(spec.normalizer);
  const bool removes = std::ranges::any_of(spec.split.stages, [](const SplitStage& stage) {
    return stage.behavior == SplitStage::Behavior::kRemoved;
  });
  const Bytes has = BytesWithToken(spec);
  if (!shrink || removes) return;
  size_t longest =
      LongestOf(spec.tokens, [](const auto& token) -> std::string_view { return token; });
  if (spec.symbols == BpeSpec::Symbols::kBytes) {
    if (!DropsOnlyItself(has, spec)) return;
  } else if (!spec.byte_fallback || !IsAll(has)) {
    if (!spec.unk_id || spec.fuse_unk) return;
    longest = std::max<size_t>(longest, 4);  // a character becomes the unknown token
  }
  // Later steps may see text of earlier steps instead of ASCII.
  const bool keeps_ascii = spec.normalizer.empty() ||
                           std::ranges::all_of(spec.normalizer.begin() + 1, spec.normalizer.end(),
                                               [](const NormalizerStep& step) {
                                                 return step.kind != NormalizerStep::Kind::kUnicode;
                                               });
  for (int byte = 0; byte < 256; ++byte) {
    const bool counts = spec.symbols == BpeSpec::Symbols::kCharacters || has[size_t(byte)];
    weights_[size_t(byte)] = !counts ? 0 : IsAscii(byte) && keeps_ascii ? uint8_t(*shrink) : 1;
  }
  std::vector<SpecialToken> matched;
  for (SpecialToken token : spec.special_tokens) {
    if (token.special) continue;
    const auto normal = Normalize(spec.normalizer, token.text);
    if (normal && normal->size() > token.text.size()) token.text = *normal;
    matched.push_back(std::move(token));
  }
  divisor_ = *shrink * int64_t(longest);
  CountMatched(matched, *shrink);
}

TokenBound::TokenBound(const TokenizerParts& parts, std::span<const SpecialToken> matched) {
  using Kind = TokenizerParts::Kind;
  // Without byte pieces, a run of unknown characters is one id.
  const bool has_bytes = std::ranges::any_of(
      parts.tokens, [](const auto& token) { return token.kind == Kind::kByte; });
  if (!parts.beyond.empty() || !has_bytes) return;
  weights_.fill(1);
  divisor_ = int64_t(
      LongestOf(parts.tokens, [](const auto& token) -> std::string_view { return token.text; }));
  CountMatched(matched, 1);
}

// Counts tokens that are matched as whole strings.
void TokenBound::CountMatched(std::span<const SpecialToken> matched, int64_t shrink) {
  for (const SpecialToken& token : matched) {
    divisor_ = std::max(divisor_, shrink * int64_t(token.text.size()));
    if (!token.lstrip && !token.rstrip) continue;
    for (int byte = 0; byte < 256; ++byte) {
      if (byte <= ' ' || !IsAscii(byte)) weights_[size_t(byte)] = 0;
    }
  }
}

int64_t TokenBound::operator()(std::string_view text) const {
  if (divisor_ == 0) return 0;
  int64_t sum = 0;
  for (const char c : text) sum += weights_[static_cast<unsigned char>(c)];
  return sum / divisor_;
}

}  // namespace prm
