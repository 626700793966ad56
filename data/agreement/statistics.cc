#include "data/agreement/statistics.h"

#include <cmath>
#include <numeric>

#include "data/error.h"

namespace prm {
namespace {

constexpr std::string_view kNoPairs = "no unit has two ratings";
constexpr std::string_view kNoRatings = "no unit has a rating";
constexpr std::string_view kOneLabel = "all ratings have the same label, so chance agrees as well";

// Sums of shares are rounded: an expected agreement this close to 1 counts as 1.
constexpr double kRounding = 1e-12;

double Square(double x) { return x * x; }

[[noreturn]] void Refuse(std::string_view what) {
  throw Error(ErrorCode::kInvalidArgument, std::string(what));
}

// The squared distances of labels c < k under the marginals n_c.
std::vector<double> SquaredDistances(const LabelDistance& distance, std::span<const double> n) {
  const size_t q = n.size();
  using Kind = LabelDistance::Kind;
  if (distance.kind == Kind::kMatrix && distance.squared.size() != q * q) {
    Refuse(StrCat("distance: expected a matrix of ", q, " x ", q, " labels"));
  }
  if (distance.kind == Kind::kInterval && !distance.values.empty() && distance.values.size() != q) {
    Refuse(StrCat("distance: expected ", q, " values, got ", distance.values.size()));
  }
  std::vector<double> squared(q * q, 0);
  for (size_t c = 0; c < q; ++c) {
    double between = n[c];  // n_c + .. + n_k
    for (size_t k = c + 1; k < q; ++k) {
      between += n[k];
      double d = 1;
      if (distance.kind == Kind::kOrdinal) {
        d = Square(between - (n[c] + n[k]) / 2);
      } else if (distance.kind == Kind::kInterval) {
        d = distance.values.empty() ? Square(double(k) - double(c))
                                    : Square(distance.values[k] - distance.values[c]);
      } else if (distance.kind == Kind::kMatrix) {
        d = distance.squared[c * q + k];
        if (!(d >= 0) || d != distance.squared[k * q + c] || distance.squared[c * q + c] != 0 ||
            distance.squared[k * q + k] != 0) {
          Refuse("distance: expected a symmetric matrix, not negative, zero on the diagonal");
        }
      }
      squared[c * q + k] = d;
    }
  }
  return squared;
}

}  // namespace

void AgreementSums::AddUnit(std::span<const int> counts) {
  const size_t q = size_t(labels_);
  const double n = std::accumulate(counts.begin(), counts.end(), 0);
  if (n < 1) return;
  ++sums_[0];
  double* shares = sums_.data() + 3;
  for (size_t k = 0; k < q; ++k) shares[k] += counts[k] / n;
  if (n < 2) return;
  ++sums_[1];
  double* both = shares + q;
  double* either = both + q;
  double* coincidences = either + q;
  double agreeing = 0;
  for (size_t c = 0; c < q; ++c) {
    if (counts[c] == 0) continue;
    const double own = double(counts[c]) * (counts[c] - 1);
    agreeing += own;
    both[c] += own;
    either[c] += counts[c] * (n - 1);
    for (size_t k = 0; k < q; ++k) {
      coincidences[c * q + k] += (c == k ? own : double(counts[c]) * counts[k]) / (n - 1);
    }
  }
  sums_[2] += agreeing / (n * (n - 1));
}

AgreementSums SumsOf(const LabelCounts& counts) {
  AgreementSums sums(counts.labels);
  for (int u = 0; u < counts.units(); ++u) sums.AddUnit(counts.Of(u));
  return sums;
}

std::vector<double> SumsByTrace(const LabelCounts& counts) {
  std::vector<AgreementSums> by_trace(size_t(counts.traces), AgreementSums(counts.labels));
  for (int u = 0; u < counts.units(); ++u) {
    by_trace[size_t(counts.trace[size_t(u)])].AddUnit(counts.Of(u));
  }
  std::vector<double> rows;
  rows.reserve(by_trace.size() * AgreementSums::SizeOf(counts.labels));
  for (const AgreementSums& sums : by_trace) {
    rows.insert(rows.end(), sums.sums().begin(), sums.sums().end());
  }
  return rows;
}

Statistic PercentAgreement(const AgreementSums& sums) {
  if (sums.co_rated_units() == 0) return Statistic::Undefined(kNoPairs);
  return {sums.pair_agreement() / sums.co_rated_units()};
}

Statistic FleissKappa(const AgreementSums& sums) {
  if (sums.co_rated_units() == 0) return Statistic::Undefined(kNoPairs);
  const double observed = sums.pair_agreement() / sums.co_rated_units();
  double expected = 0;
  for (const double share : sums.shares()) expected += Square(share / sums.rated_units());
  if (1 - expected < kRounding) return Statistic::Undefined(kOneLabel);
  return {(observed - expected) / (1 - expected)};
}

Statistic GwetAc1(const AgreementSums& sums) {
  if (sums.rated_units() == 0) return Statistic::Undefined(kNoRatings);
  if (sums.co_rated_units() == 0) return Statistic::Undefined(kNoPairs);
  if (sums.labels() < 2) return Statistic::Undefined("only one label is declared");
  const double observed = sums.pair_agreement() / sums.co_rated_units();
  double expected = 0;
  for (const double share : sums.shares()) {
    const double pi = share / sums.rated_units();
    expected += pi * (1 - pi) / (sums.labels() - 1);
  }
  return {(observed - expected) / (1 - expected)};
}

Statistic KrippendorffAlpha(const AgreementSums& sums, const LabelDistance& distance) {
  const size_t q = size_t(sums.labels());
  const std::span<const double> o = sums.coincidences();
  std::vector<double> n(q, 0);
  for (size_t c = 0; c < q; ++c) {
    for (size_t k = 0; k < q; ++k) n[c] += o[c * q + k];
  }
  const std::vector<double> d2 = SquaredDistances(distance, n);
  if (sums.co_rated_units() == 0) return Statistic::Undefined(kNoPairs);
  const double total = std::accumulate(n.begin(), n.end(), 0.0);
  double observed = 0, expected = 0;
  for (size_t c = 0; c < q; ++c) {
    for (size_t k = c + 1; k < q; ++k) {
      observed += o[c * q + k] * d2[c * q + k];
      expected += n[c] * n[k] * d2[c * q + k];
    }
  }
  if (expected <= 0) return Statistic::Undefined(kOneLabel);
  return {1 - (total - 1) * observed / expected};
}

Statistic SpecificAgreement(const AgreementSums& sums, int label) {
  if (sums.co_rated_units() == 0) return Statistic::Undefined(kNoPairs);
  if (sums.either()[size_t(label)] == 0) {
    return Statistic::Undefined("nobody gave this label to a unit with two ratings");
  }
  return {sums.both()[size_t(label)] / sums.either()[size_t(label)]};
}

Statistic CohenKappa(std::span<const double> table, int labels,
                     std::span<const double> disagreement) {
  const size_t q = size_t(labels);
  if (table.size() != q * q) Refuse(StrCat("table: expected ", q * q, " cells"));
  if (!disagreement.empty() && disagreement.size() != q * q) {
    Refuse(StrCat("disagreement: expected ", q * q, " weights, got ", disagreement.size()));
  }
  double total = 0;
  std::vector<double> rows(q, 0), columns(q, 0);
  for (size_t i = 0; i < q; ++i) {
    for (size_t j = 0; j < q; ++j) {
      rows[i] += table[i * q + j];
      columns[j] += table[i * q + j];
      total += table[i * q + j];
    }
  }
  if (total == 0) return Statistic::Undefined("the two rated no unit in common");
  double observed = 0, expected = 0;
  for (size_t i = 0; i < q; ++i) {
    for (size_t j = 0; j < q; ++j) {
      const double weight = disagreement.empty() ? double(i != j) : disagreement[i * q + j];
      if (!(weight >= 0)) Refuse("disagreement: expected weights that are not negative");
      observed += weight * table[i * q + j];
      expected += weight * rows[i] * columns[j] / total;
    }
  }
  if (expected <= 0) return Statistic::Undefined(kOneLabel);
  return {1 - observed / expected};
}

Statistic PairAgreement(std::span<const double> table, int labels) {
  const double total = std::accumulate(table.begin(), table.end(), 0.0);
  if (total == 0) return Statistic::Undefined("the two rated no unit in common");
  double same = 0;
  for (int k = 0; k < labels; ++k) same += table[size_t(k) * size_t(labels) + size_t(k)];
  return {same / total};
}

std::string_view KrippendorffBand(double alpha) {
  return alpha >= 0.800 ? "rely" : alpha >= 0.667 ? "tentative" : "reject";
}

std::string_view LandisKochBand(double kappa) {
  if (kappa < 0) return "poor";
  if (kappa <= 0.20) return "slight";
  if (kappa <= 0.40) return "fair";
  if (kappa <= 0.60) return "moderate";
  if (kappa <= 0.80) return "substantial";
  return "almost perfect";
}

}  // namespace prm
