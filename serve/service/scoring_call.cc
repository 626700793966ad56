#include "serve/service/scoring_call.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "data/records/score_lines.h"
#include "proto/prm/v1/scoring.grpc.pb.h"
#include "serve/wire/client_key.h"
#include "serve/wire/rerank_codec.h"
#include "serve/wire/served_model.h"

namespace prm {
namespace {

// Whether the error means that the work was not done, so that the whole call fails with it; other
// errors belong to a single trace.
bool EndsTheCall(ErrorCode code) {
  return code == ErrorCode::kCancelled || code == ErrorCode::kDeadlineExceeded ||
         code == ErrorCode::kUnavailable;
}

int64_t MicrosecondsSince(SteadyTime start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               start)
      .count();
}

template <class Request>
Request Parse(const grpc::ByteBuffer& bytes) {
  Request request;
  grpc::ByteBuffer copy(bytes);  // shares the slices; reading consumes the buffer
  if (!grpc::SerializationTraits<Request>::Deserialize(&copy, &request).ok()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("the request is not a ", Request::descriptor()->full_name(),
                       ": expected a well-formed message whose texts are UTF-8"));
  }
  return request;
}

template <class Response>
grpc::Status Serialize(const Response& message, grpc::ByteBuffer* bytes) {
  bool own_buffer = false;
  return grpc::SerializationTraits<Response>::Serialize(message, bytes, &own_buffer);
}

}  // namespace

SteadyTime ToSteady(std::chrono::system_clock::time_point deadline) {
  const auto left = deadline - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24 * 365)) return SteadyTime::max();
  return std::chrono::steady_clock::now() + left;
}

uint64_t ClientOf(const grpc::CallbackServerContext& context, bool trust_client_id) {
  const auto named = context.client_metadata().find("client-id");
  if (!trust_client_id || named == context.client_metadata().end()) {
    return ClientKey(ClientOfPeer(context.peer()));
  }
  return ClientKey(
      StrCat("client-id:", std::string_view(named->second.data(), named->second.size())));
}

grpc::Status StatusOf(const Error& error, grpc::CallbackServerContext* context) {
  if (const auto* full = dynamic_cast<const QueueFull*>(&error)) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms",
                                 std::to_string(full->retry_after().count()));
  }
  return grpc::Status(grpc::StatusCode(int(error.code())), error.what());
}

ScoringCall::ScoringCall(const ServiceParts& parts, const CallPlaces& places, CallIdentity identity)
    : parts_(parts),
      places_(places),
      identity_(std::move(identity)),
      deadline_(ToSteady(identity_.context->deadline())),
      client_(ClientOf(*identity_.context, parts_.shared.trust_client_id)),
      waits_(places.waiting_calls, client_),
      bytes_(places.bytes, client_) {
  record_.id = identity_.id;
}

template <class Request>
void ScoringCall::TakeWishes(const Request& request) {
  CheckModel(request.model(), parts_.scorer->description().name);
  diagnostics_ = request.diagnostics();
}

template <class Response>
void ScoringCall::AddDiagnostics(Response* message) const {
  if (!diagnostics_) return;
  ToMessage(
      Diagnostics{std::string(BuildVersion()), tokenize_us_, record_.queue_us, record_.compute_us},
      message->mutable_diagnostics());
}

void ScoringCall::Admit(int64_t bytes) {
  const auto take = [&](Held& held, int64_t count, const Shares& shares, const char* what) {
    if (held.Set(count)) return;
    throw QueueFull(shares.Refusal(client_, what), parts_.batcher->retry_after());
  };
  take(waits_, 1, *places_.waiting_calls, "calls that wait to be read");
  take(bytes_, bytes, *places_.bytes, "bytes of requests");
}

