// One label a unit from many: majority, Dawid-Skene, one accuracy a rater, and a ranking for
// review that listens to a model too.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/agreement/ratings.h"

namespace prm {

// The label that most annotators gave; nullopt for a unit without a rating and for a tie, which
// goes to adjudication and is never broken by chance. [units]
struct MajorityVote {
  std::optional<int> label;
  bool is_tie = false;
  double share = 0;  // of the votes for the winner, or for each of the tied
};
std::vector<MajorityVote> Majority(const Ratings& ratings);

// Gold labels, [units]; nullopt where there is none.
using GoldLabels = std::vector<std::optional<int>>;

struct DawidSkeneOptions {
  double on_diagonal = 4;  // pseudo-counts of each rater's confusion matrix
  double off_diagonal = 1;
  double per_class = 1;  // of the class prior
  double tolerance = 1e-9;
  int max_iterations = 200;
};

struct Posteriors {
  std::vector<double> probs;      // [units][labels]; of a unit without a rating: the prior
  std::vector<double> prior;      // [labels]
  std::vector<double> confusion;  // [annotators][true][given]
  int iterations = 0;             // that changed a probability by `tolerance` or more
  bool converged = false;
  std::span<const double> Of(size_t unit) const {
    return std::span(probs).subspan(unit * prior.size(), prior.size());
  }
};

// Expectation maximisation in log space from vote shares; gold units are clamped to their label,
// and gold may be empty. Throws Error(kInvalidArgument) for pseudo-counts that are not positive and
// for gold of another length. Source: Dawid & Skene 1979, "Maximum likelihood estimation of
// observer error-rates using the EM algorithm", with Dirichlet pseudo-counts: without them few
// units make a rater perfect and every posterior 1.
Posteriors DawidSkene(const Ratings& ratings, const GoldLabels& gold = {},
                      const DawidSkeneOptions& options = {});

// The same with one accuracy a rater, its errors spread evenly; for raters of few units. The
// pseudo-counts are those of a row: on_diagonal hits, (labels - 1) off_diagonal misses.
// Source: Ghosh et al. 2011, "Who moderates the moderators?", section 3 (two labels).
Posteriors OneCoin(const Ratings& ratings, const GoldLabels& gold = {},
                   const DawidSkeneOptions& options = {});

// A confusion matrix takes this many units a rater; with fewer, one accuracy.
inline constexpr int kDawidSkeneUnits = 30;
struct Aggregation {
  bool is_dawid_skene = false;
  std::string why;  // "annotator b labelled 12 units, 30 are needed"
  Posteriors posteriors;
};
Aggregation AggregateLabels(const Ratings& ratings, const GoldLabels& gold = {},
                            const DawidSkeneOptions& options = {});

// Probabilities of a model for each unit [units][labels]; out-of-fold by problem, else the model
// votes twice. Units in the order to review them: the least likely consensus label first.
// Source: Goh et al. 2022, "CROWDLAB: Supervised learning to infer consensus labels and quality
// scores for data with multiple annotators", section 3.
struct ReviewRanking {
  struct Item {
    int unit = 0;
    int consensus = 0;   // majority; of tied labels, the one with the largest posterior
    double quality = 0;  // posterior of the consensus
  };
  std::vector<Item> items;            // units with a rating, rising quality
  std::vector<double> rater_weights;  // [annotators]
  double model_weight = 0;
  double consensus_likelihood = 0;  // P: how often ratings equal the consensus
};
// Throws Error(kInvalidArgument) for probabilities of another length or not in [0, 1].
ReviewRanking RankForReview(const Ratings& ratings, std::span<const double> model_probs);

}  // namespace prm
