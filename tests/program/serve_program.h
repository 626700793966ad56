// `prm serve` under test, on the tiny model of PrmProgram.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/program/program.h"

namespace prm {

class ServeProgram : public PrmProgram {
 protected:
  static std::string Serve(const std::string& flags = "") {
    return "serve --model " + Path("run/best") + " --listen 127.0.0.1:0 --threads 1 " + flags;
  }
  static Outcome Ask(const std::string& server, const std::string& flags = "") {
    return Run("ask --server " + server + " --in " + Path("data/dev.jsonl") + " " + flags);
  }
  static void ExpectAnswers(const std::string& server, const std::string& flags = "") {
    const Outcome asked = Ask(server, flags);
    EXPECT_EQ(asked.status, 0) << asked.err;
    EXPECT_EQ(std::count(asked.out.begin(), asked.out.end(), '\n'), 12) << asked.out;
  }
  static void ExpectStops(RunningProgram& server) {
    server.Signal(SIGTERM);
    EXPECT_EQ(server.Wait(), 0) << server.log();
    EXPECT_THAT(server.log(), testing::HasSubstr("event=stop"));
  }
  static std::string MetricsOf(RunningProgram& server) {
    const std::string quoted = server.WaitFor("metrics=");
    return quoted.substr(1, quoted.size() - 2);
  }
  // The log file of this test's server.
  std::string Log() const {
    return Path(testing::UnitTest::GetInstance()->current_test_info()->name());
  }
};

}  // namespace prm
