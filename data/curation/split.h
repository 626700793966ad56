// Training, development and test files that share no problem.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace prm {

inline constexpr int kNumParts = 3;
inline constexpr std::array<std::string_view, kNumParts> kPartNames = {"train", "dev", "test"};

// The part of each group. Groups are taken larger first (by powers of two), otherwise in random
// order under `seed`; each goes to the part that is furthest below its share. Equal keys, sizes and
// shares give equal parts, whatever the order of the groups. `shares` are not negative and not all
// zero; a part with share 0 gets nothing.
struct SplitGroup {
  uint64_t key = 0;  // identifies the group, wherever it is in the file
  int64_t traces = 0;
};
std::vector<int> AssignParts(const std::vector<SplitGroup>& groups,
                             const std::array<double, kNumParts>& shares, uint64_t seed);

struct SplitOptions {
  std::filesystem::path in;
  std::array<std::filesystem::path, kNumParts> out;  // an empty path: part not written
  std::array<double, kNumParts> shares = {0.8, 0.1, 0.1};
  uint64_t seed = 1;
  int threads = 0;  // 0: all cores
};

struct SplitResult {
  std::array<int64_t, kNumParts> traces = {};
  std::array<int64_t, kNumParts> groups = {};
  int64_t problems = 0;
  int64_t largest_group = 0;  // traces
};

// Writes each line of `in`, byte for byte and in order, to the part of its problem's group
// (ProblemTable). Reads the file twice. Throws Error for standard input, the first invalid trace,
// shares that are negative or all zero, and if the file changes between reads; nothing is written
// then.
SplitResult SplitByGroup(const SplitOptions& options);

}  // namespace prm
