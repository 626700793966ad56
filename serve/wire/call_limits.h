// The limits of one call, and of all calls together.
#pragma once

#include <cstdint>

namespace prm {

struct CallLimits {
  int max_traces = 1024;
  int max_steps = 1024;               // of one trace
  int64_t max_call_tokens = 1 << 20;  // of all traces of a call
  int max_message_bytes = 16 << 20;   // of the encoded request
};

// Limits of the whole server; no client may hold more than it leaves free (Shares).
struct SharedLimits {
  int max_waiting_calls = 256;  // calls whose requests are not parsed yet
  // Of unanswered requests and of what sessions keep (ids and unfinished text). Messages being
  // received may take as much again.
  int64_t max_buffered_bytes = int64_t{128} << 20;
  // Whether the metadata `client-id` identifies a client: for servers behind a proxy that sets it.
  bool trust_client_id = false;
};

}  // namespace prm
