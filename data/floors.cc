#include "data/floors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "data/metrics.h"

namespace prm {
namespace {

struct Sample {
  std::vector<double> features;
  bool error;
};

// Lengths in bytes, as logarithms: their effect saturates, and plain ones beside them transfer
// worse to other sources (ProcessBench GSM8K, online: AUROC 0.63 against 0.71).
std::vector<double> Features(const Trace& trace, int step, double length_before, double length_all,
                             bool whole) {
  const double count = double(trace.steps.size());
  const double mean_before = length_before / std::max(step, 1);
  std::vector<double> f = {double(step),
                           double(step == 0),
                           std::log1p(double(trace.steps[size_t(step)].text.size())),
                           std::log1p(double(trace.problem.size())),
                           std::log1p(length_before),
                           std::log1p(mean_before)};
  if (whole) {
    f.insert(f.end(), {std::log1p(count), std::log1p(length_all), (step + 1) / count,
                       double(step + 1 == int(count))});
  }
  return f;
}

std::vector<Sample> Samples(std::span<const Trace> traces, bool whole) {
  std::vector<Sample> samples;
  for (const Trace& trace : traces) {
    double all = 0.0, before = 0.0;
    for (const Step& step : trace.steps) all += double(step.text.size());
    for (int s = 0; s < int(trace.steps.size()); ++s) {
      if (trace.steps[s].label) {
        samples.push_back({Features(trace, s, before, all, whole), IsError(*trace.steps[s].label)});
      }
      before += double(trace.steps[s].text.size());
    }
  }
  return samples;
}

// Solves the symmetric positive definite system a x = b by Cholesky; a [n*n] is overwritten.
std::vector<double> SolveSpd(std::vector<double> a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t j = 0; j < n; ++j) {
    for (size_t k = 0; k < j; ++k) a[j * n + j] -= a[j * n + k] * a[j * n + k];
    a[j * n + j] = std::sqrt(std::max(a[j * n + j], 1e-12));
    for (size_t i = j + 1; i < n; ++i) {
      for (size_t k = 0; k < j; ++k) a[i * n + j] -= a[i * n + k] * a[j * n + k];
      a[i * n + j] /= a[j * n + j];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return b;
}

// Logistic regression on standardised features by Newton's method with a small ridge.
// Source: Hastie, Tibshirani & Friedman 2009, "The Elements of Statistical Learning", 4.4.1.
class LogisticRegression {
 public:
  explicit LogisticRegression(const std::vector<Sample>& samples);
  double Logit(const std::vector<double>& features) const;

 private:
  std::vector<double> Standardised(const std::vector<double>& features) const;
  std::vector<double> mean_, scale_, weights_;  // weights_: the intercept last
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
                                 bool whole) {
  const std::vector<Sample> fit = Samples(train, whole), judge = Samples(test, whole);
  const auto is_error = [](const Sample& s) { return s.error; };
  const auto errors = std::count_if(fit.begin(), fit.end(), is_error);
  if (errors == 0 || errors == int64_t(fit.size())) return std::nullopt;
  const LogisticRegression model(fit);
  std::vector<float> scores;
  std::vector<bool> positive;
  for (const Sample& s : judge) {
    scores.push_back(float(model.Logit(s.features)));
    positive.push_back(s.error);
  }
  return Auroc(scores, positive);
}

}  // namespace

Floors TextFreeFloors(std::span<const Trace> train, std::span<const Trace> test) {
  return {FloorAuroc(train, test, false), FloorAuroc(train, test, true)};
}

}  // namespace prm
