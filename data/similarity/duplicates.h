// Traces that duplicate an earlier one.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/similarity/min_hash.h"
#include "data/text/hash.h"
#include "data/trace.h"

namespace prm {

enum class DuplicateKind : uint8_t {
  kExact,          // normal text of problem and steps, labels and verdicts all equal
  kLabelConflict,  // text equal but labels not: one is wrong, or one is not labelled
  kNear,  // Jaccard >= .8 of the word 5-grams of problem and steps; equal labels, step numbers and
          // words of the last step
  kContrast,  // like near, but these differ: a changed step beside its original
};
inline constexpr int kNumDuplicateKinds = 4;
std::string_view DuplicateKindName(DuplicateKind kind);
// Whether the trace adds nothing. A contrast is kept; a label conflict is kept for review.
constexpr bool IsRemovable(DuplicateKind kind) {
  return kind == DuplicateKind::kExact || kind == DuplicateKind::kNear;
}

// The search key of a trace. May be computed on any thread.
struct TracePrint {
  TextKey text;
  uint64_t labels = 0;
  uint64_t facts = 0;  // numbers and signs of all steps, words of the last
  std::vector<uint32_t> grams;
  MinHashSketch sketch;
};
// `normal_problem` is the problem's NormalText.
TracePrint PrintOf(const Trace& trace, std::string_view normal_problem);

struct Duplicate {
  DuplicateKind kind;
  uint32_t of;  // index of the kept trace
  double similarity;
};

// Finds duplicates in order of appearance: a trace is compared with those kept before it. Of
// several kinds, the first of DuplicateKind counts; of several traces, the most similar. Used by
// one thread at a time.
class DuplicateFinder {
 public:
  // What the trace duplicates; if it is not removable, it is kept, as number kept() - 1.
  std::optional<Duplicate> Add(const TracePrint& print);
  uint32_t kept() const { return uint32_t(near_.size()); }
  int64_t comparisons_left_out() const { return near_.left_out(); }

 private:
  std::unordered_multimap<TextKey, uint32_t, TextKeyHash> by_text_;
  std::vector<uint64_t> labels_, facts_;  // of the kept
  NearIndex near_;
};

struct DedupOptions {
  std::filesystem::path in;
  std::filesystem::path out;
  std::filesystem::path report = {};  // JSON lines, one per finding; empty: none
  bool near = true;                   // remove near-duplicates too
  int threads = 0;                    // 0: all cores
};

struct DedupResult {
  int64_t rows = 0;
  int64_t kept = 0;
  std::array<int64_t, kNumDuplicateKinds> found = {};
  int64_t comparisons_left_out = 0;
};

// Writes the lines of `in` that are not removable duplicates to `out`, byte for byte and in order;
// "-" for the standard streams. Throws Error for the first invalid trace; nothing is written then.
DedupResult Deduplicate(const DedupOptions& options);

}  // namespace prm
