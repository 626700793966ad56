// `prm serve` and the computing verbs on machines with few resources, and `prm load` against such a
// server.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/program/serve_program.h"
#include "tests/program/sockets.h"

namespace prm {
namespace {

using testing::HasSubstr;

// A big thread_local is allocated on every thread's stack, so that a library's threads with small
// stacks cannot start; the metrics thread once failed so.
TEST_F(ServeProgram, ThreadsStartWithTheirStacks) {
  std::ifstream file(PRM_PROGRAM, std::ios::binary);
  Elf64_Ehdr header = {};
  ASSERT_TRUE(file.read(reinterpret_cast<char*>(&header), sizeof(header)));
  uint64_t thread_local_bytes = 0;
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment = {};
    file.seekg(std::streamoff(header.e_phoff + uint64_t(i) * header.e_phentsize));
    ASSERT_TRUE(file.read(reinterpret_cast<char*>(&segment), sizeof(segment)));
    if (segment.p_type == PT_TLS) thread_local_bytes = segment.p_memsz;
  }
  EXPECT_GT(thread_local_bytes, 0u);
  EXPECT_LE(thread_local_bytes, 2048u);
}

// Each memory limit stops another part of the program; none may end it without a message.
TEST_F(ServeProgram, WantOfMemoryIsSaidInWords) {
  const std::string flags = " --cache-bytes 1000000 --threads 2 --model " + Path("run/best");
  int refused = 0;
  for (int megabytes = 300; megabytes <= 620; megabytes += 20) {
    SCOPED_TRACE(megabytes);
    const std::string limit = "ulimit -v " + std::to_string(megabytes << 10) + ";";
    RunningProgram score("score --out /dev/null --in " + Path("data/dev.jsonl") + flags, Log(),
                         limit);
    if (score.Wait() != 0) {
      ++refused;
      EXPECT_THAT(score.log(), HasSubstr("prm: "));
    }
    RunningProgram server("serve --listen 127.0.0.1:0" + flags, Log(), limit);
    if (!server.Says("listen=")) {
      ++refused;
      EXPECT_THAT(server.log(), HasSubstr("prm: "));
    }
  }
  EXPECT_GT(refused, 3);
}

// A user of his own, since the system counts the threads of a user, and does not bound root's.
TEST_F(ServeProgram, WantOfThreadsIsSaidInWords) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to run as a user without other processes";
  std::filesystem::permissions(folder_->path(), std::filesystem::perms::others_exec,
                               std::filesystem::perm_options::add);
  const std::string of_another =
      "exec setpriv --reuid=54321 --clear-groups bash -c \"ulimit -u 1 &&";
  const std::string flags = " --threads 2 --model " + Path("run/best") + "\"";
  for (const std::string& verb :
       {"score --out /dev/null --in " + Path("data/dev.jsonl"),
        std::string("serve --listen 127.0.0.1:0"), "eval --data " + Path("data/dev.jsonl")}) {
    RunningProgram program(verb + flags, Log(), of_another);
    EXPECT_EQ(program.Wait(), 1) << verb << ": " << program.log();
    EXPECT_THAT(program.log(), AllOf(HasSubstr("prm: "), HasSubstr("thread"))) << verb;
  }
}

int64_t ResidentBytes(pid_t pid) {
  int64_t pages = 0;
  std::ifstream("/proc/" + std::to_string(pid) + "/statm") >> pages >> pages;  // the second field
  return pages * sysconf(_SC_PAGESIZE);
}

