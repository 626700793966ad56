#include "serve/service/server_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace prm {
namespace {

using prometheus::Histogram;
using prometheus::Registry;

constexpr double kSecond = 1e-6;  // of a microsecond

Histogram::BucketBoundaries Seconds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}
Histogram::BucketBoundaries PowersOfTwo(int last) {
  Histogram::BucketBoundaries bounds;
  for (int power = 0; power <= last; ++power) bounds.push_back(double(int64_t{1} << power));
  return bounds;
}

prometheus::Counter& Counter(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}
prometheus::Gauge& Gauge(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}
Histogram& Distribution(Registry& registry, const char* name, const char* help,
                        const Histogram::BucketBoundaries& bounds) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
}

}  // namespace

struct ServerMetrics::State {
  std::shared_ptr<Registry> registry = std::make_shared<Registry>();
  prometheus::Family<prometheus::Counter>& calls = prometheus::BuildCounter()
                                                       .Name("prm_calls_total")
                                                       .Help("Finished calls by status")
                                                       .Register(*registry);
  prometheus::Counter& traces = Counter(*registry, "prm_traces_total", "Traces in finished calls");
  prometheus::Counter& failed =
      Counter(*registry, "prm_failed_traces_total", "Traces that carry their own error");
  prometheus::Counter& tokens = Counter(*registry, "prm_tokens_total", "Tokens scored");
  prometheus::Counter& computed =
      Counter(*registry, "prm_computed_tokens_total", "Tokens scored that were not reused");
  prometheus::Counter& chunks =
      Counter(*registry, "prm_chunks_total", "Parts of traces that continued in a later batch");
  prometheus::Counter& expired = Counter(*registry, "prm_expired_traces_total",
                                         "Traces that left the queue past their deadline");
  prometheus::Counter& cancelled =
      Counter(*registry, "prm_cancelled_traces_total", "Traces that left the queue cancelled");
  prometheus::Gauge& queue_traces = Gauge(*registry, "prm_queue_traces", "Traces that wait");
  prometheus::Gauge& queue_tokens = Gauge(*registry, "prm_queue_tokens", "Tokens that wait");
  prometheus::Family<prometheus::Counter>& streams = prometheus::BuildCounter()
                                                         .Name("prm_streams_total")
                                                         .Help("Ended streams by status")
                                                         .Register(*registry);
  prometheus::Counter& stream_failed = Counter(*registry, "prm_stream_failed_requests_total",
                                               "Requests of ended streams with an error");
  prometheus::Gauge& sessions = Gauge(*registry, "prm_sessions", "Sessions open on streams");
  prometheus::Gauge& connections =
      Gauge(*registry, "prm_connections", "Connections of clients that are open");
  prometheus::Counter& steps =
      Counter(*registry, "prm_session_steps_total", "Steps scored in sessions");
  prometheus::Counter& session_computed = Counter(*registry, "prm_session_tokens_computed_total",
                                                  "Tokens computed for steps of sessions");
  prometheus::Counter& session_reused = Counter(*registry, "prm_session_tokens_reused_total",
                                                "Tokens of sessions that were there from before");
  Histogram& call_seconds =
      Distribution(*registry, "prm_call_seconds", "From arrival to answer", Seconds());
  Histogram& queue_seconds =
      Distribution(*registry, "prm_queue_seconds", "Longest wait of a call's traces", Seconds());
  Histogram& batch_seconds =
      Distribution(*registry, "prm_batch_seconds", "Computing one batch", Seconds());
  Histogram& batch_tokens =
      Distribution(*registry, "prm_batch_tokens", "Tokens in a batch", PowersOfTwo(16));
  Histogram& batch_traces =
      Distribution(*registry, "prm_batch_traces", "Traces in a batch", PowersOfTwo(10));
};

ServerMetrics::ServerMetrics() : state_(std::make_unique<State>()) {}

ServerMetrics::~ServerMetrics() = default;

void ServerMetrics::CountCall(const CallRecord& record) {
  state_->calls.Add({{"status", StatusName(record.status())}}).Increment();
  state_->traces.Increment(record.traces);
  state_->failed.Increment(record.failed_traces);
  state_->call_seconds.Observe(double(record.total_us) * kSecond);
  state_->queue_seconds.Observe(double(record.queue_us) * kSecond);
}

void ServerMetrics::CountBatch(const BatchReport& report) {
  SetQueue(report.queue_traces, report.queue_tokens);
  state_->expired.Increment(report.expired);
  state_->cancelled.Increment(report.cancelled);
  if (report.traces == 0) return;
  state_->tokens.Increment(double(report.tokens));
  state_->computed.Increment(double(report.tokens_computed));
  state_->chunks.Increment(report.chunks);
  state_->batch_seconds.Observe(double(report.compute_us) * kSecond);
  state_->batch_tokens.Observe(double(report.tokens));
  state_->batch_traces.Observe(report.traces);
}

void ServerMetrics::CountStream(const CallRecord& record) {
  state_->streams.Add({{"status", StatusName(record.status())}}).Increment();
  state_->stream_failed.Increment(record.failed_traces);
}

void ServerMetrics::CountStep(const Appended& step) {
  state_->steps.Increment();
  state_->session_computed.Increment(double(step.tokens_computed));
  state_->session_reused.Increment(double(step.tokens_reused));
}

void ServerMetrics::SetSessions(int sessions) { state_->sessions.Set(sessions); }

void ServerMetrics::SetConnections(int connections) { state_->connections.Set(connections); }

void ServerMetrics::SetQueue(int64_t traces, int64_t tokens) {
  state_->queue_traces.Set(double(traces));
  state_->queue_tokens.Set(double(tokens));
}

std::string ServerMetrics::Text() const {
  return prometheus::TextSerializer().Serialize(state_->registry->Collect());
}

}  // namespace prm
