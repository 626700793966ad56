// The client of streams: sessions on one stream, and traces scored step by step through them.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "serve/client/client.h"
#include "serve/client/client_options.h"
#include "serve/wire/session_messages.h"

namespace prm {

// One stream. One thread at a time. Every method throws Error naming the server where the stream
// has ended, and ends it where the server does not move for options.timeout_seconds.
class SessionClient {
 public:
  explicit SessionClient(const ClientOptions& options);
  // Cancels the stream; its sessions end.
  ~SessionClient();
  SessionClient(const SessionClient&) = delete;
  SessionClient& operator=(const SessionClient&) = delete;

  // Many requests may be under way, up to the server's max_unanswered; whoever sends more without
  // receiving may wait for ever.
  void Send(const StreamRequest& request);
  // Waits for the next reply, of whatever session.
  StreamReply Receive();
  // Ends the stream after the last reply was received: it must end well.
  void Finish();

  // One request and its reply, while no other is under way. They throw the reply's Error.
  void Open(const std::string& session, const SessionOptions& options);
  Appended Append(const std::string& session, const std::string& step);
  void Fork(const std::string& session, const std::string& from, std::optional<int> steps = {});
  void RollBack(const std::string& session, int steps);
  void Close(const std::string& session);

 private:
  struct Stream;

  [[noreturn]] void ThrowEnd();
  StreamReply Ask(const StreamRequest& request);

  const ClientOptions options_;
  const std::unique_ptr<Stream> stream_;
};

// Scores whole traces as a generator would have them scored: a session a trace, a step at a time,
// ClientOptions::traces_per_call sessions at once on one stream. The lines are those of
// ScoringClient, whose rules it has; words of errors may differ.
class StreamedScoring {
 public:
  using Emit = ScoringClient::Emit;

  StreamedScoring(const ClientOptions& options, Emit emit);

  void Add(const Trace& trace);
  void Flush();

 private:
  // A trace on its way; one request of it is under way until `answered`.
  struct Trail {
    std::string session;
    Trace trace;
    StreamRequest request;
    ScoreLine line;
    int attempts = 1;  // of `request`
    bool answered = false;
  };

  void CheckSize(const Trace& trace) const;
  void Ask(Trail& trail, StreamRequest request);
  void TakeReply();
  void Take(Trail& trail, StreamReply reply);
  bool Retries(Trail& trail, const Error& error);
  void EmitAnswered();

  const ClientOptions options_;
  const Emit emit_;
  int sessions_at_once_ = 1;
  int64_t max_text_bytes_ = 0;  // of a problem or a step, so that its message is taken
  SessionClient stream_;
  int64_t next_session_ = 0;
  std::deque<Trail> trails_;  // in the order of Add
  std::map<std::string, Trail*> under_way_;
};

}  // namespace prm
