// Chooses the traces of a training set: what lacks first, then what differs most.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/analysis/coverage.h"
#include "data/analysis/paths.h"

namespace prm {

struct CurateLimits {
  int64_t total = 0;        // traces at most; 0: as many as the cells' targets ask for
  int64_t per_problem = 4;  // traces at most of one problem
  int64_t per_path = 1;     // traces at most of one problem and one cluster of paths
  uint64_t seed = 1;        // between equals
};

// One trace to choose from.
struct Candidate {
  Cell cell;
  uint32_t problem = 0;
  int path_cluster = 0;  // within its problem
  Path path;
};

struct CurateChoice {
  std::vector<size_t> chosen;  // indices of candidates, rising
  struct Shortfall {
    Cell cell;
    int64_t target = 0, chosen = 0;
    int64_t candidates = 0;  // in the cell
    int64_t capped = 0;      // of them, kept out by the caps
  };
  std::vector<Shortfall> unfilled;
  int64_t by_deficit = 0, by_distance = 0;  // chosen in each of the two rounds
};

// First round: again and again the cell that lacks the largest share of its target (ties: in the
// order of `cells`) takes the candidate whose path is furthest from those the cell has. Second
// round, where `total` allows more: the candidate whose path is furthest from all chosen. Equals
// are ordered by `seed`. Caps always hold; what cannot be filled is listed with the reason. Source:
// farthest-point traversal, Gonzalez 1985, "Clustering to minimize the maximum intercluster
// distance".
CurateChoice Choose(const std::vector<Candidate>& candidates, const std::vector<CellState>& cells,
                    const CurateLimits& limits);

struct CurateOptions {
  std::filesystem::path in;
  std::filesystem::path out;
  std::filesystem::path plan;                  // of coverage; empty: 20 a cell
  std::filesystem::path guidelines;            // empty: those shipped
  std::vector<std::filesystem::path> against;  // evaluation files: their problems are left out
  CurateLimits limits;
  int threads = 0;  // 0: all cores
};

struct CurateResult {
  int64_t rows = 0;
  int64_t passed = 0;        // QA
  int64_t duplicates = 0;    // of the passed, left out
  int64_t contaminated = 0;  // of the passed, left out
  CurateChoice choice;
};

// Chooses among the traces that pass QA, repeat no other and are of no evaluation problem, and
// writes their lines byte for byte, the traces of one problem together (problems and their traces
// in the order of the file). Reads `in` twice. Throws Error for standard input, for the first line
// that is no trace and for a file that changed meanwhile; nothing is written then.
CurateResult Curate(const CurateOptions& options);

}  // namespace prm
