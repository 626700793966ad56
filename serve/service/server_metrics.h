// Counters, gauges and histograms of the server, in Prometheus' exposition format.
#pragma once

#include <memory>
#include <string>

#include "serve/batching/batcher.h"
#include "serve/service/call_record.h"
#include "serve/service/session.h"

namespace prm {

// Any thread may call any method.
class ServerMetrics {
 public:
  ServerMetrics();
  ~ServerMetrics();

  void CountCall(const CallRecord& record);
  void CountBatch(const BatchReport& report);
  void SetQueue(int64_t traces, int64_t tokens);
  // CountStream: a stream ended. CountStep: a step was scored on a stream. SetSessions: open now.
  void CountStream(const CallRecord& record);
  void CountStep(const Appended& step);
  void SetSessions(int sessions);
  void SetConnections(int connections);

  // Returns the page /metrics.
  std::string Text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace prm
