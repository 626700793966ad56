#include <algorithm>
#include <cmath>

#include "data/agreement/aggregation.h"
#include "data/error.h"

namespace prm {
namespace {

constexpr double kLeastWeight = 1e-6;

void CheckProbs(const Ratings& ratings, std::span<const double> probs) {
  const size_t expected = ratings.units().size() * ratings.labels().size();
  if (probs.size() != expected) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("model probabilities: expected ", expected, ", got ", probs.size()));
  }
  for (const double p : probs) {
    if (!(p >= 0 && p <= 1)) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat("model probabilities: expected numbers in [0, 1], got ", p));
    }
  }
}

// Hits out of some tries.
struct Share {
  double hits = 0, tries = 0;
  double value() const { return tries > 0 ? hits / tries : 0; }
};

// Consensus by vote; ties are decided by the model's probabilities.
int Consensus(std::span<const int> counts, std::span<const double> model) {
  int best = 0;
  for (int k = 1; k < int(counts.size()); ++k) {
    const int more = counts[size_t(k)] - counts[size_t(best)];
    if (more > 0 || (more == 0 && model[size_t(k)] > model[size_t(best)])) best = k;
  }
  return best;
}

struct Accuracies {
  std::vector<Share> raters;  // agreement with the other raters of the same unit
  Share model, consensus, most_common;
  double ratings = 0, units = 0;
};

// Over the units with at least two ratings; the most common label is that of their consensus.
Accuracies Measure(const Ratings& ratings, const LabelCounts& counts,
                   std::span<const double> model) {
  const size_t q = ratings.labels().size();
  Accuracies accuracies;
  accuracies.raters.resize(ratings.annotators().size());
  std::vector<double> consensus_counts(q, 0);
  for (int u = 0; u < counts.units(); ++u) {
    const std::span<const int> of = counts.Of(u);
    double n = 0;
    for (const int count : of) n += count;
    if (n == 0) continue;
    accuracies.ratings += n;
    ++accuracies.units;
    if (n < 2) continue;
    const std::span<const double> p = model.subspan(size_t(u) * q, q);
    const size_t consensus = size_t(Consensus(of, p));
    ++consensus_counts[consensus];
    ++accuracies.model.tries;
    accuracies.model.hits += size_t(std::max_element(p.begin(), p.end()) - p.begin()) == consensus;
    ++accuracies.consensus.tries;
    accuracies.consensus.hits += of[consensus] / n;
    for (const Rating& rating : ratings.Of(u)) {
      if (!rating.label) continue;
      Share& share = accuracies.raters[size_t(rating.annotator)];
      share.hits += of[size_t(*rating.label)] - 1;
      share.tries += n - 1;
    }
  }
  accuracies.most_common = {*std::max_element(consensus_counts.begin(), consensus_counts.end()),
                            accuracies.consensus.tries};
  return accuracies;
}

}  // namespace

ReviewRanking RankForReview(const Ratings& ratings, std::span<const double> model_probs) {
  CheckProbs(ratings, model_probs);
  const size_t q = ratings.labels().size();
  const LabelCounts counts = CountLabels(ratings, SameLabels(ratings));
  const Accuracies accuracies = Measure(ratings, counts, model_probs);
  const double common_error = 1 - accuracies.most_common.value();
  const auto weight = [&](const Share& share) {
    if (share.tries == 0 || common_error <= 0) return kLeastWeight;
    return std::max(kLeastWeight, 1 - (1 - share.value()) / common_error);
  };
  ReviewRanking ranking;
  for (const Share& share : accuracies.raters) ranking.rater_weights.push_back(weight(share));
  ranking.model_weight =
      weight(accuracies.model) *
      std::sqrt(accuracies.units > 0 ? accuracies.ratings / accuracies.units : 0);
  ranking.consensus_likelihood = accuracies.consensus.value();
  const double hit = ranking.consensus_likelihood;
  const double other = q > 1 ? (1 - hit) / double(q - 1) : 0;
  for (int u = 0; u < counts.units(); ++u) {
    const std::span<const double> p = model_probs.subspan(size_t(u) * q, q);
    std::vector<double> posterior;
    for (const double of_label : p) posterior.push_back(ranking.model_weight * of_label);
    double weights = ranking.model_weight;
    bool is_rated = false;
    for (const Rating& rating : ratings.Of(u)) {
      if (!rating.label) continue;
      is_rated = true;
      const double w = ranking.rater_weights[size_t(rating.annotator)];
      weights += w;
      for (size_t k = 0; k < q; ++k) posterior[k] += w * (int(k) == *rating.label ? hit : other);
    }
    if (!is_rated) continue;
    for (double& share : posterior) share /= weights;
    const int consensus = Consensus(counts.Of(u), posterior);
    ranking.items.push_back({u, consensus, posterior[size_t(consensus)]});
  }
  std::stable_sort(ranking.items.begin(), ranking.items.end(),
                   [](const auto& a, const auto& b) { return a.quality < b.quality; });
  return ranking;
}

}  // namespace prm
