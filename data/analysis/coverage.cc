#include "data/analysis/coverage.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "data/analysis/strategies.h"
#include "data/error.h"
#include "data/io/json_lines.h"

namespace prm {
namespace {

constexpr int64_t kMaxTarget = 1'000'000'000;

int DifficultyOfLevel(double level) { return level <= 2 ? 0 : level <= 3 ? 1 : 2; }

std::optional<int> StatedDifficulty(const Trace& trace) {
  if (trace.meta_json.find("\"difficulty\"") == std::string::npos) return std::nullopt;
  const auto meta = nlohmann::json::parse(trace.meta_json);
  const auto member = meta.find("difficulty");
  if (member == meta.end()) return std::nullopt;
  if (member->is_number()) return DifficultyOfLevel(member->get<double>());
  if (!member->is_string()) return std::nullopt;
  const auto name = member->get<std::string>();
  for (int i = 0; i < kNumDifficulties; ++i) {
    if (kDifficultyNames[size_t(i)] == name) return i;
  }
  if (name.size() == 7 && name.starts_with("Level ")) return DifficultyOfLevel(name[6] - '0');
  return std::nullopt;
}

}  // namespace

int DifficultyOf(const Trace& trace) {
  if (const std::optional<int> stated = StatedDifficulty(trace)) return *stated;
  return trace.steps.size() <= 3 ? 0 : trace.steps.size() <= 7 ? 1 : 2;
}

std::string CellText(const Cell& cell) {
  return StrCat(cell.domain, " / ", cell.strategy, " / ",
                kDifficultyNames[size_t(cell.difficulty)]);
}

// Reads the parts of a plan.
struct CoveragePlanReader {
  static int64_t Target(const JsonField& field) {
    const int64_t target = ReadInt(field);
    if (target < 0 || target > kMaxTarget) RefuseValue(field, StrCat("0 to ", kMaxTarget));
    return target;
  }

  static int Difficulty(const JsonField& field) {
    const std::string name = ReadString(field);
    for (int i = 0; i < kNumDifficulties; ++i) {
      if (kDifficultyNames[size_t(i)] == name) return i;
    }
    RefuseValue(field, "easy, medium or hard");
  }

  // `last`: the name of the last, required member: "target" or "reason".
  static std::vector<CoveragePlan::Selector> Selectors(const JsonMember& list,
                                                       std::string_view last) {
    std::vector<CoveragePlan::Selector> selectors;
    if (!list.has_value()) return selectors;
    const std::array<std::string_view, 4> names = {"strategy", "domain", "difficulty", last};
    for (const JsonElement item : ReadArray(list.field)) {
      const JsonField object = list.field.Item(selectors.size(), item);
      std::vector<JsonField> unknown;
      const std::vector<JsonMember> members = ReadMembers(object, names, &unknown);
      if (!unknown.empty()) RefuseField(unknown[0], "unknown field of a cell");
      CoveragePlan::Selector selector;
      if (members[0].has_value()) selector.strategy = ReadString(members[0].field);
      if (members[1].has_value()) selector.domain = ReadString(members[1].field);
      if (members[2].has_value()) selector.difficulty = Difficulty(members[2].field);
      const JsonField& value = Required(members[3], last, object);
      if (last == "target") selector.target = Target(value);
      if (last == "reason") selector.reason = ReadString(value);
      selectors.push_back(std::move(selector));
    }
    return selectors;
  }
};

CoveragePlan CoveragePlan::Parse(std::string_view json, std::string_view where) {
  simdjson::dom::parser parser;
  const JsonField whole = ParseJsonObject(json, where, &parser);
  constexpr std::array<std::string_view, 3> kNames = {"target", "cells", "does_not_apply"};
  std::vector<JsonField> unknown;
  const std::vector<JsonMember> members = ReadMembers(whole, kNames, &unknown);
  if (!unknown.empty()) RefuseField(unknown[0], "unknown field of a coverage plan");
  CoveragePlan plan;
  if (members[0].has_value()) plan.target_ = CoveragePlanReader::Target(members[0].field);
  plan.targets_ = CoveragePlanReader::Selectors(members[1], "target");
  plan.excluded_ = CoveragePlanReader::Selectors(members[2], "reason");
  return plan;
}

CoveragePlan CoveragePlan::Read(const std::filesystem::path& path) {
  return Parse(ReadFile(path), path == "-" ? "standard input" : path.string());
}

bool CoveragePlan::Selector::Selects(const Cell& cell) const {
  return (!strategy || *strategy == cell.strategy) && (!domain || *domain == cell.domain) &&
         (!difficulty || *difficulty == cell.difficulty);
}

int64_t CoveragePlan::TargetOf(const Cell& cell) const {
  const auto last = std::find_if(targets_.rbegin(), targets_.rend(),
                                 [&](const Selector& selector) { return selector.Selects(cell); });
  return last == targets_.rend() ? target_ : last->target;
}

std::optional<std::string> CoveragePlan::WhyNot(const Cell& cell) const {
  const auto last = std::find_if(excluded_.rbegin(), excluded_.rend(),
                                 [&](const Selector& selector) { return selector.Selects(cell); });
  if (last == excluded_.rend()) return std::nullopt;
  return last->reason;
}

std::vector<CellState> Coverage::States(const CoveragePlan& plan) const {
  std::set<std::string> domains;
  for (const auto& [cell, count] : counts_) domains.insert(cell.domain);
  std::vector<CellState> states;
  for (const std::string& domain : domains) {
    for (const std::string_view strategy : StrategiesOf(domain)) {
      for (int difficulty = 0; difficulty < kNumDifficulties; ++difficulty) {
        CellState state{{std::string(strategy), domain, difficulty}, 0, 0, 0, {}};
        const auto counted = counts_.find(state.cell);
        if (counted != counts_.end()) state.count = counted->second;
        const bool other = strategy == kOtherStrategy;
        if (other && state.count == 0) continue;
        state.why_not = plan.WhyNot(state.cell);
        if (!state.why_not && !other) state.target = plan.TargetOf(state.cell);
        state.deficit = std::max<int64_t>(0, state.target - state.count);
        states.push_back(std::move(state));
      }
    }
  }
  return states;
}

}  // namespace prm
