// What a stream may carry: its limits, requests and replies, as plain structs.
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

// What a client chooses.
struct SessionOptions {
  std::string problem = {};
  std::optional<double> threshold = {};  // in [0, 1]; nullopt: the model's
  std::string step_delimiter = {};       // empty: that of the model's format
  std::string model = {};                // its name; empty: the only one
  bool diagnostics = false;              // wanted with each step's score
};

struct StreamLimits {
  int max_streams = 256;          // of the server; of a client, no more than it leaves free
  int max_sessions = 4096;        // of the server, all streams together; of a client as above
  int max_stream_sessions = 256;  // of one stream
  int max_step_bytes = 1 << 20;   // of a step, and of text that waits for its step's end
  // Of one stream: requests that are not answered and replies that are not written, together; and
  // bytes of those requests. At either bound the stream is not read.
  int max_unanswered = 256;
  int64_t max_unanswered_bytes = 16 << 20;
  // How long a stream may stay at the bound while not one reply is written; then it is cut.
  int stalled_seconds = 30;
  int session_idle_seconds = 600;  // without a request; then a session is closed
  int stream_idle_seconds = 600;   // without a session or a request; then a stream is ended
};

struct AppendText {
  std::string text;
  bool whole_step = false;   // else a piece of text, whose steps the session's delimiter ends
  bool end_of_step = false;  // the last step of the piece ends with it
  std::optional<int> index;  // that the step must have
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
  // Error: what is wrong with the operation; it is the answer.
  std::variant<SessionOptions, AppendText, ForkSession, RollBackSession, CloseSession, Error>
      operation;
};

// The outcomes of a request. Done: it was carried out and has no score to show.
struct Done {};
// A step was added to the session's trace.
struct Appended {
  int index = 0;  // of the step
  StepScore score;
  Aggregates aggregate;                            // of all steps so far
  std::optional<int> first_error;                  // below the session's threshold; nullopt: none
  int tokens = 0;                                  // of the trace so far
  int64_t tokens_computed = 0, tokens_reused = 0;  // for this step

  // Whether a generator should give this trace up.
  bool prune() const { return first_error.has_value(); }
};

struct StreamReply {
  int64_t request = 0;  // the request's number on its stream, from 0
  std::string session;  // empty where the request could not be read
  int steps = 0;        // scored steps of the session
  bool more = false;    // the request gets another reply
  std::variant<Done, Appended, Error> outcome;
  std::optional<Diagnostics> diagnostics = {};  // of a score, where the session wants it
};

}  // namespace prm
