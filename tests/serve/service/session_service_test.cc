#include "serve/service/session_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/serve/naive_stream.h"
#include "tests/serve/service/session_fixture.h"

#ifdef __SANITIZE_THREAD__
// Copies of an exception share their text by a reference count in libstdc++, which TSan does not
// see: it reports the last copy's destruction as a race with the use of the others.
extern "C" const char* __tsan_default_suppressions() {
  return "race:std::runtime_error::~runtime_error\n";
}
#endif

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void ExpectSame(const StreamReply& reply, const StreamReply& expected) {
  EXPECT_EQ(Shown(reply), Shown(expected)) << MessageIn(reply);
  const auto* score = std::get_if<Appended>(&reply.outcome);
  const auto* other = std::get_if<Appended>(&expected.outcome);
  if (score == nullptr || other == nullptr) return;
  EXPECT_EQ(score->score, other->score);
  EXPECT_EQ(score->aggregate, other->aggregate);
  EXPECT_EQ(score->first_error, other->first_error);
  EXPECT_EQ(score->tokens, other->tokens);
}

TEST(SessionService, AnyOperationsGiveWhatScoringWholeTracesGives) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Desk desk;
    Client client(desk);
    NaiveStream naive(desk.rules);
    RandomRequests requests(seed);
    for (int i = 0; i < 150; ++i) {
      const StreamRequest request = requests.Next();
      client.stream.Take(10, [=] { return request; });
      naive.Do(request);
    }
    std::vector<StreamReply> replies = client.Finish();
    std::map<std::string, int64_t> last;
    for (const StreamReply& reply : replies) {
      EXPECT_GE(reply.request, last[reply.session]) << "answers of a session change places";
      last[reply.session] = reply.request;
    }
    replies = InOrder(std::move(replies));
    ASSERT_EQ(replies.size(), naive.expected().size());
    for (size_t i = 0; i < replies.size(); ++i) ExpectSame(replies[i], naive.expected()[i]);
    EXPECT_EQ(desk.places.taken(), 0);
    if (HasFailure()) return;
  }
}

// --- order and batches ---------------------------------------------------------------------------

TEST(SessionService, SessionsDoNotWaitForEachOtherAndShareABatch) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  Client client(desk);
  for (const char* id : {"a", "b", "c", "d"}) client.Open(id);
  client.Step("a", "one");
  gate->AwaitArrivals(1);
  for (const char* id : {"a", "b", "c", "d"}) client.Step(id, "two");
  client.Send("b", CloseSession());
  client.Open("e");
  EXPECT_EQ(Shown(client.sink.Await(5)[4]), "10 e 0");  // after no step
  gate->Open();
  EXPECT_THAT(ShownInOrder(client.Finish()),
              ElementsAre("0 a 0", "1 b 0", "2 c 0", "3 d 0", "4 a 1 score 0", "5 a 2 score 1",
                          "6 b 1 score 0", "7 c 1 score 0", "8 d 1 score 0", "9 b 0", "10 e 0"));
  EXPECT_GE(desk.batches().at(1), 3u);  // b, c and d; a's second step comes after its first
}

TEST(SessionService, AForkWaitsForWhatWasAskedOfItsOrigin) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  Client client(desk);
  client.Open("a");
  client.Step("a", "one");
  client.Send("b", ForkSession{"a", {}});
  client.Step("b", "two");
  client.Step("a", "other");
  client.Send("a", ForkSession{"b", {}});
  client.Send("a", CloseSession());
  client.Send("a", ForkSession{"b", 1});
  gate->AwaitArrivals(1);
  gate->Open();
  EXPECT_THAT(ShownInOrder(client.Finish()),
              ElementsAre("0 a 0", "1 a 1 score 0", "2 b 1", "3 b 2 score 1", "4 a 2 score 1",
                          "5 a 2 ALREADY_EXISTS", "6 a 0", "7 a 1"));
}

TEST(SessionService, APieceGetsAReplyForEveryStepItCompletes) {
  Desk desk;
  Client client(desk);
  client.Open("a");
  client.Piece("a", "one\ntwo\n\nthr");
  client.Piece("a", "ee \xce");
  client.Piece("a", "\xba", true);
  client.Piece("a", " \n ", true);
  EXPECT_THAT(ShownInOrder(client.Finish()),
              ElementsAre("0 a 0", "1 a 1 more score 0", "1 a 2 score 1", "2 a 2", "3 a 3 score 2",
                          "4 a 3"));
}

