#include "data/metrics/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

#include "data/error.h"

namespace prm {
namespace {

constexpr int kNoAnswer = -1;

// A small number for each distinct answer, in order of first appearance; kNoAnswer for none.
struct AnswerGroups {
  std::vector<int> of;                    // [N]
  std::vector<std::vector<int>> members;  // rising indices of each answer
};

AnswerGroups GroupAnswers(std::span<const RankedCandidate> candidates) {
  AnswerGroups groups;
  std::map<std::string_view, int> numbers;
  for (const RankedCandidate& candidate : candidates) {
    int number = kNoAnswer;
    if (!candidate.answer.empty()) {
      number = numbers.emplace(candidate.answer, int(numbers.size())).first->second;
      groups.members.resize(numbers.size());
      groups.members[size_t(number)].push_back(int(groups.of.size()));
    }
    groups.of.push_back(number);
  }
  return groups;
}

std::vector<int> OrderBy(std::span<const RankedCandidate> candidates, AggregateKind kind) {
  std::vector<int> order;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].aggregates) order.push_back(int(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return (*candidates[size_t(a)].aggregates)[kind] > (*candidates[size_t(b)].aggregates)[kind];
  });
  return order;
}

// The candidates that a rule may choose, rising; their first is the choice.
using Winners = std::vector<int>;

std::optional<int> First(const Winners& winners) {
  return winners.empty() ? std::nullopt : std::optional(winners.front());
}

std::vector<int> Ties(const Winners& winners) {
  return winners.size() > 1 ? winners : std::vector<int>();
}

Winners BestOf(std::span<const RankedCandidate> candidates, const std::vector<int>& order,
               AggregateKind kind) {
  const auto score = [&](int i) { return (*candidates[size_t(i)].aggregates)[kind]; };
  return {order.begin(), std::find_if(order.begin(), order.end(),
                                      [&](int i) { return score(i) < score(order.front()); })};
}

Winners MajorityWinners(const AnswerGroups& groups) {
  size_t most = 0;
  for (const auto& members : groups.members) most = std::max(most, members.size());
  Winners winners;
  for (const auto& members : groups.members) {
    if (members.size() == most) winners.push_back(members.front());
  }
  return winners;
}

// Weighted voting over subsets; keeps its sums between calls.
class WeightedVote {
 public:
  WeightedVote(std::span<const RankedCandidate> candidates, const AnswerGroups& groups,
               AggregateKind weight)
      : candidates_(candidates), groups_(groups), weight_(weight), votes_(groups.members.size()) {}

  // `subset`: rising indices.
  std::optional<int> Choose(std::span<const int> subset) { return First(Win(subset)); }

  // Valid until the next call.
  const Winners& Win(std::span<const int> subset) {
    seen_.clear();
    for (const int index : subset) {
      const RankedCandidate& candidate = candidates_[size_t(index)];
      const int answer = groups_.of[size_t(index)];
      if (answer == kNoAnswer || !candidate.aggregates) continue;
      Vote& vote = votes_[size_t(answer)];
      if (vote.first < 0) {
        vote = {0, index};
        seen_.push_back(answer);
      }
      vote.sum += (*candidate.aggregates)[weight_];
    }
    winners_.clear();
    double best = -1;
    for (const int answer : seen_) {
      Vote& vote = votes_[size_t(answer)];
      if (vote.sum > best) winners_.clear();
      best = std::max(best, vote.sum);
      if (vote.sum == best) winners_.push_back(vote.first);
      vote.first = -1;
    }
    return winners_;
  }

 private:
  struct Vote {
    double sum = 0;
    int first = -1;
  };
  std::span<const RankedCandidate> candidates_;
  const AnswerGroups& groups_;
  AggregateKind weight_;
  std::vector<Vote> votes_;
  Winners winners_;
  std::vector<int> seen_;  // in order of first appearance, so that ties go to the lowest index
};

