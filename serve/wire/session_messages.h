// The limits, requests and replies of a stream, as plain structs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "data/error.h"
#include "data/metrics/aggregates.h"
#include "data/scores.h"
#include "serve/wire/diagnostics.h"

namespace prm {

// Options that a client chooses when it opens a session.
struct SessionOptions {
  std::string problem = {};
  std::optional<double> threshold = {};  // in [0, 1]; nullopt: the model's
  std::string step_delimiter = {};       // empty: that of the model's format
  std::string model = {};                // its name; empty: the only one
  bool diagnostics = false;              // whether each step's score comes with them
};

struct StreamLimits {
  int max_streams = 256;          // per server; a client may hold no more than it leaves free
  int max_sessions = 4096;        // per server, all streams together; per client as above
  int max_stream_sessions = 256;  // per stream
  int max_step_bytes = 1 << 20;   // of a step, and of text of unfinished steps
  // Per stream: unanswered requests and unwritten replies together; and the bytes of those
  // requests. At either limit the stream is not read.
  int max_unanswered = 256;
  int64_t max_unanswered_bytes = 16 << 20;
  // A stream is cut after this time at the limit without a single reply written.
  int stalled_seconds = 30;
  int session_idle_seconds = 600;  // a session without requests is closed after this time
  int stream_idle_seconds = 600;   // a stream without sessions or requests ends after this time
};

struct AppendText {
  std::string text;
  bool whole_step = false;   // false: a piece of text; the session's delimiter ends its steps
  bool end_of_step = false;  // the end of the piece ends its last step
  std::optional<int> index;  // the step's expected index
};
struct ForkSession {
  std::string from;
  std::optional<int> steps;  // nullopt: all
};
struct RollBackSession {
  int steps = 0;
};
struct CloseSession {};

struct StreamRequest {
  std::string session;
  // Error: the operation was malformed; the error is the answer.
  std::variant<SessionOptions, AppendText, ForkSession, RollBackSession, CloseSession, Error>
      operation;
};

// The outcomes of a request. Done: it succeeded and has no score.
struct Done {};
// A step was added to the session's trace.
struct Appended {
  int index = 0;  // of the step
  StepScore score;
  Aggregates aggregate;                            // of all steps so far
  std::optional<int> first_error;                  // first step below the session's threshold
  int tokens = 0;                                  // of the trace so far
  int64_t tokens_computed = 0, tokens_reused = 0;  // for this step

  // Whether a generator should abandon this trace.
  bool prune() const { return first_error.has_value(); }
};

struct StreamReply {
  int64_t request = 0;  // the request's number on its stream, from 0
  std::string session;  // empty if the request could not be parsed
  int steps = 0;        // scored steps of the session
  bool more = false;    // the request gets another reply
  std::variant<Done, Appended, Error> outcome;
  std::optional<Diagnostics> diagnostics = {};  // with a score, if the session wants them
};

}  // namespace prm
