// Two workers: a problem belongs to one of them, and when the other may take it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <latch>

#include "tests/serve/batching/batcher_fixture.h"

namespace prm {
namespace {

struct Pair {
  std::array<FakeScorer*, 2> scorer;
  std::vector<std::unique_ptr<StepScorer>> owned;
  std::mutex mutex;
  std::array<std::vector<TraceTokens>, 2> seen;  // guarded by mutex
  explicit Pair(std::array<std::shared_ptr<Gate>, 2> gates = {}) {
    for (size_t w = 0; w < 2; ++w) {
      auto reusing = Reusing(gates[w]);
      scorer[w] = reusing.get();
      scorer[w]->on_score = [this, w](std::span<const TraceTokens> traces) {
        std::lock_guard lock(mutex);
        seen[w].insert(seen[w].end(), traces.begin(), traces.end());
      };
      owned.push_back(std::move(reusing));
    }
  }
};

TEST(TwoWorkers, AProblemKeepsToOneSoNoPrefixIsComputedTwice) {
  Pair pair;
  Outcomes outcomes;
  Batcher batcher(Chunked(), std::move(pair.owned));
  constexpr int kProblems = 40, kRounds = 5;
  // They differ in their first token, so they share no prefix.
  const auto grown = [](int problem, int round) {
    return LongTokens(std::string(1, char('0' + problem)) + " problem", 60 * round, 20);
  };
  int index = 0;
  for (int round = 1; round <= kRounds; ++round) {
    for (int p = 0; p < kProblems; ++p) {
      batcher.Submit(outcomes.One(grown(p, round)));
    }
    for (; index < kProblems * round; ++index) {
      EXPECT_TRUE(
          SameScores(outcomes.Await(index).scores, FakeScores(grown(index % kProblems, round))));
    }
  }
  EXPECT_EQ(pair.scorer[0]->tokens_computed + pair.scorer[1]->tokens_computed,
            kProblems * 60 * kRounds);
  EXPECT_GT(pair.scorer[0]->tokens_computed, 0);
  EXPECT_GT(pair.scorer[1]->tokens_computed, 0);
}

// A batcher with one worker blocked at a gate, and waiting traces of that worker's problem.
struct HeldWorker {
  std::array<std::shared_ptr<Gate>, 2> gates = {std::make_shared<Gate>(), std::make_shared<Gate>()};
  Outcomes outcomes;
  Pair pair{gates};
  size_t free = 0;  // the other worker
  std::unique_ptr<Batcher> batcher;

  HeldWorker() {
    BatcherOptions options = Chunked();
    options.steal_above_tokens = 500;
    batcher = std::make_unique<Batcher>(options, std::move(pair.owned));
    batcher->Submit(outcomes.One(LongTokens("hot", 20, 20)));
    for (size_t busy = 2; busy == 2;) {
      std::lock_guard lock(pair.mutex);
      for (size_t w = 0; w < 2; ++w) {
        if (!pair.seen[w].empty()) busy = w;
      }
      if (busy < 2) free = 1 - busy;
    }
    gates[free]->Open();
  }
  ~HeldWorker() { gates[1 - free]->Open(); }
};

TEST(TwoWorkers, AFreeOneLeavesAShortQueueToTheWorkerThatHasThePrefixes) {
  HeldWorker held;
  held.batcher->Submit(held.outcomes.One(LongTokens("hot", 400, 20)));
  for (int i = 0; i < 20; ++i) {
    held.batcher->Submit(held.outcomes.One(LongTokens(StrCat("c", i), 5, 5)));
  }
  held.outcomes.AwaitAny();  // the free worker looked at the queue
  held.gates[1 - held.free]->Open();
  held.outcomes.AwaitAll();
  for (const TraceTokens& tokens : held.pair.seen[held.free]) EXPECT_EQ(tokens.ids[0], 'c');
}

TEST(TwoWorkers, AFreeOneTakesFromAQueueThatIsLongerThanItsThreshold) {
  HeldWorker held;
  for (int i = 0; i < 7; ++i) {
    TraceTokens tokens = LongTokens("hot", 100, 20);
    tokens.ids[50] = TokenId(i + 2);
    held.batcher->Submit(held.outcomes.One(tokens));
  }
  held.outcomes.Await(1);  // although its worker is blocked
  held.gates[1 - held.free]->Open();
  held.outcomes.AwaitAll();
  EXPECT_FALSE(held.pair.seen[held.free].empty());
  EXPECT_EQ(held.outcomes.size(), 8u);
  for (int i = 0; i < 7; ++i) EXPECT_FALSE(held.outcomes.Await(1 + i).error);
}

TEST(TwoWorkers, ManyThreadsLoseNothing) {
  constexpr int kThreads = 8, kRounds = 30;
  Pair pair;
  BatcherOptions options = Chunked(16);
  options.steal_above_tokens = 300;
  Batcher batcher(options, std::move(pair.owned));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int r = 0; r < kRounds; ++r) {
        const TraceTokens tokens = LongTokens(StrCat("problem ", r % 5, " "), 20 + 13 * t + r, 7);
        std::latch done(1);
        Outcome outcome;
        std::vector<BatchItem> items(1);
        items[0].tokens = tokens;
        items[0].client = uint64_t(t);
        items[0].priority = Priority(t % 3);
        items[0].done = [&](Result<TraceScores> result, const WorkTimes& times) {
          outcome = Outcome(std::move(result), times);
          done.count_down();
        };
        batcher.Submit(std::move(items));
        done.wait();
        ASSERT_TRUE(SameScores(outcome.scores, FakeScores(tokens)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(batcher.queue_traces(), 0);
  EXPECT_EQ(batcher.queue_tokens(), 0);
}

}  // namespace
}  // namespace prm