TEST_F(ServeProgram, MemoryOfCallsThatArriveByHalvesIsBounded) {
  constexpr int kCalls = 64;
  constexpr int64_t kHalf = 3'500'000;
  RunningProgram server(Serve("--max-message-bytes 4000000 --max-buffered-bytes 8000000"), Log());
  const std::string address = server.WaitFor("listen=");
  ExpectAnswers(address);
  const int64_t before = ResidentBytes(server.pid());
  WriteText(Path("long.jsonl"), R"({"id":"a","problem":"p","steps":[")" +
                                    std::string(size_t(kHalf + 400'000), 'x') + "\"]}\n");
  StallingProxy proxy(address, kHalf);
  RunningProgram load(StrCat("load --server ", proxy.address(), " --in ", Path("long.jsonl"),
                             " --mix trace=1 --rate 100 --seconds 60 --timeout 60 --connections ",
                             kCalls, " --outstanding ", kCalls),
                      Log() + ".load");
  int64_t most = 0;
  for (int i = 0; i < 80; ++i) {
    usleep(100'000);
    most = std::max(most, ResidentBytes(server.pid()) - before);
  }
  EXPECT_GT(proxy.passed(), 64'000'000);
  EXPECT_LT(most, 150'000'000);
  ExpectAnswers(address);  // to others, meanwhile
  load.Signal(SIGKILL);
  load.Wait();
  ExpectAnswers(address);
  ExpectStops(server);
}

TEST_F(ServeProgram, AConnectionThatHasSpokenIsClosedWhenItIsIdleForTooLong) {
  RunningProgram server(Serve("--connection-idle-seconds 1"), Log());
  const int idle = ConnectSocket(server.WaitFor("listen="));
  ASSERT_EQ(send(idle, kHttp2Hello.data(), kHttp2Hello.size(), MSG_NOSIGNAL),
            ssize_t(kHttp2Hello.size()));
  std::array<char, 4096> bytes;
  ssize_t received = 0, all = 0;
  while ((received = recv(idle, bytes.data(), bytes.size(), 0)) > 0) all += received;
  EXPECT_EQ(received, 0);
  EXPECT_GT(all, 0) << "it was spoken to";
  close(idle);
  ExpectStops(server);
}

// A mount over /proc simulates a chroot without it.
TEST_F(ServeProgram, WithoutProcThereIsADefaultAndANote) {
  if (std::system("unshare -m true 2>/dev/null") != 0) {
    GTEST_SKIP() << "needs root and a mount point at /, to hide /proc";
  }
  const std::string hidden = "exec unshare -m bash -c \"mount -t tmpfs none /proc && ";
  RunningProgram server("serve --listen 127.0.0.1:0 --model " + Path("run/best") + "\"", Log(),
                        hidden);
  ExpectAnswers(server.WaitFor("listen="));
  EXPECT_THAT(server.log(), HasSubstr("note: /proc/meminfo has no MemAvailable"));
  // It found its own path, to restart with a bounded spin.
  EXPECT_THAT(ReadText("/proc/" + std::to_string(server.pid()) + "/environ"),
              HasSubstr("GOMP_SPINCOUNT="));
  ExpectStops(server);
}

// --- load ----------------------------------------------------------------------------------------

TEST_F(ServeProgram, LoadEndsInTimeWhereTheServerDoesNotAnswer) {
  for (const std::string mix : {"trace=1", "append=1"}) {
    RunningProgram server(Serve("--log-level debug"), Log());
    const std::string address = server.WaitFor("listen=");
    RunningProgram load("load --server " + address + " --in " + Path("data/dev.jsonl") +
                            " --rate 100000 --seconds 3 --timeout 1 --outstanding 2 --mix " + mix,
                        Log() + ".load");
    server.WaitFor("event=batch");
    server.Signal(SIGSTOP);
    EXPECT_EQ(load.Wait(), 0) << load.log();
    EXPECT_THAT(load.log(), HasSubstr(" due calls were not sent"));
  }
}

TEST_F(ServeProgram, WhateverMeetsTheEndOfADrainIsUnavailable) {
  for (int drain = 0; drain < 5; ++drain) {
    RunningProgram server(Serve(), Log());
    const std::string address = server.WaitFor("listen=");
    RunningProgram load("load --server " + address + " --in " + Path("data/dev.jsonl") +
                            " --mix trace=1 --outstanding 16 --seconds 60 --calls 3000 --json " +
                            Path("drain.json"),
                        Log() + ".load");
    server.WaitFor("event=call");
    ExpectStops(server);
    EXPECT_EQ(load.Wait(), 0) << load.log();
    const auto report = nlohmann::json::parse(ReadText(Path("drain.json")));
    const auto codes = report["kinds"]["trace"]["codes"];
    EXPECT_TRUE(codes.contains("OK") && codes.contains("UNAVAILABLE") && codes.size() == 2)
        << codes;
  }
}

}  // namespace
}  // namespace prm
