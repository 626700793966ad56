#include "data/metrics/floors.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <vector>

#include "data/metrics/metrics.h"

namespace prm {
namespace {

struct Sample {
  std::vector<double> features;
  bool error;
};

// Features of every step [steps][features]. Lengths are logarithms of bytes, since their effect
// saturates.
std::vector<std::vector<double>> Features(const Trace& trace, Floor floor) {
  const double count = double(trace.steps.size());
  double all = 0.0, before = 0.0;
  for (const Step& step : trace.steps) all += double(step.text.size());
  std::vector<std::vector<double>> features;
  for (size_t s = 0; s < trace.steps.size(); ++s) {
    const double length = double(trace.steps[s].text.size());
    std::vector<double>& f = features.emplace_back();
    f = {double(s), std::log1p(length), std::log1p(double(trace.problem.size())),
         std::log1p(before)};
    if (floor == Floor::kWhole) {
      const double number = double(s + 1);
      f.insert(f.end(), {std::log1p(all), number / count, double(number == count)});
    }
    before += length;
  }
  return features;
}

std::vector<Sample> Samples(std::span<const Trace> traces, Floor floor) {
  std::vector<Sample> samples;
  for (const Trace& trace : traces) {
    const std::vector<std::vector<double>> features = Features(trace, floor);
    for (size_t s = 0; s < trace.steps.size(); ++s) {
      const auto& label = trace.steps[s].label;
      if (label) samples.push_back({features[s], IsError(*label)});
    }
  }
  return samples;
}

// Solves a x = b for a symmetric positive definite a [n*n], of which only the lower half is read:
// Eigen's upper one, as it stores by columns.
std::vector<double> SolveSpd(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = Eigen::Index(b.size());
  const Eigen::Map<const Eigen::MatrixXd> matrix(a.data(), n, n);
  std::vector<double> x(b.size());
  Eigen::Map<Eigen::VectorXd>(x.data(), n) =
      Eigen::LLT<Eigen::MatrixXd, Eigen::Upper>(matrix).solve(
          Eigen::Map<const Eigen::VectorXd>(b.data(), n));
  return x;
}

// Logistic regression on standardised features by Newton's method with a small ridge.
// Source: Hastie, Tibshirani & Friedman 2009, "The Elements of Statistical Learning", 4.4.1.
class LogisticRegression {
 public:
  explicit LogisticRegression(const std::vector<Sample>& samples);
  double Logit(const std::vector<double>& features) const;

 private:
  std::vector<double> Standardised(const std::vector<double>& features) const;
  std::vector<double> mean_, scale_, weights_;  // the intercept is last in weights_
};

LogisticRegression::LogisticRegression(const std::vector<Sample>& samples) {
  const size_t width = samples[0].features.size(), n = width + 1;
  const double count = double(samples.size());
  mean_.assign(width, 0.0);
  scale_.assign(width, 0.0);
  for (const Sample& s : samples) {
    for (size_t i = 0; i < width; ++i) mean_[i] += s.features[i] / count;
  }
  for (const Sample& s : samples) {
    for (size_t i = 0; i < width; ++i) scale_[i] += std::pow(s.features[i] - mean_[i], 2) / count;
  }
  for (double& s : scale_) s = s > 0 ? std::sqrt(s) : 1.0;
  weights_.assign(n, 0.0);
  constexpr double kRidge = 1e-6;
  for (int iteration = 0; iteration < 25; ++iteration) {
    std::vector<double> gradient(n, 0.0), hessian(n * n, 0.0);
    for (const Sample& s : samples) {
      std::vector<double> x = Standardised(s.features);
      double logit = 0.0;
      for (size_t i = 0; i < n; ++i) logit += weights_[i] * x[i];
      const double p = 1.0 / (1.0 + std::exp(-logit)), curvature = p * (1 - p) / count;
      for (size_t i = 0; i < n; ++i) {
        gradient[i] += (double(s.error) - p) * x[i] / count;
        for (size_t j = 0; j <= i; ++j) hessian[i * n + j] += curvature * x[i] * x[j];
      }
    }
    for (size_t i = 0; i < n; ++i) {
      gradient[i] -= kRidge * weights_[i];
      hessian[i * n + i] += kRidge;
    }
    const std::vector<double> change = SolveSpd(hessian, gradient);
    double largest = 0.0;
    for (size_t i = 0; i < n; ++i) {
      weights_[i] += change[i];
      largest = std::max(largest, std::abs(change[i]));
    }
    if (largest < 1e-8) break;
  }
}

std::vector<double> LogisticRegression::Standardised(const std::vector<double>& features) const {
  std::vector<double> x(features.size() + 1, 1.0);
  for (size_t i = 0; i < features.size(); ++i) x[i] = (features[i] - mean_[i]) / scale_[i];
  return x;
}

double LogisticRegression::Logit(const std::vector<double>& features) const {
  const std::vector<double> x = Standardised(features);
  double logit = 0.0;
  for (size_t i = 0; i < x.size(); ++i) logit += weights_[i] * x[i];
  return logit;
}

std::optional<double> FloorAuroc(std::span<const Trace> train, std::span<const Trace> test,
                                 Floor floor) {
  const auto p_correct = TextFreeScores(train, test, floor);
  if (!p_correct) return std::nullopt;
  std::vector<float> scores;
  std::vector<bool> positive;
  for (size_t t = 0; t < test.size(); ++t) {
    for (size_t s = 0; s < test[t].steps.size(); ++s) {
      const auto& label = test[t].steps[s].label;
      if (!label) continue;
      scores.push_back(-(*p_correct)[t][s]);
      positive.push_back(IsError(*label));
    }
  }
  return Auroc(scores, positive);
}

}  // namespace

std::optional<std::vector<std::vector<float>>> TextFreeScores(std::span<const Trace> train,
                                                              std::span<const Trace> test,
                                                              Floor floor) {
  const std::vector<Sample> samples = Samples(train, floor);
  const auto errors =
      std::count_if(samples.begin(), samples.end(), [](const Sample& s) { return s.error; });
  if (errors == 0 || errors == int64_t(samples.size())) return std::nullopt;
  const LogisticRegression model(samples);
  std::vector<std::vector<float>> p_correct;
  for (const Trace& trace : test) {
    std::vector<float>& scores = p_correct.emplace_back();
    for (const std::vector<double>& f : Features(trace, floor)) {
      scores.push_back(float(1.0 / (1.0 + std::exp(model.Logit(f)))));
    }
  }
  return p_correct;
}

Floors TextFreeFloors(std::span<const Trace> train, std::span<const Trace> test) {
  return {FloorAuroc(train, test, Floor::kOnline), FloorAuroc(train, test, Floor::kWhole)};
}

}  // namespace prm
