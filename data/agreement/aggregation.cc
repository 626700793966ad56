#include "data/agreement/aggregation.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"

namespace prm {
namespace {

void CheckOptions(const Ratings& ratings, const GoldLabels& gold,
                  const DawidSkeneOptions& options) {
  if (!(options.on_diagonal > 0 && options.off_diagonal > 0 && options.per_class > 0)) {
    throw Error(ErrorCode::kInvalidArgument, "aggregation: expected pseudo-counts above 0");
  }
  if (!gold.empty() && gold.size() != ratings.units().size()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("gold: expected ", ratings.units().size(), " labels, got ", gold.size()));
  }
}

// Vote shares with gold clamped; also set for units without votes.
std::vector<double> VoteShares(const Ratings& ratings, const GoldLabels& gold) {
  const size_t q = ratings.labels().size();
  const LabelCounts counts = CountLabels(ratings, SameLabels(ratings));
  std::vector<double> probs(counts.counts.size(), 0);
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    double* p = probs.data() + u * q;
    if (!gold.empty() && gold[u]) {
      p[size_t(*gold[u])] = 1;
      continue;
    }
    double votes = 0;
    for (const int count : counts.Of(int(u))) votes += count;
    for (size_t k = 0; k < q; ++k) {
      p[k] = votes > 0 ? counts.Of(int(u))[k] / votes : 1 / double(q);
    }
  }
  return probs;
}

bool HasLabel(std::span<const Rating> ratings) {
  return std::any_of(ratings.begin(), ratings.end(),
                     [](const Rating& rating) { return rating.label.has_value(); });
}

// Class prior and confusion matrices under the posteriors. Units without labels do not contribute.
void Maximise(const Ratings& ratings, const GoldLabels& gold, const DawidSkeneOptions& options,
              bool one_coin, Posteriors* model) {
  const size_t q = ratings.labels().size(), raters = ratings.annotators().size();
  std::fill(model->prior.begin(), model->prior.end(), options.per_class);
  std::vector<double>& theta = model->confusion;
  std::fill(theta.begin(), theta.end(), 0);
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    const std::span<const double> p = model->Of(u);
    if (!HasLabel(ratings.Of(int(u))) && (gold.empty() || !gold[u])) continue;
    for (size_t k = 0; k < q; ++k) model->prior[k] += p[k];
    for (const Rating& rating : ratings.Of(int(u))) {
      if (!rating.label) continue;
      double* given = theta.data() + size_t(rating.annotator) * q * q + size_t(*rating.label);
      for (size_t k = 0; k < q; ++k) given[k * q] += p[k];
    }
  }
  double total = 0;
  for (const double p : model->prior) total += p;
  for (double& p : model->prior) p /= total;
  for (size_t r = 0; r < raters; ++r) {
    double* matrix = theta.data() + r * q * q;
    double hits = options.on_diagonal, misses = double(q - 1) * options.off_diagonal;
    for (size_t k = 0; k < q; ++k) {
      double row = options.on_diagonal + double(q - 1) * options.off_diagonal;
      for (size_t j = 0; j < q; ++j) {
        row += matrix[k * q + j];
        (j == k ? hits : misses) += matrix[k * q + j];
      }
      for (size_t j = 0; j < q; ++j) {
        matrix[k * q + j] += j == k ? options.on_diagonal : options.off_diagonal;
        matrix[k * q + j] /= row;
      }
    }
    if (!one_coin) continue;
    for (size_t k = 0; k < q; ++k) {
      for (size_t j = 0; j < q; ++j) {
        const double miss = q > 1 ? misses / double(q - 1) : 0;
        matrix[k * q + j] = (j == k ? hits : miss) / (hits + misses);
      }
    }
  }
}

