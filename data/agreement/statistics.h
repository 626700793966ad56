// Agreement statistics: pure functions of label counts in double precision, deterministic on every
// machine. An undefined value carries its reason and is never a number.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "data/agreement/ratings.h"

namespace prm {

struct Statistic {
  std::optional<double> value;
  std::string_view why = "";  // reason if undefined; points to static text

  static Statistic Undefined(std::string_view why) { return {std::nullopt, why}; }
};

// Sums over units from which all statistics of LabelCounts are computed. Sums of sets of units add
// up, so a resample of traces is a weighted sum of the traces' sums.
class AgreementSums {
 public:
  explicit AgreementSums(int labels) : labels_(labels), sums_(SizeOf(labels), 0) {}
  AgreementSums(int labels, std::span<const double> sums)
      : labels_(labels), sums_(sums.begin(), sums.end()) {}
  static size_t SizeOf(int labels) { return 3 + 3 * size_t(labels) + size_t(labels * labels); }

  // `counts` is n_uk of one unit, [labels].
  void AddUnit(std::span<const int> counts);

  int labels() const { return labels_; }
  std::span<const double> sums() const { return sums_; }
  double rated_units() const { return sums_[0]; }             // n_u >= 1
  double co_rated_units() const { return sums_[1]; }          // n_u >= 2
  double pair_agreement() const { return sums_[2]; }          // sum of the shares of agreeing pairs
  std::span<const double> shares() const { return Part(0); }  // sum of n_uk / n_u, n_u >= 1
  std::span<const double> both() const { return Part(1); }    // sum of n_uk (n_uk - 1)
  std::span<const double> either() const { return Part(2); }  // sum of n_uk (n_u - 1)
  // o_ck, [labels][labels]. Source: Krippendorff 2011, "Computing Krippendorff's
  // Alpha-Reliability", section C.
  std::span<const double> coincidences() const {
    return std::span(sums_).subspan(3 + 3 * size_t(labels_));
  }

 private:
  std::span<const double> Part(size_t part) const {
    return std::span(sums_).subspan(3 + part * size_t(labels_), size_t(labels_));
  }
  int labels_;
  std::vector<double> sums_;
};

AgreementSums SumsOf(const LabelCounts& counts);
// One row per trace, [traces][AgreementSums::SizeOf(labels)].
std::vector<double> SumsByTrace(const LabelCounts& counts);

// Mean share of agreeing pairs, over units with at least two ratings.
Statistic PercentAgreement(const AgreementSums& sums);

// n_u may vary. Source: Fleiss 1971, "Measuring nominal scale agreement among many raters".
Statistic FleissKappa(const AgreementSums& sums);

// Source: Gwet 2008, "Computing inter-rater reliability and its variance in the presence of high
// agreement", section 3.
Statistic GwetAc1(const AgreementSums& sums);

// The distance between labels.
struct LabelDistance {
  enum class Kind { kNominal, kOrdinal, kInterval, kMatrix };
  Kind kind = Kind::kNominal;
  std::vector<double> values = {};   // [labels] for kInterval; empty: 0, 1, 2, ..
  std::vector<double> squared = {};  // [labels][labels] for kMatrix: symmetric, zero diagonal
};

// Missing ratings are allowed. Throws Error(kInvalidArgument) for distances of a different size and
// for a matrix that is not a distance. Source: Krippendorff 2011, as above, sections C and D.
Statistic KrippendorffAlpha(const AgreementSums& sums, const LabelDistance& distance = {});

// 2 n_both / (sum of marginals) over all pairs of ratings of a unit.
// Source: Cicchetti & Feinstein 1990, "High agreement but low kappa: II".
Statistic SpecificAgreement(const AgreementSums& sums, int label);

// `table` is a pair's table, [labels][labels]. `disagreement` [labels][labels]: weights w_ij, zero
// on the diagonal; empty: every disagreement weighs 1. Throws Error(kInvalidArgument) for
// mismatched sizes and for negative weights. Source: Cohen 1968, "Weighted kappa".
Statistic CohenKappa(std::span<const double> table, int labels,
                     std::span<const double> disagreement = {});
// Share of ratings on the diagonal.
Statistic PairAgreement(std::span<const double> table, int labels);

// Names of the bands: Krippendorff 2004 ("rely", "tentative", "reject") and Landis & Koch 1977
// ("poor" .. "almost perfect").
std::string_view KrippendorffBand(double alpha);
std::string_view LandisKochBand(double kappa);

}  // namespace prm
