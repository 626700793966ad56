// Selects among sampled solutions of one problem.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/metrics/aggregates.h"

namespace prm {

// The inputs of a choice.
struct RankedCandidate {
  std::optional<Aggregates> aggregates;  // nullopt: scoring failed; not ranked, votes with weight 0
  std::string answer;                    // normalised; empty: none found, does not vote
};

// Indices of candidates; nullopt if nothing can be chosen.
struct Ranking {
  // Scored candidates from best to worst; ties by lowest index.
  std::array<std::vector<int>, kNumAggregates> order;
  std::array<std::optional<int>, kNumAggregates> choice;
  // First candidate with the most frequent answer; ties by lowest index.
  std::optional<int> majority;
  // First scored candidate with the answer of the largest summed aggregate; ties as above.
  // Source: Li et al. 2023, "Making Language Models Better Reasoners with Step-Aware Verifier",
  // section 3.2.
  std::optional<int> weighted;
  // The equally good choices of each rule, including the one made, ascending; empty if there is no
  // tie. For answers that tie in a vote, the candidate that each answer would choose.
  std::array<std::vector<int>, kNumAggregates> choice_ties;
  std::vector<int> majority_ties;
  std::vector<int> weighted_ties;
  friend bool operator==(const Ranking&, const Ranking&) = default;
};

// Pure. `weight`: the aggregate that weighted voting sums.
Ranking RankCandidates(std::span<const RankedCandidate> candidates,
                       AggregateKind weight = AggregateKind::kMin);

// Candidates whose answer won a vote although one of their steps is probably wrong, ascending.
// first_errors [N]: the first step below the threshold; nullopt: none. Throws
// Error(kInvalidArgument) for lists of different lengths.
std::vector<int> DoubtfulWinners(std::span<const RankedCandidate> candidates,
                                 const Ranking& ranking,
                                 std::span<const std::optional<int>> first_errors);

}  // namespace prm
