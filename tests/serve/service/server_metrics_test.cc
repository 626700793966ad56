#include "serve/service/server_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace prm {
namespace {

using testing::HasSubstr;

TEST(ServerMetrics, CountCallsByStatusAndTheirTraces) {
  ServerMetrics metrics;
  CallRecord record{.traces = 3, .failed_traces = 1};
  metrics.CountCall(record);
  metrics.CountCall(record);
  record.error = Error(ErrorCode::kResourceExhausted, "full");
  record.traces = 0;
  record.failed_traces = 0;
  metrics.CountCall(record);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("prm_calls_total{status=\"OK\"} 2"));
  EXPECT_THAT(text, HasSubstr("prm_calls_total{status=\"RESOURCE_EXHAUSTED\"} 1"));
  EXPECT_THAT(text, HasSubstr("prm_traces_total 6"));
  EXPECT_THAT(text, HasSubstr("prm_failed_traces_total 2"));
  EXPECT_THAT(text, HasSubstr("prm_call_seconds_count 3"));
}

TEST(ServerMetrics, DescribeBatchesAndTheQueueBehindThem) {
  ServerMetrics metrics;
  metrics.CountBatch({.traces = 4,
                      .chunks = 1,
                      .tokens = 300,
                      .tokens_computed = 250,
                      .compute_us = 2'000'000,
                      .expired = 2,
                      .cancelled = 1,
                      .queue_traces = 9,
                      .queue_tokens = 700});
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("prm_tokens_total 300"));
  EXPECT_THAT(text, HasSubstr("prm_computed_tokens_total 250"));
  EXPECT_THAT(text, HasSubstr("prm_chunks_total 1"));
  EXPECT_THAT(text, HasSubstr("prm_batch_tokens_sum 300"));
  EXPECT_THAT(text, HasSubstr("prm_batch_seconds_sum 2"));
  EXPECT_THAT(text, HasSubstr("prm_batch_traces_bucket{le=\"4\"} 1"));
  EXPECT_THAT(text, HasSubstr("prm_batch_traces_bucket{le=\"2\"} 0"));
  EXPECT_THAT(text, HasSubstr("prm_expired_traces_total 2"));
  EXPECT_THAT(text, HasSubstr("prm_cancelled_traces_total 1"));
  EXPECT_THAT(text, HasSubstr("prm_queue_traces 9"));
  EXPECT_THAT(text, HasSubstr("prm_queue_tokens 700"));
}

TEST(ServerMetrics, CountStreamsTheirStepsAndTheSessionsThatAreOpen) {
  ServerMetrics metrics;
  CallRecord record{.traces = 3, .failed_traces = 2};
  metrics.CountStream(record);
  record.error = Error(ErrorCode::kUnavailable, "drains");
  metrics.CountStream(record);
  Appended score;
  score.tokens_computed = 5;
  score.tokens_reused = 70;
  metrics.CountStep(score);
  metrics.CountStep(score);
  metrics.SetSessions(4);
  metrics.SetConnections(5);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("prm_streams_total{status=\"OK\"} 1"));
  EXPECT_THAT(text, HasSubstr("prm_streams_total{status=\"UNAVAILABLE\"} 1"));
  EXPECT_THAT(text, HasSubstr("prm_stream_failed_requests_total 4"));
  EXPECT_THAT(text, HasSubstr("prm_session_steps_total 2"));
  EXPECT_THAT(text, HasSubstr("prm_session_tokens_computed_total 10"));
  EXPECT_THAT(text, HasSubstr("prm_session_tokens_reused_total 140"));
  EXPECT_THAT(text, HasSubstr("prm_sessions 4"));
  EXPECT_THAT(text, HasSubstr("prm_connections 5"));
}

TEST(ServerMetrics, ManyThreadsLoseNoCount) {
  ServerMetrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) metrics.CountCall({.traces = 1});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics.Text(), HasSubstr("prm_calls_total{status=\"OK\"} 1000"));
}

}  // namespace
}  // namespace prm
