// The batcher before scorers that reuse prefixes: chunks, homes, and what is not computed again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>

#include "model/decoder/not_finite.h"
#include "tests/serve/batching/batcher_fixture.h"

namespace prm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Chunks, GiveTheScoresOfTheWholeTraceAndNeverRecompute) {
  auto owned = Reusing();
  FakeScorer* scorer = owned.get();
  std::vector<size_t> lengths;
  scorer->on_score = [&](std::span<const TraceTokens> t) { lengths.push_back(t[0].ids.size()); };
  Outcomes outcomes;
  Batcher batcher(Chunked(), OneScorer(std::move(owned)));
  const TraceTokens tokens = LongTokens("problem", 260, 17);
  batcher.Submit(outcomes.One(tokens));
  const Outcome outcome = outcomes.Await(0);
  ASSERT_FALSE(outcome.error) << outcome.error->what();
  EXPECT_TRUE(SameScores(outcome.scores, FakeScores(tokens)));
  EXPECT_EQ(outcome.scores.tokens_computed, 260);
  EXPECT_EQ(outcome.scores.tokens_reused, 0);
  EXPECT_EQ(scorer->tokens_computed, 260);
  EXPECT_THAT(lengths, ElementsAre(50, 100, 150, 200, 250, 260));
}

TEST(Chunks, AScoreThatIsNoNumberNamesItsStepInWhicheverChunk) {
  auto scorer = Reusing();
  scorer->on_score = [](std::span<const TraceTokens> t) {
    if (t[0].ids.size() > 100) throw ScoreNotFinite(1, 1);
  };
  Outcomes outcomes;
  Batcher batcher(Chunked(), OneScorer(std::move(scorer)));
  std::vector<BatchItem> items = outcomes.One(LongTokens("problem", 260, 17));
  items[0].first_step = 30;
  batcher.Submit(std::move(items));
  EXPECT_THAT(outcomes.Await(0).error->what(), testing::StartsWith("step 36: "))
      << "five steps are in the first 100 tokens";
}

TEST(Chunks, ATraceOfNoReadsOnlyFillsTheCache) {
  Outcomes outcomes;
  Batcher batcher(Chunked(), OneScorer(Reusing()));
  TraceTokens tokens = LongTokens("problem", 260, 17);
  const TraceTokens whole = tokens;
  tokens.step_reads.clear();
  batcher.Submit(outcomes.One(tokens));
  EXPECT_TRUE(outcomes.Await(0).scores.empty());
  batcher.Submit(outcomes.One(whole));
  const Outcome outcome = outcomes.Await(1);
  EXPECT_TRUE(SameScores(outcome.scores, FakeScores(whole)));
  EXPECT_EQ(outcome.scores.tokens_computed, 0);
  EXPECT_EQ(outcome.scores.tokens_reused, 260);
}

TEST(Chunks, AShortAppendNeverWaitsForALongTrace) {
  const auto gate = std::make_shared<Gate>();
  auto scorer = Reusing(gate);
  std::vector<std::vector<size_t>> batches;
  scorer->on_score = [&](std::span<const TraceTokens> traces) {
    batches.emplace_back();
    for (const TraceTokens& t : traces) batches.back().push_back(t.ids.size());
  };
  Outcomes outcomes;
  Batcher batcher(Chunked(), OneScorer(std::move(scorer)));
  batcher.Submit(outcomes.One(LongTokens("long", 1000, 40)));
  gate->AwaitArrivals(1);
  std::vector<BatchItem> append = outcomes.Items({"append"});
  append[0].priority = Priority::kAppend;
  append[0].client = 7;
  batcher.Submit(std::move(append));
  gate->Open();
  outcomes.AwaitAll();
  ASSERT_EQ(batches.size(), 20u);
  EXPECT_THAT(batches[0], ElementsAre(50));
  EXPECT_THAT(batches[1], ElementsAre(7, 100));
  EXPECT_FALSE(outcomes.Await(1).error);
  EXPECT_TRUE(SameScores(outcomes.Await(0).scores, FakeScores(LongTokens("long", 1000, 40))));
}

