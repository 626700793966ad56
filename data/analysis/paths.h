// The paths that solutions of one problem take, and how far apart they are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/symbolic/operations.h"

namespace prm {

// One byte per operation, in step order; steps without an operation are left out.
using Path = std::string;
Path PathOf(std::span<const StepOperations> steps);
// "SUB DIV CONCLUDE".
std::string PathText(const Path& path);

inline constexpr double kSamePath = 0.35;

// Levenshtein distance divided by the longer length, in [0, 1]; 0 for two empty paths. Beyond
// kMaxPathOperations, paths that differ get distance 1.
double PathDistance(const Path& a, const Path& b);
inline constexpr size_t kMaxPathOperations = 1000;

// The cluster of each item, numbered by first appearance. Complete linkage, cut where a merge would
// put two items further apart than `threshold`. `distances` is the row-major matrix [n, n]. O(n^2).
// Source: Murtagh 1983, "A survey of recent advances in hierarchical clustering algorithms"
// (nearest-neighbour chains).
std::vector<int> CompleteLinkClusters(std::span<const double> distances, size_t n,
                                      double threshold);

// The cluster of each path at threshold kSamePath. Throws Error(kResourceExhausted) for more than
// kMaxDistinctPaths distinct paths.
std::vector<int> PathClusters(std::span<const Path> paths);
inline constexpr size_t kMaxDistinctPaths = 4000;

}  // namespace prm
