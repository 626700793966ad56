// Where the messages of Rerank meet structs; the server and the client share it.
#pragma once

#include <string>

#include "data/metrics/aggregates.h"
#include "data/records/rerank_file.h"
#include "serve/wire/codec.h"

namespace prm {

struct RerankInput {
  RerankProblem problem = {};
  AggregateKind weight = AggregateKind::kMin;
  std::string model = {};  // its name; empty: the only one
};

// Candidates are taken as they are: one without steps is refused when it is tokenised, alone.
// Throws Error(kInvalidArgument) for no candidates, a problem without text, an unknown weight.
RerankInput ToRerankInput(const v1::RerankRequest& message);
void ToMessage(const RerankInput& input, v1::RerankRequest* message);

void ToMessage(const RerankResult& result, v1::RerankResponse* message);
// Throws Error(kDataLoss) for an answer that does not fit the `asked` problem: another id or number
// of candidates, other numbers of scores than steps, indices of candidates that are not there.
RerankResult ToRerankResult(const v1::RerankResponse& message, const RerankProblem& asked);

}  // namespace prm
