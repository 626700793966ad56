// Counters, gauges and histograms of the server, in Prometheus' exposition format.
#pragma once

#include <memory>
#include <string>

#include "serve/batcher.h"
#include "serve/call_record.h"
#include "serve/session.h"

namespace prm {

// Any thread may call any method.
class ServerMetrics {
 public:
  // `listen`: address of the HTTP endpoint /metrics, such as "127.0.0.1:9464"; empty: none. Throws
  // Error(kFailedPrecondition) where it cannot listen there.
  explicit ServerMetrics(const std::string& listen);
  ~ServerMetrics();

  void CountCall(const CallRecord& record);
  void CountBatch(const BatchReport& report);
  void SetQueue(int64_t traces, int64_t tokens);
  // A stream that ended, a step that was scored on one, sessions that are open.
  void CountStream(const CallRecord& record);
  void CountStep(const ScoredStep& score);
  void SetSessions(int sessions);

  // What the endpoint serves.
  std::string Text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace prm
