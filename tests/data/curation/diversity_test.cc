#include "data/curation/diversity.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <map>
#include <random>

namespace prm {
namespace {

// The definition: exp of the entropy of the eigenvalues of K / n. `similarities` is K [n, n].
double VendiOf(const std::vector<double>& similarities, size_t n) {
  const Eigen::Map<const Eigen::MatrixXd> matrix(similarities.data(), Eigen::Index(n),
                                                 Eigen::Index(n));
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix / double(n),
                                                              Eigen::EigenvaluesOnly);
  double entropy = 0;
  for (const double value : solver.eigenvalues()) {
    if (value > 0) entropy -= value * std::log(value);
  }
  return std::exp(entropy);
}

std::map<std::pair<int, int>, double> Features(const Path& path) {
  std::map<std::pair<int, int>, double> features;
  for (size_t i = 0; i < path.size(); ++i) {
    ++features[{-1, path[i]}];
    if (i > 0) ++features[{path[i - 1], path[i]}];
  }
  double squares = 0;
  for (const auto& [feature, count] : features) squares += count * count;
  for (auto& [feature, count] : features) count /= std::sqrt(squares);
  return features;
}

TEST(Vendi, InTheSpaceOfFeaturesItIsTheSame) {
  std::mt19937 random(2);
  PathVendi vendi;
  std::vector<Path> paths;
  for (int i = 0; i < 30; ++i) {
    Path path;
    for (size_t n = 1 + random() % 6; n > 0; --n) path += char(random() % size_t(kNumOperations));
    paths.push_back(path);
    vendi.Add(path);
  }
  vendi.Add("");  // no operation: not counted
  std::vector<double> cosines;
  for (const Path& a : paths) {
    for (const Path& b : paths) {
      double cosine = 0;
      const auto x = Features(a), y = Features(b);
      for (const auto& [feature, value] : x) {
        if (y.contains(feature)) cosine += value * y.at(feature);
      }
      cosines.push_back(cosine);
    }
  }
  EXPECT_EQ(vendi.count(), 30);
  EXPECT_NEAR(*vendi.Score(), VendiOf(cosines, paths.size()), 1e-6);
  EXPECT_EQ(PathVendi().Score(), std::nullopt);
}

TEST(SelfBleuTest, IsOneForEqualTextsAndZeroForStrangers) {
  using Texts = std::vector<std::string>;
  EXPECT_NEAR(*SelfBleu(Texts{"a b c d e", "a b c d e", "a b c d e"}), 1, 1e-12);
  EXPECT_EQ(*SelfBleu(Texts{"a b c d e", "f g h i j"}), 0);
  EXPECT_EQ(SelfBleu(Texts{"a b c d"}), std::nullopt);
}

// By hand: both texts share 1-grams 4/5, 2-grams 3/4, 3-grams 2/3, 4-grams 1/2, of equal length.
TEST(SelfBleuTest, IsTheGeometricMeanOfClippedPrecisions) {
  const std::vector<std::string> texts = {"a b c d x", "a b c d y"};
  EXPECT_NEAR(*SelfBleu(texts), std::pow(4.0 / 5 * 3 / 4 * 2 / 3 * 1 / 2, 0.25), 1e-12);
  // A repeated word counts as often as it occurs in the other text: 5/6, 4/5, 3/4 and 2/3 of the
  // first against the second, which is shorter; all of the second except exp(1 - 6/5).
  const std::vector<std::string> clipped = {"a b c d e e", "a b c d e"};
  const double first = std::pow(5.0 / 6 * 4 / 5 * 3 / 4 * 2 / 3, 0.25),
               second = std::exp(1 - 6.0 / 5);
  EXPECT_NEAR(*SelfBleu(clipped), (first + second) / 2, 1e-12);
}

// By hand: the first 5/6, 4/5, 3/4, 2/3 against the second; the second in full, against the third,
// the shorter of two equally near; the third in full except exp(1 - 5/4).
TEST(SelfBleuTest, CountsAreClippedByTheMostInAnyOtherText) {
  std::vector<std::string> texts = {"x x x x x x", "x x x x x", "x x x x"};
  const double first = std::pow(5.0 / 6 * 4 / 5 * 3 / 4 * 2 / 3, 0.25),
               third = std::exp(1 - 5.0 / 4);
  EXPECT_NEAR(*SelfBleu(texts), (first + 1 + third) / 3, 1e-12);
  std::swap(texts[0], texts[2]);
  EXPECT_NEAR(*SelfBleu(texts), (first + 1 + third) / 3, 1e-12);
}

TEST(Distinct2Test, IsDistinctPairsOverPairs) {
  using Texts = std::vector<std::string>;
  EXPECT_DOUBLE_EQ(*Distinct2(Texts{"a b a b", "b c"}), 3.0 / 4);  // ab ba ab, bc
  EXPECT_DOUBLE_EQ(*Distinct2(Texts{"a b", "b a"}), 1);            // order matters
  EXPECT_EQ(Distinct2(Texts{"a", ""}), std::nullopt);
}

TEST(Entropy, IsOverTheDeclaredClasses) {
  using Counts = std::vector<int64_t>;
  EXPECT_DOUBLE_EQ(*NormalizedEntropy(Counts{5, 5, 5}), 1);
  EXPECT_DOUBLE_EQ(*NormalizedEntropy(Counts{7, 0, 0}), 0);
  EXPECT_NEAR(*NormalizedEntropy(Counts{5, 5, 0, 0}), 0.5, 1e-12);
  EXPECT_EQ(NormalizedEntropy(Counts{0, 0}), std::nullopt);
  EXPECT_EQ(NormalizedEntropy(Counts{3}), std::nullopt);
}

}  // namespace
}  // namespace prm
