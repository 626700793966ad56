// Selects the traces of a training set: what is missing first, then what differs most.
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
  int64_t total = 0;        // maximum traces; 0: the sum of the cells' targets
  int64_t per_problem = 4;  // maximum traces per problem
  int64_t per_path = 1;     // maximum traces per problem and path cluster
  uint64_t seed = 1;        // orders ties
};

// One trace that may be chosen.
struct Candidate {
  Cell cell;
  uint32_t problem = 0;
  int path_cluster = 0;  // within its problem
  Path path;
};

struct CurateChoice {
  std::vector<size_t> chosen;  // indices of candidates, ascending
  struct Shortfall {
    Cell cell;
    int64_t target = 0, chosen = 0;
    int64_t candidates = 0;  // in the cell
    int64_t capped = 0;      // of these, excluded by the caps
  };
  std::vector<Shortfall> unfilled;
  int64_t by_deficit = 0, by_distance = 0;  // chosen in each of the two rounds
};

// First round: repeatedly, the cell missing the largest share of its target (ties: in the order of
// `cells`) takes the candidate whose path is furthest from those the cell already has. Second
// round, if `total` allows more: the candidate whose path is furthest from all chosen. `seed`
// orders ties. Caps always hold; cells that cannot be filled are listed with the reason. Source:
// farthest-point traversal, Gonzalez 1985, "Clustering to minimize the maximum intercluster
// distance".
CurateChoice Choose(const std::vector<Candidate>& candidates, const std::vector<CellState>& cells,
                    const CurateLimits& limits);

struct CurateOptions {
  std::filesystem::path in;
  std::filesystem::path out;
  std::filesystem::path plan;                  // of coverage; empty: 20 per cell
  std::filesystem::path guidelines;            // empty: the shipped ones
  std::vector<std::filesystem::path> against;  // evaluation files: their problems are left out
  CurateLimits limits;
  int threads = 0;  // 0: all cores
};

struct CurateResult {
  int64_t rows = 0;
  int64_t passed = 0;        // passed QA
  int64_t duplicates = 0;    // of the passed traces, left out
  int64_t contaminated = 0;  // of the passed traces, left out
  CurateChoice choice;
};

// Chooses among the traces that pass QA, are not duplicates and do not belong to an evaluation
// problem. Writes their lines byte for byte, grouped by problem (problems and traces in file
// order). Reads `in` twice. Throws Error for standard input, for the first invalid trace and if the
// file changes between reads; nothing is written then.
CurateResult Curate(const CurateOptions& options);

}  // namespace prm
