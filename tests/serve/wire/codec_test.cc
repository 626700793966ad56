#include "serve/wire/codec.h"

#include <gtest/gtest.h>

#include "data/records/score_lines.h"

namespace prm {
namespace {

TEST(Codec, AScoreLineSurvivesTheWireExactly) {
  const TraceScores scores =
      TraceScores::Of({{0.7f, 0.2f, 0.06f, 0.04f}, {0.1f, 0.1f, 0.75f, 0.05f}});
  for (const double threshold : {0.5, 0.1}) {
    ScoreLine line = MakeScoreLine("p1/0", scores, threshold);
    line.tokens = 42;
    v1::TraceResult message;
    ToMessage(line, &message);
    const ScoreLine back = ToScoreLine(message);
    EXPECT_EQ(back.id, line.id);
    EXPECT_TRUE(SameScores(back.scores, line.scores));
    EXPECT_EQ(back.aggregate, line.aggregate);
    EXPECT_EQ(back.first_error, threshold == 0.5 ? std::optional(1) : std::nullopt);
    EXPECT_EQ(back.tokens, 42);
    EXPECT_FALSE(back.error);
  }
}

TEST(Codec, AnErrorSurvivesTheWire) {
  v1::TraceResult message;
  ToMessage(MakeErrorLine("x", Error(ErrorCode::kInvalidArgument, "no steps")), &message);
  const ScoreLine back = ToScoreLine(message);
  EXPECT_EQ(back.id, "x");
  EXPECT_STREQ(back.error.value().what(), "no steps");
  EXPECT_EQ(back.error->code(), ErrorCode::kInvalidArgument);
}

// Clients in other languages read it as google.rpc.Status: code in field 1, message in field 2.
TEST(Codec, AnErrorHasTheBytesOfGoogleRpcStatus) {
  v1::Status message;
  ToMessage(Error(ErrorCode::kNotFound, "no"), &message);
  EXPECT_EQ(message.SerializeAsString(), "\x08\x05\x12\x02no");
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
  EXPECT_THROW(ToScoreLine(message), Error);
  message.mutable_scores()->add_scores(0.5f);
  message.mutable_scores()->add_label_probs();
  EXPECT_NO_THROW(ToScoreLine(message));
  message.mutable_scores()->add_label_probs();
  EXPECT_THROW(ToScoreLine(message), Error);
}

TEST(Codec, AnUnknownErrorCodeIsInternal) {
  v1::TraceResult message;
  message.mutable_error()->set_code(77);
  EXPECT_EQ(ToScoreLine(message).error.value().code(), ErrorCode::kInternal);
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
