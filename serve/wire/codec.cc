#include "serve/wire/codec.h"

#include <utility>

#include "data/metrics/aggregates.h"

namespace prm {
namespace {

ErrorCode CanonicalCode(int code) {
  constexpr int kLastCode = int(ErrorCode::kDataLoss);
  return code >= 1 && code <= kLastCode ? ErrorCode(code) : ErrorCode::kInternal;
}

ScoreLine ToScoreLine(const std::string& id, const v1::TraceScores& message) {
  if (message.scores_size() == 0 ||
      (message.label_probs_size() != 0 && message.label_probs_size() != message.scores_size())) {
    throw Error(ErrorCode::kDataLoss, StrCat("answer for trace ", id, ": ", message.scores_size(),
                                             " scores and ", message.label_probs_size(),
                                             " label probabilities; expected as many, or none"));
  }
  ScoreLine line;
  line.id = id;
  line.scores.p_correct.assign(message.scores().begin(), message.scores().end());
  for (const auto& probs : message.label_probs()) line.scores.label_probs.push_back(ToProbs(probs));
  line.aggregate = ToAggregates(message.aggregate());
  if (message.has_first_error()) line.first_error = message.first_error();
  line.tokens = message.tokens();
  return line;
}

}  // namespace

LabelProbs ToProbs(const v1::LabelProbabilities& message) {
  return {message.correct_necessary(), message.correct_redundant(), message.incorrect(),
          message.incomplete()};
}

void ToMessage(const LabelProbs& probs, v1::LabelProbabilities* message) {
  message->set_correct_necessary(probs[size_t(StepLabel::kCorrectNecessary)]);
  message->set_correct_redundant(probs[size_t(StepLabel::kCorrectRedundant)]);
  message->set_incorrect(probs[size_t(StepLabel::kIncorrect)]);
  message->set_incomplete(probs[size_t(StepLabel::kIncomplete)]);
}

Aggregates ToAggregates(const v1::Aggregates& message) {
  return {.min = message.min(),
          .product = message.product(),
          .last = message.last(),
          .mean = message.mean()};
}

void ToMessage(const Aggregates& aggregates, v1::Aggregates* message) {
  message->set_min(aggregates.min);
  message->set_product(aggregates.product);
  message->set_last(aggregates.last);
  message->set_mean(aggregates.mean);
}

Error ToError(const v1::Status& message) {
  return Error(CanonicalCode(message.code()), message.message());
}

void ToMessage(const Error& error, v1::Status* message) {
  message->set_code(int(error.code()));
  message->set_message(error.what());
}

Diagnostics ToDiagnostics(const v1::Diagnostics& message) {
  return {message.build_version(), message.tokenize_us(), message.queue_us(), message.compute_us()};
}

void ToMessage(const Diagnostics& diagnostics, v1::Diagnostics* message) {
  message->set_build_version(diagnostics.build_version);
  message->set_tokenize_us(diagnostics.tokenize_us);
  message->set_queue_us(diagnostics.queue_us);
  message->set_compute_us(diagnostics.compute_us);
}

Trace ToTrace(const v1::Trace& message) {
  Trace trace;
  trace.id = message.id();
  trace.problem = message.problem();
  trace.steps.reserve(size_t(message.steps_size()));
  for (const std::string& text : message.steps()) trace.steps.push_back({text, {}, {}});
  return trace;
}

void ToMessage(const Trace& trace, v1::Trace* message) {
  message->set_id(trace.id);
  message->set_problem(trace.problem);
  for (const Step& step : trace.steps) message->add_steps(step.text);
}

ScoreLine ToScoreLine(const v1::TraceResult& message) {
  switch (message.outcome_case()) {
    case v1::TraceResult::kScores:
      return ToScoreLine(message.id(), message.scores());
    case v1::TraceResult::kError:
      return MakeErrorLine(message.id(), ToError(message.error()));
    case v1::TraceResult::OUTCOME_NOT_SET:
      break;
  }
  throw Error(ErrorCode::kDataLoss,
              StrCat("answer for trace ", message.id(), ": neither scores nor an error"));
}

void ToMessage(const ScoreLine& line, v1::TraceResult* message) {
  message->set_id(line.id);
  if (line.error) return ToMessage(*line.error, message->mutable_error());
  v1::TraceScores* scores = message->mutable_scores();
  const std::vector<float>& p_correct = line.scores.p_correct;
  scores->mutable_scores()->Assign(p_correct.begin(), p_correct.end());
  for (const LabelProbs& probs : line.scores.label_probs) {
    ToMessage(probs, scores->add_label_probs());
  }
  ToMessage(line.aggregate, scores->mutable_aggregate());
  if (line.first_error) scores->set_first_error(*line.first_error);
  scores->set_tokens(line.tokens);
}

ModelDescription ToDescription(const v1::Model& m) {
  ModelDescription d;
  d.name = m.name();
  d.architecture = m.architecture();
  d.parameters = m.parameters();
  d.dtype = m.dtype();
  d.device = m.device();
  d.vocab_size = m.vocab_size();
  d.max_tokens = m.max_tokens();
  d.threshold = m.threshold();
  d.label_policy = m.label_policy();
  d.base_model = m.base_model();
  d.training_data = m.training_data();
  d.weights = m.weights();
  return d;
}

void ToMessage(const ModelDescription& d, v1::Model* m) {
  m->set_name(d.name);
  m->set_architecture(d.architecture);
  m->set_parameters(d.parameters);
  m->set_dtype(d.dtype);
  m->set_device(d.device);
  m->set_vocab_size(d.vocab_size);
  m->set_max_tokens(d.max_tokens);
  m->set_threshold(d.threshold);
  m->set_label_policy(d.label_policy);
  m->set_base_model(d.base_model);
  m->set_training_data(d.training_data);
  m->set_weights(d.weights);
}

CallLimits ToLimits(const v1::Limits& message) {
  return {.max_traces = message.max_traces(),
          .max_steps = message.max_steps(),
          .max_call_tokens = message.max_call_tokens(),
          .max_message_bytes = message.max_message_bytes()};
}

void ToMessage(const CallLimits& limits, v1::Limits* message) {
  message->set_max_traces(limits.max_traces);
  message->set_max_steps(limits.max_steps);
  message->set_max_call_tokens(limits.max_call_tokens);
  message->set_max_message_bytes(limits.max_message_bytes);
}

}  // namespace prm