// --- errors --------------------------------------------------------------------------------------

// The replies of requests after "open a" and "step one of a".
std::vector<StreamReply> RepliesTo(const std::function<void(Client&)>& requests) {
  Desk desk;
  Client client(desk);
  client.Open("a");
  client.Step("a", "one");
  requests(client);
  std::vector<StreamReply> replies = InOrder(client.Finish());
  replies.erase(replies.begin(), replies.begin() + 2);
  return replies;
}

TEST(SessionService, WhatIsWrongIsSaidOfTheSessionAndTheStreamLivesOn) {
  struct Case {
    std::function<void(Client&)> request;
    const char* shown;
    const char* message;
  };
  const std::vector<Case> cases = {
      {[](Client& c) { c.Open("a"); }, "2 a 1 ALREADY_EXISTS", "session a: it is open already"},
      {[](Client& c) { c.Step("z", "x"); }, "2 z 0 NOT_FOUND",
       "session z: it was not opened on this stream"},
      {[](Client& c) {
         c.Send("b", ForkSession{"z", {}});
       },
       "2 b 0 NOT_FOUND", "session b: no session z"},
      {[](Client& c) {
         c.Send("b", ForkSession{"a", 2});
       },
       "2 b 0 OUT_OF_RANGE", "step 2 of a session with 1 steps"},
      {[](Client& c) {
         c.Send("a", ForkSession{"a", {}});
       },
       "2 a 1 ALREADY_EXISTS", "expected a new name"},
      {[](Client& c) { c.Send("a", RollBackSession{-1}); }, "2 a 1 OUT_OF_RANGE",
       "expected 0 to 1"},
      {[](Client& c) { c.Send("a", RollBackSession{2}); }, "2 a 1 OUT_OF_RANGE", "expected 0 to 1"},
      {[](Client& c) { c.Step("a", "x", 0); }, "2 a 1 FAILED_PRECONDITION",
       "step 0 is out of order; expected step 1"},
      {[](Client& c) { c.Step("a", " "); }, "2 a 1 INVALID_ARGUMENT", "session a: step 1 is empty"},
      {[](Client& c) { c.Step("a", "ab\xff"); }, "2 a 1 INVALID_ARGUMENT",
       "step 1: text is not UTF-8 at byte 2"},
      {[](Client& c) { c.Piece("a", "\xce", true); }, "2 a 1 INVALID_ARGUMENT",
       "step 1: text is not UTF-8 at byte 0"},
      {[](Client& c) { c.Step("a", "x\x01"); }, "2 a 1 INVALID_ARGUMENT", "poisoned"},
      {[](Client& c) { c.Piece("a", "x\x01\n"); }, "2 a 1 INVALID_ARGUMENT", "poisoned"},
      {[](Client& c) { c.Step("a", std::string(201, 'x')); }, "2 a 1 INVALID_ARGUMENT",
       "201 bytes; expected at most 200"},
      {[](Client& c) { c.Piece("a", std::string(201, 'x')); }, "2 a 1 INVALID_ARGUMENT",
       "201 bytes of unfinished text"},
      {[](Client& c) {
         c.Send("b", SessionOptions{"p\xff", {}, ""});
       },
       "2 b 0 INVALID_ARGUMENT", "not UTF-8 at byte 1"},
      {[](Client& c) {
         c.Send("b", SessionOptions{std::string(3000, 'x'), {}, ""});
       },
       "2 b 0 INVALID_ARGUMENT", "at least 3000 tokens; the model takes at most 2048"},
      {[](Client& c) {
         c.Send("b", SessionOptions{"p", 2.0, ""});
       },
       "2 b 0 INVALID_ARGUMENT", "threshold 2"},
      {[](Client& c) { c.Send("", CloseSession()); }, "2  0 INVALID_ARGUMENT",
       "request 2: a session's name of 0 bytes; expected 1 to 128"},
      {[](Client& c) { c.Send(std::string(129, 'n'), CloseSession()); }, "2  0 INVALID_ARGUMENT",
       "129 bytes"},
      {[](Client& c) { c.Send("a", Error(ErrorCode::kInvalidArgument, "no operation")); },
       "2 a 1 INVALID_ARGUMENT", "session a: no operation"},
      {[](Client& c) {
         c.stream.Take(1, []() -> StreamRequest {
           throw Error(ErrorCode::kInvalidArgument, "not a request");
         });
       },
       "2  0 INVALID_ARGUMENT", "request 2: not a request"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(bad.message);
    const std::vector<StreamReply> replies = RepliesTo([&](Client& client) {
      bad.request(client);
      client.Send("a", RollBackSession{1});
      client.Step("a", "two");
    });
    ASSERT_EQ(replies.size(), 3u);
    EXPECT_EQ(Shown(replies[0]), bad.shown);
    const std::string message = MessageIn(replies[0]);
    EXPECT_THAT(message, HasSubstr(bad.message));
    const std::string where = message.substr(0, message.find(':'));
    EXPECT_EQ(message.find(where, 1), message.npos) << "said twice: " << message;
    EXPECT_EQ(Shown(replies[1]), "3 a 1");
    EXPECT_EQ(Shown(replies[2]), "4 a 2 score 1");
  }
}

TEST(SessionService, AClosedSessionSaysSoAndItsNameMayBeUsedAgain) {
  const auto replies = RepliesTo([](Client& c) {
    c.Send("a", CloseSession());
    c.Step("a", "two");
    c.Send("a", CloseSession());
    c.Open("a");
    c.Step("a", "one");
  });
  EXPECT_THAT(ShownInOrder(replies),
              ElementsAre("2 a 0", "3 a 0 NOT_FOUND", "4 a 0 NOT_FOUND", "5 a 0", "6 a 1 score 0"));
  EXPECT_THAT(MessageIn(replies[1]), HasSubstr("it was closed"));
}

TEST(SessionService, ASessionOfAnotherStreamIsNotFound) {
  Desk desk;
  Client owner(desk), other(desk);
  owner.Open("a");
  owner.sink.Await(1);
  other.Step("a", "one");
  other.Send("b", ForkSession{"a", {}});
  EXPECT_THAT(ShownInOrder(other.Finish()), ElementsAre("0 a 0 NOT_FOUND", "1 b 0 NOT_FOUND"));
}

TEST(SessionService, AWholeStepAmongPiecesIsOutOfOrder) {
  const auto replies = RepliesTo([](Client& c) {
    c.Piece("a", "two, in pie");
    c.Step("a", "three");
    c.Piece("a", "ces", true);
  });
  EXPECT_THAT(ShownInOrder(replies),
              ElementsAre("2 a 1", "3 a 1 FAILED_PRECONDITION", "4 a 2 score 1"));
}

TEST(SessionService, PiecesBehindARefusedOneAreRefusedUntilARollBack) {
  const auto replies = RepliesTo([](Client& c) {
    c.Piece("a", "two\nthree\x01\nfour\nfi");
    c.Piece("a", "ve\n");
    c.Send("a", RollBackSession{2});
    c.Piece("a", "three", true);
  });
  EXPECT_THAT(ShownInOrder(replies),
              ElementsAre("2 a 2 more score 1", "2 a 2 INVALID_ARGUMENT",
                          "3 a 2 FAILED_PRECONDITION", "4 a 2", "5 a 3 score 2"));
}

TEST(SessionService, AFullQueueIsAnErrorOfTheStepAndItMayBeSentAgain) {
  const auto gate = std::make_shared<Gate>();
  BatcherOptions options;
  options.max_queue_traces = 1;
  Desk desk(gate, options);
  Client client(desk);
  for (const char* id : {"a", "b", "c"}) client.Open(id);
  client.Step("a", "one");
  gate->AwaitArrivals(1);
  client.Step("b", "one");
  client.Step("c", "one");
  EXPECT_EQ(Shown(client.sink.Await(4)[3]), "5 c 0 RESOURCE_EXHAUSTED");
  gate->Open();
  client.sink.Await(6);
  client.Step("c", "one");
  EXPECT_EQ(Shown(client.Finish()[6]), "6 c 1 score 0");
}

// --- the end -------------------------------------------------------------------------------------

TEST(SessionService, TheRecordCountsWhatTheStreamDid) {
  Desk desk;
  Client client(desk);
  client.Open("a");
  client.Step("a", "one");
  client.Send("b", ForkSession{"a", {}});
  client.Step("b", "two");
  client.Step("c", "x");
  CallRecord record;
  client.Finish(&record);
  EXPECT_EQ(record.traces, 2);
  EXPECT_EQ(record.failed_traces, 1);
  EXPECT_EQ(record.tokens, int(std::string("problem one problem one two ").size()));
  EXPECT_EQ(record.status(), std::nullopt);
}

TEST(SessionService, ADrainAnswersWhatWasTakenAndNoMore) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  Client client(desk);
  client.Open("a");
  client.Step("a", "one");
  client.Step("a", "two");
  gate->AwaitArrivals(1);
  client.stream.Drain();
  client.Step("a", "three");
  gate->Open();
  CallRecord record;
  EXPECT_THAT(ShownInOrder(client.sink.AwaitEnd(&record)),
              ElementsAre("0 a 0", "1 a 1 score 0", "2 a 2 score 1"));
  EXPECT_EQ(record.status(), ErrorCode::kUnavailable);
}

