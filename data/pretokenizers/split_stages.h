// Splitting by the regular expressions of a tokenizer.json, where no hand-written scanner knows
// them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// One pass over the pieces that the pass before has left. The names are those of PyPI `tokenizers`.
struct SplitStage {
  // What becomes of a match; the text between matches is a piece.
  enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
  std::string regex;
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;  // what lies between matches is the match
  friend bool operator==(const SplitStage&, const SplitStage&) = default;
};

// Immutable; any thread.
class StageSplitter {
 public:
  // Throws Error(kUnimplemented) naming `where` and the expression that does not compile.
  StageSplitter(std::span<const SplitStage> stages, std::string_view where);
  ~StageSplitter();

  // Appends the pieces of `text`, UTF-8, which they borrow from; none is empty. Throws
  // Error(kInvalidArgument) where an expression exceeds PCRE2's limits on this text.
  void Split(std::string_view text, std::vector<std::string_view>* pieces) const;

 private:
  struct Stage;
  std::vector<std::unique_ptr<const Stage>> stages_;
};

}  // namespace prm
