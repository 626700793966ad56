// Limits of what a stream, a client and all clients may hold, and for how long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/service/session_service.h"
#include "tests/serve/service/session_fixture.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- limits --------------------------------------------------------------------------------------

TEST(SessionStreamLimits, SessionsOfAStreamAndOfTheServerAreBounded) {
  Desk desk(nullptr, {}, 4);
  StreamLimits limits = TestLimits();
  limits.max_stream_sessions = 2;
  Client first(desk, limits), second(desk, limits, true, 1);
  for (const char* id : {"a", "b", "c"}) first.Open(id);
  first.Send("c", ForkSession{"a", {}});
  const auto of_first = first.sink.Await(4);
  EXPECT_THAT(MessageIn(of_first[2]), HasSubstr("the stream has 2 sessions"));
  EXPECT_EQ(Shown(of_first[3]), "3 c 0 RESOURCE_EXHAUSTED");
  second.Open("a");
  second.Open("b");
  const auto of_second = second.sink.Await(2);
  EXPECT_EQ(Shown(of_second[1]), "1 b 0 RESOURCE_EXHAUSTED");
  EXPECT_THAT(MessageIn(of_second[1]), HasSubstr("the server has 3 sessions"));
  first.Send("a", CloseSession());
  first.sink.Await(5);
  second.Open("b");
  EXPECT_EQ(Shown(second.sink.Await(3)[2]), "2 b 0");
  first.Finish();  // its sessions end with it
  EXPECT_EQ(desk.places.taken(), 2);
}

TEST(SessionStreamLimits, NoClientHasAllSessionsByManyStreams) {
  Desk desk(nullptr, {}, 8);
  std::vector<std::unique_ptr<Client>> greedy;
  for (int i = 0; i < 4; ++i) {
    greedy.push_back(std::make_unique<Client>(desk));
    for (const char* id : {"a", "b"}) greedy.back()->Open(id);
    greedy.back()->sink.Await(2);
  }
  EXPECT_EQ(desk.places.taken(), 4);
  EXPECT_THAT(MessageIn(greedy.back()->sink.Await(2)[1]),
              HasSubstr("4 sessions of at most 8, 4 of them this client's"));
  Client other(desk, TestLimits(), true, 1);
  other.Open("a");
  EXPECT_EQ(Shown(other.Finish()[0]), "0 a 0");
}

TEST(SessionStreamLimits, ARefusedOpenTakesNoPlace) {
  Desk desk;
  Client client(desk);
  client.Send("a", SessionOptions{"\xff", {}, ""});
  client.Open("b");
  client.sink.Await(2);
  EXPECT_EQ(desk.places.taken(), 1);
}

TEST(SessionStreamLimits, AnIdleSessionExpires) {
  Desk desk;
  StreamLimits limits = TestLimits();
  limits.session_idle_seconds = 10;
  Client client(desk, limits);
  client.Open("a");
  client.Open("b");
  client.sink.Await(2);
  desk.seconds += 9;
  client.Step("b", "one");
  client.sink.Await(3);
  desk.seconds += 1;
  client.stream.Tick();
  client.Step("a", "one");
  client.Step("b", "two");
  client.Open("a");
  const auto replies = client.Finish();
  EXPECT_THAT(ShownInOrder(replies), ElementsAre("0 a 0", "1 b 0", "2 b 1 score 0",
                                                 "3 a 0 NOT_FOUND", "4 b 2 score 1", "5 a 0"));
  EXPECT_THAT(MessageIn(replies[3]), HasSubstr("it expired after 10 s without a request"));
}

TEST(SessionStreamLimits, ASessionThatWaitsForItsScoreIsNotIdle) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  StreamLimits limits = TestLimits();
  limits.session_idle_seconds = 10;
  Client client(desk, limits);
  client.Open("a");
  client.Step("a", "one");
  gate->AwaitArrivals(1);
  desk.seconds += 100;
  client.stream.Tick();
  gate->Open();
  client.sink.Await(2);
  client.stream.Tick();
  client.Step("a", "two");
  EXPECT_THAT(ShownInOrder(client.Finish()),
              ElementsAre("0 a 0", "1 a 1 score 0", "2 a 2 score 1"));
}

