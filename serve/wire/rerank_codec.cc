#include "serve/wire/rerank_codec.h"

#include <utility>

#include "data/metrics/aggregates.h"
#include "data/records/score_lines.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

void ToMessage(std::optional<int> choice, const std::vector<int>& ties, v1::Choice* message) {
  if (choice) message->set_candidate(*choice);
  message->mutable_tied()->Assign(ties.begin(), ties.end());
}

void ToMessage(const Ranking& ranking, AggregateKind kind, v1::AggregateRanking* message) {
  const std::vector<int>& order = ranking.order[size_t(kind)];
  message->mutable_order()->Assign(order.begin(), order.end());
  ToMessage(ranking.choice[size_t(kind)], ranking.choice_ties[size_t(kind)],
            message->mutable_choice());
}

// nullopt for an unknown kind.
std::optional<AggregateKind> ToKind(v1::AggregateKind kind) {
  switch (kind) {
    case v1::AGGREGATE_KIND_UNSPECIFIED:
    case v1::AGGREGATE_KIND_MIN:
      return AggregateKind::kMin;
    case v1::AGGREGATE_KIND_PRODUCT:
      return AggregateKind::kProduct;
    case v1::AGGREGATE_KIND_LAST:
      return AggregateKind::kLast;
    case v1::AGGREGATE_KIND_MEAN:
      return AggregateKind::kMean;
    default:
      return std::nullopt;
  }
}

v1::AggregateKind ToMessage(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::kMin:
      return v1::AGGREGATE_KIND_MIN;
    case AggregateKind::kProduct:
      return v1::AGGREGATE_KIND_PRODUCT;
    case AggregateKind::kLast:
      return v1::AGGREGATE_KIND_LAST;
    case AggregateKind::kMean:
      break;
  }
  return v1::AGGREGATE_KIND_MEAN;
}

// Reads one answer of Rerank, and refuses it if it does not fit the request.
class Reading {
 public:
  explicit Reading(const RerankProblem& asked) : asked_(asked) {}

  [[noreturn]] void Refuse(const std::string& what) const {
    throw Error(ErrorCode::kDataLoss, StrCat("answer for problem ", asked_.id, ": ", what));
  }

  template <class Indices>
  std::vector<int> Candidates(const Indices& indices) const {
    for (const int index : indices) Candidate(index);
    return {indices.begin(), indices.end()};
  }

  void Choice(const v1::Choice& message, std::optional<int>* choice, std::vector<int>* ties) const {
    if (message.has_candidate()) *choice = Candidate(message.candidate());
    *ties = Candidates(message.tied());
  }

  void Order(const v1::AggregateRanking& message, AggregateKind kind, Ranking* ranking) const {
    ranking->order[size_t(kind)] = Candidates(message.order());
    Choice(message.choice(), &ranking->choice[size_t(kind)], &ranking->choice_ties[size_t(kind)]);
  }

  ScoreLine Line(const v1::TraceResult& message, size_t index) const {
    ScoreLine line = ToScoreLine(message);
    const size_t steps = asked_.candidates[index].steps.size();
    if (!line.error && line.scores.size() != steps) {
      Refuse(
          StrCat("candidate ", index, ": ", line.scores.size(), " scores for ", steps, " steps"));
    }
    return line;
  }

 private:
  int Candidate(int index) const {
    if (index < 0 || size_t(index) >= asked_.candidates.size()) {
      Refuse(
          StrCat("no candidate ", index, "; expected an index below ", asked_.candidates.size()));
    }
    return index;
  }

  const RerankProblem& asked_;
};

std::optional<FoundAnswer> ToFoundAnswer(const v1::CandidateResult& message) {
  if (!message.has_answer()) return std::nullopt;
  for (int source = 0; source <= int(AnswerSource::kLastNumber); ++source) {
    if (AnswerSourceName(AnswerSource(source)) == message.answer_source()) {
      return FoundAnswer{message.answer(), AnswerSource(source)};
    }
  }
  throw Error(ErrorCode::kDataLoss, StrCat("answer source \"", message.answer_source(),
                                           "\": expected one of given, boxed, "
                                           "answer_is, hashes, last_number"));
}

}  // namespace

