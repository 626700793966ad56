#include "serve/load/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "serve/load/load_run.h"
#include "tests/error_of.h"
#include "tests/serve/server_fixture.h"

namespace prm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(LoadMix, NamesKindsAndWeights) {
  EXPECT_EQ(ParseLoadMix("trace=9,rerank=1"), (LoadMix{9, 1}));
  EXPECT_EQ(ParseLoadMix("rerank=0.5"), (LoadMix{0, 0.5}));
  EXPECT_EQ(ParseLoadMix("append=2"), (LoadMix{0, 0, 2}));
  for (const char* bad : {"", "trace", "trace=", "trace=x", "trace=1x", "other=1", "trace=-1",
                          "trace=0", "trace=inf", "=1", "first=1"}) {
    EXPECT_THROW(ParseLoadMix(bad), OptionError) << bad;
  }
}

TEST(LoadSchedule, IsThePoissonProcessOfItsRateAndMix) {
  constexpr int kCount = 100'000;
  LoadSchedule schedule(50, {3, 1}, 7);
  double sum = 0, squares = 0;
  int64_t before = 0, traces = 0;
  for (int i = 0; i < kCount; ++i) {
    const LoadArrival arrival = schedule.Next();
    const double gap = double(arrival.at_us - before);
    ASSERT_GE(gap, 0);
    before = arrival.at_us;
    sum += gap;
    squares += gap * gap;
    traces += arrival.kind == LoadKind::kTrace;
  }
  const double mean = sum / kCount, deviation = std::sqrt(squares / kCount - mean * mean);
  // An exponential gap deviates by its mean; the error of both is below 5 / sqrt(kCount).
  EXPECT_NEAR(mean, 20'000, 0.016 * 20'000);
  EXPECT_NEAR(deviation, 20'000, 0.03 * 20'000);
  EXPECT_NEAR(double(traces) / kCount, 0.75, 0.01);
}

TEST(LoadSchedule, IsTheSameForTheSameSeed) {
  LoadSchedule a(50, {1, 1}, 7), b(50, {1, 1}, 7), other(50, {1, 1}, 8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const LoadArrival arrival = a.Next();
    EXPECT_EQ(arrival, b.Next());
    differs |= !(arrival == other.Next());
  }
  EXPECT_TRUE(differs);
}

TEST(LoadReport, QuantilesAreNearestRanks) {
  std::vector<int64_t> values;
  for (int i = 1; i <= 100; ++i) values.push_back(i);
  EXPECT_EQ(Quantile(values, 0.50), 50);
  EXPECT_EQ(Quantile(values, 0.99), 99);
  EXPECT_EQ(Quantile(values, 1), 100);
  EXPECT_EQ(Quantile(std::vector<int64_t>{7}, 0.5), 7);
  EXPECT_EQ(Quantile({}, 0.5), 0);
}

