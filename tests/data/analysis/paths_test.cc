#include "data/analysis/paths.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/error_of.h"

namespace prm {
namespace {

Path Make(std::initializer_list<Operation> operations) {
  Path path;
  for (const Operation operation : operations) path += char(operation);
  return path;
}

TEST(Paths, AreTheStepsOperationsInOrder) {
  std::vector<StepOperations> steps(4);
  steps[0].main = Operation::kSub;
  steps[2].main = Operation::kDiv;
  steps[3].main = Operation::kConclude;
  const Path path = PathOf(steps);
  EXPECT_EQ(path, Make({Operation::kSub, Operation::kDiv, Operation::kConclude}));
  EXPECT_EQ(PathText(path), "SUB DIV CONCLUDE");
  EXPECT_EQ(PathText(""), "");
}

TEST(Paths, DistanceIsLevenshteinOverTheLonger) {
  EXPECT_EQ(PathDistance("abc", "abc"), 0);
  EXPECT_EQ(PathDistance("", ""), 0);
  EXPECT_EQ(PathDistance("abc", ""), 1);
  EXPECT_DOUBLE_EQ(PathDistance("abcd", "abd"), 0.25);
  EXPECT_DOUBLE_EQ(PathDistance("abcd", "acbd"), 0.5);
  EXPECT_EQ(PathDistance("abc", "xyz"), 1);
  EXPECT_DOUBLE_EQ(PathDistance("ab", "abcde"), 0.6);
  EXPECT_DOUBLE_EQ(PathDistance("abcde", "ab"), 0.6);
  EXPECT_EQ(PathDistance(std::string(2000, 'a'), std::string(2000, 'a') + "b"), 1);
}

// By definition, brute force: merge the two clusters whose furthest items are nearest.
std::vector<int> Naive(const std::vector<double>& d, size_t n, double threshold) {
  std::vector<int> label(n);
  for (size_t i = 0; i < n; ++i) label[i] = int(i);
  while (true) {
    double best = threshold;
    std::pair<int, int> pair = {-1, -1};
    for (size_t a = 0; a < n; ++a) {
      for (size_t b = 0; b < a; ++b) {
        if (label[a] == label[b]) continue;
        double furthest = 0;
        for (size_t i = 0; i < n; ++i) {
          for (size_t k = 0; k < n; ++k) {
            if (label[i] == label[a] && label[k] == label[b]) {
              furthest = std::max(furthest, d[i * n + k]);
            }
          }
        }
        if (furthest <= best && (pair.first < 0 || furthest < best)) {
          best = furthest;
          pair = {label[a], label[b]};
        }
      }
    }
    if (pair.first < 0) return label;
    std::replace(label.begin(), label.end(), pair.first, pair.second);
  }
}

TEST(Paths, ClustersAreCompleteLinkage) {
  std::mt19937 random(4);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int trial = 0; trial < 60; ++trial) {
    const size_t n = 2 + random() % 14;
    std::vector<double> distances(n * n, 0);
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < i; ++k) distances[i * n + k] = distances[k * n + i] = uniform(random);
    }
    const std::vector<int> fast = CompleteLinkClusters(distances, n, 0.5),
                           naive = Naive(distances, n, 0.5);
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < n; ++k) {
        EXPECT_EQ(fast[i] == fast[k], naive[i] == naive[k]) << trial;
      }
    }
  }
}

TEST(Paths, NoClusterHoldsTwoFurtherApartThanTheThreshold) {
  std::mt19937 random(5);
  std::vector<Path> paths;
  for (int i = 0; i < 200; ++i) {
    Path path;
    for (size_t n = 1 + random() % 8; n > 0; --n) path += char(random() % 4);
    paths.push_back(path);
  }
  const std::vector<int> clusters = PathClusters(paths);
  for (size_t i = 0; i < paths.size(); ++i) {
    for (size_t k = 0; k < paths.size(); ++k) {
      if (clusters[i] == clusters[k]) {
        EXPECT_LE(PathDistance(paths[i], paths[k]), kSamePath);
      }
      EXPECT_TRUE(paths[i] != paths[k] || clusters[i] == clusters[k]);
    }
  }
}

// Distances 1/3 and 2/5, on both sides of 0.35; 0.5 is within a threshold of 0.5.
TEST(Paths, OnePathEndsAtItsThreshold) {
  EXPECT_EQ(PathClusters(std::vector<Path>{"abc", "abd"}), (std::vector{0, 0}));
  EXPECT_EQ(PathClusters(std::vector<Path>{"abcde", "abcxy"}), (std::vector{0, 1}));
  const std::vector<double> distances = {0, 0.5, 0.5, 0};
  EXPECT_EQ(CompleteLinkClusters(distances, 2, 0.5), (std::vector{0, 0}));
  EXPECT_EQ(CompleteLinkClusters(distances, 2, 0.49), (std::vector{0, 1}));
}

TEST(Paths, ClustersAreNumberedByFirstAppearance) {
  EXPECT_EQ(PathClusters(std::vector<Path>{"zz", "aaa", "zz", "bb"}), (std::vector{0, 1, 0, 2}));
  EXPECT_EQ(PathClusters(std::vector<Path>{"abc", "abd", "zz"}), (std::vector{0, 0, 1}));
  EXPECT_TRUE(PathClusters(std::vector<Path>{}).empty());
}

TEST(Paths, TooManyDistinctPathsAreRefused) {
  std::vector<Path> paths;
  for (size_t i = 0; i <= kMaxDistinctPaths; ++i) paths.push_back(std::to_string(i));
  EXPECT_EQ(ErrorOf([&] { PathClusters(paths); }).code(), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace prm
