// What a verb is given is checked at the door: nothing is lost, nothing hangs.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "tests/program/program.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

class InputChecks : public PrmProgram {
 protected:
  static void ExpectWrongUsage(const std::string& arguments, const std::string& says) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.status, 2) << arguments << ": " << outcome.err;
    EXPECT_NE(outcome.err.find(says), std::string::npos) << arguments << ": " << outcome.err;
    EXPECT_LT(outcome.err.size(), 400u) << arguments;
  }
  static std::string Pipe(const std::string& name) {
    EXPECT_EQ(mkfifo(Path(name).c_str(), 0600), 0);
    return Path(name);
  }
  static std::string CopyOfModel(const std::string& name) {
    fs::copy(Path("run/best"), Path(name), fs::copy_options::recursive);
    return Path(name);
  }
};

TEST_F(InputChecks, AModelsFilesAreNotReplacedByWhatIsMadeWithIt) {
  const std::string model = CopyOfModel("kept"), dev = Path("data/dev.jsonl");
  for (const std::string name : {"prm.json", "config.json", "model.safetensors", "./prm.json"}) {
    const std::string file = model + "/" + name, before = ReadText(file);
    const std::string with = " --model " + model, problems = " --in " + Path("data/rerank.jsonl");
    ExpectWrongUsage("score --in " + dev + with + " --out " + file, "this file is read");
    ExpectWrongUsage("eval --data " + dev + with + " --json " + file, "this file is read");
    ExpectWrongUsage("rerank" + problems + with + " --out " + file, "this file is read");
    ExpectWrongUsage("model describe " + model + " --json " + file, "this file is read");
    EXPECT_EQ(ReadText(file), before);
  }
  for (int time = 0; time < 2; ++time) {  // a report may lie beside them, and be made anew
    const Outcome beside = Run("model describe " + model + " --json " + model + "/about.json");
    EXPECT_EQ(beside.status, 0) << beside.err;
  }
}

TEST_F(InputChecks, APipeInPlaceOfAFileIsNotWaitedFor) {
  const std::string model = CopyOfModel("with_pipe");
  fs::remove(model + "/config.json");
  Pipe("with_pipe/config.json");
  ExpectRefused("model describe " + model, {"config.json: not a regular file"});
  const std::string pipe = Pipe("traces");
  ExpectWrongUsage("data split " + pipe + " --train " + Path("never"),
                   "a pipe: expected a file that");
  ExpectWrongUsage("data curate " + pipe + " --out -", "a pipe");
  ExpectWrongUsage("data curate - --out - </dev/null", "standard input");
  for (const std::string& flags : {" --data " + pipe, " --dev " + pipe}) {
    ExpectWrongUsage("train --model " + Path("backbone") + " --out " + Path("never") + " --data " +
                         Path("data/train.jsonl") + flags,
                     "a pipe: expected a file that");
  }
}

TEST_F(InputChecks, AnEmptyValueIsWrongUsage) {
  const std::string in = Path("data/dev.jsonl");
  ExpectWrongUsage("data dedup " + in + " --out ''", "--out: expected a value, got an empty one");
  ExpectWrongUsage("data dedup " + in + " --out=", "--out: expected a value, got an empty one");
  ExpectWrongUsage("data dedup ''", "expected a value, got an empty one");
  ExpectWrongUsage("score --model '' --in " + in, "--model: expected a value");
  EXPECT_EQ(Run("data import " + in + " --first-step '' --out -").status, 0);
}

