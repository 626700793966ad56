#include "serve/batching/batch_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/serve/batching/batcher_fixture.h"

namespace prm {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const SteadyTime kNow{seconds(1000)};
constexpr QueueLimits kLimits{.traces = 100,
                              .tokens = 1000,
                              .steal_above_tokens = 50,
                              .batch = {.max_tokens = 20, .max_traces = 10, .chunk_tokens = 0}};

// A trace of `tokens` ids that waits for `worker`.
QueuedPtr Trace(int tokens, size_t worker = 0, uint64_t client = 0) {
  BatchItem item;
  item.tokens.ids.assign(size_t(tokens), TokenId(client) + 1);
  item.client = client;
  QueuedPtr trace = MakeQueued(std::move(item), kNow, 1);
  trace->waiting.worker = worker;
  return trace;
}

void Add(BatchQueue& queue, QueuedPtr trace) {
  std::vector<QueuedPtr> one;
  one.push_back(std::move(trace));
  queue.Add(std::move(one));
}

std::vector<uint64_t> Numbers(const std::vector<BatchEntry>& batch) {
  std::vector<uint64_t> numbers;
  for (const BatchEntry& entry : batch) numbers.push_back(entry.trace->number);
  return numbers;
}

TEST(BatchQueue, HashesOfPrefixesAreEqualAsFarAsTheTracesAre) {
  BatchItem a, b;
  a.tokens.ids.assign(70, 7);
  b.tokens.ids.assign(70, 7);
  b.tokens.ids[40] = 8;
  const QueuedPtr x = MakeQueued(std::move(a), kNow, 4), y = MakeQueued(std::move(b), kNow, 4);
  ASSERT_EQ(x->prefixes.size(), 4u);
  EXPECT_EQ(x->prefixes[1], y->prefixes[1]);
  EXPECT_NE(x->prefixes[2], y->prefixes[2]);
  EXPECT_NE(x->prefixes[3], y->prefixes[3]);
  EXPECT_EQ(x->waiting.prefixes.data(), x->prefixes.data());
}

TEST(BatchQueue, WhatIsKnownCountsInTheNextBatch) {
  BatchQueue queue(kLimits, 1, true);
  for (int i = 0; i < 4; ++i) Add(queue, Trace(15, 0, uint64_t(i)));
  std::vector<BatchQueue::Asked> asked = queue.FirstOf(0, 3);
  ASSERT_EQ(asked.size(), 3u);
  for (BatchQueue::Asked& one : asked) one.known = 10;
  queue.SetKnown(asked);
  EXPECT_THAT(Numbers(queue.Take(0, kNow).batch), ElementsAre(0, 1, 2)) << "3 * 5 + 15 > 20";
  queue.SetKnown(asked);  // of traces that left
  EXPECT_EQ(queue.FirstOf(0, 9)[0].known, 0);
}

TEST(BatchQueue, WhatABatchComputesIsKnownOfThoseThatShareIt) {
  QueueLimits limits = kLimits;
  limits.batch.max_traces = 1;
  BatchQueue queue(limits, 2, true);
  const auto candidate = [&](TokenId own, size_t worker) {
    BatchItem item;
    item.tokens.ids.assign(12, 1);
    item.tokens.steps_begin = 10;
    item.tokens.ids[11] = own;
    QueuedPtr trace = MakeQueued(std::move(item), kNow, 1);
    trace->waiting.worker = worker;
    return trace;
  };
  Add(queue, candidate(2, 0));
  Add(queue, candidate(3, 0));
  Add(queue, candidate(4, 1));
  Add(queue, Trace(12));
  EXPECT_THAT(Numbers(queue.Take(0, kNow).batch), ElementsAre(0));
  const std::vector<BatchQueue::Asked> mine = queue.FirstOf(0, 9), others = queue.FirstOf(1, 9);
  ASSERT_EQ(mine.size(), 2u);
  EXPECT_EQ(mine[0].known, 10) << "the prompt";
  EXPECT_EQ(mine[1].known, 0) << "another problem";
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].known, 0) << "another worker's scorer";
}

TEST(BatchQueue, ARestGoesBackToItsPlace) {
  BatchQueue queue(kLimits, 1, true);
  for (int i = 0; i < 5; ++i) Add(queue, Trace(10));
  LeavingTraces leaving = queue.Take(0, kNow);
  EXPECT_THAT(Numbers(leaving.batch), ElementsAre(0, 1));
  leaving.batch[1].trace->waiting.begun = 4;
  queue.PutBack(std::move(leaving.batch[1].trace));
  EXPECT_EQ(queue.tokens(), 36);
  EXPECT_THAT(Numbers(queue.Take(0, kNow).batch), ElementsAre(1, 2));
}

TEST(BatchQueue, TheDeadLeaveWhoeverTheyWaitForAndNothingElse) {
  BatchQueue queue(kLimits, 2, true);
  const auto cancelled = std::make_shared<std::atomic<bool>>(true);
  for (size_t i = 0; i < 4; ++i) {
    QueuedPtr trace = Trace(10, i % 2);
    if (i == 1) trace->waiting.deadline = kNow;
    if (i == 2) trace->waiting.cancelled = cancelled.get();
    Add(queue, std::move(trace));
  }
  const LeavingTraces dead = queue.TakeDead(kNow);
  EXPECT_THAT(dead.batch, IsEmpty());
  ASSERT_EQ(dead.expired.size(), 1u);
  EXPECT_EQ(dead.expired[0]->number, 1u);
  ASSERT_EQ(dead.cancelled.size(), 1u);
  EXPECT_EQ(dead.cancelled[0]->number, 2u);
  EXPECT_EQ(queue.traces(), 2);
  EXPECT_EQ(queue.tokens(), 20);
  EXPECT_THAT(Numbers(queue.Take(0, kNow).batch), ElementsAre(0));
  EXPECT_THAT(Numbers(queue.Take(1, kNow).batch), ElementsAre(3));
  EXPECT_TRUE(queue.TakeDead(kNow).empty());
}

TEST(BatchQueue, AWorkerTakesFromAnotherOnlyAboveTheThresholdAndWithoutWorkOfItsOwn) {
  BatchQueue queue(kLimits, 2, true);
  for (int i = 0; i < 5; ++i) Add(queue, Trace(10, 0));
  EXPECT_FALSE(queue.HasWork(1)) << "50 tokens";
  Add(queue, Trace(10, 0));
  EXPECT_TRUE(queue.HasWork(1));
  Add(queue, Trace(10, 1));
  EXPECT_THAT(Numbers(queue.Take(1, kNow).batch), ElementsAre(6));
  const LeavingTraces stolen = queue.Take(1, kNow);
  EXPECT_THAT(Numbers(stolen.batch), ElementsAre(0, 1));
  EXPECT_EQ(stolen.batch[0].trace->waiting.worker, 1u) << "its prefix will be there";
}

TEST(BatchQueue, WithoutReuseAnyWorkerTakesAnyTrace) {
  BatchQueue queue(kLimits, 3, false);
  for (int i = 0; i < 5; ++i) Add(queue, Trace(10));
  EXPECT_THAT(Numbers(queue.Take(2, kNow).batch), ElementsAre(0, 1));
  EXPECT_THAT(Numbers(queue.Take(1, kNow).batch), ElementsAre(2, 3));
}

}  // namespace
}  // namespace prm
