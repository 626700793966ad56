// The client of ScoreStream: sessions on one stream, and whole traces scored step by step on them.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "serve/client/client.h"
#include "serve/client/client_options.h"
#include "serve/wire/session_messages.h"

namespace prm {

// One stream. One thread at a time. Every method throws Error, which names the server, if the
// stream has ended, and ends it if the server does not respond for options.timeout_seconds.
class SessionClient {
 public:
  explicit SessionClient(const ClientOptions& options);
  // Cancels the stream; its sessions end.
  ~SessionClient();
  SessionClient(const SessionClient&) = delete;
  SessionClient& operator=(const SessionClient&) = delete;

  // Requests may be pipelined, up to the server's max_unanswered; a caller that sends more without
  // receiving may block forever.
  void Send(const StreamRequest& request);
  // Waits for the next reply of any session.
  StreamReply Receive();
  // Ends the stream after the last reply was received. Throws Error unless its status is OK.
  void Finish();

  // Each sends one request and waits for its reply; no other request may be pending. They throw the
  // reply's Error.
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

// Scores whole traces as a generator would: one session per trace, one step at a time,
// ClientOptions::traces_per_call sessions at once on one stream. Rules and lines are those of
// ScoringClient; the text of errors may differ.
class StreamedScoring {
 public:
  using Emit = ScoringClient::Emit;

  StreamedScoring(const ClientOptions& options, Emit emit);

  void Add(const Trace& trace);
  void Flush();

 private:
  // A trace in progress; one of its requests is pending until `answered`.
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
  int64_t max_text_bytes_ = 0;  // of a problem or a step, so that its message is within the limit
  SessionClient stream_;
  int64_t next_session_ = 0;
  std::deque<Trail> trails_;  // in the order of Add
  std::map<std::string, Trail*> under_way_;
};

}  // namespace prm
