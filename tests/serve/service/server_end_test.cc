// How a server ends: drains, and devices that are lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <future>
#include <latch>
#include <map>
#include <mutex>
#include <thread>

#include "tests/serve/asking.h"

namespace prm {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;

TEST(ServerEnd, DrainFinishesAcceptedCallsRefusesNewOnesAndSaysSo) {
  const auto gate = std::make_shared<Gate>();
  const auto server = Start(QuietOptions(), gate);
  EXPECT_EQ(Health(*server, ""), kServing);
  EXPECT_EQ(Health(*server, "prm.v1.ScoringService"), kServing);
  const Trace trace = MakeTrace("accepted", "p", {"a"});
  const auto open = StubFor(server->address());
  Reply accepted;
  std::thread running([&] { accepted = Ask(*server, {trace}); });
  gate->AwaitArrivals(1);
  bool drained = false;
  std::thread drain([&] { drained = server->Drain(); });
  while (Health(*server, "") == kServing) std::this_thread::yield();
  EXPECT_EQ(Health(*server, ""), kNotServing);
  EXPECT_EQ(Health(*server, "prm.v1.ScoringService"), kNotServing);
  EXPECT_EQ(Ask(*server, {trace}).status.error_code(), StatusCode::UNAVAILABLE);
  gate->Open();
  running.join();
  drain.join();
  EXPECT_TRUE(drained);
  ASSERT_TRUE(accepted.status.ok()) << accepted.status.error_message();
  ExpectOfflineScores(accepted.response.results(0), trace);
  EXPECT_EQ(Ask(*open, RequestOf({trace})).status.error_code(), StatusCode::UNAVAILABLE);
}

// Replies by status for clients that call continuously while the server drains and ends.
std::map<StatusCode, int> StatusesOfADrain() {
  constexpr int kClients = 8;
  auto server = Start();
  std::mutex mutex;
  std::map<StatusCode, int> statuses;
  std::latch asking(kClients);
  std::atomic<bool> gone = false;
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, stub = StubFor(server->address())] {
      const v1::ScoreTracesRequest request = RequestOf({MakeTrace("t", "p", {"a", "b"})});
      bool counted = false;
      while (!gone) {
        const StatusCode code = Ask(*stub, request).status.error_code();
        if (!counted) asking.count_down();
        counted = true;
        std::lock_guard lock(mutex);
        ++statuses[code];
      }
    });
  }
  asking.wait();
  EXPECT_TRUE(server->Drain());
  server.reset();
  gone = true;
  for (std::thread& client : clients) client.join();
  return statuses;
}

TEST(ServerEnd, ACallThatMeetsTheEndOfADrainIsUnavailable) {
  for (int drain = 0; drain < 10; ++drain) {
    std::map<StatusCode, int> statuses = StatusesOfADrain();
    EXPECT_GT(statuses[StatusCode::OK], 0);
    EXPECT_GT(statuses[StatusCode::UNAVAILABLE], 0);
    EXPECT_EQ(statuses.size(), 2u) << testing::PrintToString(statuses);
  }
}

TEST(ServerEnd, ALostDeviceEndsItsCallsAndHealth) {
  const auto gate = std::make_shared<Gate>();
  auto scorer = std::make_unique<FakeScorer>(gate);
  scorer->on_score = [&, batches = 0](std::span<const TraceTokens>) mutable {
    if (++batches < 2) return;
    EXPECT_EQ(batches, 2) << "asked again";
    throw DeviceLost("illegal memory access");
  };
  std::promise<ServerFailure> failed;
  ServerOptions options = QuietOptions();
  options.batch.max_traces = 1;
  options.on_failure = [&](ServerFailure failure) { failed.set_value(failure); };
  Server server(options, std::move(scorer));
  EXPECT_EQ(server.failure(), std::nullopt);
  std::vector<std::thread> callers;
  std::atomic<int> ok = 0, unavailable = 0;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const grpc::Status status = Ask(server, {MakeTrace("t", "p", {"a"})}).status;
      ok += status.ok();
      unavailable += status.error_code() == StatusCode::UNAVAILABLE &&
                     status.error_message() == "illegal memory access";
    });
  }
  while (server.MetricsText().find("\nprm_queue_traces 3\n") == std::string::npos) {
    std::this_thread::yield();
  }
  gate->Open();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(ok, 1);
  EXPECT_EQ(unavailable, 3);
  EXPECT_EQ(failed.get_future().get(), ServerFailure::kDeviceLost);
  EXPECT_EQ(server.failure(), "illegal memory access");
  EXPECT_EQ(Health(server, ""), kNotServing);
  EXPECT_EQ(Health(server, "prm.v1.ScoringService"), kNotServing);
  EXPECT_EQ(Ask(server, {MakeTrace("t", "p", {"a"})}).status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(server.Drain());
}

TEST(ServerEnd, AProgramWhoseDeviceIsLostEndsWithOne) {
  FILE* const log = popen((std::string(PRM_FAKE_SERVER) + " 2 2>&1; echo exit=$?").c_str(), "r");
  std::string text;
  for (int c; (c = fgetc(log)) != EOF && !text.ends_with(" metrics=");) text += char(c);
  const size_t at = text.find("listen=") + 7;
  const auto stub = StubFor(text.substr(at, text.find(' ', at) - at));
  const v1::ScoreTracesRequest request = RequestOf({MakeTrace("t", "p", {"a"})});
  EXPECT_TRUE(Ask(*stub, request).status.ok());
  EXPECT_EQ(Ask(*stub, request).status.error_code(), StatusCode::UNAVAILABLE);
  for (int c; (c = fgetc(log)) != EOF;) text += char(c);
  pclose(log);
  EXPECT_THAT(text, HasSubstr("event=device_lost why=\"CUDA error"));
  EXPECT_THAT(text, HasSubstr("prm: CUDA error: an illegal memory access\nexit=1\n"));
}

}  // namespace
}  // namespace prm
