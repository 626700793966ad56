// Which strategies occur in which domain at which difficulty, and what is missing.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/trace.h"

namespace prm {

inline constexpr int kNumDifficulties = 3;
inline constexpr std::array<std::string_view, kNumDifficulties> kDifficultyNames = {
    "easy", "medium", "hard"};

// `meta.difficulty` if it is one of kDifficultyNames, a number as in levels 1 to 5 (up to 2, 3,
// above), or "Level N"; else by the number of steps: up to 3, up to 7, more.
int DifficultyOf(const Trace& trace);

struct Cell {
  std::string strategy;
  std::string domain;
  int difficulty = 0;  // index into kDifficultyNames
  friend auto operator<=>(const Cell&, const Cell&) = default;
};
// "math / inspect_verify / easy".
std::string CellText(const Cell& cell);

// The target number of traces per cell.
class CoveragePlan {
 public:
  // {"target": 20, "cells": [{"strategy", "domain", "difficulty", "target"}], "does_not_apply":
  // [{"strategy", "domain", "difficulty", "reason"}]}. A selector may omit any of the first three
  // to mean all. Later entries win; a cell that does not apply has no target. Throws
  // Error(kInvalidArgument) naming `where` and the field.
  static CoveragePlan Parse(std::string_view json, std::string_view where);
  static CoveragePlan Read(const std::filesystem::path& path);
  explicit CoveragePlan(int64_t target = 20) : target_(target) {}

  // `cell` must apply.
  int64_t TargetOf(const Cell& cell) const;
  // Why the cell cannot have traces; nullopt: it applies.
  std::optional<std::string> WhyNot(const Cell& cell) const;

 private:
  struct Selector {
    std::optional<std::string> strategy, domain;
    std::optional<int> difficulty;
    int64_t target = 0;
    std::string reason;
    bool Selects(const Cell& cell) const;
  };
  int64_t target_;
  std::vector<Selector> targets_;
  std::vector<Selector> excluded_;
  friend struct CoveragePlanReader;
};

struct CellState {
  Cell cell;
  int64_t count = 0;
  int64_t target = 0;
  int64_t deficit = 0;                 // max(0, target - count)
  std::optional<std::string> why_not;  // if it does not apply; target and deficit are 0
};

// Counts traces by cell. Used by one thread at a time.
class Coverage {
 public:
  void Add(const Cell& cell) { ++counts_[cell]; }
  // Every cell of the domains seen: the closed list of strategies without "other" x difficulties,
  // plus the cells of "other" that have traces. Ordered by domain, strategy as listed, difficulty.
  std::vector<CellState> States(const CoveragePlan& plan) const;

 private:
  std::map<Cell, int64_t> counts_;
};

}  // namespace prm
