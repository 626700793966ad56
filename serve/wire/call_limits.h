// What one ScoreTraces call may carry, and what all calls together may.
#pragma once

#include <cstdint>

namespace prm {

struct CallLimits {
  int max_traces = 1024;
  int max_steps = 1024;               // of one trace
  int64_t max_call_tokens = 1 << 20;  // of all traces of a call
  int max_message_bytes = 16 << 20;   // of the encoded request
};

// Of the server; no client may hold more of it than it leaves free (Shares).
struct SharedLimits {
  int max_waiting_calls = 256;  // to be read
  // Of requests that are not answered and of what sessions keep: their ids and unfinished text. As
  // many more may be on their way in.
  int64_t max_buffered_bytes = int64_t{128} << 20;
  // Whether the metadata `client-id` says who a client is: for a proxy in front that sets it.
  bool trust_client_id = false;
};

}  // namespace prm
