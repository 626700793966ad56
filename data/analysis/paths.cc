#include "data/analysis/paths.h"

#include <algorithm>
#include <limits>
#include <map>

#include "data/error.h"
#include "data/similarity/levenshtein.h"

namespace prm {
namespace {

// Merges along chains of nearest neighbours; complete linkage allows any order of merges.
class Agglomerator {
 public:
  Agglomerator(std::span<const double> distances, size_t n)
      : n_(n), distances_(distances.begin(), distances.end()), members_(n) {
    for (size_t i = 0; i < n; ++i) members_[i] = {i};
  }

  std::vector<int> Cut(double threshold) {
    std::vector<size_t> chain;
    std::vector<bool> done(n_, false);  // its cluster's nearest neighbour is too far
    for (size_t start = 0; start < n_; ++start) {
      if (members_[start].empty() || done[start]) continue;
      chain = {start};
      while (!chain.empty()) {
        const size_t last = chain.back();
        const size_t before = chain.size() > 1 ? chain[chain.size() - 2] : n_;
        const size_t nearest = Nearest(last, before);
        if (nearest == n_ || Distance(last, nearest) > threshold) {
          done[last] = true;
          chain.pop_back();
        } else if (nearest == before) {
          chain.resize(chain.size() - 2);
          Merge(std::min(last, before), std::max(last, before));
          if (chain.empty()) chain = {std::min(last, before)};
        } else {
          chain.push_back(nearest);
        }
      }
    }
    return Labels();
  }

 private:
  double& Distance(size_t a, size_t b) { return distances_[a * n_ + b]; }

  // Ties go to `preferred`, so that chains end, then to the lowest index.
  size_t Nearest(size_t of, size_t preferred) {
    size_t best = n_;
    double best_distance = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < n_; ++i) {
      if (i == of || members_[i].empty()) continue;
      const double distance = Distance(of, i);
      if (distance < best_distance || (distance == best_distance && i == preferred)) {
        best = i;
        best_distance = distance;
      }
    }
    return best;
  }

  void Merge(size_t into, size_t from) {
    for (size_t i = 0; i < n_; ++i) {
      const double furthest = std::max(Distance(into, i), Distance(from, i));
      Distance(into, i) = Distance(i, into) = furthest;
    }
    members_[into].insert(members_[into].end(), members_[from].begin(), members_[from].end());
    members_[from].clear();
  }

  std::vector<int> Labels() const {
    std::vector<int> labels(n_, -1);
    for (size_t i = 0; i < n_; ++i) {
      for (const size_t member : members_[i]) labels[member] = int(i);
    }
    std::map<int, int> renumbered;
    for (int& label : labels) {
      label = renumbered.try_emplace(label, int(renumbered.size())).first->second;
    }
    return labels;
  }

  size_t n_;
  std::vector<double> distances_;
  std::vector<std::vector<size_t>> members_;
};

}  // namespace

Path PathOf(std::span<const StepOperations> steps) {
  Path path;
  for (const StepOperations& step : steps) {
    if (step.main) path += char(*step.main);
  }
  return path;
}

std::string PathText(const Path& path) {
  std::string text;
  for (const char operation : path) {
    if (!text.empty()) text += ' ';
    text += kOperationNames[uint8_t(operation)];
  }
  return text;
}

double PathDistance(const Path& a, const Path& b) {
  if (a == b) return 0;
  const size_t longer = std::max(a.size(), b.size());
  if (longer > kMaxPathOperations) return 1;
  return double(Levenshtein(a, b)) / double(longer);
}

std::vector<int> CompleteLinkClusters(std::span<const double> distances, size_t n,
                                      double threshold) {
  if (distances.size() != n * n) {
    throw Error(ErrorCode::kInternal,
                StrCat("clusters: expected ", n, " x ", n, " distances, got ", distances.size()));
  }
  return Agglomerator(distances, n).Cut(threshold);
}

std::vector<int> PathClusters(std::span<const Path> paths) {
  std::map<Path, size_t> number;
  std::vector<const Path*> distinct;
  for (const Path& path : paths) {
    const auto [entry, is_new] = number.try_emplace(path, distinct.size());
    if (is_new) distinct.push_back(&entry->first);
  }
  const size_t n = distinct.size();
  if (n > kMaxDistinctPaths) {
    throw Error(ErrorCode::kResourceExhausted,
                StrCat("paths: ", n, " distinct paths of one problem, at most ", kMaxDistinctPaths,
                       " can be compared"));
  }
  std::vector<double> distances(n * n, 0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) {
      distances[i * n + k] = distances[k * n + i] = PathDistance(*distinct[i], *distinct[k]);
    }
  }
  const std::vector<int> clusters = CompleteLinkClusters(distances, n, kSamePath);
  std::vector<int> labels;
  for (const Path& path : paths) labels.push_back(clusters[number[path]]);
  return labels;
}

}  // namespace prm
