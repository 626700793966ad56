// The record of a finished call: the source of its log line and its metrics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/error.h"

namespace prm {

struct CallRecord {
  uint64_t id = 0;                  // unique within this run of the server
  const char* event = "call";       // the event's name in the log: "call" or "stream"
  int traces = 0;                   // for a stream: sessions
  int failed_traces = 0;            // with their own error; for a stream: failed requests
  int64_t tokens = 0;               // for a stream: computed tokens
  int64_t queue_us = 0;             // the longest wait of its traces
  int64_t compute_us = 0;           // the longest batch of its traces
  int64_t total_us = 0;             // from arrival to the answer
  std::optional<Error> error = {};  // nullopt: OK

  std::optional<ErrorCode> status() const {
    return error ? std::optional(error->code()) : std::nullopt;
  }
};

// "OK" for nullopt, "RESOURCE_EXHAUSTED", ...
const char* StatusName(std::optional<ErrorCode> code);

// One line of key=value pairs, text values quoted.
std::string FormatCall(const CallRecord& record);

}  // namespace prm
