// Converts between messages and structs; shared by server and client.
#pragma once

#include <string>

#include "data/error.h"
#include "data/metrics/aggregates.h"
#include "data/records/score_lines.h"
#include "data/trace.h"
#include "model/step_scorer.h"
#include "proto/prm/v1/scoring.pb.h"
#include "serve/wire/call_limits.h"
#include "serve/wire/diagnostics.h"

namespace prm {

Trace ToTrace(const v1::Trace& message);
void ToMessage(const Trace& trace, v1::Trace* message);

// Throws Error(kDataLoss) if the answer has no outcome, or label probabilities for some but not all
// of its scores. A code outside the canonical ones becomes kInternal.
ScoreLine ToScoreLine(const v1::TraceResult& message);
void ToMessage(const ScoreLine& line, v1::TraceResult* message);

LabelProbs ToProbs(const v1::LabelProbabilities& message);
void ToMessage(const LabelProbs& probs, v1::LabelProbabilities* message);

Aggregates ToAggregates(const v1::Aggregates& message);
void ToMessage(const Aggregates& aggregates, v1::Aggregates* message);

// A code outside the canonical ones becomes kInternal.
Error ToError(const v1::Status& message);
void ToMessage(const Error& error, v1::Status* message);

Diagnostics ToDiagnostics(const v1::Diagnostics& message);
void ToMessage(const Diagnostics& diagnostics, v1::Diagnostics* message);

ModelDescription ToDescription(const v1::Model& message);
void ToMessage(const ModelDescription& description, v1::Model* message);

CallLimits ToLimits(const v1::Limits& message);
void ToMessage(const CallLimits& limits, v1::Limits* message);

}  // namespace prm