TEST(SessionService, ACancelledStreamDropsWhatHasNotBegun) {
  const auto gate = std::make_shared<Gate>();
  Desk desk(gate);
  Client client(desk);
  client.Open("a");
  client.Open("b");
  client.Step("a", "one");
  gate->AwaitArrivals(1);
  client.Step("a", "two");
  client.Step("b", "one");
  client.stream.Cancel(Error(ErrorCode::kCancelled, "gone"));
  gate->Open();
  CallRecord record;
  EXPECT_EQ(client.sink.AwaitEnd(&record).size(), 2u);  // the opens
  EXPECT_EQ(record.status(), ErrorCode::kCancelled);
  EXPECT_EQ(desk.batches().size(), 1u);
  EXPECT_EQ(desk.places.taken(), 0);
}

TEST(SessionService, ADeadlineInThePastBeginsNothing) {
  Desk desk;
  RecordingSink sink(true);
  StreamParts parts = desk.Parts(TestLimits());
  parts.deadline = SteadyTime(std::chrono::seconds(1));
  SessionService stream(parts, &sink);
  sink.stream = &stream;
  stream.Take(1, [] { return StreamRequest{"a", SessionOptions{"p", {}, ""}}; });
  stream.Take(1, [] { return StreamRequest{"a", AppendText{"one", true, false, {}}}; });
  stream.NoMore();
  EXPECT_THAT(ShownInOrder(sink.AwaitEnd()), ElementsAre("0 a 0", "1 a 0 DEADLINE_EXCEEDED"));
  EXPECT_THAT(desk.batches(), ElementsAre());
}

