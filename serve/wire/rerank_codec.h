// Converts between the messages of Rerank and structs; shared by server and client.
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

// Does not check candidates: one without steps is refused later, by itself, when it is tokenised.
// Throws Error(kInvalidArgument) for no candidates, a problem without text, an unknown weight.
RerankInput ToRerankInput(const v1::RerankRequest& message);
void ToMessage(const RerankInput& input, v1::RerankRequest* message);

void ToMessage(const RerankResult& result, v1::RerankResponse* message);
// Throws Error(kDataLoss) if the answer does not fit the `asked` problem: another id or number of
// candidates, numbers of scores and steps that differ, a candidate index out of range.
RerankResult ToRerankResult(const v1::RerankResponse& message, const RerankProblem& asked);

}  // namespace prm
