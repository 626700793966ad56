#include "serve/client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

#include "proto/prm/v1/scoring.grpc.pb.h"
#include "serve/call_record.h"
#include "serve/grpc_log.h"
#include "serve/stream_codec.h"

namespace prm {
namespace {

// Tag and length in front of a trace inside its request, at most.
constexpr int64_t kFramingBytes = 12;

bool IsTransient(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
}

double Jitter() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(random);
}

v1::ScoreTracesRequest Part(const v1::ScoreTracesRequest& request, int begin, int end) {
  v1::ScoreTracesRequest part;
  for (int i = begin; i < end; ++i) *part.add_traces() = request.traces(i);
  return part;
}

}  // namespace

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& server) {
  QuietGrpcLog();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  // Also how long a connection may take to come about: on a busy machine a handshake waits its
  // turn.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Answers may be longer than their questions, and the server's limits bound those.
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

std::chrono::milliseconds RetryDelay(int attempt, double jitter) {
  constexpr double kFirst = 50, kLast = 2000;
  const double full = std::min(kLast, kFirst * double(1 << std::clamp(attempt - 1, 0, 16)));
  return std::chrono::milliseconds(int64_t(full * (1 - 0.5 * jitter)));
}

// Any thread may call any method.
struct ScoringClient::Connection {
  explicit Connection(const ClientOptions& o)
      : options(o), stub(v1::ScoringService::NewStub(OpenChannel(o.server))) {}

  // `call` runs one attempt.
  template <class Call>
  grpc::Status WithRetries(const Call& call) const {
    for (int attempt = 1;; ++attempt) {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() +
                           std::chrono::seconds(options.timeout_seconds));
      const grpc::Status status = call(&context);
      if (!IsTransient(status) || attempt >= options.attempts) return status;
      options.sleep(RetryDelay(attempt, Jitter()));
    }
  }

  [[noreturn]] void Throw(const grpc::Status& status) const {
    const auto code = ErrorCode(int(status.error_code()));
    throw Error(code, StrCat("server ", options.server, ": ", StatusName(code), ": ",
                             status.error_message()));
  }

  v1::DescribeModelResponse Describe() const {
    v1::DescribeModelResponse response;
    const grpc::Status status = WithRetries([&](grpc::ClientContext* context) {
      return stub->DescribeModel(context, v1::DescribeModelRequest(), &response);
    });
    if (!status.ok()) Throw(status);
    return response;
  }

  Answers Score(const v1::ScoreTracesRequest& request) const {
    v1::ScoreTracesResponse response;
    const grpc::Status status = WithRetries([&](grpc::ClientContext* context) {
      return stub->ScoreTraces(context, request, &response);
    });
    if (status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) {
      return ScoreParts(request, status);
    }
    if (!status.ok()) Throw(status);
    CheckPairs(request, response);
    Answers answers;
    for (const v1::TraceResult& result : response.results()) answers.push_back(ToAnswer(result));
    return answers;
  }

  // Fewer traces may be what the server wants; one alone has its own fault.
  Answers ScoreParts(const v1::ScoreTracesRequest& request, const grpc::Status& status) const {
    const int count = request.traces_size();
    if (count == 1) {
      return {MakeErrorAnswer(request.traces(0).id(),
                              Error(ErrorCode::kInvalidArgument, status.error_message()))};
    }
    Answers answers = Score(Part(request, 0, count / 2));
    for (TraceAnswer& answer : Score(Part(request, count / 2, count))) {
      answers.push_back(std::move(answer));
    }
    return answers;
  }

  void CheckPairs(const v1::ScoreTracesRequest& request,
                  const v1::ScoreTracesResponse& response) const {
    bool same = request.traces_size() == response.results_size();
    for (int i = 0; same && i < request.traces_size(); ++i) {
      const v1::TraceResult& result = response.results(i);
      same =
          result.id() == request.traces(i).id() &&
          (!result.has_scores() || result.scores().scores_size() == request.traces(i).steps_size());
    }
    if (same) return;
    throw Error(ErrorCode::kDataLoss,
                StrCat("server ", options.server, ": the answers do not fit the ",
                       request.traces_size(), " traces that were sent"));
  }

  const ClientOptions options;
  const std::unique_ptr<v1::ScoringService::Stub> stub;
};

ScoringClient::ScoringClient(const ClientOptions& options, Emit emit)
    : options_(options),
      emit_(std::move(emit)),
      connection_(std::make_shared<Connection>(options)) {}

ScoringClient::~ScoringClient() = default;

void ScoringClient::Learn() {
  if (learnt_) return;
  const v1::DescribeModelResponse response = connection_->Describe();
  model_ = ToDescription(response.model());
  limits_ = ToLimits(response.limits());
  streams_ = ToStreamLimits(response.stream());
  learnt_ = true;
}

ModelDescription ScoringClient::Describe() {
  Learn();
  return model_;
}

CallLimits ScoringClient::DescribeLimits() {
  Learn();
  return limits_;
}

StreamLimits ScoringClient::DescribeStreams() {
  Learn();
  if (streams_.max_unanswered > 0) return streams_;
  throw Error(ErrorCode::kUnimplemented,
              StrCat("server ", options_.server, ": no streams; expected a newer server"));
}

void ScoringClient::Add(const Trace& trace) {
  Learn();
  v1::Trace message;
  ToMessage(trace, &message);
  const int64_t bytes = int64_t(message.ByteSizeLong()) + kFramingBytes;
  if (bytes > limits_.max_message_bytes) {
    Send();
    std::promise<Answers> refused;
    refused.set_value({MakeErrorAnswer(
        trace.id, Error(ErrorCode::kInvalidArgument,
                        StrCat("trace ", trace.id, ": ", bytes, " bytes; the server takes at most ",
                               limits_.max_message_bytes)))});
    in_flight_.push_back(refused.get_future());
    return;
  }
  if (next_bytes_ + bytes > limits_.max_message_bytes) Send();
  *next_.add_traces() = std::move(message);
  next_bytes_ += bytes;
  if (next_.traces_size() >= std::min(options_.traces_per_call, limits_.max_traces)) Send();
}

void ScoringClient::Send() {
  if (next_.traces_size() == 0) return;
  while (int(in_flight_.size()) >= options_.calls_in_flight) TakeFirst();
  in_flight_.push_back(
      std::async(std::launch::async, [connection = connection_, request = std::move(next_)] {
        return connection->Score(request);
      }));
  next_.Clear();
  next_bytes_ = 0;
}

void ScoringClient::TakeFirst() {
  std::future<Answers> first = std::move(in_flight_.front());
  in_flight_.pop_front();
  for (TraceAnswer& answer : first.get()) emit_(std::move(answer));
}

void ScoringClient::Flush() {
  Send();
  while (!in_flight_.empty()) TakeFirst();
}

}  // namespace prm
