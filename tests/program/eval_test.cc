// prm eval as a user runs it, and the temporary files of every verb.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/program/program.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class EvalProgram : public PrmProgram {};

TEST_F(EvalProgram, TheCheckpointsThresholdIsUsedAndPrinted) {
  fs::copy(Path("run/best"), Path("strict"));
  auto prm = nlohmann::json::parse(ReadText(Path("strict/prm.json")));
  prm["threshold"] = 0.995;
  prm.erase("sha256");
  WriteText(Path("strict/prm.json"), prm.dump());
  const std::string data = " --data " + Path("data/dev.jsonl") + " --dtype float32";
  const Outcome table = Run("eval --model " + Path("strict") + data);
  ASSERT_EQ(table.status, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(ContainsRegex("checkpoint's threshold +[0-9.-]+ +at 0.995"),
                               ContainsRegex("threshold +0.9950  the checkpoint's")));
  const auto strict =
      nlohmann::json::parse(Run("eval --json - --model " + Path("strict") + data).out);
  const auto loose =
      nlohmann::json::parse(Run("eval --json - --model " + Path("run/best") + data).out);
  EXPECT_EQ(strict["threshold"], 0.995);
  EXPECT_EQ(loose["threshold"], 0.5);
  EXPECT_EQ(strict["f1_at_half"], loose["f1_at_half"]);
  EXPECT_EQ(strict["acc_correct"], 0.0) << "no step is so surely correct";
  EXPECT_GT(loose["acc_correct"], 0.0);
}

TEST_F(EvalProgram, AModelBelowItsTextFreeFloorIsSaidToBe) {
  // Reversed scores, which are worse than the length of a step.
  std::string scores;
  std::istringstream traces(ReadText(Path("data/dev.jsonl")));
  for (std::string line; std::getline(traces, line);) {
    const auto trace = nlohmann::json::parse(line);
    nlohmann::json p = nlohmann::json::array();
    for (const auto& label : trace["labels"]) {
      p.push_back(label.is_string() && label.get<std::string>().starts_with("correct") ? 0.25
                                                                                       : 0.75);
    }
    scores += nlohmann::json({{"id", trace["id"]}, {"scores", p}}).dump() + "\n";
  }
  WriteText(Path("inverted.jsonl"), scores);
  const std::string eval = "eval --data " + Path("data/dev.jsonl") + " --train " +
                           Path("data/train.jsonl") + " --scores " + Path("inverted.jsonl");
  for (const std::string& arguments : {eval, eval + " --json -"}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("the step AUROC 0.0000 is below the online floor"),
                                   HasSubstr("the step AUROC 0.0000 is below the whole floor")));
  }
}

TEST_F(EvalProgram, ASignalLeavesNoTemporaryFileOfAnyVerb) {
  const std::string pipe = Path("endless");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int writer = open(pipe.c_str(), O_RDWR);
  fs::create_directories(Path("outputs"));
  const std::string out = " --out " + Path("outputs/out.jsonl"), in = " --in " + pipe;
  const std::string model = " --model " + Path("run/best");
  const std::vector<std::string> verbs = {
      "score" + model + in + out,
      "rerank" + model + in + out,
      "data tokenize --tokenizer " + Path("backbone") + in + out,
      "data export " + pipe + " --to trl" + out,
      "data export " + pipe + " --to huggingface" + out,
      "data verify " + pipe + " --out " + Path("outputs/out.jsonl")};
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    for (const std::string& verb : verbs) {
      ASSERT_EQ(write(writer, "{\"id\": \"", 8), 8);  // a line that never ends
      RunningProgram program(verb, Path("endless.log"));
      for (int i = 0; i < 60'000 && fs::is_empty(Path("outputs")); ++i) usleep(1000);
      program.Signal(signal);
      EXPECT_EQ(program.Wait(), 128 + signal) << verb << program.log();
      EXPECT_THAT(Names(Path("outputs")), testing::IsEmpty()) << verb;
    }
  }
  close(writer);
}

TEST_F(EvalProgram, AnOutputThatCannotBeWrittenIsAnError) {
  const std::string program(PRM_PROGRAM), said = " 2>" + Path("said.txt");
  const std::string score =
      program + " score --model " + Path("run/best") + " --in " + Path("data/dev.jsonl");
  const std::string describe = program + " model describe " + Path("run/best");
  for (const std::string& verb : {score, describe}) {
    for (const char* output : {" >&-", " >/dev/full"}) {
      EXPECT_EQ(WEXITSTATUS(std::system((verb + output + said).c_str())), 1) << verb << output;
      EXPECT_THAT(ReadText(Path("said.txt")), HasSubstr("standard output: cannot write: "));
    }
  }
  const std::string piped = "bash -c '" + score + said + " | true; exit ${PIPESTATUS[0]}'";
  EXPECT_EQ(WEXITSTATUS(std::system(piped.c_str())), 1);
  EXPECT_THAT(ReadText(Path("said.txt")), HasSubstr("standard output: cannot write: Broken pipe"));
}

}  // namespace
}  // namespace prm
