// What one ScoreTraces call may carry.
#pragma once

#include <cstdint>

namespace prm {

struct CallLimits {
  int max_traces = 1024;
  int max_steps = 1024;               // of one trace
  int64_t max_call_tokens = 1 << 20;  // of all traces of a call
  int max_message_bytes = 16 << 20;   // of the encoded request
};

}  // namespace prm