TEST(Chunks, TheRestOfATraceKeepsItsPlaceBeforeWhatItsClientSentLater) {
  const auto gate = std::make_shared<Gate>();
  auto scorer = Reusing(gate);
  std::vector<size_t> lengths;
  scorer->on_score = [&](std::span<const TraceTokens> t) { lengths.push_back(t[0].ids.size()); };
  Outcomes outcomes;
  BatcherOptions options = Chunked();
  options.batch.max_traces = 1;
  Batcher batcher(options, OneScorer(std::move(scorer)));
  batcher.Submit(outcomes.One(LongTokens("long", 150, 40)));
  gate->AwaitArrivals(1);
  batcher.Submit(outcomes.Items({"later"}));
  gate->Open();
  outcomes.AwaitAll();
  EXPECT_THAT(lengths, ElementsAre(50, 100, 150, 6));
}

TEST(Chunks, ATraceThatIsReadDifferentlyInPartsStaysWhole) {
  std::vector<size_t> lengths;
  auto scorer = Reusing();
  scorer->max_reused_tokens = 200;
  scorer->on_score = [&](std::span<const TraceTokens> t) { lengths.push_back(t[0].ids.size()); };
  Outcomes outcomes;
  Batcher batcher(Chunked(100), OneScorer(std::move(scorer)));
  batcher.Submit(outcomes.One(LongTokens("longer", 260, 17)));
  EXPECT_FALSE(outcomes.Await(0).error);
  batcher.Submit(outcomes.One(LongTokens("short", 150, 17)));
  outcomes.AwaitAll();
  EXPECT_THAT(lengths, ElementsAre(260, 100, 150));
}

TEST(Chunks, WithoutReuseTracesStayWhole) {
  std::vector<size_t> lengths;
  auto scorer = std::make_unique<FakeScorer>();
  scorer->on_score = [&](std::span<const TraceTokens> t) { lengths.push_back(t[0].ids.size()); };
  Outcomes outcomes;
  Batcher batcher(Chunked(), OneScorer(std::move(scorer)));
  batcher.Submit(outcomes.One(LongTokens("problem", 260, 17)));
  outcomes.AwaitAll();
  EXPECT_THAT(lengths, ElementsAre(260));
}

TEST(Chunks, GetToTheEndThoughTheCacheForgetsEachOfThem) {
  auto owned = Reusing();
  FakeScorer* scorer = owned.get();
  Outcomes outcomes;
  BatcherOptions options = Chunked();
  options.on_batch = [&](const BatchReport&) { scorer->Forget(); };
  Batcher batcher(options, OneScorer(std::move(owned)));
  const TraceTokens tokens = LongTokens("problem", 260, 17);
  batcher.Submit(outcomes.One(tokens));
  EXPECT_TRUE(SameScores(outcomes.Await(0).scores, FakeScores(tokens)));
  EXPECT_GT(scorer->tokens_computed, 260);
}

// What ends a trace while its first chunk is computed.
Outcome EndAfterTheFirstChunk(const std::function<void(BatchItem&)>& prepare,
                              const std::function<void(Batcher&)>& end,
                              const std::function<SteadyTime()>& now, int* chunks) {
  const auto gate = std::make_shared<Gate>();
  auto scorer = Reusing(gate);
  scorer->on_score = [&](std::span<const TraceTokens>) { ++*chunks; };
  Outcomes outcomes;
  BatcherOptions options = Chunked();
  options.now = now;
  Batcher batcher(options, OneScorer(std::move(scorer)));
  std::vector<BatchItem> items = outcomes.One(LongTokens("problem", 260, 17));
  prepare(items[0]);
  batcher.Submit(std::move(items));
  gate->AwaitArrivals(1);
  end(batcher);
  gate->Open();
  const Outcome outcome = outcomes.Await(0);
  EXPECT_EQ(batcher.queue_tokens(), 0);
  return outcome;
}