std::vector<int> AllIndices(size_t count) {
  std::vector<int> indices(count);
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

// The candidate of rank r is the best of a subset that holds it and n - 1 of those behind it:
// C(N - 1 - r, n - 1) of C(N, n) subsets, by recurrence over r.
std::vector<double> ExpectChoice(const std::vector<int>& order, int count,
                                 const std::vector<bool>& is_correct) {
  std::vector<double> expected(size_t(count), 0.0);
  for (int n = 1; n <= count; ++n) {
    double best = double(n) / count;
    for (int rank = 0; rank < int(order.size()) && best > 0; ++rank) {
      if (is_correct[size_t(order[size_t(rank)])]) expected[size_t(n - 1)] += best;
      if (rank + 1 < count) best *= double(count - rank - n) / (count - 1 - rank);
    }
  }
  return expected;
}

std::vector<double> PassAtN(int count, const std::vector<bool>& is_correct) {
  const auto wrong = std::count(is_correct.begin(), is_correct.end(), false);
  std::vector<double> pass;
  double none = 1;
  for (int n = 0; n < count; ++n) {
    none *= std::max(0.0, double(wrong - n)) / (count - n);
    pass.push_back(1 - none);
  }
  return pass;
}

// Counts of subsets overflow double beyond a thousand candidates.
using Count = long double;

// row[k] = C(n, k), k = 0..n.
std::vector<Count> BinomialRow(int n) {
  std::vector<Count> row(size_t(n) + 1, 1);
  for (int k = 1; k <= n; ++k) row[size_t(k)] = row[size_t(k - 1)] * Count(n - k + 1) / Count(k);
  return row;
}

// Truncated product: coefficients up to x^max_degree.
std::vector<Count> Multiply(const std::vector<Count>& a, const std::vector<Count>& b,
                            size_t max_degree) {
  std::vector<Count> product(std::min(a.size() + b.size() - 1, max_degree + 1), 0);
  for (size_t i = 0; i < a.size() && i < product.size(); ++i) {
    for (size_t j = 0; j < b.size() && i + j < product.size(); ++j) product[i + j] += a[i] * b[j];
  }
  return product;
}

// Majority voting over subsets, by generating functions in the subset's size.
class MajorityCounts {
 public:
  explicit MajorityCounts(const AnswerGroups& groups) : groups_(groups), count_(groups.of.size()) {
    for (size_t n = 0; n <= count_; ++n) binomials_.push_back(BinomialRow(int(n)));
    silent_ = size_t(std::count(groups.of.begin(), groups.of.end(), kNoAnswer));
  }

  // P(member `place` of `answer` is the majority choice of a subset of n), added to result[n - 1].
  void AddChosen(size_t answer, size_t place, std::vector<double>* result) const {
    const std::vector<int>& members = groups_.members[answer];
    const size_t behind = members.size() - 1 - place;
    for (size_t votes = 1; votes <= behind + 1; ++votes) {
      const Count own = binomials_[behind][votes - 1];
      const std::vector<Count> others = Others(answer, members[place], votes);
      for (size_t extra = 0; extra < others.size(); ++extra) {
        const size_t n = votes + extra;
        (*result)[n - 1] += double(own * others[extra] / binomials_[count_][n]);
      }
    }
  }

 private:
  // Ways to add candidates of other answers, by their number, such that none gets more than `votes`
  // and none with as many begins before `first`.
  std::vector<Count> Others(size_t answer, int first, size_t votes) const {
    const size_t max_degree = count_ - votes;
    std::vector<Count> ways = binomials_[silent_];
    ways.resize(std::min(ways.size(), max_degree + 1));
    for (size_t other = 0; other < groups_.members.size(); ++other) {
      if (other == answer) continue;
      const std::vector<int>& members = groups_.members[other];
      const std::vector<Count>& all = binomials_[members.size()];
      std::vector<Count> factor(all.begin(), all.begin() + ptrdiff_t(std::min(votes, all.size())));
      const size_t later =
          size_t(members.end() - std::upper_bound(members.begin(), members.end(), first));
      if (later >= votes) factor.push_back(binomials_[later][votes]);
      ways = Multiply(ways, factor, max_degree);
    }
    return ways;
  }

  const AnswerGroups& groups_;
  size_t count_;
  size_t silent_ = 0;  // candidates without an answer
  std::vector<std::vector<Count>> binomials_;
};

std::vector<double> ExpectMajority(const AnswerGroups& groups,
                                   const std::vector<bool>& is_correct) {
  std::vector<double> expected(groups.of.size(), 0.0);
  const MajorityCounts counts(groups);
  for (size_t answer = 0; answer < groups.members.size(); ++answer) {
    for (size_t place = 0; place < groups.members[answer].size(); ++place) {
      if (is_correct[size_t(groups.members[answer][place])]) {
        counts.AddChosen(answer, place, &expected);
      }
    }
  }
  return expected;
}

// The next subset of the same size in lexicographic order; false after the last.
bool NextSubset(int count, std::vector<int>* subset) {
  const int n = int(subset->size());
  int i = n - 1;
  while (i >= 0 && (*subset)[size_t(i)] == count - n + i) --i;
  if (i < 0) return false;
  ++(*subset)[size_t(i)];
  for (int j = i + 1; j < n; ++j) (*subset)[size_t(j)] = (*subset)[size_t(j - 1)] + 1;
  return true;
}

std::vector<std::optional<double>> ExpectWeighted(std::span<const RankedCandidate> candidates,
                                                  const AnswerGroups& groups,
                                                  const std::vector<bool>& is_correct,
                                                  const BestOfNOptions& options) {
  const size_t count = candidates.size();
  const std::vector<Count> subsets = BinomialRow(int(count));
  WeightedVote vote(candidates, groups, options.weight);
  std::vector<std::optional<double>> expected(count);
  for (size_t n = 1; n <= count; ++n) {
    if (subsets[n] > Count(options.max_subsets)) continue;
    std::vector<int> subset = AllIndices(n);
    int64_t total = 0;
    int64_t right = 0;
    do {
      const std::optional<int> choice = vote.Choose(subset);
      right += choice && is_correct[size_t(*choice)];
      ++total;
    } while (NextSubset(int(count), &subset));
    expected[n - 1] = double(right) / double(total);
  }
  return expected;
}

}  // namespace

