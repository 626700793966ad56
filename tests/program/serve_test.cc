// `prm serve` and its clients as a user starts them: every flag, the metrics page, floods, limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "tests/program/serve_program.h"
#include "tests/program/sockets.h"

namespace prm {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::set<std::string> FlagsIn(const std::string& text) {
  static const std::regex kFlag("--[a-z][a-z0-9-]*");
  std::set<std::string> flags;
  for (std::sregex_iterator at(text.begin(), text.end(), kFlag), end; at != end; ++at) {
    flags.insert(at->str());
  }
  return flags;
}

// The lines of a document's code blocks that start with `prm VERB`, with their continuations.
std::string ExamplesOf(const std::string& verb, const std::string& document) {
  std::istringstream lines(ReadText(SourceDir().string() + "/" + document));
  std::string examples;
  bool code = false, more = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) code = !code;
    if (code && (more || line.find("prm " + verb + " ") != line.npos)) {
      examples += line + "\n";
      more = line.ends_with("\\");
    }
  }
  return examples;
}

TEST_F(ServeProgram, StartsWithEveryFlagThatIsShownAnywhereAndDoesAllItDoes) {
  const std::map<std::string, std::string> flags = {
      {"--model", Path("run/best")},
      {"--listen", "127.0.0.1:0"},
      {"--metrics", "127.0.0.1:0"},
      {"--log-level", "debug"},
      {"--batch-tokens", "4096"},
      {"--batch-traces", "64"},
      {"--chunk-tokens", "512"},
      {"--aging-ms", "200"},
      {"--queue-traces", "8192"},
      {"--queue-tokens", "4194304"},
      {"--max-traces", "256"},
      {"--max-steps", "512"},
      {"--max-call-tokens", "262144"},
      {"--max-message-bytes", "16777216"},
      {"--max-streams", "64"},
      {"--max-sessions", "1024"},
      {"--max-stream-sessions", "256"},
      {"--max-unanswered", "1024"},
      {"--stalled-seconds", "60"},
      {"--stream-idle-seconds", "600"},
      {"--max-buffered-bytes", "134217728"},
      {"--trust-client-id", ""},
      {"--session-idle-seconds", "600"},
      {"--text-threads", "2"},
      {"--waiting-calls", "256"},
      {"--drain-seconds", "30"},
      {"--max-connections", "256"},
      {"--connection-idle-seconds", "600"},
      {"--watchdog-seconds", "1"},
      {"--dtype", "float32"},
      {"--weights", "as-stored"},
      {"--products", "auto"},
      {"--device", "cpu,cpu"},
      {"--threads", "1"},
      {"--pin-threads", ""},
      {"--self-test", "on"},
      {"--no-verify", ""},
      {"--cache-bytes", "1000000"},
      {"--batch-invariant", ""},
      {"--cuda-graphs", "on"},
  };
  std::string command = "serve", used;
  for (const auto& [flag, value] : flags) command += " " + flag + " " + value;
  std::set<std::string> shown = FlagsIn(Run("serve --help").out);
  for (const char* document : {"README.md", "docs/serving.md", "docs/checkpoints.md"}) {
    shown.merge(FlagsIn(ExamplesOf("serve", document)));
  }
  shown.erase("--help");
  shown.erase("--help-all");
  for (const std::string& flag : shown)
    EXPECT_TRUE(flags.contains(flag)) << flag << " is not tried";
  RunningProgram server(command, Log());
  const std::string address = server.WaitFor("listen=");
  const std::string metrics = MetricsOf(server);
  ExpectAnswers(address);
  ExpectAnswers(address, "--stream");
  const Outcome reranked = Run("rerank --server " + address + " --in " + Path("data/rerank.jsonl"));
  EXPECT_EQ(reranked.status, 0) << reranked.err;
  const Outcome load = Run("load --server " + address + " --in " + Path("data/dev.jsonl") +
                           " --problems " + Path("data/rerank.jsonl") +
                           " --mix append=20,trace=4,rerank=1 --calls 50 --connections 2");
  EXPECT_EQ(load.status, 0) << load.err;
  EXPECT_THAT(load.out, HasSubstr("50 calls in"));
  const std::string page = HttpGet(metrics, "/metrics");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(page, HasSubstr("\nprm_calls_total{status=\"OK\"} "));
  EXPECT_THAT(page, HasSubstr("\nprm_session_steps_total "));
  ExpectStops(server);
}

// --- the metrics page ----------------------------------------------------------------------------

TEST_F(ServeProgram, NobodyKeepsTheMetricsFromOthers) {
  RunningProgram server(Serve("--metrics 127.0.0.1:0"), Log());
  const std::string metrics = MetricsOf(server);
  const Crowd silent(metrics, 300);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(HttpGet(metrics, "/metrics"), HasSubstr("\nprm_queue_tokens 0"));
  }
  // Connections that stop in the middle of a request are closed after a while; waits for that.
  const Crowd half(metrics, 100, "GET /metrics HT");
  while (HttpGet(metrics, "/metrics").find("\nprm_queue_tokens 0") == std::string::npos) {
    usleep(50'000);
  }
}

