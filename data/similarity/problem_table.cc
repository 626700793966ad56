#include "data/similarity/problem_table.h"

#include <array>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/similarity/normal_text.h"
#include "data/text/hash.h"

namespace prm {

std::string_view ProblemLinkName(ProblemLink link) {
  constexpr std::array<std::string_view, 3> kNames = {"near_duplicate", "template", "source_id"};
  return kNames[size_t(link)];
}

std::optional<std::string> SourceProblemId(const Trace& trace) {
  // Most traces name no problem; their meta is not parsed.
  if (trace.meta_json.find("_id\"") == std::string::npos) return std::nullopt;
  const auto meta = nlohmann::json::parse(trace.meta_json);
  for (const char* name : {"problem_id", "source_id", "group_id"}) {
    const auto member = meta.find(name);
    if (member == meta.end()) continue;
    if (member->is_string() || member->is_number_integer()) {
      return StrCat(trace.source, "\n", member->dump());
    }
  }
  return std::nullopt;
}

uint32_t ProblemTable::Add(std::string_view normal, const std::optional<std::string>& source_id) {
  const auto [entry, is_new] = by_text_.try_emplace(KeyOf(normal), size());
  const uint32_t problem = entry->second;
  if (is_new) {
    texts_ += normal;
    ends_.push_back(texts_.size());
    parents_.push_back(problem);
    const std::vector<uint32_t> grams = GramSet(normal);
    const MinHashSketch sketch = SketchOf(grams);
    for (const NearIndex::Match& match : near_.Find(grams, sketch)) {
      Join(match.item, problem, ProblemLink::kNearDuplicate, match.similarity);
    }
    near_.Add(grams, sketch);
    const auto same = by_template_.try_emplace(KeyOf(MaskNumbers(normal)), problem).first;
    Join(same->second, problem, ProblemLink::kTemplate, 1);
  }
  if (source_id) {
    const auto same = by_source_.try_emplace(KeyOf(*source_id), problem).first;
    Join(same->second, problem, ProblemLink::kSourceId, 1);
  }
  return problem;
}

std::string_view ProblemTable::Text(uint32_t problem) const {
  const uint64_t begin = problem == 0 ? 0 : ends_[problem - 1];
  return std::string_view(texts_).substr(begin, ends_.at(problem) - begin);
}

uint32_t ProblemTable::GroupOf(uint32_t problem) const {
  // Path halving. Source: Tarjan & van Leeuwen 1984, section 3.
  while (parents_.at(problem) != problem) {
    parents_[problem] = parents_[parents_[problem]];
    problem = parents_[problem];
  }
  return problem;
}

void ProblemTable::Join(uint32_t a, uint32_t b, ProblemLink kind, double similarity) {
  const uint32_t group_a = GroupOf(a), group_b = GroupOf(b);
  if (group_a == group_b) return;
  // The first problem represents its group.
  parents_[std::max(group_a, group_b)] = std::min(group_a, group_b);
  links_.push_back({a, b, kind, similarity});
}

}  // namespace prm