RerankInput ToRerankInput(const v1::RerankRequest& message) {
  const auto refuse = [&](const auto&... what) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("problem ", message.id(), ": ", what...));
  };
  if (message.candidates_size() == 0) refuse("expected at least one candidate, got none");
  if (IsBlank(message.problem())) refuse("expected a problem with text, got none");
  const std::optional<AggregateKind> weight = ToKind(message.weight());
  if (!weight) {
    refuse("weight ", int(message.weight()), ": expected a value of prm.v1.AggregateKind, 0 to 4");
  }
  RerankInput input;
  input.weight = *weight;
  input.model = message.model();
  input.problem.id = message.id();
  input.problem.problem = message.problem();
  for (const v1::Candidate& candidate : message.candidates()) {
    RerankCandidate& out = input.problem.candidates.emplace_back();
    out.steps.assign(candidate.steps().begin(), candidate.steps().end());
    if (candidate.has_answer()) out.answer = candidate.answer();
  }
  return input;
}

void ToMessage(const RerankInput& input, v1::RerankRequest* message) {
  message->set_id(input.problem.id);
  message->set_problem(input.problem.problem);
  message->set_weight(ToMessage(input.weight));
  message->set_model(input.model);
  for (const RerankCandidate& candidate : input.problem.candidates) {
    v1::Candidate* out = message->add_candidates();
    for (const std::string& step : candidate.steps) out->add_steps(step);
    if (candidate.answer) out->set_answer(*candidate.answer);
  }
}

void ToMessage(const RerankResult& result, v1::RerankResponse* message) {
  message->set_id(result.id);
  for (size_t i = 0; i < result.candidates.size(); ++i) {
    v1::CandidateResult* out = message->add_candidates();
    ToMessage(result.candidates[i], out->mutable_result());
    if (!result.answers[i]) continue;
    out->set_answer(result.answers[i]->text);
    out->set_answer_source(std::string(AnswerSourceName(result.answers[i]->source)));
    out->set_normalized_answer(result.normalized[i]);
  }
  const Ranking& ranking = result.ranking;
  ToMessage(ranking, AggregateKind::kMin, message->mutable_min());
  ToMessage(ranking, AggregateKind::kProduct, message->mutable_product());
  ToMessage(ranking, AggregateKind::kLast, message->mutable_last());
  ToMessage(ranking, AggregateKind::kMean, message->mutable_mean());
  ToMessage(ranking.majority, ranking.majority_ties, message->mutable_majority());
  ToMessage(ranking.weighted, ranking.weighted_ties, message->mutable_weighted());
  message->mutable_doubtful()->Assign(result.doubtful.begin(), result.doubtful.end());
}

RerankResult ToRerankResult(const v1::RerankResponse& message, const RerankProblem& asked) {
  const Reading read(asked);
  if (message.id() != asked.id) read.Refuse(StrCat("it is for problem ", message.id()));
  if (size_t(message.candidates_size()) != asked.candidates.size()) {
    read.Refuse(StrCat(message.candidates_size(), " candidates; expected ", asked.candidates.size(),
                       ", the number sent"));
  }
  RerankResult result;
  result.id = message.id();
  for (const v1::CandidateResult& candidate : message.candidates()) {
    result.candidates.push_back(read.Line(candidate.result(), result.candidates.size()));
    result.answers.push_back(ToFoundAnswer(candidate));
    result.normalized.push_back(candidate.normalized_answer());
  }
  Ranking& ranking = result.ranking;
  read.Order(message.min(), AggregateKind::kMin, &ranking);
  read.Order(message.product(), AggregateKind::kProduct, &ranking);
  read.Order(message.last(), AggregateKind::kLast, &ranking);
  read.Order(message.mean(), AggregateKind::kMean, &ranking);
  read.Choice(message.majority(), &ranking.majority, &ranking.majority_ties);
  read.Choice(message.weighted(), &ranking.weighted, &ranking.weighted_ties);
  result.doubtful = read.Candidates(message.doubtful());
  return result;
}

}  // namespace prm
