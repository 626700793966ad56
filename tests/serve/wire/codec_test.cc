#include "serve/wire/codec.h"

#include <gtest/gtest.h>

#include "data/records/score_lines.h"

namespace prm {
namespace {

TEST(Codec, AnAnswerSurvivesTheWireExactly) {
  TraceAnswer answer;
  answer.line = MakeScoreLine(
      "p1/0", ScoresOf({{0.7f, 0.2f, 0.06f, 0.04f}, {0.1f, 0.1f, 0.75f, 0.05f}}), 0.5);
  answer.tokens = 42;
  v1::TraceResult message;
  ToMessage(answer, &message);
  const TraceAnswer back = ToAnswer(message);
  EXPECT_EQ(back.line.id, answer.line.id);
  EXPECT_EQ(back.line.scores, answer.line.scores);
  EXPECT_EQ(back.line.label_probs, answer.line.label_probs);
  EXPECT_EQ(back.line.aggregate, answer.line.aggregate);
  EXPECT_EQ(back.line.first_error, 1);
  EXPECT_EQ(back.tokens, 42);
  EXPECT_FALSE(back.line.error);
}

TEST(Codec, AnErrorSurvivesTheWire) {
  v1::TraceResult message;
  ToMessage(MakeErrorAnswer("x", Error(ErrorCode::kInvalidArgument, "no steps")), &message);
  const TraceAnswer back = ToAnswer(message);
  EXPECT_EQ(back.line.error, "no steps");
  EXPECT_EQ(back.code, ErrorCode::kInvalidArgument);
}

TEST(Codec, ATraceSurvivesTheWire) {
  Trace trace;
  trace.id = "t";
  trace.problem = "1 + 1 = ?\n";
  trace.steps = {{"1 + 1 = 2", {}, {}}, {"ки ∎", {}, {}}};
  v1::Trace message;
  ToMessage(trace, &message);
  const Trace back = ToTrace(message);
  EXPECT_EQ(back.id, trace.id);
  EXPECT_EQ(back.problem, trace.problem);
  ASSERT_EQ(back.steps.size(), 2u);
  EXPECT_EQ(back.steps[1].text, "ки ∎");
}

TEST(Codec, AnAnswerThatSaysNothingIsRefused) {
  v1::TraceResult message;
  EXPECT_THROW(ToAnswer(message), Error);
  message.mutable_scores()->add_scores(0.5f);
  message.mutable_scores()->add_label_probs();
  EXPECT_NO_THROW(ToAnswer(message));
  message.mutable_scores()->add_label_probs();
  EXPECT_THROW(ToAnswer(message), Error);
}

TEST(Codec, AnUnknownErrorCodeIsInternal) {
  v1::TraceResult message;
  message.mutable_error()->set_code(77);
  EXPECT_EQ(ToAnswer(message).code, ErrorCode::kInternal);
}

TEST(Codec, DescriptionAndLimitsSurviveTheWire) {
  ModelDescription d;
  d.name = "n";
  d.parameters = int64_t{5} << 33;
  d.threshold = 0.37;
  d.max_tokens = 7;
  d.weights = "int8";
  v1::Model message;
  ToMessage(d, &message);
  const ModelDescription back = ToDescription(message);
  EXPECT_EQ(back.name, d.name);
  EXPECT_EQ(back.parameters, d.parameters);
  EXPECT_EQ(back.threshold, d.threshold);
  EXPECT_EQ(back.max_tokens, d.max_tokens);
  EXPECT_EQ(back.weights, d.weights);
  v1::Limits limits;
  ToMessage(CallLimits{1, 2, 3, 4}, &limits);
  EXPECT_EQ(ToLimits(limits).max_traces, 1);
  EXPECT_EQ(ToLimits(limits).max_steps, 2);
  EXPECT_EQ(ToLimits(limits).max_call_tokens, 3);
  EXPECT_EQ(ToLimits(limits).max_message_bytes, 4);
}

}  // namespace
}  // namespace prm