TEST(Chunks, TheExpiredAndTheCancelledLeaveBetweenThem) {
  ManualClock clock;
  int chunks = 0;
  const Outcome expired = EndAfterTheFirstChunk(
      [&](BatchItem& item) { item.deadline = clock.Now() + seconds(1); },
      [&](Batcher&) { clock.Advance(seconds(2)); }, clock.function(), &chunks);
  EXPECT_EQ(expired.error.value().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(expired.times.compute_us, 2'000'000);
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  const Outcome gone =
      EndAfterTheFirstChunk([&](BatchItem& item) { item.cancelled = cancelled; },
                            [&](Batcher&) { cancelled->store(true); }, clock.function(), &chunks);
  EXPECT_EQ(gone.error.value().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(gone.scores.empty());
  EXPECT_EQ(chunks, 2) << "one of each";
}

TEST(Chunks, StopAnswersWhatHasBegun) {
  const auto gate = std::make_shared<Gate>();
  Outcomes outcomes;
  Batcher batcher(Chunked(), OneScorer(Reusing(gate)));
  batcher.Submit(outcomes.One(LongTokens("problem", 260, 17)));
  gate->AwaitArrivals(1);
  batcher.Submit(outcomes.Items({"waiting"}));
  std::thread stopper([&] { batcher.Stop(); });
  outcomes.Await(1);  // refused by Stop, which has begun
  gate->Open();
  stopper.join();
  EXPECT_EQ(outcomes.Await(0).error.value().code(), ErrorCode::kUnavailable);
}

TEST(Chunks, ABadTraceFailsAloneInWhicheverChunk) {
  const auto gate = std::make_shared<Gate>();
  Outcomes outcomes;
  Batcher batcher(Chunked(), OneScorer(Reusing(gate)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  TraceTokens bad = LongTokens("bad", 260, 17);
  bad.ids[120] = FakeScorer::kPoison;
  const TraceTokens good = LongTokens("good", 260, 17);
  std::vector<BatchItem> items = outcomes.One(bad);
  items.push_back(outcomes.Item(good));
  batcher.Submit(std::move(items));
  gate->Open();
  EXPECT_STREQ(outcomes.Await(1).error.value().what(), "poisoned trace");
  EXPECT_TRUE(SameScores(outcomes.Await(2).scores, FakeScores(good)));
}

// --- what is not computed again ------------------------------------------------------------------

TEST(SharedPrefixes, CandidatesOfAProblemCostTheirPromptOnceInTheBudgetToo) {
  const auto gate = std::make_shared<Gate>();
  auto owned = Reusing(gate);
  FakeScorer* scorer = owned.get();
  std::vector<size_t> sizes;
  scorer->on_score = [&](std::span<const TraceTokens> t) { sizes.push_back(t.size()); };
  Outcomes outcomes;
  Batcher batcher(Chunked(200), OneScorer(std::move(owned)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  const std::string problem(150, 'p');
  std::vector<BatchItem> items;
  for (int i = 0; i < 10; ++i) {
    TraceTokens tokens = Tokens(problem + std::to_string(i) + "23");
    tokens.steps_begin = 150;
    items.push_back(outcomes.Item(tokens));
  }
  batcher.Submit(std::move(items));
  gate->Open();
  outcomes.AwaitAll();
  EXPECT_THAT(sizes,
              ElementsAre(1, 10));  // 150 + 10 * 4 <= 200, where 10 * 154 would be 10 batches
  EXPECT_EQ(scorer->tokens_computed, 8 + 150 + 10 * 4);
}

TEST(SharedPrefixes, WhatWaitedWhileTheirPromptWasComputedIsAskedAboutAgain) {
  const auto gate = std::make_shared<Gate>();
  auto scorer = Reusing(gate);
  std::vector<size_t> sizes;
  scorer->on_score = [&](std::span<const TraceTokens> t) { sizes.push_back(t.size()); };
  Outcomes outcomes;
  Batcher batcher(Chunked(0), OneScorer(std::move(scorer)));
  const auto candidate = [](int i) {
    TraceTokens tokens = Tokens(std::string(150, 'p') + std::to_string(i) + "23");
    tokens.steps_begin = 150;
    return tokens;
  };
  batcher.Submit(outcomes.One(candidate(0)));
  gate->AwaitArrivals(1);
  for (int i = 1; i < 10; ++i) batcher.Submit(outcomes.One(candidate(i)));
  batcher.Submit(outcomes.One(LongTokens("another", 160, 40)));
  gate->Open();
  outcomes.AwaitAll();
  EXPECT_THAT(sizes, ElementsAre(1, 10)) << "9 * 4 + 160 <= 200, where 154 + 8 * 4 + 160 is more";
}

// --- overload ------------------------------------------------------------------------------------

TEST(RetryAfter, IsTheTimeToWorkOffWhatIsInTheWayWithinBounds) {
  EXPECT_EQ(RetryAfter(2000, 0, 1000), milliseconds(2000));
  EXPECT_EQ(RetryAfter(1, 32000, 1000), milliseconds(4000)) << "an eighth of what waits";
  EXPECT_EQ(RetryAfter(1, 0, 1e6), milliseconds(100));
  EXPECT_EQ(RetryAfter(1'000'000'000, 0, 1), milliseconds(10'000));
  EXPECT_EQ(RetryAfter(2000, 2000, 0), milliseconds(1000)) << "nothing was measured yet";
}

TEST(RetryAfter, GoesByTheMeasuredRateAndIsNamedInTheMessage) {
  const auto gate = std::make_shared<Gate>();
  ManualClock clock;
  auto scorer = Reusing();
  bool first = true;
  scorer->on_score = [&](std::span<const TraceTokens>) {
    if (!std::exchange(first, false)) return gate->Pass();
    clock.Advance(milliseconds(40));  // 8 tokens in 40 ms: 200 tokens a second
  };
  Outcomes outcomes;
  BatcherOptions options = Chunked(0);
  options.now = clock.function();
  options.max_queue_tokens = 60;
  Batcher batcher(options, OneScorer(std::move(scorer)));
  batcher.Submit(outcomes.Items({"measure"}));
  outcomes.Await(0);
  batcher.Submit(outcomes.Items({"held"}));
  gate->AwaitArrivals(1);
  batcher.Submit(outcomes.One(LongTokens("waits", 60, 10)));
  try {
    batcher.Submit(outcomes.One(LongTokens("refused", 50, 10)));
    ADD_FAILURE() << "not refused";
  } catch (const QueueFull& full) {
    EXPECT_EQ(full.retry_after(), milliseconds(250));
    EXPECT_THAT(full.what(), HasSubstr("try again in 250 ms"));
  }
  gate->Open();
}

TEST(RetryAfter, ACallThatCannotFitIsRefusedBeforeItIsRead) {
  const auto gate = std::make_shared<Gate>();
  Outcomes outcomes;
  BatcherOptions options = Chunked();
  options.max_queue_traces = 2;
  Batcher batcher(options, OneScorer(Reusing(gate)));
  batcher.Submit(outcomes.Items({"running"}));
  gate->AwaitArrivals(1);
  batcher.Submit(outcomes.Items({"waits"}));
  EXPECT_NO_THROW(batcher.CheckRoom(1, 1));
  EXPECT_THROW(batcher.CheckRoom(1, 2), QueueFull);
  EXPECT_THROW(batcher.CheckRoom(0, 1), QueueFull) << "it has its share";
  gate->Open();
}

}  // namespace
}  // namespace prm