TEST(LoadReport, LatencyCountsFromWhenACallShouldHaveBeenSent) {
  // The server stalled for a second, and three calls with it, which could be sent only then.
  std::vector<LoadCall> calls;
  for (int64_t intended : {0, 100'000, 200'000, 300'000}) {
    calls.push_back({.intended_us = intended,
                     .sent_us = intended == 0 ? 0 : 1'000'000,
                     .done_us = 1'000'000 + (intended == 0 ? 0 : 1'000)});
  }
  const LoadReport report = SummarizeLoad(calls, 10);
  EXPECT_EQ(report.kinds[0].p50_us, 801'000);
  EXPECT_EQ(report.kinds[0].max_us, 1'000'000);
  EXPECT_EQ(report.max_lag_us, 900'000);
}

TEST(LoadReport, CountsByKindAndStatusAndSaysSoTwice) {
  std::vector<LoadCall> calls = {{.done_us = 2'000'000, .steps = 4, .tokens = 100},
                                 {.done_us = 1'000'000, .code = ErrorCode::kResourceExhausted},
                                 {.kind = LoadKind::kRerank,
                                  .done_us = 500'000,
                                  .failed_traces = 1,
                                  .steps = 6,
                                  .tokens = 60}};
  const LoadReport report = SummarizeLoad(calls, 0);
  EXPECT_EQ(report.ok, 2);
  EXPECT_EQ(report.Rate(report.steps), 5);
  const auto json = nlohmann::json::parse(LoadReportToJson(report));
  EXPECT_EQ(json["tokens_per_second"], 80);
  EXPECT_EQ(json["kinds"]["trace"]["codes"],
            nlohmann::json({{"OK", 1}, {"RESOURCE_EXHAUSTED", 1}}));
  EXPECT_EQ(json["kinds"]["rerank"]["p99_us"], 500'000);
  const std::string table = FormatLoadTable(report);
  EXPECT_THAT(table, HasSubstr("3 calls in 2.0 s: 2 OK"));
  EXPECT_THAT(table, HasSubstr("OK 1  RESOURCE_EXHAUSTED 1"));
}

LoadWork Work() {
  LoadWork work;
  for (int i = 0; i < 3; ++i) work.traces.push_back(MakeTrace("t", StrCat("p", i), {"a", "b"}));
  work.problems.push_back({"r", "problem", {}, {{{"a"}, {}, {}}, {{"b", "c"}, {}, {}}}});
  return work;
}

TEST(RunLoad, EveryPlannedCallIsSentAndCounted) {
  const Server server(QuietOptions(), std::make_unique<FakeScorer>());
  LoadOptions options;
  options.server = server.address();
  options.mix = {1, 1};
  options.max_calls = 200;
  for (const double rate : {0.0, 2000.0}) {
    options.rate = rate;
    const LoadReport report = RunLoad(options, Work());
    EXPECT_EQ(report.calls, 200);
    EXPECT_EQ(report.ok, 200);
    const int64_t traces = report.kinds[0].calls, reranks = report.kinds[1].calls;
    EXPECT_EQ(traces + reranks, 200);
    EXPECT_EQ(report.steps, 2 * traces + 3 * reranks);
    EXPECT_EQ(report.tokens, 7 * traces + (10 + 12) * reranks);
    EXPECT_GT(report.kinds[1].p50_us, 0);
  }
}

TEST(RunLoad, AppendedStepsGrowTracesAndCountTheirOwnTokens) {
  const Server server(QuietOptions(), std::make_unique<FakeScorer>());
  LoadOptions options;
  options.server = server.address();
  options.mix = {0, 0, 1};
  options.max_calls = 200;
  for (const int sessions : {1, 10, 300}) {  // few that end and make place; more than calls
    options.sessions = sessions;
    const LoadReport report = RunLoad(options, Work());
    EXPECT_EQ(report.ok, 200) << sessions;
    EXPECT_EQ(report.kinds[2].calls + report.kinds[3].calls, 200);
    EXPECT_GE(report.kinds[3].calls, 100) << "of traces of two steps";
    EXPECT_EQ(report.steps, 200);
    // A trace of two steps has 7 tokens; first and second steps are equally many, except in traces
    // that have not ended.
    EXPECT_GT(report.tokens, 200);
    EXPECT_LT(report.tokens, 200 * 7);
  }
}

TEST(RunLoad, CallsOfTheWarmupDoNotCount) {
  const Server server(QuietOptions(), std::make_unique<FakeScorer>());
  LoadOptions options;
  options.server = server.address();
  options.mix = {0, 0, 1};
  options.rate = 1000;
  options.seconds = 0.1;
  const LoadReport all = RunLoad(options, Work());
  options.warmup_seconds = 0.3;
  const LoadReport counted = RunLoad(options, Work());
  EXPECT_EQ(counted.ok, counted.calls);
  // Poisson with means of 100; 400 were sent.
  EXPECT_NEAR(double(all.calls), 100, 60);
  EXPECT_NEAR(double(counted.calls), 100, 60);
}

TEST(RunLoad, SessionsAreOpenBeforeTheWarmupAndEndAtDifferentTimes) {
  const Server server(QuietOptions(), std::make_unique<FakeScorer>());
  LoadOptions options;
  options.server = server.address();
  options.mix = {0, 0, 1};
  options.sessions = 8;
  options.warmup_seconds = 1e-6;
  LoadWork work;
  for (int i = 0; i < 20; ++i) {
    work.traces.push_back(MakeTrace("t", StrCat("p", i), std::vector<std::string>(40, "a")));
  }
  // All grow by half of their steps: half of them end on the way, and others begin.
  options.max_calls = 8 * 20;
  options.max_outstanding = 1;
  const LoadReport report = RunLoad(options, work);
  EXPECT_GE(report.ok, options.max_calls - 1) << "except one in the warm-up";
  EXPECT_GE(report.kinds[3].calls, 3);
  EXPECT_LE(report.kinds[3].calls, 5);
}

TEST(RunLoad, StepsUnderWayEndWithTheirStream) {
  const auto gate = std::make_shared<Gate>();
  const auto server = std::make_unique<Server>(QuietOptions(), std::make_unique<FakeScorer>(gate));
  LoadOptions options;
  options.server = server->address();
  options.mix = {0, 0, 1};
  options.max_calls = 5;
  options.timeout_seconds = 1;
  const LoadReport report = RunLoad(options, Work());
  gate->Open();
  EXPECT_EQ(report.kinds[3].codes, (std::map<std::string, int64_t>{{"CANCELLED", 5}}));
}

TEST(RunLoad, EndsWithItsTimeAndAwaitsWhatIsUnderWay) {
  const Server server(QuietOptions(), std::make_unique<FakeScorer>());
  LoadOptions options;
  options.server = server.address();
  options.seconds = 0.05;
  for (const double rate : {0.0, 500.0}) {
    options.rate = rate;
    const LoadReport report = RunLoad(options, Work());
    EXPECT_GT(report.calls, 0);
    EXPECT_EQ(report.calls, report.ok);
  }
}

TEST(RunLoad, WhatCannotBeSentInTimeIsNotSentAndCounted) {
  const auto gate = std::make_shared<Gate>();
  const auto server = std::make_unique<Server>(QuietOptions(), std::make_unique<FakeScorer>(gate));
  LoadOptions options;
  options.server = server->address();
  options.rate = 1000;
  options.seconds = 0.2;
  options.max_outstanding = 2;
  options.timeout_seconds = 1;
  const LoadReport report = RunLoad(options, Work());
  gate->Open();
  EXPECT_EQ(report.calls, 2);
  EXPECT_NEAR(double(report.unsent), 200, 100);  // Poisson with a mean of 198
  EXPECT_THAT(FormatLoadTable(report), HasSubstr("due calls were not sent"));
}

TEST(RunLoad, RefusalsAreCountedNotTriedAgain) {
  const auto gate = std::make_shared<Gate>();
  ServerOptions small = QuietOptions();
  small.limits.max_traces = 1;
  small.max_queue_traces = 1;
  const Server server(small, std::make_unique<FakeScorer>(gate));
  LoadOptions options;
  options.server = server.address();
  options.max_calls = 20;
  options.max_outstanding = 20;
  // One call is at the gate and one waits, or one waits that was not taken soon enough.
  const auto refused = [&](int count) {
    return server.MetricsText().find(StrCat("RESOURCE_EXHAUSTED\"} ", count)) != std::string::npos;
  };
  std::thread opener([&] {
    while (!refused(18) && !refused(19)) std::this_thread::yield();
    gate->Open();
  });
  const LoadReport report = RunLoad(options, Work());
  opener.join();
  EXPECT_GE(report.kinds[0].codes.at("RESOURCE_EXHAUSTED"), 18);
  EXPECT_EQ(report.kinds[0].codes.at("RESOURCE_EXHAUSTED") + report.ok, 20);
}

TEST(RunLoad, WorkThatIsNotThereIsNamed) {
  LoadOptions options;
  options.mix = {0, 1};
  EXPECT_THAT(MessageOf([&] { RunLoad(options, {}); }, ErrorCode::kInvalidArgument),
              HasSubstr("kind rerank"));
  options.mix = {0, 0, 1};
  LoadWork work;
  work.traces.push_back(MakeTrace("empty", "p", {}));
  EXPECT_THAT(MessageOf([&] { RunLoad(options, work); }, ErrorCode::kInvalidArgument),
              HasSubstr("trace empty has no steps"));
}

}  // namespace
}  // namespace prm