TEST_F(InputChecks, NumbersBeyondTheirRangeAreWrongUsage) {
  const std::string in = " --in " + Path("data/dev.jsonl"), model = " --model " + Path("run/best");
  ExpectWrongUsage("serve" + model + " --max-connections 1e400", "--max-connections");
  ExpectWrongUsage("serve" + model + " --max-connections 0", "--max-connections");
  ExpectWrongUsage("load --server 127.0.0.1:1 --rate nan" + in, "--rate");
  ExpectWrongUsage("load --server 127.0.0.1:1 --rate 1 --sessions -1" + in, "--sessions");
  ExpectWrongUsage("ask --server 127.0.0.1:1 --calls 99999999999" + in, "--calls");
  ExpectWrongUsage("data curate" + in + " --out - --total -1", "--total");
  ExpectWrongUsage("data synth --out " + Path("never") + " --train 1e9", "--train");
  ExpectWrongUsage("model compare --reference x --tolerance 2" + model, "--tolerance");
  ExpectWrongUsage("model compare --reference x --tolerance nan" + model, "--tolerance");
}

TEST_F(InputChecks, AFolderWithoutPrmJsonIsNoCheckpoint) {
  ExpectRefused("model describe " + Path("backbone"), {"no prm.json: not a PRM checkpoint"});
  ExpectRefused("score --in " + Path("data/dev.jsonl") + " --model " + Path("nowhere"),
                {"nowhere: no such folder"});
}

TEST_F(InputChecks, AFlippedBitOfPrmJsonIsNoticed) {
  const std::string file = CopyOfModel("flipped") + "/prm.json";
  std::string text = ReadText(file);
  const size_t at = text.find("\"threshold\": 0.") + 15;
  ASSERT_LT(at, text.size());
  text[at] = text[at] == '3' ? '2' : '3';
  WriteText(file, text);
  ExpectRefused("model describe " + Path("flipped"), {"prm.json: changed since it was written"});
  ExpectRefused("score --in " + Path("data/dev.jsonl") + " --model " + Path("flipped"),
                {"prm.json: changed since it was written", "after an edit, remove that field"});
}

TEST_F(InputChecks, ARunThatSavedNothingSaysHowToStartAgain) {
  fs::create_directory(Path("unsaved"));
  WriteText(Path("unsaved/metrics.jsonl"), "{}\n");
  ExpectRefused(Train("unsaved"),
                {"metrics.jsonl: already exists", "delete it: its run saved no model"});
  ExpectRefused(Train("unsaved") + " --resume", {"nothing to resume"});
  EXPECT_EQ(ReadText(Path("unsaved/metrics.jsonl")), "{}\n");
  fs::remove(Path("unsaved/metrics.jsonl"));
  EXPECT_EQ(Run(Train("unsaved", 1)).status, 0);
}

TEST_F(InputChecks, AServerWithTooFewDescriptorsEndsWithTheReason) {
  RunningProgram server("serve --listen 127.0.0.1:0 --model " + Path("run/best"), Path("few.log"),
                        "ulimit -n 30;");
  EXPECT_EQ(server.Wait(), 1) << server.log();
  EXPECT_NE(server.log().find("expected at least 64"), std::string::npos) << server.log();
}

TEST_F(InputChecks, WhatIsPrintedIsNotLost) {
  for (const std::string words :
       {"--help", "data --help", "score --help", "--version", "model formats"}) {
    const Outcome outcome = Run(words + " >/dev/full");
    EXPECT_EQ(outcome.status, 1) << words;
    EXPECT_NE(outcome.err.find("No space left"), std::string::npos) << outcome.err;
  }
  const std::string report = Path("nowhere/report.json");
  ExpectRefused("model describe " + Path("run/best") + " --json " + report, {report});
}

TEST_F(InputChecks, RowsOfProcessBenchAreNotTakenForUnlabelledTraces) {
  WriteText(Path("rows.jsonl"), R"({"id":"a","problem":"p","steps":["1","2"],"label":1})"
                                "\n");
  ExpectRefused("data dedup " + Path("rows.jsonl") + " --out -",
                {"rows.jsonl:1: label: not a field of traces", "prm data import"});
  const Outcome imported = Run("data import " + Path("rows.jsonl") + " --out -");
  EXPECT_EQ(imported.status, 0) << imported.err;
  EXPECT_EQ(Lines(imported.out)[0]["first_error"], 1);
}

}  // namespace
}  // namespace prm
