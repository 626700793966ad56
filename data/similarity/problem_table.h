// The distinct problems of a data set, and the groups that must stay on one side of a split.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/similarity/min_hash.h"
#include "data/text/hash.h"
#include "data/trace.h"

namespace prm {

// Why two problems are in the same group.
enum class ProblemLink : uint8_t { kNearDuplicate, kTemplate, kSourceId };
std::string_view ProblemLinkName(ProblemLink link);

// The source's name for a trace's problem, prefixed by the source: the first of `meta.problem_id`,
// `meta.source_id` and `meta.group_id` that is a string or whole number. nullopt: none.
std::optional<std::string> SourceProblemId(const Trace& trace);

// Problems with equal normal text are the same. Groups are the connected components of:
// near-duplicate (Jaccard >= .8 of word 5-grams), equal with numbers masked, same name at the
// source. About 0.5 kB per problem plus its text. Used by one thread at a time.
class ProblemTable {
 public:
  // The number of the problem whose NormalText is `normal`: 0, 1, 2, .. in order of appearance.
  uint32_t Add(std::string_view normal, const std::optional<std::string>& source_id = {});

  uint32_t size() const { return uint32_t(ends_.size()); }
  // Normal text of the problem; valid until the next Add.
  std::string_view Text(uint32_t problem) const;
  // The representative of the problem's group: equal for all its problems.
  uint32_t GroupOf(uint32_t problem) const;

  // The evidence: each link that joined two groups, in the order found.
  struct Link {
    uint32_t a, b;
    ProblemLink kind;
    double similarity;  // of near-duplicates; otherwise 1
  };
  const std::vector<Link>& links() const { return links_; }
  int64_t comparisons_left_out() const { return near_.left_out(); }

 private:
  void Join(uint32_t a, uint32_t b, ProblemLink kind, double similarity);

  std::unordered_map<TextKey, uint32_t, TextKeyHash> by_text_;
  std::unordered_map<TextKey, uint32_t, TextKeyHash> by_template_;
  std::unordered_map<TextKey, uint32_t, TextKeyHash> by_source_;
  NearIndex near_;
  std::string texts_;
  std::vector<uint64_t> ends_;
  mutable std::vector<uint32_t> parents_;
  std::vector<Link> links_;
};

}  // namespace prm