// Posteriors under prior and confusion; returns the largest change.
double Expect(const Ratings& ratings, const GoldLabels& gold, Posteriors* model) {
  const size_t q = ratings.labels().size();
  std::vector<double> log_prior(q), log_theta(model->confusion.size()), log_p(q);
  for (size_t k = 0; k < q; ++k) log_prior[k] = std::log(model->prior[k]);
  for (size_t i = 0; i < log_theta.size(); ++i) log_theta[i] = std::log(model->confusion[i]);
  double change = 0;
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    if (!gold.empty() && gold[u]) continue;
    log_p = log_prior;
    for (const Rating& rating : ratings.Of(int(u))) {
      if (!rating.label) continue;
      const double* given =
          log_theta.data() + size_t(rating.annotator) * q * q + size_t(*rating.label);
      for (size_t k = 0; k < q; ++k) log_p[k] += given[k * q];
    }
    const double most = *std::max_element(log_p.begin(), log_p.end());
    double total = 0;
    for (double& p : log_p) total += p = std::exp(p - most);
    for (size_t k = 0; k < q; ++k) {
      double& p = model->probs[u * q + k];
      change = std::max(change, std::abs(log_p[k] / total - p));
      p = log_p[k] / total;
    }
  }
  return change;
}

Posteriors Fit(const Ratings& ratings, const GoldLabels& gold, const DawidSkeneOptions& options,
               bool one_coin) {
  CheckOptions(ratings, gold, options);
  const size_t q = ratings.labels().size();
  Posteriors model;
  model.prior.assign(q, 0);
  model.confusion.assign(ratings.annotators().size() * q * q, 0);
  model.probs = VoteShares(ratings, gold);
  while (!model.converged && model.iterations < options.max_iterations) {
    Maximise(ratings, gold, options, one_coin, &model);
    model.converged = Expect(ratings, gold, &model) < options.tolerance;
    if (!model.converged) ++model.iterations;
  }
  return model;
}

}  // namespace

std::vector<MajorityVote> Majority(const Ratings& ratings) {
  const LabelCounts counts = CountLabels(ratings, SameLabels(ratings));
  std::vector<MajorityVote> votes;
  for (int u = 0; u < counts.units(); ++u) {
    const std::span<const int> of = counts.Of(u);
    const int most = *std::max_element(of.begin(), of.end());
    int total = 0;
    for (const int count : of) total += count;
    MajorityVote vote;
    if (total > 0) {
      vote.share = double(most) / total;
      vote.is_tie = std::count(of.begin(), of.end(), most) > 1;
      if (!vote.is_tie) vote.label = int(std::max_element(of.begin(), of.end()) - of.begin());
    }
    votes.push_back(vote);
  }
  return votes;
}

Posteriors DawidSkene(const Ratings& ratings, const GoldLabels& gold,
                      const DawidSkeneOptions& options) {
  return Fit(ratings, gold, options, false);
}

Posteriors OneCoin(const Ratings& ratings, const GoldLabels& gold,
                   const DawidSkeneOptions& options) {
  return Fit(ratings, gold, options, true);
}

Aggregation AggregateLabels(const Ratings& ratings, const GoldLabels& gold,
                            const DawidSkeneOptions& options) {
  std::vector<int> rated(ratings.annotators().size(), 0);
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    for (const Rating& rating : ratings.Of(int(u))) {
      rated[size_t(rating.annotator)] += rating.label.has_value();
    }
  }
  Aggregation aggregation;
  const auto fewest = std::min_element(rated.begin(), rated.end());
  aggregation.is_dawid_skene = fewest != rated.end() && *fewest >= kDawidSkeneUnits;
  if (fewest == rated.end()) {
    aggregation.why = "there is no annotator";
  } else {
    aggregation.why =
        StrCat("annotator ", ratings.annotators()[size_t(fewest - rated.begin())], " labelled ",
               *fewest, " units, the fewest; a confusion matrix needs ", kDawidSkeneUnits);
  }
  aggregation.posteriors = Fit(ratings, gold, options, !aggregation.is_dawid_skene);
  return aggregation;
}

}  // namespace prm
