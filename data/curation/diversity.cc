#include "data/curation/diversity.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "data/similarity/normal_text.h"
#include "data/text/hash.h"

namespace prm {
namespace {

constexpr size_t kSingles = size_t(kNumOperations);
constexpr size_t kFeatures = kSingles + kSingles * kSingles;
constexpr size_t kMaxBleuGram = 4;

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// exp of the entropy of eigenvalues that sum to 1.
double ExpEntropy(const Eigen::VectorXd& eigenvalues) {
  double entropy = 0;
  for (const double value : eigenvalues) {
    if (value > 0) entropy -= value * std::log(value);
  }
  return std::exp(entropy);
}

// Counts of the grams of one length, by hash.
using Grams = std::unordered_map<uint64_t, int>;

Grams CountGrams(const std::vector<std::string_view>& words, size_t length) {
  Grams grams;
  for (size_t i = 0; i + length <= words.size(); ++i) {
    uint64_t hash = length;
    for (size_t k = 0; k < length; ++k) hash = Scramble(hash ^ HashText(words[i + k]));
    ++grams[hash];
  }
  return grams;
}

// The two largest counts of a gram in any text, so that one text can be left out.
struct TopCounts {
  int first = 0, second = 0;
  size_t owner = 0;
  void Add(int count, size_t text) {
    if (count > first) {
      second = first;
      first = count;
      owner = text;
    } else {
      second = std::max(second, count);
    }
  }
  int Without(size_t text) const { return text == owner ? second : first; }
};

// The length of another text closest to that of `text`; the shorter of two.
size_t NearestLength(const std::vector<size_t>& lengths, size_t text) {
  size_t best = 0;
  auto best_gap = ~size_t{0};
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (i == text) continue;
    const size_t gap = std::max(lengths[i], lengths[text]) - std::min(lengths[i], lengths[text]);
    if (gap < best_gap || (gap == best_gap && lengths[i] < best)) {
      best = lengths[i];
      best_gap = gap;
    }
  }
  return best;
}

}  // namespace

PathVendi::PathVendi() : moments_(kFeatures * kFeatures, 0) {}

void PathVendi::Add(const Path& path) {
  std::map<size_t, double> counts;
  for (size_t i = 0; i < path.size(); ++i) {
    const auto operation = size_t{uint8_t(path[i])};
    ++counts[operation];
    if (i > 0) ++counts[kSingles + size_t{uint8_t(path[i - 1])} * kSingles + operation];
  }
  double squares = 0;
  for (const auto& [feature, count] : counts) squares += count * count;
  if (squares == 0) return;
  ++count_;
  for (const auto& [row, a] : counts) {
    for (const auto& [column, b] : counts) {
      if (column <= row) moments_[row * kFeatures + column] += a * b / squares;
    }
  }
}

// X'X / n has the non-zero eigenvalues of X X' / n.
std::optional<double> PathVendi::Score() const {
  if (count_ == 0) return std::nullopt;
  const Eigen::Map<const Matrix> matrix(moments_.data(), kFeatures, kFeatures);
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(matrix / double(count_),
                                                     Eigen::EigenvaluesOnly);
  return ExpEntropy(solver.eigenvalues());
}

std::optional<double> SelfBleu(std::span<const std::string> texts) {
  if (texts.size() < 2) return std::nullopt;
  std::vector<size_t> lengths;
  std::vector<double> log_precision(texts.size(), 0);
  for (size_t length = 1; length <= kMaxBleuGram; ++length) {
    std::vector<Grams> grams;
    std::unordered_map<uint64_t, TopCounts> top;
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::vector<std::string_view> words = NormalWords(texts[i]);
      if (length == 1) lengths.push_back(words.size());
      grams.push_back(CountGrams(words, length));
      for (const auto& [gram, count] : grams.back()) top[gram].Add(count, i);
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      double matched = 0, all = 0;
      for (const auto& [gram, count] : grams[i]) {
        matched += std::min(count, top[gram].Without(i));
        all += count;
      }
      log_precision[i] += std::log(all > 0 ? matched / all : 0) / double(kMaxBleuGram);
    }
  }
  double sum = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto own = double(lengths[i]), reference = double(NearestLength(lengths, i));
    const double brevity = own > 0 && own < reference ? 1 - reference / own : 0;
    sum += std::exp(log_precision[i] + brevity);
  }
  return sum / double(texts.size());
}

std::optional<double> Distinct2(std::span<const std::string> texts) {
  std::unordered_set<uint64_t> distinct;
  int64_t all = 0;
  for (const std::string& text : texts) {
    const std::vector<std::string_view> words = NormalWords(text);
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      distinct.insert(Scramble(HashText(words[i])) ^ HashText(words[i + 1]));
      ++all;
    }
  }
  if (all == 0) return std::nullopt;
  return double(distinct.size()) / double(all);
}

std::optional<double> NormalizedEntropy(std::span<const int64_t> counts) {
  const auto all = double(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  if (all == 0 || counts.size() < 2) return std::nullopt;
  double entropy = 0;
  for (const int64_t count : counts) {
    const double share = double(count) / all;
    if (count > 0) entropy -= share * std::log(share);
  }
  return entropy / std::log(double(counts.size()));
}

}  // namespace prm
