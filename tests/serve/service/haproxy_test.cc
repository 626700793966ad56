// Runs serve/haproxy.cfg unchanged, in front of servers in separate processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <set>
#include <thread>

#include "data/records/score_lines.h"
#include "serve/client/client.h"
#include "serve/client/client_options.h"
#include "tests/serve/server_fixture.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

// A program that ends with its owner; its output can be read line by line.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command) {
    std::array<int, 2> ends;
    EXPECT_EQ(pipe(ends.data()), 0);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    id_ = fork();
    if (id_ == 0) {
      // Only calls that are safe after fork in a multi-threaded process. The program ends with the
      // test, however that ends.
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    close(ends[1]);
    out_ = fdopen(ends[0], "r");
  }
  ~Process() {
    End(SIGKILL);
    fclose(out_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  std::string ReadLine() {
    std::string line;
    for (int c; (c = fgetc(out_)) != EOF && c != '\n';) line += char(c);
    return line;
  }
  void Signal(int signal) {
    ASSERT_GT(id_, 0) << "it has ended";  // kill(-1) would end every process
    kill(id_, signal);
  }
  void End(int signal) {
    if (id_ <= 0) return;
    Signal(signal);
    waitpid(id_, nullptr, 0);
    id_ = 0;
  }

 private:
  pid_t id_ = 0;
  FILE* out_ = nullptr;
};

// A port that was free a moment ago.
std::string FreeAddress() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return StrCat("127.0.0.1:", ntohs(address.sin_port));
}

class HaProxy : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("haproxy -v >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "no haproxy here (Debian: haproxy)";
    }
    address_ = FreeAddress();
    std::vector<std::string> command = {"env", "PRM_PROXY=" + address_};
    for (size_t i = 0; i < servers_.size(); ++i) {
      servers_[i] = std::make_unique<Process>(std::vector<std::string>{PRM_FAKE_SERVER});
      const std::string server = servers_[i]->ReadLine();
      ASSERT_NE(server, "");
      command.push_back(StrCat("PRM_SERVER_", i + 1, "=", server));
    }
    const std::string settings = SourceDir() / "serve/haproxy.cfg";
    for (const char* word : {"haproxy", "-db", "-q", "-f", settings.c_str()}) {
      command.push_back(word);
    }
    proxy_ = std::make_unique<Process>(command);
    ConnectTo(address_);
  }

  ClientOptions Options() const {
    ClientOptions options;
    options.server = address_;
    options.route_by_problem = true;
    options.attempts = 100;
    options.timeout_seconds = 60;
    return options;
  }

  // Requests traces of problems; every answer must equal the offline one.
  void AskRounds(const ClientOptions& options, int client, int rounds,
                 std::atomic<int>* answered) const {
    for (int round = 1; round <= rounds; ++round) {
      std::vector<Trace> traces;
      for (int p = 0; p < kProblems; ++p) {
        // Problems differ in their first token, so they share no prefix.
        const std::string problem = std::string(1, char('0' + p)) + StrCat(" of client ", client);
        traces.push_back(
            MakeTrace(StrCat(p), problem, std::vector<std::string>(size_t(round), "s")));
      }
      size_t next = 0;
      ScoringClient asking(options, [&](const ScoreLine& line) {
        const ScoreLine expected = OfflineLine(traces[next++]);
        ASSERT_FALSE(line.error) << line.error->what();
        EXPECT_EQ(line.id, expected.id);
        EXPECT_TRUE(SameScores(line.scores, expected.scores));
        ++*answered;
      });
      for (const Trace& trace : traces) asking.Add(trace);
      asking.Flush();
      EXPECT_EQ(next, traces.size());
    }
  }

  static constexpr int kProblems = 30;
  std::array<std::unique_ptr<Process>, 3> servers_;
  std::unique_ptr<Process> proxy_;
  std::string address_;
};

TEST_F(HaProxy, AProblemAlwaysMeetsTheServerThatHasItsPrefix) {
  constexpr int kRounds = 4;
  std::atomic<int> answered = 0;
  AskRounds(Options(), 1, kRounds, &answered);
  EXPECT_EQ(answered, kProblems * kRounds);
  int64_t computed = 0;
  for (const auto& server : servers_) {
    server->Signal(SIGTERM);
    const int64_t tokens = std::stoll(server->ReadLine());
    EXPECT_GT(tokens, 0) << "each has a share";
    computed += tokens;
  }
  // The longest trace of a problem, once: "0 of client 1\n" and a step of two tokens a round.
  EXPECT_EQ(computed, kProblems * (14 + 2 * kRounds));
}

TEST_F(HaProxy, AServerKilledUnderLoadCostsNoScore) {
  constexpr int kClients = 4, kRounds = 12;
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] { AskRounds(Options(), c, kRounds, &answered); });
  }
  while (answered < kClients * kProblems * kRounds / 4) std::this_thread::yield();
  servers_[1]->End(SIGKILL);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, kClients * kProblems * kRounds);
}

}  // namespace
}  // namespace prm
