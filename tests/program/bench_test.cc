// Runs the drivers of bench/ on a tiny model; their measurements mean nothing here.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "tests/program/program.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class BenchProgram : public PrmProgram {
 protected:
  static void SetUpTestSuite() {
    PrmProgram::SetUpTestSuite();
    fs::create_directory(Path("scratch"));
    // Works and growing traces are too long for the fixture's model.
    fs::copy(Path("run/best"), Path("long"));
    Change("long/config.json", [](auto& config) { config["max_position_embeddings"] = 16384; });
    Change("long/prm.json", [](auto& prm) {
      prm["max_tokens"] = 16384;
      prm.erase("files");
      prm.erase("sha256");
    });
  }
  template <class F>
  static void Change(const std::string& file, const F& change) {
    auto json = nlohmann::ordered_json::parse(ReadText(Path(file)));
    change(json);
    WriteText(Path(file), json.dump());
  }

  // Runs bench/`driver` with the common flags; expects 0, or, if `bars` are judged, also 1.
  void Drive(const std::string& driver, const std::string& flags, bool bars = false) {
    const std::string build = fs::path(PRM_PROGRAM).parent_path().string();
    const std::string command = SourceDir().string() + "/bench/" + driver + " " + flags +
                                " --threads 1 --python python3 --build " + build + " --results " +
                                Path("results") + " >" + Path("bench.txt") + " 2>&1";
    used_ += command;
    const int status = std::system(command.c_str());
    const std::string said = ReadText(Path("bench.txt"));
    EXPECT_TRUE(status == 0 || (bars && WEXITSTATUS(status) == 1)) << command << ": " << said;
    EXPECT_EQ(said.find("Traceback"), said.npos) << said;
  }
  // Every flag must be used by a run here, else it may not work.
  void ExpectEveryFlagUsed(const std::string& driver) {
    const std::string help = Path("help.txt");
    ASSERT_EQ(std::system((SourceDir().string() + "/bench/" + driver + " --help >" + help).c_str()),
              0);
    const std::string text = ReadText(help);
    const std::regex flag("\n  (--[a-z-]+)");
    int count = 0;
    for (std::sregex_iterator i(text.begin(), text.end(), flag), end; i != end; ++i, ++count) {
      EXPECT_NE(used_.find((*i)[1].str() + " "), used_.npos) << driver << " " << (*i)[1];
    }
    EXPECT_GT(count, 5) << text;
  }
  void ExpectReport(const std::string& topic) {
    EXPECT_EQ(nlohmann::json::parse(ReadText(Path("results/" + topic + ".json")))["topic"], topic);
    EXPECT_NE(ReadText(Path("results/" + topic + ".md")), "");
  }

  std::string used_;
};

TEST_F(BenchProgram, DataRunsWithEveryFlag) {
  Drive("data", "--traces 200 --gigabytes 0.001 --work " + Path("scratch"), /*bars=*/true);
  ExpectReport("data");
  ExpectEveryFlagUsed("data");
}

// Else its numbers of a GPU would be a CPU's.
TEST_F(BenchProgram, ABenchAskedForAGpuUsesIt) {
  const std::string model = " --model " + Path("run/best"),
                    data = " --data " + Path("data/dev.jsonl"),
                    build = fs::path(PRM_PROGRAM).parent_path().string() + "/";
  for (const std::string& command :
       {"training_bench" + model + data, "scoring_bench" + model + data, "works_bench" + model,
        "loading_bench" + model}) {
    const Outcome outcome =
        Shell("LD_PRELOAD=" PRM_FAKE_CUDA "/libfake_cuda_driver.so LD_LIBRARY_PATH=" PRM_FAKE_CUDA
              " FAKE_CUDA_ENDS=1 " +
              build + command + " --device cuda");
    EXPECT_THAT(outcome.out, HasSubstr("the fake GPU was asked for")) << command << outcome.err;
  }
}

TEST_F(BenchProgram, SoakRunsWithEveryFlag) {
  Drive("soak",
        "--minutes 0.05 --rate 20 --cache-bytes 1MB --model " + Path("long") + " --data " +
            Path("data/dev.jsonl") + " --problems " + Path("data/rerank.jsonl"),
        /*bars=*/true);
  ExpectReport("soak");
  ExpectEveryFlagUsed("soak");
}

TEST_F(BenchProgram, ServingRunsWithEveryFlag) {
  Drive("serving", "--model " + Path("long") + " --data " + Path("data/dev.jsonl") +
                       " --traces 12 --clients 2 --calls 2 --rounds 1 --seconds 1");
  ExpectReport("serving");
  ExpectEveryFlagUsed("serving");
}

#ifdef PRM_BENCHES

TEST_F(BenchProgram, AuditPrintsRefutedStepsThatAreLabelledRight) {
  WriteText(Path("sums.jsonl"),
            R"({"id":"a","problem":"p","source":"s","steps":["2 + 3 = 5","2 + 3 = 6"],)"
            R"("labels":["correct_necessary","correct_necessary"]})"
            "\n");
  WriteText(Path("confirmed"), "");
  const std::string program = (fs::path(PRM_PROGRAM).parent_path() / "audit_bench").string();
  const auto audit = [&] {
    const std::string command = program + " --data " + Path("sums.jsonl") + " --confirmed " +
                                Path("confirmed") + " >" + Path("audit.md");
    EXPECT_EQ(std::system(command.c_str()), 0);
    return ReadText(Path("audit.md"));
  };
  EXPECT_THAT(audit(), AllOf(HasSubstr("| 2 | 50.0 % | 1 (0) |"), HasSubstr("\na:1\n")));
  WriteText(Path("confirmed"), "a:1  # read\n");
  EXPECT_THAT(audit(), AllOf(HasSubstr("| 2 | 50.0 % | 1 (1) |"), HasSubstr("\na:1 confirmed\n")));
}

TEST_F(BenchProgram, CompareRunsACheckpointOfTrainingWithEveryFlag) {
  const std::string flags = " --model " + Path("run/best") + " --data " + Path("data/dev.jsonl") +
                            " --traces 8 --rounds 1 --variants none --dtype float32 ";
  Drive("compare", "training --micro-tokens 1024" + flags);
  ExpectReport("training");
  Drive("compare", "scoring --parity-traces 4 --no-self-test " + flags);
  ExpectReport("scoring");
  ExpectEveryFlagUsed("compare");
}

TEST_F(BenchProgram, WorksRunWithEveryFlag) {
  fs::create_directories(Path("weights/qwen2-0.5b-2-layers"));
  fs::copy_file(Path("long/config.json"), Path("weights/qwen2-0.5b-2-layers/config.json"));
  fs::copy(Path("long"), Path("weights/qwen2-0.5b-2-layers-prm"));
  // Not `distinct`: with 256 tokens some of its traces share prefixes, which the bench refuses.
  Drive("works",
        "--models qwen2-0.5b --works rerank,stream,beam --peers none --rounds 1 "
        "--layers 2 --every-variant --all --no-parity --weights " +
            Path("weights"));
  ExpectReport("works");
  EXPECT_TRUE(fs::exists(Path("results/works.svg")));
  ExpectEveryFlagUsed("works");
}

#endif

}  // namespace
}  // namespace prm
