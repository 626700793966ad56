#include "data/metrics/ranking.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include "data/error.h"

namespace prm {
namespace {

constexpr int kNoAnswer = -1;

// A small number for each distinct answer, in order of first appearance; kNoAnswer for none.
struct AnswerGroups {
  std::vector<int> of;                    // [N]
  std::vector<std::vector<int>> members;  // ascending indices per answer
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

// The candidates that a rule may choose, ascending; the first is the choice.
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

// Weighted voting; keeps its sums between calls.
class WeightedVote {
 public:
  WeightedVote(std::span<const RankedCandidate> candidates, const AnswerGroups& groups,
               AggregateKind weight)
      : candidates_(candidates), groups_(groups), weight_(weight), votes_(groups.members.size()) {}

  // `subset`: ascending indices. The result is valid until the next call.
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
                                 const Ranking& ranking,
                                 std::span<const std::optional<int>> first_errors) {
  if (candidates.size() != first_errors.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("doubtful winners: expected ", candidates.size(),
                       " first errors, one per candidate, got ", first_errors.size()));
  }
  std::vector<int> doubtful;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto won = [&](std::optional<int> winner) {
      return winner && candidates[size_t(*winner)].answer == candidates[i].answer;
    };
    if (first_errors[i] && (won(ranking.majority) || won(ranking.weighted))) {
      doubtful.push_back(int(i));
    }
  }
  return doubtful;
}

}  // namespace prm
