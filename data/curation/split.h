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

// The part of each group: groups in random order under `seed`, larger ones (by powers of two)
// first, each to the part that lacks most traces of its share. Equal keys, sizes and shares give
// equal parts, in whatever order the groups come. `shares` are not negative and not all zero; a
// part with share 0 gets nothing.
struct SplitGroup {
  uint64_t key = 0;  // names the group wherever it stands in the file
  int64_t traces = 0;
};
std::vector<int> AssignParts(const std::vector<SplitGroup>& groups,
                             const std::array<double, kNumParts>& shares, uint64_t seed);

struct SplitOptions {
  std::filesystem::path in;
  std::array<std::filesystem::path, kNumParts> out;  // an empty path: no such part
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
// (ProblemTable). Reads the file twice. Throws Error for standard input, for the first line that is
// no trace, for shares that are negative or all zero, and for a file that changed meanwhile;
// nothing is written then.
SplitResult SplitByGroup(const SplitOptions& options);

}  // namespace prm