TEST(SessionStreamLimits, AStreamWithoutSessionsAndRequestsEnds) {
  Desk desk;
  StreamLimits limits = TestLimits();
  limits.session_idle_seconds = 10;
  limits.stream_idle_seconds = 30;
  Client silent(desk, limits), at_work(desk, limits);
  at_work.Open("a");
  at_work.sink.Await(1);
  desk.seconds += 29;
  silent.stream.Tick();
  at_work.stream.Tick();  // its session ends
  at_work.Open("b");      // after the tick
  at_work.sink.Await(2);
  desk.seconds += 1;
  silent.stream.Tick();
  CallRecord record;
  silent.sink.AwaitEnd(&record);
  EXPECT_EQ(record.status(), ErrorCode::kUnavailable);
  EXPECT_THAT(record.error->what(), HasSubstr("no session and no request for 30 s"));
  at_work.Send("b", CloseSession());
  at_work.sink.Await(3);
  desk.seconds += 29;
  at_work.stream.Tick();
  at_work.Open("c");
  EXPECT_EQ(Shown(at_work.sink.Await(4)[3]), "3 c 0");
}

TEST(SessionStreamLimits, AStreamWithoutAnswersIsNotRead) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  StreamLimits limits = TestLimits();
  limits.max_unanswered = 3;
  Client client(desk, limits);
  client.Open("a");
  client.sink.AwaitReads(1);
  client.sink.Await(1);
  client.Step("a", "one");
  client.sink.AwaitReads(2);
  client.Step("a", "two");
  client.sink.AwaitReads(3);
  client.Step("a", "three");
  gate->AwaitArrivals(1);
  EXPECT_EQ(client.sink.reads(), 3);
  gate->Open();
  client.sink.AwaitReads(4);
}

TEST(SessionStreamLimits, AStreamWithManyBytesToAnswerIsNotRead) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  StreamLimits limits = TestLimits();
  limits.max_unanswered_bytes = 20;
  Client client(desk, limits);
  client.Open("a");
  client.sink.Await(1);
  client.Step("a", "one");
  client.Step("a", "two");
  gate->AwaitArrivals(1);
  EXPECT_EQ(client.sink.reads(), 2);
  gate->Open();
  client.sink.AwaitReads(3);
}

// --- bytes ---------------------------------------------------------------------------------------

TEST(SessionStreamLimits, UnfinishedTextIsBoundedInSumAndAClientLeavesHalf) {
  Desk desk(nullptr, {}, 1000, 4000);
  Client greedy(desk), other(desk, TestLimits(), true, 1);
  const std::string piece(150, 'x');
  Strings open;
  for (int i = 0; i < 40; ++i) open.push_back(StrCat("s", i));
  for (const std::string& id : open) {
    greedy.Open(id);
    greedy.Piece(id, piece);
  }
  const auto replies = InOrder(greedy.sink.Await(80));
  EXPECT_LE(desk.bytes.taken(), 2000);
  const auto refused = std::ranges::count_if(replies, [](const StreamReply& reply) {
    return Shown(reply).find("RESOURCE_EXHAUSTED") != std::string::npos;
  });
  EXPECT_GT(refused, 20);
  std::vector<std::string> messages;
  for (const StreamReply& reply : replies) messages.push_back(MessageIn(reply));
  EXPECT_THAT(messages, testing::Contains(HasSubstr("of them this client's")));
  other.Open("a");
  other.Piece("a", piece, true);
  EXPECT_THAT(ShownInOrder(other.Finish()), ElementsAre("0 a 0", "1 a 1 score 0"));
  greedy.Finish();
  EXPECT_EQ(desk.bytes.taken(), 0);
}