void ScoringCall::Start(const grpc::ByteBuffer& bytes) {
  waits_.Set(0);
  const SteadyTime start = std::chrono::steady_clock::now();
  try {
    const std::vector<Trace> traces = Read(bytes);
    CheckTraceCount(int(traces.size()));
    parts_.batcher->CheckRoom(client_, int64_t(traces.size()));
    std::vector<BatchItem> items = Tokenize(traces);
    tokenize_us_ = MicrosecondsSince(start);
    if (items.empty()) return Answer();
    pending_ = items.size();
    parts_.batcher->Submit(std::move(items));
  } catch (const Error& error) {
    Fail(error);
  } catch (const std::exception& error) {
    Fail(Error(ErrorCode::kInternal, error.what()));
  }
}

void ScoringCall::Fail(const Error& error) {
  record_.error = error;
  End(StatusOf(error, identity_.context));
}

void ScoringCall::OnDone() {
  const std::function<void()> on_done = identity_.on_done;
  delete this;
  on_done();
}

void ScoringCall::CheckTraceCount(int count) {
  record_.traces = count;
  if (count <= parts_.limits.max_traces) return;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat(count, " traces in one call; expected at most ", parts_.limits.max_traces));
}

std::vector<BatchItem> ScoringCall::Tokenize(const std::vector<Trace>& traces) {
  lines_.resize(traces.size());
  std::vector<BatchItem> items;
  for (const size_t i : FindFitting(traces)) {
    if (cancelled_->load(std::memory_order_relaxed)) {
      throw Error(ErrorCode::kCancelled, "the call was cancelled before its work began");
    }
    try {
      items.push_back(Item(i, TokenizeOne(traces[i])));
      lines_[i].id = traces[i].id;
    } catch (const Error& error) {
      lines_[i] = MakeErrorLine(traces[i].id, error);
    }
    CheckCallTokens(record_.tokens);
  }
  return items;
}

void ScoringCall::CheckCallTokens(int64_t tokens) const {
  if (tokens <= parts_.limits.max_call_tokens) return;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("more than ", parts_.limits.max_call_tokens,
                     " tokens in one call; send fewer traces per call"));
}

// Returns the traces that are not too long, judged by their bytes; the others get errors. This is
// much cheaper than tokenising a text far beyond the limits.
std::vector<size_t> ScoringCall::FindFitting(const std::vector<Trace>& traces) {
  std::vector<size_t> fitting;
  int64_t tokens = 0;
  for (size_t i = 0; i < traces.size(); ++i) {
    try {
      CheckSteps(traces[i]);
      const int64_t least =
          MinTokens(parts_.scorer->format(), parts_.scorer->tokenizer(), traces[i]);
      CheckTokens(traces[i], least, "at least ");
      tokens += least;
      fitting.push_back(i);
    } catch (const Error& error) {
      lines_[i] = MakeErrorLine(traces[i].id, error);
    }
  }
  CheckCallTokens(tokens);
  return fitting;
}

void ScoringCall::CheckSteps(const Trace& trace) const {
  if (trace.steps.size() <= size_t(parts_.limits.max_steps)) return;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("trace ", trace.id, ": ", trace.steps.size(), " steps; expected at most ",
                     parts_.limits.max_steps));
}

void ScoringCall::CheckTokens(const Trace& trace, int64_t tokens, const char* about) const {
  const int max_tokens = parts_.scorer->description().max_tokens;
  if (tokens <= max_tokens) return;
  throw Error(ErrorCode::kInvalidArgument, StrCat("trace ", trace.id, ": ", about, tokens,
                                                  " tokens; the model takes at most ", max_tokens));
}

TraceTokens ScoringCall::TokenizeOne(const Trace& trace) {
  TraceTokens tokens = TokenizeTrace(parts_.scorer->format(), parts_.scorer->tokenizer(), trace);
  CheckTokens(trace, int64_t(tokens.ids.size()), "");
  record_.tokens += int64_t(tokens.ids.size());
  return tokens;
}

