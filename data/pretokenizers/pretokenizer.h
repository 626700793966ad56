// Splits text into the words within which BPE merges: hand-written scanners for the published
// pre-tokenizer expressions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/pretokenizers/split_stages.h"
#include "data/text/unicode.h"

namespace prm {

enum class PreTokenizer : uint8_t {
  // '(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  kGpt2,
  // Every \p{N} is a word of its own; kGpt2 splits each part between them.
  kSmolLm2,
  // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|
  // \s*[\r\n]+|\s+(?!\S)|\s+
  kQwen2,
  // kQwen2 with \p{N}{1,3}.
  kLlama3,
  // The whole text is one word.
  kWhole,
  // A word begins at every space mark.
  kSpaceMarks,
  // TextSplit::stages.
  kStages,
};

// SentencePiece's stand-in for a space.
inline constexpr std::string_view kSpaceMark = "\u2581";

// Processing of a text between special tokens before and during splitting.
struct TextSplit {
  enum class PrefixSpace : uint8_t { kNever, kFirst, kAlways };
  PreTokenizer kind = PreTokenizer::kGpt2;
  std::vector<SplitStage> stages = {};  // of kStages
  bool marks_spaces = false;            // every space becomes kSpaceMark
  // Adds a space, or its mark, before a text that does not begin with one: only before the first
  // text, or before all.
  PrefixSpace prefix_space = PrefixSpace::kNever;
  friend bool operator==(const TextSplit&, const TextSplit&) = default;
};

// "gpt2", "smollm2", "qwen2", "llama3", "whole", "space marks", "stages".
std::string_view PreTokenizerName(PreTokenizer kind);

// Immutable; safe from any thread.
class WordScanner {
 public:
  explicit WordScanner(PreTokenizer kind) : kind_(kind), classes_(CharClassTable()) {}

  PreTokenizer kind() const { return kind_; }

  // The end of the word that begins at `begin` < text.size(); the next word begins there. `text` is
  // UTF-8; `begin` is 0 or an end returned before. Not for kStages.
  size_t WordEnd(std::string_view text, size_t begin) const;

 private:
  PreTokenizer kind_;
  const CharClass* classes_;
};

}  // namespace prm
