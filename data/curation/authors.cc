#include "data/curation/authors.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace prm {
namespace {

template <class Key>
int64_t CountOf(const std::map<Key, int64_t>& histogram) {
  int64_t count = 0;
  for (const auto& [value, times] : histogram) count += times;
  return count;
}

// The mean of the middle two if the count is even.
template <class Key>
double MedianOf(const std::map<Key, int64_t>& histogram) {
  const int64_t count = CountOf(histogram);
  const int64_t low = (count - 1) / 2, high = count / 2;
  int64_t seen = 0;
  double sum = 0;
  for (const auto& [value, times] : histogram) {
    if (seen <= low && low < seen + times) sum += double(value);
    if (seen <= high && high < seen + times) return (sum + double(value)) / 2;
    seen += times;
  }
  return 0;
}

}  // namespace

std::string AuthorOf(const Trace& trace) {
  if (!trace.meta_json.empty()) {
    const auto meta = nlohmann::json::parse(trace.meta_json);
    for (const char* name : {"author", "generator", "sampled_model", "labeler"}) {
      const auto member = meta.find(name);
      if (member != meta.end() && member->is_string()) return member->get<std::string>();
    }
  }
  return trace.source.empty() ? "unknown" : trace.source;
}

void AuthorLengths::Add(const std::string& domain, const std::string& author, int64_t steps) {
  ++steps_[domain][author][steps];
}

std::vector<AuthorLength> AuthorLengths::Report() const {
  std::vector<AuthorLength> report;
  for (const auto& [domain, authors] : steps_) {
    Histogram all;
    for (const auto& [author, histogram] : authors) {
      for (const auto& [steps, times] : histogram) all[steps] += times;
    }
    const double median = MedianOf(all);
    std::map<double, int64_t> deviations;
    for (const auto& [steps, times] : all) deviations[std::abs(double(steps) - median)] += times;
    const double scale = 1.4826 * MedianOf(deviations);
    for (const auto& [author, histogram] : authors) {
      AuthorLength length{domain, author, CountOf(histogram), MedianOf(histogram), median, {}};
      if (length.traces < kMinTraces) continue;
      if (scale > 0 && authors.size() > 1) {
        length.robust_z = (length.median_steps - median) / scale;
      }
      report.push_back(std::move(length));
    }
  }
  return report;
}

}  // namespace prm
