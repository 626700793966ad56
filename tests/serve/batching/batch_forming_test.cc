#include "serve/batching/batch_forming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace prm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

const SteadyTime kNow{seconds(1000)};
constexpr uint64_t kAda = 1, kBob = 2, kEve = 3;

WaitingTrace Waits(int64_t tokens, uint64_t client = kAda, Priority priority = Priority::kUnary) {
  return {.tokens = tokens, .priority = priority, .client = client, .since = kNow};
}

BatchPlan Form(const std::vector<WaitingTrace>& queue, BatchLimits limits,
               const ClientShares& shares = {}) {
  return FormBatch(queue, kNow, limits, shares);
}

std::vector<size_t> Taken(const BatchPlan& plan) {
  std::vector<size_t> indices;
  for (const BatchMember& member : plan.batch) indices.push_back(member.index);
  return indices;
}

constexpr BatchLimits kWhole{.max_tokens = 100, .max_traces = 10, .chunk_tokens = 0};

// --- the budget ----------------------------------------------------------------------------------

TEST(FormBatch, TakesArrivalOrderUpToTheTokenBudget) {
  // The fourth would fit, but nothing overtakes the third.
  EXPECT_THAT(Taken(Form({Waits(40), Waits(50), Waits(20), Waits(5)}, kWhole)), ElementsAre(0, 1));
}

TEST(FormBatch, FillsTheBudgetExactly) {
  EXPECT_THAT(Taken(Form({Waits(40), Waits(60), Waits(1)}, kWhole)), ElementsAre(0, 1));
}

TEST(FormBatch, TakesAtMostMaxTraces) {
  BatchLimits limits = kWhole;
  limits.max_traces = 3;
  EXPECT_THAT(Taken(Form(std::vector<WaitingTrace>(7, Waits(1)), limits)), ElementsAre(0, 1, 2));
}

TEST(FormBatch, ATraceAboveTheBudgetGoesAlone) {
  EXPECT_THAT(Form({Waits(500), Waits(1)}, kWhole).batch, ElementsAre(BatchMember{0, 500, 500}));
}

TEST(FormBatch, TheExpiredAndTheCancelledLeaveFromAnywhere) {
  const SteadyTime past = kNow - seconds(1), future = kNow + seconds(1);
  std::vector<WaitingTrace> queue(6, Waits(10));
  const SteadyTime deadlines[] = {past, future, kNow, future, future, past};
  for (size_t i = 0; i < queue.size(); ++i) queue[i].deadline = deadlines[i];
  const std::atomic<bool> cancelled = true, not_cancelled = false;
  queue[1].cancelled = &not_cancelled;
  queue[3].cancelled = &cancelled;
  queue[4].tokens = 95;
  queue[5].worker = 1;
  const BatchPlan plan = Form(queue, kWhole);
  EXPECT_THAT(Taken(plan), ElementsAre(1));
  EXPECT_THAT(plan.dead.expired, ElementsAre(0, 2, 5));
  EXPECT_THAT(plan.dead.cancelled, ElementsAre(3));
  const DeadTraces dead = FindDead(queue, kNow);
  EXPECT_EQ(dead.expired, plan.dead.expired);
  EXPECT_EQ(dead.cancelled, plan.dead.cancelled);
}

TEST(FormBatch, NothingWaitsNothingIsTaken) {
  const BatchPlan plan = Form({}, kWhole);
  EXPECT_THAT(plan.batch, IsEmpty());
  EXPECT_THAT(plan.dead.expired, IsEmpty());
}

TEST(FormBatch, WhatWaitsForAnotherWorkerStays) {
  std::vector<WaitingTrace> queue(3, Waits(10));
  queue[1].worker = 1;
  EXPECT_THAT(Taken(Form(queue, kWhole)), ElementsAre(0, 2));
  const auto other = [&](bool takes) {
    return FormBatch(queue, kNow, kWhole, {}, {.index = 1, .takes_from = {takes, false}});
  };
  EXPECT_THAT(Taken(other(false)), ElementsAre(1));
  EXPECT_THAT(Taken(other(true)), ElementsAre(0, 1, 2));
  queue[0].begun = 5;
  EXPECT_THAT(Taken(other(true)), ElementsAre(1, 2));
}