BatchItem ScoringCall::Item(size_t index, TraceTokens tokens) {
  BatchItem item;
  lines_[index].tokens = int(tokens.ids.size());
  item.tokens = std::move(tokens);
  item.deadline = deadline_;
  item.priority = priority();
  item.client = client_;
  item.cancelled = cancelled_;
  item.done = [this, index](Result<TraceScores> scores, const WorkTimes& times) {
    TakeOne(index, std::move(scores), times);
  };
  return item;
}

void ScoringCall::TakeOne(size_t index, Result<TraceScores> scores, const WorkTimes& times) {
  {
    std::lock_guard lock(mutex_);
    record_.queue_us = std::max(record_.queue_us, times.queue_us);
    record_.compute_us = std::max(record_.compute_us, times.compute_us);
    if (!scores.ok() && EndsTheCall(scores.error().code())) ending_ = scores.error();
  }
  ScoreLine& line = lines_[index];
  try {
    const int tokens = line.tokens;
    line =
        MakeScoreLine(line.id, std::move(scores).value(), parts_.scorer->description().threshold);
    line.tokens = tokens;
  } catch (const Error& error) {
    line = MakeErrorLine(line.id, error);
  }
  if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) Answer();
}

void ScoringCall::Answer() {
  if (ending_) return Fail(*ending_);
  for (const ScoreLine& line : lines_) record_.failed_traces += line.error ? 1 : 0;
  try {
    End(Write(std::move(lines_), identity_.response));
  } catch (const Error& error) {
    Fail(error);
  }
}

// The call may be deleted when Finish returns.
void ScoringCall::End(const grpc::Status& status) {
  record_.total_us = MicrosecondsSince(arrived_);
  if (parts_.on_call) parts_.on_call(record_);
  Finish(status);
}

namespace {

class ScoreTracesCall : public ScoringCall {
 public:
  using ScoringCall::ScoringCall;

 private:
  std::vector<Trace> Read(const grpc::ByteBuffer& bytes) override {
    const auto request = Parse<v1::ScoreTracesRequest>(bytes);
    TakeWishes(request);
    std::vector<Trace> traces;
    for (const v1::Trace& trace : request.traces()) traces.push_back(ToTrace(trace));
    return traces;
  }
  grpc::Status Write(std::vector<ScoreLine> lines, grpc::ByteBuffer* response) override {
    v1::ScoreTracesResponse message;
    for (const ScoreLine& line : lines) ToMessage(line, message.add_results());
    AddDiagnostics(&message);
    return Serialize(message, response);
  }
  Priority priority() const override { return Priority::kUnary; }
};

class RerankCall : public ScoringCall {
 public:
  using ScoringCall::ScoringCall;

 private:
  std::vector<Trace> Read(const grpc::ByteBuffer& bytes) override {
    const auto request = Parse<v1::RerankRequest>(bytes);
    TakeWishes(request);
    request_ = ToRerankInput(request);
    std::vector<Trace> traces;
    for (size_t i = 0; i < request_.problem.candidates.size(); ++i) {
      traces.push_back(CandidateTrace(request_.problem, int(i)));
    }
    return traces;
  }
  grpc::Status Write(std::vector<ScoreLine> lines, grpc::ByteBuffer* response) override {
    v1::RerankResponse message;
    ToMessage(RankProblem(request_.problem, std::move(lines), request_.weight), &message);
    AddDiagnostics(&message);
    return Serialize(message, response);
  }
  Priority priority() const override { return Priority::kBulk; }

  RerankInput request_;
};

}  // namespace

ScoringCall* NewScoreTracesCall(const ServiceParts& parts, const CallPlaces& places,
                                CallIdentity identity) {
  return new ScoreTracesCall(parts, places, std::move(identity));
}

ScoringCall* NewRerankCall(const ServiceParts& parts, const CallPlaces& places,
                           CallIdentity identity) {
  return new RerankCall(parts, places, std::move(identity));
}

}  // namespace prm
