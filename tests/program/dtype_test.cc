// --dtype auto, through the program.
#include <gmock/gmock.h>

#include <regex>

#include "tests/program/program.h"

namespace prm {
namespace {

using testing::HasSubstr;
using testing::Not;

class DtypeProgram : public PrmProgram {
 protected:
  static std::string Score(const std::string& flags) {
    return "score --model " + Path("run/best") + " --in " + Path("data/dev.jsonl") + " --out " +
           Path("scores.jsonl") + " --threads 1 " + flags;
  }
  // Returns D (float32 or bfloat16) of a line `dtype: D (why)`, and stores why if `why` is given.
  static std::string Said(const std::string& err, std::string* why = nullptr) {
    std::smatch line;
    const std::regex grammar("(?:^|\n)dtype: (float32|bfloat16) \\(([^\n]*)\\)\n");
    if (!std::regex_search(err, line, grammar)) {
      ADD_FAILURE() << "no dtype in: " << err;
      return "";
    }
    if (why) *why = line[2];
    return line[1];
  }
  // The faster of the two printed rates; either one if they are nearly equal.
  static void ExpectFaster(const std::string& dtype, const std::string& why) {
    std::smatch rates;
    if (!std::regex_match(why, rates,
                          std::regex("measured: float32 (\\d+) GFLOP/s, bfloat16 (\\d+)"))) {
      EXPECT_EQ(why, "this CPU does not multiply bfloat16");
      EXPECT_EQ(dtype, "float32");
      return;
    }
    const double float32 = std::stod(rates[1]), bfloat16 = std::stod(rates[2]);
    const bool float32_is_faster = dtype == "float32";
    EXPECT_TRUE(float32_is_faster ? float32 > bfloat16 : float32 < 1.3 * bfloat16) << why;
  }
};

TEST_F(DtypeProgram, AutoSaysWhatItTookAndTheRatesThatChose) {
  for (const char* weights : {"as-stored", "int8"}) {
    const Outcome outcome = Run(Score(std::string("--device cpu --weights ") + weights));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    std::string why;
    const std::string dtype = Said(outcome.err, &why);
    ExpectFaster(dtype, why);
  }
}

TEST_F(DtypeProgram, NothingIsMeasuredWhereADtypeIsGiven) {
  const Outcome outcome = Run(Score("--dtype float32"));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, Not(HasSubstr("dtype")));
}

// By the server's log: two scorers, one choice.
TEST_F(DtypeProgram, AServerSaysIt) {
  RunningProgram server(
      "serve --model " + Path("run/best") + " --listen 127.0.0.1:0 --device cpu,cpu --threads 1",
      Path("serve.log"));
  const std::string dtype = server.WaitFor(" dtype=");
  EXPECT_THAT(dtype, testing::AnyOf("float32", "bfloat16"));
  EXPECT_THAT(server.log(), testing::ContainsRegex("why_dtype=\"(measured: float32|this CPU)"));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

// Resuming uses the run's format, whatever auto would choose now.
TEST_F(DtypeProgram, ARunGoesOnInItsOwnDtypeWithoutMeasuring) {
  const Outcome measured = Run(Train("auto", 1, 2048, "auto"));
  ASSERT_EQ(measured.status, 0) << measured.err;
  std::string why;
  const std::string now = Said(measured.err, &why);
  ExpectFaster(now, why);

  const std::string other = now == "float32" ? "bfloat16" : "float32";
  ASSERT_EQ(Run(Train("whole", 4, 256, other)).status, 0);
  TrainUntilStopped("stopped", other);
  const Outcome resumed = Run(Train("stopped", 4, 256, "auto") + " --resume");
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(Said(resumed.err, &why), other);
  EXPECT_EQ(why, "of the resumed run");
  EXPECT_THAT(resumed.err, Not(HasSubstr("measured")));
  EXPECT_TRUE(ReadText(Path("whole/last/model.safetensors")) ==
              ReadText(Path("stopped/last/model.safetensors")));

  TrainUntilStopped("kept", other);
  ExpectRefused(Train("kept", 4, 256, now) + " --resume",
                {"dtype: " + other + " then, " + now + " now"});
}

}  // namespace
}  // namespace prm
