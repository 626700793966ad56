// One label per unit from many ratings: majority, Dawid-Skene, one accuracy per rater, and a review
// ranking that also uses a model.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/agreement/ratings.h"

namespace prm {

// The most frequent label per unit, [units]; nullopt for a unit without ratings and for a tie. Ties
// go to adjudication and are never broken by chance.
struct MajorityVote {
  std::optional<int> label;
  bool is_tie = false;
  double share = 0;  // of the votes: the winner's, or each tied label's
};
std::vector<MajorityVote> Majority(const Ratings& ratings);

// Gold labels, [units]; nullopt if the unit has no gold label.
using GoldLabels = std::vector<std::optional<int>>;

struct DawidSkeneOptions {
  double on_diagonal = 4;  // pseudo-counts of each rater's confusion matrix
  double off_diagonal = 1;
  double per_class = 1;  // of the class prior
  double tolerance = 1e-9;
  int max_iterations = 200;
};

struct Posteriors {
  std::vector<double> probs;      // [units][labels]; the prior for a unit without ratings
  std::vector<double> prior;      // [labels]
  std::vector<double> confusion;  // [annotators][true][given]
  int iterations = 0;             // iterations that changed a probability by `tolerance` or more
  bool converged = false;
  std::span<const double> Of(size_t unit) const {
    return std::span(probs).subspan(unit * prior.size(), prior.size());
  }
};

// Expectation maximisation in log space, started from vote shares. Gold units are clamped to their
// label; `gold` may be empty. Throws Error(kInvalidArgument) for pseudo-counts that are not
// positive and for gold of a different length. Source: Dawid & Skene 1979, "Maximum likelihood
// estimation of observer error-rates using the EM algorithm", plus Dirichlet pseudo-counts: without
// them, few units make a rater perfect and every posterior 1.
Posteriors DawidSkene(const Ratings& ratings, const GoldLabels& gold = {},
                      const DawidSkeneOptions& options = {});

// Like DawidSkene with one accuracy per rater and errors spread evenly; for raters with few units.
// The pseudo-counts are those of a row: on_diagonal hits, (labels - 1) off_diagonal misses. Source:
// Ghosh et al. 2011, "Who moderates the moderators?", section 3 (two labels).
Posteriors OneCoin(const Ratings& ratings, const GoldLabels& gold = {},
                   const DawidSkeneOptions& options = {});

// Minimum units per rater for a confusion matrix; below it, one accuracy per rater is estimated.
inline constexpr int kDawidSkeneUnits = 30;
struct Aggregation {
  bool is_dawid_skene = false;
  std::string why;  // "annotator b labelled 12 units, 30 are needed"
  Posteriors posteriors;
};
Aggregation AggregateLabels(const Ratings& ratings, const GoldLabels& gold = {},
                            const DawidSkeneOptions& options = {});

// Orders units for review, least likely consensus label first. Takes a model's probabilities,
// [units][labels]; they must be out-of-fold by problem, otherwise the model votes twice. Source:
// Goh et al. 2022, "CROWDLAB: Supervised learning to infer consensus labels and quality scores for
// data with multiple annotators", section 3.
struct ReviewRanking {
  struct Item {
    int unit = 0;
    int consensus = 0;   // majority; for a tie, the tied label with the largest posterior
    double quality = 0;  // posterior of the consensus
  };
  std::vector<Item> items;            // units with a rating, lowest quality first
  std::vector<double> rater_weights;  // [annotators]
  double model_weight = 0;
  double consensus_likelihood = 0;  // P: how often ratings equal the consensus
};
// Throws Error(kInvalidArgument) for probabilities of a different length or outside [0, 1].
ReviewRanking RankForReview(const Ratings& ratings, std::span<const double> model_probs);

}  // namespace prm
