// How different the texts and paths of a set are, in single numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/analysis/paths.h"

namespace prm {

// Vendi score of paths, the effective number of different ones: exp of the entropy of the
// eigenvalues of K / n, where K [n, n] is the cosine of their counts of single operations and pairs
// of neighbours. It is computed in the space of these counts: memory does not grow with the number
// of paths. Eigenvalues that rounding makes negative count as 0. Paths without operations are left
// out. Used by one thread at a time.
// Source: Friedman & Dieng 2023, "The Vendi score", definition 3.1.
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

// Mean over texts of BLEU-4 against all others as references: 0 where nothing is shared, 1 where
// all are alike. No smoothing: a text without a shared 4-gram, or of fewer than 4 words, counts 0.
// Texts are normal text. nullopt for fewer than two.
// Source: Zhu et al. 2018, "Texygen", section 3.2 (self-BLEU); Papineni et al. 2002, section 2.
std::optional<double> SelfBleu(std::span<const std::string> texts);

// Distinct pairs of neighbouring words over all pairs; nullopt without any.
// Source: Li et al. 2016, "A diversity-promoting objective function", section 5.3.
std::optional<double> Distinct2(std::span<const std::string> texts);

// Entropy of the counts over ln(q), in [0, 1], q the number of declared classes (counts.size()).
// nullopt where all are 0 or q < 2.
std::optional<double> NormalizedEntropy(std::span<const int64_t> counts);

}  // namespace prm
