#include "serve/wire/session_codec.h"

#include <utility>

namespace prm {
namespace {

SessionOptions ToOperation(v1::OpenSession&& open) {
  SessionOptions options;
  options.problem = std::move(*open.mutable_problem());
  if (open.has_threshold()) options.threshold = open.threshold();
  options.step_delimiter = std::move(*open.mutable_step_delimiter());
  options.model = std::move(*open.mutable_model());
  options.diagnostics = open.diagnostics();
  return options;
}

AppendText ToOperation(v1::AppendText&& message) {
  AppendText append;
  append.whole_step = message.has_step();
  append.text = std::move(append.whole_step ? *message.mutable_step() : *message.mutable_delta());
  append.end_of_step = message.end_of_step();
  if (message.has_index()) append.index = message.index();
  return append;
}

ForkSession ToOperation(v1::ForkSession&& message) {
  ForkSession fork;
  fork.from = std::move(*message.mutable_from());
  if (message.has_steps()) fork.steps = message.steps();
  return fork;
}

void Fill(const SessionOptions& options, v1::StreamRequest* message) {
  v1::OpenSession* open = message->mutable_open();
  open->set_problem(options.problem);
  if (options.threshold) open->set_threshold(*options.threshold);
  open->set_step_delimiter(options.step_delimiter);
  open->set_model(options.model);
  open->set_diagnostics(options.diagnostics);
}

void Fill(const AppendText& append, v1::StreamRequest* message) {
  v1::AppendText* out = message->mutable_append();
  append.whole_step ? out->set_step(append.text) : out->set_delta(append.text);
  out->set_end_of_step(append.end_of_step);
  if (append.index) out->set_index(*append.index);
}

void Fill(const ForkSession& fork, v1::StreamRequest* message) {
  message->mutable_fork()->set_from(fork.from);
  if (fork.steps) message->mutable_fork()->set_steps(*fork.steps);
}

void Fill(const RollBackSession& roll_back, v1::StreamRequest* message) {
  message->mutable_roll_back()->set_steps(roll_back.steps);
}

void Fill(const CloseSession&, v1::StreamRequest* message) { message->mutable_close(); }

void Fill(const Error&, v1::StreamRequest*) {}

void Fill(const Done&, v1::StreamReply* message) { message->mutable_done(); }

void Fill(const Appended& step, v1::StreamReply* message) {
  v1::StepScore* out = message->mutable_score();
  out->set_index(step.index);
  out->set_p_correct(step.score.p_correct);
  if (step.score.label_probs) ToMessage(*step.score.label_probs, out->mutable_label_probs());
  ToMessage(step.aggregate, out->mutable_aggregate());
  if (step.first_error) out->set_first_error(*step.first_error);
  out->set_tokens(step.tokens);
  out->set_tokens_computed(step.tokens_computed);
  out->set_tokens_reused(step.tokens_reused);
  out->set_advice(step.prune() ? v1::ADVICE_PRUNE : v1::ADVICE_CONTINUE);
}

void Fill(const Error& error, v1::StreamReply* message) {
  ToMessage(error, message->mutable_error());
}

Appended ToAppended(const v1::StepScore& message) {
  Appended step;
  step.index = message.index();
  step.score.p_correct = message.p_correct();
  if (message.has_label_probs()) step.score.label_probs = ToProbs(message.label_probs());
  step.aggregate = ToAggregates(message.aggregate());
  if (message.has_first_error()) step.first_error = message.first_error();
  step.tokens = message.tokens();
  step.tokens_computed = message.tokens_computed();
  step.tokens_reused = message.tokens_reused();
  return step;
}

}  // namespace

StreamRequest ToRequest(v1::StreamRequest message) {
  StreamRequest request;
  request.session = std::move(*message.mutable_session());
  switch (message.operation_case()) {
    case v1::StreamRequest::kOpen:
      request.operation = ToOperation(std::move(*message.mutable_open()));
      return request;
    case v1::StreamRequest::kAppend:
      if (message.append().text_case() == v1::AppendText::TEXT_NOT_SET) {
        request.operation = Error(ErrorCode::kInvalidArgument,
                                  "an append without text; expected a step or a delta");
        return request;
      }
      request.operation = ToOperation(std::move(*message.mutable_append()));
      return request;
    case v1::StreamRequest::kFork:
      request.operation = ToOperation(std::move(*message.mutable_fork()));
      return request;
    case v1::StreamRequest::kRollBack:
      request.operation = RollBackSession{message.roll_back().steps()};
      return request;
    case v1::StreamRequest::kClose:
      request.operation = CloseSession();
      return request;
    case v1::StreamRequest::OPERATION_NOT_SET:
      break;
  }
  request.operation = Error(ErrorCode::kInvalidArgument,
                            "no operation; expected open, append, fork, roll_back or close");
  return request;
}

v1::StreamRequest ToMessage(const StreamRequest& request) {
  v1::StreamRequest message;
  message.set_session(request.session);
  std::visit([&](const auto& operation) { Fill(operation, &message); }, request.operation);
  return message;
}

StreamReply ToReply(const v1::StreamReply& message) {
  StreamReply reply{
      message.request(), message.session(), message.steps(), message.more(), Done(), {}};
  if (message.has_diagnostics()) reply.diagnostics = ToDiagnostics(message.diagnostics());
  switch (message.outcome_case()) {
    case v1::StreamReply::kDone:
      return reply;
    case v1::StreamReply::kScore:
      reply.outcome = ToAppended(message.score());
      return reply;
    case v1::StreamReply::kError:
      reply.outcome = ToError(message.error());
      return reply;
    case v1::StreamReply::OUTCOME_NOT_SET:
      break;
  }
  throw Error(ErrorCode::kDataLoss, StrCat("reply to request ", message.request(),
                                           ": neither done, a score nor an error"));
}

v1::StreamReply ToMessage(const StreamReply& reply) {
  v1::StreamReply message;
  message.set_request(reply.request);
  message.set_session(reply.session);
  message.set_steps(reply.steps);
  message.set_more(reply.more);
  std::visit([&](const auto& outcome) { Fill(outcome, &message); }, reply.outcome);
  if (reply.diagnostics) ToMessage(*reply.diagnostics, message.mutable_diagnostics());
  return message;
}

StreamLimits ToStreamLimits(const v1::StreamDescription& message) {
  StreamLimits limits;
  limits.max_stream_sessions = message.max_sessions();
  limits.max_step_bytes = message.max_step_bytes();
  limits.max_unanswered = message.max_unanswered();
  limits.session_idle_seconds = message.session_idle_seconds();
  return limits;
}

void ToMessage(const std::string& step_delimiter, const StreamLimits& limits,
               v1::StreamDescription* message) {
  message->set_step_delimiter(step_delimiter);
  message->set_max_sessions(limits.max_stream_sessions);
  message->set_max_step_bytes(limits.max_step_bytes);
  message->set_max_unanswered(limits.max_unanswered);
  message->set_session_idle_seconds(limits.session_idle_seconds);
}

}  // namespace prm
