#include "serve/batching/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>

#include "tests/error_of.h"
#include "tests/serve/batching/batcher_fixture.h"

namespace prm {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

TEST(Batcher, GivesEachTraceItsOwnScores) {
  Outcomes outcomes;
  Batcher batcher({}, OneScorer(std::make_unique<FakeScorer>()));
  batcher.Submit(outcomes.Items({"a", "bb", "ccc"}));
  const std::vector<std::string> texts = {"a", "bb", "ccc"};
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = outcomes.Await(i);
    ASSERT_FALSE(outcome.error) << outcome.error->what();
    EXPECT_TRUE(SameScores(outcome.scores, FakeScores(Tokens(texts[size_t(i)]))));
  }
}

TEST(Batcher, WhatWaitsWhileTheWorkerIsBusySharesTheNextBatch) {
  const auto gate = std::make_shared<Gate>();
  std::vector<size_t> batch_sizes;
  auto scorer = std::make_unique<FakeScorer>(gate);
  scorer->on_score = [&](std::span<const TraceTokens> t) { batch_sizes.push_back(t.size()); };
  Outcomes outcomes;
  Batcher batcher({}, OneScorer(std::move(scorer)));
  batcher.Submit(outcomes.Items({"first"}));
  gate->AwaitArrivals(1);
  for (const char* text : {"b", "c", "d"}) batcher.Submit(outcomes.Items({text}));
  EXPECT_EQ(batcher.queue_traces(), 3);
  EXPECT_EQ(batcher.queue_tokens(), 6);
  gate->Open();
  outcomes.AwaitAll();
  EXPECT_THAT(batch_sizes, ElementsAre(1, 3));
}