Ranking RankCandidates(std::span<const RankedCandidate> candidates, AggregateKind weight) {
  Ranking ranking;
  for (int kind = 0; kind < kNumAggregates; ++kind) {
    std::vector<int>& order = ranking.order[size_t(kind)];
    order = OrderBy(candidates, AggregateKind(kind));
    const Winners best = BestOf(candidates, order, AggregateKind(kind));
    ranking.choice[size_t(kind)] = First(best);
    ranking.choice_ties[size_t(kind)] = Ties(best);
  }
  const AnswerGroups groups = GroupAnswers(candidates);
  const Winners majority = MajorityWinners(groups);
  ranking.majority = First(majority);
  ranking.majority_ties = Ties(majority);
  WeightedVote vote(candidates, groups, weight);
  const Winners& weighted = vote.Win(AllIndices(candidates.size()));
  ranking.weighted = First(weighted);
  ranking.weighted_ties = Ties(weighted);
  return ranking;
}

std::vector<int> DoubtfulWinners(std::span<const RankedCandidate> candidates,
                                 const Ranking& ranking, std::span<const int> first_errors) {
  if (candidates.size() != first_errors.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("doubtful winners: expected ", candidates.size(),
                       " first errors, one a candidate, got ", first_errors.size()));
  }
  std::vector<int> doubtful;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto won = [&](std::optional<int> winner) {
      return winner && candidates[size_t(*winner)].answer == candidates[i].answer;
    };
    if (first_errors[i] >= 0 && (won(ranking.majority) || won(ranking.weighted))) {
      doubtful.push_back(int(i));
    }
  }
  return doubtful;
}

BestOfN ExpectBestOfN(std::span<const RankedCandidate> candidates,
                      const std::vector<bool>& is_correct, const BestOfNOptions& options) {
  if (candidates.size() != is_correct.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("best-of-N: expected ", candidates.size(), " truths, one a candidate, got ",
                       is_correct.size()));
  }
  const int count = int(candidates.size());
  const AnswerGroups groups = GroupAnswers(candidates);
  BestOfN result;
  for (int kind = 0; kind < kNumAggregates; ++kind) {
    result.choice[size_t(kind)] =
        ExpectChoice(OrderBy(candidates, AggregateKind(kind)), count, is_correct);
  }
  result.majority = ExpectMajority(groups, is_correct);
  result.weighted = ExpectWeighted(candidates, groups, is_correct, options);
  result.pass = PassAtN(count, is_correct);
  return result;
}

Interval BootstrapMean(std::span<const double> values, int replicates, uint64_t seed) {
  if (values.empty() || replicates < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("bootstrap: expected values and replicates, got ", values.size(), " and ",
                       replicates));
  }
  // std::uniform_int_distribution differs between standard libraries; this draw does not. What
  // falls beyond the last whole multiple is drawn again, so every problem is equally likely.
  std::mt19937_64 random(seed);
  const uint64_t size = values.size();
  const uint64_t limit = std::numeric_limits<uint64_t>::max() / size * size;
  std::vector<double> means;
  for (int r = 0; r < replicates; ++r) {
    double sum = 0;
    for (uint64_t i = 0; i < size; ++i) {
      uint64_t draw = random();
      while (draw >= limit) draw = random();
      sum += values[draw % size];
    }
    means.push_back(sum / double(size));
  }
  std::sort(means.begin(), means.end());
  const size_t low = size_t(std::floor(0.025 * (replicates - 1)));
  return {means[low], means[size_t(replicates) - 1 - low]};
}

}  // namespace prm