TEST(FormBatch, TheBudgetCountsTokensToComputeNotLength) {
  std::vector<WaitingTrace> queue(4, Waits(1000));
  for (size_t i = 0; i < 4; ++i) queue[i].known = 970 - int64_t(i);
  EXPECT_THAT(
      Form(queue, kWhole).batch,
      ElementsAre(BatchMember{0, 1000, 30}, BatchMember{1, 1000, 31}, BatchMember{2, 1000, 32}));
}

TEST(FormBatch, WhoTakesFromAnotherWorkerKnowsNothingOfTheTrace) {
  std::vector<WaitingTrace> queue(1, Waits(1000));
  queue[0].known = 970;
  const BatchWorker thief{.index = 1, .takes_from = {true}};
  EXPECT_THAT(FormBatch(queue, kNow, kWhole, {}, thief).batch,
              ElementsAre(BatchMember{0, 1000, 1000}));
}

TEST(FormBatch, WhatATraceSharesWithOneBeforeItInTheBatchIsNoCost) {
  // Of the first trace 20 tokens are the prompt, and the hashes are of 16, 32 and 48.
  const std::vector<uint64_t> first = {1, 2, 3}, fork = {1, 2, 4}, other = {5, 6, 7};
  std::vector<WaitingTrace> queue(4, Waits(50));
  for (WaitingTrace& trace : queue) trace.problem = 1, trace.prompt_tokens = 20;
  queue[0].prefixes = first;
  queue[1].prefixes = fork;
  queue[2].prefixes = other;
  queue[3].problem = 2;
  queue[3].prefixes = first;
  BatchLimits limits = kWhole;
  limits.max_tokens = 1000;
  EXPECT_THAT(Form(queue, limits).batch,
              ElementsAre(BatchMember{0, 50, 50}, BatchMember{1, 50, 50 - 32},
                          BatchMember{2, 50, 50 - 20}, BatchMember{3, 50, 50}));
  queue[1].no_prefix = true;
  EXPECT_EQ(Form(queue, limits).batch[1].cost, 50);
  limits.chunk_tokens = 10;
  EXPECT_EQ(Form(queue, limits).batch[2], (BatchMember{2, 20, 10}))
      << "of the first only 10 tokens are in the batch";
}

// --- priority, fairness, aging -------------------------------------------------------------------

TEST(Priorities, AppendsGoBeforeCallsAndCallsBeforeBulk) {
  const std::vector<WaitingTrace> queue = {
      Waits(10, kAda, Priority::kBulk), Waits(10, kBob, Priority::kUnary),
      Waits(10, kEve, Priority::kAppend), Waits(10, kAda, Priority::kAppend)};
  EXPECT_THAT(Taken(Form(queue, kWhole)), ElementsAre(2, 3, 1, 0));
}

TEST(Fairness, OneClientsThousandTracesDoNotDelayAnothersSingleOne) {
  std::vector<WaitingTrace> queue(1000, Waits(50));
  queue.push_back(Waits(50, kBob));
  EXPECT_THAT(Taken(Form(queue, kWhole)), ElementsAre(0, 1000));
}

TEST(Fairness, AClientThatBeginsToWaitIsServedAtOnceButIsOwedNothing) {
  std::vector<WaitingTrace> queue(20, Waits(10));
  ClientShares shares = Form(queue, kWhole).shares;
  EXPECT_EQ(shares.tokens.at(kAda), 100);
  queue.resize(10);
  for (int i = 0; i < 10; ++i) queue.push_back(Waits(10, kBob));
  const BatchPlan plan = Form(queue, kWhole, shares);
  EXPECT_EQ(plan.shares.tokens.at(kAda), 150);
  EXPECT_EQ(plan.shares.tokens.at(kBob), 150);
}

