// Diversity of a set's texts and paths as single numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/analysis/paths.h"

namespace prm {

// Vendi score of paths, the effective number of different ones: exp of the entropy of the
// eigenvalues of K / n. K [n, n] is the cosine of the paths' counts of single operations and of
// adjacent pairs. Computed in the space of these counts, so memory does not grow with the number of
// paths. Eigenvalues made negative by rounding count as 0. Paths without operations are left out.
// Used by one thread at a time. Source: Friedman & Dieng 2023, "The Vendi score", definition 3.1.
class PathVendi {
 public:
  PathVendi();
  void Add(const Path& path);
  std::optional<double> Score() const;  // nullopt: no path
  int64_t count() const { return count_; }

 private:
  int64_t count_ = 0;
  std::vector<double> moments_;  // [features, features], lower triangle
};

// Mean over texts of BLEU-4 with all other texts as references: 0 if nothing is shared, 1 if all
// are equal. No smoothing: a text without a shared 4-gram, or with fewer than 4 words, counts 0.
// Texts are normal text. nullopt for fewer than two. Source: Zhu et al. 2018, "Texygen", section
// 3.2 (self-BLEU); Papineni et al. 2002, section 2.
std::optional<double> SelfBleu(std::span<const std::string> texts);

// Distinct pairs of adjacent words over all pairs; nullopt without pairs. Source: Li et al. 2016,
// "A diversity-promoting objective function", section 5.3.
std::optional<double> Distinct2(std::span<const std::string> texts);

// Entropy of the counts over ln(q), in [0, 1]; q is the number of declared classes (counts.size()).
// nullopt if all counts are 0 or q < 2.
std::optional<double> NormalizedEntropy(std::span<const int64_t> counts);

}  // namespace prm
