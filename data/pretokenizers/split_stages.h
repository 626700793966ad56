// Splits by the regular expressions of a tokenizer.json that no hand-written scanner covers.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// One pass over the pieces left by the previous pass. The names are those of PyPI `tokenizers`.
struct SplitStage {
  // What happens to a match; the text between matches is a piece.
  enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
  std::string regex;
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;  // the text between matches is the match
  friend bool operator==(const SplitStage&, const SplitStage&) = default;
};

// Immutable; safe from any thread.
class StageSplitter {
 public:
  // Throws Error(kUnimplemented) naming `where` and the expression that does not compile.
  StageSplitter(std::span<const SplitStage> stages, std::string_view where);
  ~StageSplitter();

  // Appends the nonempty pieces of `text`, as views into it; `text` is UTF-8. Throws
  // Error(kInvalidArgument) if an expression exceeds PCRE2's limits on this text.
  void Split(std::string_view text, std::vector<std::string_view>* pieces) const;

 private:
  struct Stage;
  std::vector<std::unique_ptr<const Stage>> stages_;
};

}  // namespace prm