TEST(Batcher, AFullQueueRefusesTheWholeCallAndKeepsTheRest) {
  const auto gate = std::make_shared<Gate>();
  Outcomes outcomes;
  BatcherOptions options;
  options.max_queue_traces = 3;
  Batcher batcher(options, OneScorer(std::make_unique<FakeScorer>(gate)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  batcher.Submit(outcomes.Items({"a", "b"}));
  EXPECT_EQ(SubmitCode(batcher, outcomes.Items({"c", "d"})), ErrorCode::kResourceExhausted);
  EXPECT_EQ(batcher.queue_traces(), 2);
  EXPECT_EQ(SubmitCode(batcher, outcomes.Items({"e"}, 1)), std::nullopt);
  gate->Open();
  outcomes.AwaitAll(2);
  batcher.Stop();
  EXPECT_EQ(outcomes.size(), 4u);  // the refused two were never called back
}

TEST(Batcher, TheQueueIsBoundedInTokensToo) {
  const auto gate = std::make_shared<Gate>();
  Outcomes outcomes;
  BatcherOptions options;
  options.max_queue_tokens = 10;
  Batcher batcher(options, OneScorer(std::make_unique<FakeScorer>(gate)));
  batcher.Submit(outcomes.Items({"x"}));
  gate->AwaitArrivals(1);
  batcher.Submit(outcomes.Items({"123456"}));
  EXPECT_EQ(SubmitCode(batcher, outcomes.Items({"1234"})), ErrorCode::kResourceExhausted);
  EXPECT_EQ(SubmitCode(batcher, outcomes.Items({"0123456789"})), ErrorCode::kInvalidArgument);
  gate->Open();
}

TEST(Batcher, NoClientHasAllOfTheQueue) {
  const auto gate = std::make_shared<Gate>();
  Outcomes outcomes;
  BatcherOptions options;
  options.max_queue_traces = 100;
  options.max_queue_tokens = 40;
  Batcher batcher(options, OneScorer(std::make_unique<FakeScorer>(gate)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  int accepted = 0;
  while (SubmitCode(batcher, outcomes.Items({"123"})) == std::nullopt) ++accepted;
  EXPECT_EQ(accepted, 5) << "of 4 tokens each, half of 40";
  const std::string why =
      MessageOf([&] { batcher.Submit(outcomes.Items({"123"})); }, ErrorCode::kResourceExhausted);
  EXPECT_THAT(why, testing::HasSubstr("its share of the queue: 5 traces of 20 tokens"));
  EXPECT_THAT(why, testing::HasSubstr("try again in"));
  EXPECT_EQ(SubmitCode(batcher, outcomes.Items({"123456789"}, 1)), std::nullopt);
  gate->Open();
  outcomes.AwaitAll(2);
  EXPECT_EQ(batcher.queue_tokens(), 0);
}

TEST(Batcher, DeadWorkMakesRoomInAFullQueue) {
  const auto gate = std::make_shared<Gate>();
  ManualClock clock;
  Outcomes outcomes;
  BatcherOptions options;
  options.max_queue_traces = 1;
  options.now = clock.function();
  Batcher batcher(options, OneScorer(std::make_unique<FakeScorer>(gate)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  std::vector<BatchItem> dying = outcomes.Items({"dying"});
  dying[0].deadline = clock.Now() + seconds(1);
  batcher.Submit(std::move(dying));
  clock.Advance(seconds(2));
  EXPECT_EQ(SubmitCode(batcher, outcomes.Items({"fresh"})), std::nullopt);
  EXPECT_EQ(outcomes.Await(1).error->code(), ErrorCode::kDeadlineExceeded);
  gate->Open();
  EXPECT_FALSE(outcomes.Await(2).error);
}

TEST(Batcher, NoWorkBeginsAfterTheDeadline) {
  const auto gate = std::make_shared<Gate>();
  ManualClock clock;
  std::vector<std::vector<TokenId>> seen;
  auto scorer = std::make_unique<FakeScorer>(gate);
  scorer->on_score = [&](std::span<const TraceTokens> traces) {
    for (const TraceTokens& t : traces) seen.push_back(t.ids);
  };
  Outcomes outcomes;
  BatcherOptions options;
  options.now = clock.function();
  Batcher batcher(options, OneScorer(std::move(scorer)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  std::vector<BatchItem> items = outcomes.Items({"late", "in time"});
  items[0].deadline = clock.Now() + seconds(1);
  items[1].deadline = clock.Now() + seconds(10);
  batcher.Submit(std::move(items));
  clock.Advance(seconds(5));
  gate->Open();
  const Outcome late = outcomes.Await(1);
  ASSERT_TRUE(late.error);
  EXPECT_EQ(late.error->code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(late.times.queue_us, 5'000'000);
  EXPECT_EQ(late.times.compute_us, 0);
  EXPECT_FALSE(outcomes.Await(2).error);
  outcomes.AwaitAll();
  EXPECT_THAT(seen, ElementsAre(Tokens("running").ids, Tokens("in time").ids));
}

TEST(Batcher, NoWorkBeginsForACancelledCall) {
  const auto gate = std::make_shared<Gate>();
  std::vector<std::vector<TokenId>> seen;
  auto scorer = std::make_unique<FakeScorer>(gate);
  scorer->on_score = [&](std::span<const TraceTokens> traces) {
    for (const TraceTokens& t : traces) seen.push_back(t.ids);
  };
  Outcomes outcomes;
  Batcher batcher({}, OneScorer(std::move(scorer)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  std::vector<BatchItem> items = outcomes.Items({"cancelled", "kept"});
  items[0].cancelled = cancelled;
  batcher.Submit(std::move(items));
  cancelled->store(true);
  gate->Open();
  EXPECT_EQ(outcomes.Await(1).error->code(), ErrorCode::kCancelled);
  EXPECT_FALSE(outcomes.Await(2).error);
  outcomes.AwaitAll();
  EXPECT_THAT(seen, ElementsAre(Tokens("running").ids, Tokens("kept").ids));
}

TEST(Batcher, OneBadTraceDoesNotFailItsNeighbours) {
  const auto gate = std::make_shared<Gate>();
  Outcomes outcomes;
  Batcher batcher({}, OneScorer(std::make_unique<FakeScorer>(gate)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  batcher.Submit(outcomes.Items({"good", "bad\x01", "fine"}));
  gate->Open();
  EXPECT_TRUE(SameScores(outcomes.Await(1).scores, FakeScores(Tokens("good"))));
  EXPECT_EQ(outcomes.Await(2).error->code(), ErrorCode::kInvalidArgument);
  EXPECT_STREQ(outcomes.Await(2).error->what(), "poisoned trace");
  EXPECT_TRUE(SameScores(outcomes.Await(3).scores, FakeScores(Tokens("fine"))));
}

// A model that returns NaN for one trace, and then for all traces of its batch.
class NoNumberScorer : public FakeScorer {
 public:
  using FakeScorer::FakeScorer;
  std::vector<TraceScores> Score(std::span<const TraceTokens> traces) override {
    for (const TraceTokens& trace : traces) {
      if (trace.ids[0] == '?') throw Error(ErrorCode::kDataLoss, "step 0: the score is nan");
    }
    return FakeScorer::Score(traces);
  }
};

TEST(Batcher, ATraceWithoutNumbersDoesNotFailItsNeighbours) {
  const auto gate = std::make_shared<Gate>();
  Outcomes outcomes;
  Batcher batcher({}, OneScorer(std::make_unique<NoNumberScorer>(gate)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  batcher.Submit(outcomes.Items({"good", "?", "fine"}));
  gate->Open();
  EXPECT_TRUE(SameScores(outcomes.Await(1).scores, FakeScores(Tokens("good"))));
  EXPECT_EQ(outcomes.Await(2).error->code(), ErrorCode::kDataLoss);
  EXPECT_TRUE(SameScores(outcomes.Await(3).scores, FakeScores(Tokens("fine"))));
}

class BrokenScorer : public FakeScorer {
 public:
  std::vector<TraceScores> Score(std::span<const TraceTokens> traces) override {
    if (traces[0].ids[0] == 'm') throw std::bad_alloc();
    auto result = FakeScorer::Score(traces);
    result.pop_back();
    return result;
  }
};

TEST(Batcher, AScorersFailureReachesEachRequestOfItsBatchAndTheWorkerLivesOn) {
  Outcomes outcomes;
  Batcher batcher({}, OneScorer(std::make_unique<BrokenScorer>()));
  batcher.Submit(outcomes.Items({"memory", "neighbour"}));
  EXPECT_EQ(outcomes.Await(0).error->code(), ErrorCode::kInternal);
  EXPECT_EQ(outcomes.Await(1).error->code(), ErrorCode::kInternal);
  batcher.Submit(outcomes.Items({"too few answers"}));
  EXPECT_THAT(outcomes.Await(2).error->what(), testing::HasSubstr("0 answers for 1 traces"));
}

TEST(Batcher, StopAnswersWhatStillWaitsAndRefusesNew) {
  const auto gate = std::make_shared<Gate>();
  Outcomes outcomes;
  Batcher batcher({}, OneScorer(std::make_unique<FakeScorer>(gate)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  batcher.Submit(outcomes.Items({"waiting"}));
  std::thread stopper([&] { batcher.Stop(); });
  EXPECT_EQ(outcomes.Await(1).error->code(), ErrorCode::kUnavailable);
  gate->Open();
  stopper.join();
  EXPECT_FALSE(outcomes.Await(0).error);
  EXPECT_EQ(SubmitCode(batcher, outcomes.Items({"new"})), ErrorCode::kUnavailable);
  EXPECT_EQ(outcomes.size(), 2u);
}

TEST(Batcher, ReportsEveryBatch) {
  std::vector<BatchReport> reports;
  Outcomes outcomes;
  BatcherOptions options;
  options.on_batch = [&](const BatchReport& report) { reports.push_back(report); };
  Batcher batcher(options, OneScorer(std::make_unique<FakeScorer>()));
  batcher.Submit(outcomes.Items({"ab", "c"}));
  outcomes.AwaitAll();
  batcher.Stop();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].traces, 2);
  EXPECT_EQ(reports[0].tokens, 5);
  EXPECT_EQ(reports[0].queue_traces, 0);
}

// Calls the batcher whenever it is called itself.
class AskingScorer : public FakeScorer {
 public:
  int64_t TokensToCompute(const TraceTokens& trace) const override {
    if (Batcher* const b = batcher) ++asked, b->queue_traces();
    return FakeScorer::TokensToCompute(trace);
  }
  std::atomic<Batcher*> batcher = nullptr;
  mutable std::atomic<int> asked = 0;
};

TEST(Batcher, AsksNoScorerUnderItsLock) {
  auto owned = std::make_unique<AskingScorer>();
  AskingScorer* scorer = owned.get();
  scorer->ReusePrefixes();
  Outcomes outcomes;
  Batcher batcher({}, OneScorer(std::move(owned)));
  scorer->batcher = &batcher;
  batcher.Submit(outcomes.Items({"under its lock", "this would never return"}));
  outcomes.AwaitAll();
  EXPECT_GE(scorer->asked, 2);
}

TEST(Batcher, ManyThreadsLoseNothing) {
  constexpr int kThreads = 16, kRounds = 40;
  std::vector<std::unique_ptr<StepScorer>> scorers;
  for (int i = 0; i < 3; ++i) scorers.push_back(std::make_unique<FakeScorer>());
  BatcherOptions options;
  options.batch = {.max_tokens = 64, .max_traces = 5};
  Batcher batcher(options, std::move(scorers));
  std::vector<std::thread> threads;
  std::latch all_ready(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      all_ready.arrive_and_wait();
      for (int r = 0; r < kRounds; ++r) {
        const std::string text = StrCat("thread ", t, " round ", r);
        std::latch done(3);
        std::vector<Outcome> outcomes(3);
        std::vector<BatchItem> items(3);
        for (int k = 0; k < 3; ++k) {
          items[size_t(k)].tokens = Tokens(StrCat(text, " item ", k));
          items[size_t(k)].done = [&, k](Result<TraceScores> result, const WorkTimes& times) {
            outcomes[size_t(k)] = Outcome(std::move(result), times);
            done.count_down();
          };
        }
        batcher.Submit(std::move(items));
        done.wait();
        for (int k = 0; k < 3; ++k) {
          ASSERT_TRUE(SameScores(outcomes[size_t(k)].scores,
                                 FakeScores(Tokens(StrCat(text, " item ", k)))));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(batcher.queue_traces(), 0);
}

}  // namespace
}  // namespace prm
