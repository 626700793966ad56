// How different the texts and paths of a set are, in single numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/analysis/paths.h"

namespace prm {

// exp of the entropy of the eigenvalues of K / n, for a symmetric K [n, n], row-major, with ones on
// the diagonal: the effective number of different items, 1 to n. Negative eigenvalues, which
// rounding makes, count as 0. nullopt for n = 0. Throws Error(kInvalidArgument) for a K that is not
// finite, not symmetric or has another diagonal.
// Source: Friedman & Dieng 2023, "The Vendi score", definition 3.1.
std::optional<double> VendiScore(std::span<const double> similarities, size_t n);

// Vendi score of paths under the cosine of their counts of single operations and pairs of
// neighbours, in the space of these counts: memory does not grow with the number of paths. Paths
// without operations are left out. Used by one thread at a time.
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
