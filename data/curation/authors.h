// Whether an author's traces differ in length from the rest of their domain.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/trace.h"

namespace prm {

// The first of `meta.author`, `meta.generator`, `meta.sampled_model` and `meta.labeler` that is a
// string; else the source, else "unknown".
std::string AuthorOf(const Trace& trace);

struct AuthorLength {
  std::string domain;
  std::string author;
  int64_t traces = 0;
  double median_steps = 0;
  double domain_median = 0;
  // (author's median - domain's median) / (1.4826 MAD of the domain's traces); nullopt if the MAD
  // is 0 or the domain has only one author. Source: Iglewicz & Hoaglin 1993, "How to detect and
  // handle outliers", section 3.
  std::optional<double> robust_z;
};

// Step counts per trace. Memory grows with distinct lengths, not with traces. Used by one thread at
// a time.
class AuthorLengths {
 public:
  static constexpr double kOutlier = 3;
  static constexpr int64_t kMinTraces = 5;  // minimum per author for a judgement

  void Add(const std::string& domain, const std::string& author, int64_t steps);
  // Ordered by domain, then author; authors with fewer than kMinTraces are left out.
  std::vector<AuthorLength> Report() const;

 private:
  using Histogram = std::map<int64_t, int64_t>;
  std::map<std::string, std::map<std::string, Histogram>> steps_;
};

}  // namespace prm
