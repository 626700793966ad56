// `prm serve` and the computing verbs on machines with few resources, and `prm load` against such a
// server.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