TEST_F(ServeProgram, OnlyTheMetricsPageIsServed) {
  RunningProgram server(Serve("--metrics 127.0.0.1:0"), Log());
  const std::string metrics = MetricsOf(server);
  EXPECT_THAT(HttpGet(metrics, "/"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(HttpGet(metrics, "/metrics?name=prm_up"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(Exchange(metrics, "DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
              StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  const std::string head = Exchange(metrics, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  EXPECT_EQ(Exchange(metrics, "\x16\x03\x01 nonsense\r\n\r\n"), "");
  EXPECT_EQ(HttpGet(metrics, "/" + std::string(10'000, 'x')), "");
  ExpectStops(server);
}

TEST_F(ServeProgram, AnAddressThatCannotBeHadIsNamedWithTheReason) {
  const TakenPort port;
  ExpectRefused(Serve("--metrics " + port.address()),
                {"metrics: cannot listen on " + port.address() + ": Address already in use"});
  ExpectRefused(Serve("--metrics 9464"), {"metrics: cannot listen on 9464: it has no port"});
  ExpectRefused("serve --model " + Path("run/best") + " --listen 192.0.2.1:50051",
                {"server: cannot listen on 192.0.2.1:50051: Cannot assign requested address"});
}

// --- more connections than descriptors -----------------------------------------------------------

TEST_F(ServeProgram, ConnectionsThatSayNothingKeepNoClientOut) {
  RunningProgram server(Serve(), Log(), "ulimit -n 64;");
  const std::string address = server.WaitFor("listen=");
  {
    const Crowd silent(address, 200);
    ExpectAnswers(address);
    ExpectAnswers(address, "--stream");
  }
  ExpectAnswers(address);
  ExpectStops(server);
}

TEST_F(ServeProgram, ConnectionsThatSpeakFillTheServerAndItSaysSoAndGoesOn) {
  RunningProgram server(Serve("--watchdog-seconds 1"), Log(), "ulimit -n 64;");
  const std::string address = server.WaitFor("listen=");
  {
    const Crowd speaking(address, 100, kHttp2Hello);
    EXPECT_EQ(server.WaitFor("event=no_room door="), "server");
    const Outcome refused = Ask(address, "--attempts 1");
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("UNAVAILABLE"));
  }
  ExpectAnswers(address, "--attempts 30");
  ExpectStops(server);
}

TEST_F(ServeProgram, TheSoftLimitOfDescriptorsIsRaisedToTheHardOne) {
  RunningProgram server(Serve(), Log(), "ulimit -Sn 64;");
  const std::string address = server.WaitFor("listen=");
  const Crowd speaking(address, 200, kHttp2Hello);
  ExpectAnswers(address);
  EXPECT_THAT(server.log(), testing::Not(HasSubstr("no_room")));
}

TEST_F(ServeProgram, NoMoreConnectionsThanIsSaid) {
  RunningProgram server(Serve("--max-connections 20 --metrics 127.0.0.1:0"), Log());
  const std::string address = server.WaitFor("listen=");
  const std::string metrics = MetricsOf(server);
  const Crowd speaking(address, 40, kHttp2Hello);
  server.WaitFor("event=no_room door=server");
  EXPECT_THAT(HttpGet(metrics, "/metrics"), HasSubstr("\nprm_connections 20\n"));
}

// Shuts the server's listening socket down from outside, so that no connection arrives any more.
TEST_F(ServeProgram, AServerThatHearsNothingSaysSoAndEnds) {
  RunningProgram server(Serve("--watchdog-seconds 1"), Log());
  const std::string address = server.WaitFor("listen=");
  ExpectAnswers(address);
  const int process = int(syscall(SYS_pidfd_open, server.pid(), 0));
  ASSERT_GE(process, 0);
  int shut = 0;
  for (int descriptor = 0; descriptor < 256; ++descriptor) {
    const int copy = int(syscall(SYS_pidfd_getfd, process, descriptor, 0));
    if (copy < 0) continue;
    int listens = 0;
    socklen_t size = sizeof(listens);
    if (getsockopt(copy, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens) {
      shut += shutdown(copy, SHUT_RDWR) == 0;
    }
    close(copy);
  }
  close(process);
  ASSERT_EQ(shut, 1) << "needs permission to trace a child";
  EXPECT_EQ(server.Wait(), 1);
  EXPECT_THAT(server.log(), HasSubstr("event=deaf why=\"no answer to 3 health calls"));
}

TEST_F(ServeProgram, AModelIsAskedForByItsName) {
  RunningProgram server(Serve(), Log());
  const std::string address = server.WaitFor("listen=");
  ExpectAnswers(address, "--served-model best");
  for (const std::string& verb :
       {"ask --in " + Path("data/dev.jsonl"), "ask --stream --in " + Path("data/dev.jsonl"),
        "rerank --in " + Path("data/rerank.jsonl")}) {
    const Outcome outcome = Run(verb + " --served-model other --server " + address);
    EXPECT_EQ(outcome.status, 1) << verb;
    EXPECT_THAT(outcome.out + outcome.err, HasSubstr("there is no model")) << verb;
  }
  const Outcome load = Run("load --seconds 0.2 --served-model best --server " + address + " --in " +
                           Path("data/dev.jsonl"));
  EXPECT_EQ(load.status, 0) << load.err;
  ExpectStops(server);
}

}  // namespace
}  // namespace prm