TEST(Fairness, ClientsShareByTokensNotByTraces) {
  std::vector<WaitingTrace> queue;
  for (int i = 0; i < 10; ++i) queue.push_back(Waits(40, kAda));
  for (int i = 0; i < 100; ++i) queue.push_back(Waits(5, kBob));
  std::map<uint64_t, int64_t> had;
  ClientShares shares;
  for (int round = 0; round < 4; ++round) {
    BatchPlan plan = Form(queue, kWhole, shares);
    std::set<size_t> gone;
    for (const BatchMember& m : plan.batch) {
      had[queue[m.index].client] += m.cost;
      gone.insert(m.index);
    }
    std::vector<WaitingTrace> left;
    for (size_t i = 0; i < queue.size(); ++i) {
      if (!gone.contains(i)) left.push_back(queue[i]);
    }
    queue = std::move(left);
    shares = std::move(plan.shares);
  }
  EXPECT_NEAR(double(had[kAda]), double(had[kBob]), 40);
}

TEST(Fairness, ClientsWithNothingWaitingAreForgotten) {
  ClientShares shares;
  for (uint64_t client = 0; client < 1000; ++client) {
    shares = Form({Waits(10, client)}, kWhole, shares).shares;
  }
  EXPECT_EQ(shares.tokens.size(), 1u);
  EXPECT_EQ(shares.last_turns.size(), 1u);
}

TEST(Aging, WhoWaitedLongEnoughGoesBeforeAHigherPriority) {
  std::vector<WaitingTrace> queue = {Waits(100, kAda, Priority::kAppend),
                                     Waits(100, kBob, Priority::kBulk)};
  BatchLimits limits = kWhole;
  limits.aging = seconds(5);
  queue[1].since = kNow - seconds(14);
  EXPECT_THAT(Taken(Form(queue, limits)), ElementsAre(0));
  queue[1].since = kNow - seconds(15);
  EXPECT_THAT(Taken(Form(queue, limits)), ElementsAre(1));
}

TEST(Aging, CountsFromTheClientsLastTurnSoABacklogDoesNotAge) {
  std::vector<WaitingTrace> queue(2, Waits(100, kAda));
  for (WaitingTrace& trace : queue) trace.since = kNow - seconds(60);
  queue.push_back(Waits(100, kBob, Priority::kAppend));
  ClientShares shares;
  shares.tokens[kAda] = 0;
  shares.last_turns[{kAda, Priority::kUnary}] = kNow - seconds(1);
  EXPECT_THAT(Taken(Form(queue, kWhole, shares)), ElementsAre(2));
}

// --- chunks --------------------------------------------------------------------------------------

constexpr BatchLimits kChunks{.max_tokens = 100, .max_traces = 10, .chunk_tokens = 30};

TEST(Chunks, ALongTraceTakesPartWithAChunkAndLeavesRoomForOthers) {
  const BatchPlan plan = Form({Waits(1000), Waits(20), Waits(20)}, kChunks);
  EXPECT_THAT(plan.batch,
              ElementsAre(BatchMember{0, 30, 30}, BatchMember{1, 20, 20}, BatchMember{2, 20, 20}));
}

TEST(Chunks, GoOnWhereTheCacheEnds) {
  std::vector<WaitingTrace> queue = {Waits(1000)};
  const auto cached = [&](int64_t known) {
    queue[0].known = known;
    return Form(queue, kChunks).batch[0];
  };
  EXPECT_EQ(cached(400), (BatchMember{0, 430, 30}));
  EXPECT_EQ(cached(980), (BatchMember{0, 1000, 20}));
  EXPECT_EQ(cached(1000), (BatchMember{0, 1000, 0}));
}

TEST(Chunks, GetOnEvenWhereTheCacheForgot) {
  std::vector<WaitingTrace> queue = {Waits(1000)};
  queue[0].begun = 500;
  EXPECT_THAT(Form(queue, kChunks).batch, ElementsAre(BatchMember{0, 530, 530}));
}

// --- whatever the queue --------------------------------------------------------------------------

// Many clients, priorities and lengths, with new traces while old ones wait; every batch takes a
// second. Work that never stops coming is of the highest priority.
class Simulation {
 public:
  Simulation(unsigned seed, const BatchLimits& limits) : random_(seed), limits_(limits) {}

  void Run(int rounds) {
    for (int round = 0; round < rounds || !queue_.empty(); ++round, now_ += seconds(1)) {
      if (round < rounds) Arrive();
      Round();
      if (testing::Test::HasFatalFailure()) return;
    }
    EXPECT_EQ(finished_.size(), size_t(next_id_));
  }

 private:
  struct Entry {
    int id;
    WaitingTrace trace;
  };

