// Times that a server measured for a request that asks for them, and the server's version.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prm {

// The times of a call, or of a step of a session, in microseconds.
struct Diagnostics {
  std::string build_version;  // of the server
  int64_t tokenize_us = 0;    // parsing and tokenising
  int64_t queue_us = 0;       // the longest wait of a trace
  int64_t compute_us = 0;     // the longest of a trace; of its whole batches
};

// This program's version: "0.1.0".
std::string_view BuildVersion();

}  // namespace prm
