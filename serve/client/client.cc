#include "serve/client/client.h"

#include <algorithm>
#include <utility>

#include "serve/client/connection.h"

namespace prm {
namespace {

// Maximum size of the tag and length before a trace in its request.
constexpr int64_t kFramingBytes = 12;

v1::ScoreTracesRequest Part(const v1::ScoreTracesRequest& request, int begin, int end) {
  v1::ScoreTracesRequest part;
  part.set_model(request.model());
  for (int i = begin; i < end; ++i) *part.add_traces() = request.traces(i);
  return part;
}

}  // namespace

// Any thread may call any method.
struct ScoringClient::Calls {
  explicit Calls(const ClientOptions& options) : connection(options) {}

  Lines Score(const v1::ScoreTracesRequest& request) const {
    v1::ScoreTracesResponse response;
    const grpc::Status status =
        connection.WithRetries(request.traces(0).problem(), [&](grpc::ClientContext* context) {
          return connection.stub().ScoreTraces(context, request, &response);
        });
    if (status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) {
      return ScoreParts(request, status);
    }
    if (!status.ok()) connection.Throw(status);
    CheckPairs(request, response);
    Lines lines;
    for (const v1::TraceResult& result : response.results()) lines.push_back(ToScoreLine(result));
    return lines;
  }

  // The server may accept fewer traces per call; a single refused trace is itself at fault.
  Lines ScoreParts(const v1::ScoreTracesRequest& request, const grpc::Status& status) const {
    const int count = request.traces_size();
    if (count == 1) {
      return {MakeErrorLine(request.traces(0).id(),
                            Error(ErrorCode::kInvalidArgument, status.error_message()))};
    }
    Lines lines = Score(Part(request, 0, count / 2));
    for (ScoreLine& line : Score(Part(request, count / 2, count))) {
      lines.push_back(std::move(line));
    }
    return lines;
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
                StrCat("server ", connection.options().server, ": the answers do not fit the ",
                       request.traces_size(), " traces that were sent"));
  }

  const Connection connection;
};

ScoringClient::ScoringClient(const ClientOptions& options, Emit emit)
    : options_(options), emit_(std::move(emit)), calls_(std::make_shared<Calls>(options)) {}

ScoringClient::~ScoringClient() = default;

void ScoringClient::Learn() {
  if (learnt_) return;
  const v1::DescribeModelResponse response = calls_->connection.Describe();
  model_ = ToDescription(response.model());
  limits_ = ToLimits(response.limits());
  learnt_ = true;
}

ModelDescription ScoringClient::Describe() {
  Learn();
  return model_;
}

void ScoringClient::Add(const Trace& trace) {
  Learn();
  v1::Trace message;
  ToMessage(trace, &message);
  const int64_t bytes = int64_t(message.ByteSizeLong()) + kFramingBytes;
  if (bytes > limits_.max_message_bytes) {
    Send();
    std::promise<Lines> refused;
    refused.set_value({MakeErrorLine(
        trace.id, Error(ErrorCode::kInvalidArgument,
                        StrCat("trace ", trace.id, ": ", bytes, " bytes; the server takes at most ",
                               limits_.max_message_bytes)))});
    in_flight_.push_back(refused.get_future());
    return;
  }
  const bool other_problem = options_.route_by_problem && next_.traces_size() > 0 &&
                             next_.traces(0).problem() != trace.problem;
  if (other_problem || next_bytes_ + bytes > limits_.max_message_bytes) Send();
  *next_.add_traces() = std::move(message);
  next_bytes_ += bytes;
  if (next_.traces_size() >= std::min(options_.traces_per_call, limits_.max_traces)) Send();
}

void ScoringClient::Send() {
  if (next_.traces_size() == 0) return;
  while (int(in_flight_.size()) >= options_.calls_in_flight) TakeFirst();
  next_.set_model(options_.model);
  in_flight_.push_back(std::async(std::launch::async, [calls = calls_, request = std::move(next_)] {
    return calls->Score(request);
  }));
  next_.Clear();
  next_bytes_ = 0;
}

void ScoringClient::TakeFirst() {
  std::future<Lines> first = std::move(in_flight_.front());
  in_flight_.pop_front();
  for (ScoreLine& line : first.get()) emit_(std::move(line));
}

void ScoringClient::Flush() {
  Send();
  while (!in_flight_.empty()) TakeFirst();
}

}  // namespace prm