TEST(SessionService, ABatcherThatStopsFailsItsStepsAndNotTheStream) {
  Desk desk;
  Client client(desk);
  client.Open("a");
  client.sink.Await(1);
  desk.batcher.Stop();
  client.Step("a", "one");
  EXPECT_THAT(ShownInOrder(client.Finish()), ElementsAre("0 a 0", "1 a 0 UNAVAILABLE"));
}

TEST(SessionService, ManyStreamsOnManyThreadsAnswerEveryRequest) {
  constexpr int kStreams = 6, kSessions = 5, kSteps = 6;
  Desk desk;
  std::vector<std::thread> threads;
  for (int t = 0; t < kStreams; ++t) {
    threads.emplace_back([&] {
      Client client(desk);
      NaiveStream naive(desk.rules);
      const auto send = [&](const std::string& id, auto operation) {
        client.Send(id, operation);
        naive.Do({id, operation});
      };
      for (int s = 0; s < kSessions; ++s) send(StrCat(s), SessionOptions{StrCat("p", s), {}, ""});
      for (int step = 0; step < kSteps; ++step) {
        for (int s = 0; s < kSessions; ++s) {
          send(StrCat(s), AppendText{StrCat("step ", step), true, false, step});
        }
        client.stream.Tick();
      }
      const std::vector<StreamReply> replies = InOrder(client.Finish());
      ASSERT_EQ(replies.size(), naive.expected().size());
      for (size_t i = 0; i < replies.size(); ++i) ExpectSame(replies[i], naive.expected()[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(desk.places.taken(), 0);
}

}  // namespace
}  // namespace prm