TEST(SessionStreamLimits, ATextWithoutRoomIsDroppedAndNoPieceIsTakenForAnotherStep) {
  Desk desk(nullptr, {}, 1000, 1000);
  Client client(desk);
  client.Open("a");
  client.Piece("a", std::string(190, 'x'));
  client.sink.Await(2);
  client.Take(600, "a", AppendText{"y", false, false, {}});  // there is no room for the message
  client.Piece("a", "z", true);
  client.Send("a", RollBackSession{0});
  client.Piece("a", "one", true);
  const auto replies = InOrder(client.Finish());
  EXPECT_THAT(ShownInOrder(replies),
              ElementsAre("0 a 0", "1 a 0", "2 a 0 RESOURCE_EXHAUSTED", "3 a 0 FAILED_PRECONDITION",
                          "4 a 0", "5 a 1 score 0"));
  EXPECT_THAT(MessageIn(replies[2]), HasSubstr("bytes of requests"));
  EXPECT_EQ(desk.bytes.taken(), 0);
}

TEST(SessionStreamLimits, ForksCountTheIdsThatTheyCopy) {
  Desk desk(nullptr, {}, 1000, 20000);
  Client client(desk);
  client.Open("a");
  for (int i = 0; i < 5; ++i) client.Step("a", std::string(200, 'x'));
  client.sink.Await(6);
  const int64_t one = desk.bytes.taken();
  EXPECT_GT(one, 4 * 5 * 200);
  for (int i = 0; i < 10; ++i) client.Send(StrCat("fork", i), ForkSession{"a", {}});
  const auto replies = InOrder(client.sink.Await(16));
  EXPECT_EQ(Shown(replies[6]), "6 fork0 5");
  EXPECT_EQ(Shown(replies[15]), "15 fork9 0 RESOURCE_EXHAUSTED");
  EXPECT_EQ(desk.bytes.taken(), 2 * one);
  client.Send("fork0", RollBackSession{0});
  client.Send("nobody", CloseSession());  // after the rollback
  client.sink.Await(18);
  EXPECT_LT(desk.bytes.taken(), one + 200);
  client.Finish();
  EXPECT_EQ(desk.bytes.taken(), 0);
}

TEST(SessionStreamLimits, RequestsCountUntilTheyAreAnswered) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate, {}, 1000, 100000);
  Client client(desk);
  client.Open("a");
  client.sink.Await(1);
  const int64_t before = desk.bytes.taken();
  client.Take(7000, "a", AppendText{"one", true, true, {}});
  gate->AwaitArrivals(1);
  EXPECT_GE(desk.bytes.taken(), before + 7000);
  gate->Open();
  client.sink.Await(2);
  EXPECT_LT(desk.bytes.taken(), before + 7000);
  client.stream.Cancel(Error(ErrorCode::kCancelled, "enough"));
  client.sink.AwaitEnd();
  EXPECT_EQ(desk.bytes.taken(), 0);
}

TEST(SessionStreamLimits, AClientThatDoesNotReadIsCutAfterAWhile) {
  Desk desk;
  StreamLimits limits = TestLimits();
  limits.max_unanswered = 2;
  limits.stalled_seconds = 30;
  Client client(desk, limits, false);
  client.Open("a");
  client.Open("b");
  client.sink.Await(2);
  desk.seconds += 29;
  client.stream.Tick();
  EXPECT_THAT(client.sink.cuts(), ElementsAre());
  client.stream.Written();  // one more was read, so the time restarts
  client.Open("c");
  client.sink.Await(3);
  desk.seconds += 29;
  client.stream.Tick();
  EXPECT_THAT(client.sink.cuts(), ElementsAre());
  desk.seconds += 1;
  client.stream.Tick();
  client.stream.Tick();
  ASSERT_EQ(client.sink.cuts().size(), 1u);
  EXPECT_THAT(client.sink.cuts()[0].what(),
              HasSubstr("2 unread replies and none was read for 30 s"));
  CallRecord record;
  client.sink.AwaitEnd(&record);
  EXPECT_EQ(record.status(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(desk.places.taken(), 0);
}

TEST(SessionStreamLimits, ASlowClientBelowTheBoundIsNotCut) {
  Desk desk;
  Client client(desk, TestLimits(), false);
  client.Open("a");
  client.sink.Await(1);
  desk.seconds += 1000;
  client.stream.Tick();
  EXPECT_THAT(client.sink.cuts(), ElementsAre());
}

}  // namespace
}  // namespace prm
