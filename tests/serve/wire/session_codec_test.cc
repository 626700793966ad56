#include "serve/wire/session_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

// Converts by way of the serialised bytes.
template <class Operation>
Operation OverTheWire(const Operation& operation) {
  v1::StreamRequest message;
  EXPECT_TRUE(message.ParseFromString(ToMessage({"s", operation}).SerializeAsString()));
  const StreamRequest back = ToRequest(message);
  EXPECT_EQ(back.session, "s");
  return std::get<Operation>(back.operation);
}

StreamReply OverTheWire(const StreamReply& reply) {
  v1::StreamReply message;
  EXPECT_TRUE(message.ParseFromString(ToMessage(reply).SerializeAsString()));
  return ToReply(message);
}

TEST(StreamCodec, RequestsSurviveTheWire) {
  const auto open = OverTheWire(SessionOptions{"1 + 1", 0.0, "\n\n", "m", true});
  EXPECT_EQ(open.problem, "1 + 1");
  EXPECT_EQ(open.model, "m");
  EXPECT_TRUE(open.diagnostics);
  EXPECT_FALSE(OverTheWire(SessionOptions()).diagnostics);
  EXPECT_EQ(open.threshold, 0.0);
  EXPECT_EQ(open.step_delimiter, "\n\n");
  EXPECT_EQ(OverTheWire(SessionOptions()).threshold, std::nullopt);
  const auto step = OverTheWire(AppendText{"x = 3", true, false, 0});
  EXPECT_EQ(step.text, "x = 3");
  EXPECT_TRUE(step.whole_step);
  EXPECT_FALSE(step.end_of_step);
  EXPECT_EQ(step.index, 0);
  const auto piece = OverTheWire(AppendText{"half of \xce", false, true, {}});
  EXPECT_EQ(piece.text, "half of \xce");
  EXPECT_FALSE(piece.whole_step);
  EXPECT_TRUE(piece.end_of_step);
  EXPECT_EQ(piece.index, std::nullopt);
  EXPECT_EQ(OverTheWire(ForkSession{"t", 0}).steps, 0);
  EXPECT_EQ(OverTheWire(ForkSession{"t", {}}).steps, std::nullopt);
  EXPECT_EQ(OverTheWire(ForkSession{"t", {}}).from, "t");
  EXPECT_EQ(OverTheWire(RollBackSession{3}).steps, 3);
  OverTheWire(CloseSession());
}

TEST(StreamCodec, ARequestThatAsksNothingCarriesItsError) {
  v1::StreamRequest message;
  message.set_session("s");
  const auto error_of = [](const v1::StreamRequest& m) {
    return std::string(std::get<Error>(ToRequest(m).operation).what());
  };
  EXPECT_THAT(error_of(message), HasSubstr("no operation"));
  message.mutable_append()->set_end_of_step(true);
  EXPECT_THAT(error_of(message), HasSubstr("an append without text"));
  EXPECT_EQ(ToRequest(message).session, "s");
}

TEST(StreamCodec, ScoresSurviveTheWireExactly) {
  Appended score;
  score.index = 2;
  score.score = {0.3f, LabelProbs{0.1f, 0.2f, 0.6f, 0.1f}};
  score.aggregate = {0.1, 0.2, 0.3, 0.4};
  score.first_error = 1;
  score.tokens = 50;
  score.tokens_computed = 7;
  score.tokens_reused = 43;
  const StreamReply back = OverTheWire(
      StreamReply{int64_t{1} << 40, "s", 3, true, score, Diagnostics{"0.1.0", 5, 6, 7}});
  ASSERT_TRUE(back.diagnostics);
  EXPECT_EQ(back.diagnostics->build_version, "0.1.0");
  EXPECT_EQ(back.diagnostics->tokenize_us, 5);
  EXPECT_EQ(back.diagnostics->queue_us, 6);
  EXPECT_EQ(back.diagnostics->compute_us, 7);
  EXPECT_EQ(back.request, int64_t{1} << 40);
  EXPECT_EQ(back.session, "s");
  EXPECT_EQ(back.steps, 3);
  EXPECT_TRUE(back.more);
  const auto& other = std::get<Appended>(back.outcome);
  EXPECT_EQ(other.index, 2);
  EXPECT_EQ(other.score, score.score);
  EXPECT_EQ(other.aggregate, score.aggregate);
  EXPECT_EQ(other.first_error, 1);
  EXPECT_EQ(other.tokens, 50);
  EXPECT_EQ(other.tokens_computed, 7);
  EXPECT_EQ(other.tokens_reused, 43);
  EXPECT_EQ(ToMessage({0, "s", 3, false, score}).score().advice(), v1::ADVICE_PRUNE);
  score.first_error.reset();
  score.score.label_probs.reset();
  const v1::StreamReply good = ToMessage({0, "s", 3, false, score});
  EXPECT_EQ(good.score().advice(), v1::ADVICE_CONTINUE);
  const Appended best = std::get<Appended>(ToReply(good).outcome);
  EXPECT_EQ(best.first_error, std::nullopt);
  EXPECT_EQ(best.score.label_probs, std::nullopt);
}

TEST(StreamCodec, OtherRepliesSurviveTheWireAndOneThatSaysNothingIsRefused) {
  const auto error = std::get<Error>(
      OverTheWire(StreamReply{1, "s", 0, false, Error(ErrorCode::kNotFound, "gone")}).outcome);
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_STREQ(error.what(), "gone");
  EXPECT_TRUE(
      std::holds_alternative<Done>(OverTheWire(StreamReply{1, "s", 0, false, Done()}).outcome));
  EXPECT_THAT(MessageOf([] { ToReply(v1::StreamReply()); }, ErrorCode::kDataLoss),
              HasSubstr("reply to request 0"));
}

TEST(StreamCodec, WhatStreamsMayCarrySurvivesTheWire) {
  StreamLimits limits;
  limits.max_stream_sessions = 1;
  limits.max_step_bytes = 2;
  limits.max_unanswered = 3;
  limits.session_idle_seconds = 4;
  v1::StreamDescription message;
  ToMessage("\n", limits, &message);
  EXPECT_EQ(message.step_delimiter(), "\n");
  const StreamLimits back = ToStreamLimits(message);
  EXPECT_EQ(back.max_stream_sessions, 1);
  EXPECT_EQ(back.max_step_bytes, 2);
  EXPECT_EQ(back.max_unanswered, 3);
  EXPECT_EQ(back.session_idle_seconds, 4);
}

}  // namespace
}  // namespace prm