  void Arrive() {
    for (unsigned i = random_() % 4; i > 0; --i) {
      Add(1 + int64_t(random_() % 300), random_() % 5, Priority(random_() % 3));
    }
    for (int i = 0; i < 3; ++i) Add(limits_.max_tokens / 4, 100 + random_() % 3, Priority::kAppend);
  }
  void Add(int64_t tokens, uint64_t client, Priority priority) {
    queue_.push_back(
        {next_id_++, {.tokens = tokens, .priority = priority, .client = client, .since = now_}});
  }

  void Round() {
    std::vector<WaitingTrace> view;
    for (const Entry& entry : queue_) view.push_back(entry.trace);
    for (WaitingTrace& trace : view) trace.known = trace.begun;
    BatchPlan plan = FormBatch(view, now_, limits_, shares_);
    ASSERT_TRUE(plan.dead.expired.empty() && plan.dead.cancelled.empty());
    ASSERT_EQ(plan.batch.empty(), queue_.empty());
    ASSERT_LE(plan.batch.size(), size_t(limits_.max_traces));
    int64_t cost = 0;
    std::set<size_t> gone;
    for (const BatchMember& m : plan.batch) {
      Entry& entry = queue_[m.index];
      cost += m.cost;
      ASSERT_GT(m.end, entry.trace.begun) << "no progress";
      ASSERT_LE(m.end, entry.trace.tokens);
      if (limits_.chunk_tokens > 0) {
        ASSERT_LE(m.cost, limits_.chunk_tokens);
      }
      entry.trace.begun = m.end;
      entry.trace.since = now_;
      ASSERT_TRUE(gone.insert(m.index).second) << "twice in a batch";
    }
    ASSERT_TRUE(cost <= limits_.max_tokens || plan.batch.size() == 1);
    shares_ = std::move(plan.shares);
    Leave(gone);
  }

  void Leave(const std::set<size_t>& taken) {
    std::vector<Entry> left;
    for (size_t i = 0; i < queue_.size(); ++i) {
      const Entry& entry = queue_[i];
      if (!taken.contains(i) || entry.trace.begun < entry.trace.tokens) {
        left.push_back(entry);
        continue;
      }
      ASSERT_TRUE(finished_.insert(entry.id).second) << "finished twice";
    }
    queue_ = std::move(left);
  }

  std::mt19937 random_;
  const BatchLimits limits_;
  SteadyTime now_ = kNow;
  int next_id_ = 0;
  std::vector<Entry> queue_;
  ClientShares shares_;
  std::set<int> finished_;
};

TEST(FormBatch, NothingIsLostOrTakenTwiceWhateverTheQueue) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const BatchLimits limits{.max_tokens = 40 + int64_t(random() % 200),
                             .max_traces = 1 + int(random() % 8),
                             .chunk_tokens = seed % 2 ? 0 : 10 + int64_t(random() % 30),
                             .aging = milliseconds(random() % 4000)};
    Simulation(seed, limits).Run(40);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

// Two traces of low priority, and appends of ever new clients that would fill every batch.
TEST(Aging, NothingStarvesUnderWorkOfAHigherPriorityWithoutEnd) {
  for (const Priority low : {Priority::kUnary, Priority::kBulk}) {
    std::vector<WaitingTrace> queue = {Waits(90, kBob, low), Waits(90, kBob, low)};
    ClientShares shares;
    SteadyTime now = kNow;
    BatchLimits limits = kWhole;
    limits.aging = seconds(5);
    int low_left = 2;
    for (int round = 0; low_left > 0; ++round, now += seconds(1)) {
      ASSERT_LE(round, 2 * 5 * (int(low) + 1) + 1) << "starved";
      queue.push_back(Waits(90, 1000 + uint64_t(round), Priority::kAppend));
      queue.back().since = now;
      BatchPlan plan = FormBatch(queue, now, limits, shares);
      ASSERT_EQ(plan.batch.size(), 1u);
      low_left -= queue[plan.batch[0].index].client == kBob;
      queue.erase(queue.begin() + ptrdiff_t(plan.batch[0].index));
      shares = std::move(plan.shares);
    }
  }
}

}  // namespace
}  // namespace prm
