// Hostile files: memory stays bounded, and they are refused by name.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "data/io/text_io.h"
#include "tests/program/program.h"

namespace prm {
namespace {

class LimitsProgram : public PrmProgram {
 protected:
  static constexpr int64_t kHugeBytes = int64_t{200} << 20;
  // Memory that a line at the limit may take beyond a small file: its growing buffer, and a copy.
  static constexpr int64_t kMostBytes = int64_t{400} << 20;

  struct Cost {
    int status;
    int64_t bytes;  // resident at most
    std::string err;
  };

  static Cost RunMeasured(const std::string& arguments) {
    const std::string err = Path("measured.txt");
    const std::string command =
        std::string("exec ") + PRM_PROGRAM + " " + arguments + " >/dev/null 2>" + err;
    const pid_t pid = fork();
    if (pid == 0) {
      execl("/bin/bash", "bash", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    int status = 0;
    rusage usage = {};
    EXPECT_EQ(wait4(pid, &status, 0, &usage), pid);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            int64_t{usage.ru_maxrss} * 1024, ReadText(err)};
  }

  // A sparse file with one line that begins like a JSON object.
  static std::string HugeLine() {
    const std::string path = Path("huge.jsonl");
    WriteText(path, R"({"id":")");
    EXPECT_EQ(truncate(path.c_str(), kHugeBytes), 0);
    return path;
  }
  static std::string Bomb(const std::string& ending) {
    const std::string path = Path("bomb.jsonl" + ending);
    OutputFile file(path);
    for (int64_t i = 0; i < kHugeBytes >> 20; ++i) file.Write(std::string(1 << 20, '\0'));
    file.Commit();
    return path;
  }

  // Every command that reads a file; FILE stands for its name.
  static std::vector<std::string> Readers() {
    const std::string dev = Path("data/dev.jsonl"), model = " --model " + Path("run/best");
    const std::string train = "train --model " + Path("backbone") + " --out " + Path("never");
    const std::string scores = File("one_score.jsonl", R"({"id":"a","scores":[0.5]})");
    const std::string trace =
        File("one_trace.jsonl", R"({"id":"a","problem":"p","steps":["1"],"labels":["incorrect"]})");
    const std::string nobody = " --server 127.0.0.1:1";
    return {
        "data import FILE --out -",
        "data import FILE --out - --format native",
        "data import FILE --out - --format text",
        "data export FILE --to native --out -",
        "data export FILE --to pairs --out -",
        "data export train=FILE --to huggingface --out " + Path("never"),
        "data check FILE",
        "data check " + dev + " --against FILE",
        "data check " + dev + " --guidelines FILE",
        "data check " + dev + " --plan FILE",
        "data qa FILE",
        "data verify FILE",
        "data dedup FILE --out -",
        "data split FILE --train -",
        "data curate FILE --out -",
        "data curate " + dev + " --against FILE --out -",
        "data agree FILE",
        "data agree " + dev + " --gold FILE",
        "data annotators FILE",
        "data corrupt FILE --out -",
        "data tokenize --tokenizer " + Path("backbone") + " --in FILE",
        "data tokenize --tokenizer FILE --in " + dev,
        "score --in FILE" + model,
        "eval --scores FILE --data " + dev,
        "eval --scores " + scores + " --data FILE",
        "eval --scores " + scores + " --data " + trace + " --train FILE",
        "rerank --in FILE" + model,
        "model compare --data FILE --weights int8" + model,
        "model compare --reference FILE" + model,
        "ask --in FILE" + nobody,
        "load --in FILE --rate 1" + nobody,
        "load --problems FILE --rate 1" + nobody,
        train + " --data FILE --dev " + dev,
        train + " --dev FILE --data " + dev,
    };
  }
  static std::string File(const std::string& name, const std::string& text) {
    WriteText(Path(name), text + "\n");
    return Path(name);
  }
  static std::string With(std::string arguments, const std::string& file) {
    return arguments.replace(arguments.find("FILE"), 4, file);
  }
};

TEST_F(LimitsProgram, NoVerbTakesMoreThanALineOfTheLimit) {
  const std::string huge = HugeLine(), gzip = Bomb(".gz"), xz = Bomb(".xz");
  const std::string small = File("small.jsonl", "{}");
  int64_t readers = 0;
  for (const std::string& reader : Readers()) {
    const int64_t base = RunMeasured(With(reader, small)).bytes;
    for (const std::string& file : {huge, ++readers % 2 ? gzip : xz}) {
      const Cost cost = RunMeasured(With(reader, file));
      EXPECT_EQ(cost.status, 1) << With(reader, file) << ": " << cost.err;
      EXPECT_LT(cost.bytes, base + kMostBytes) << With(reader, file);
      const size_t at = cost.err.find(file);
      EXPECT_NE(at, std::string::npos) << With(reader, file) << ": " << cost.err;
      EXPECT_NE(cost.err.find(" bytes", at), std::string::npos) << cost.err;
      EXPECT_FALSE(std::filesystem::exists(Path("never"))) << With(reader, file);
    }
  }
}

TEST_F(LimitsProgram, AFormatFileIsBoundedToo) {
  const std::string file = Path("own.json");
  const std::string import =
      "model import " + Path("backbone") + " --format " + file + " --out " + Path("never");
  std::filesystem::rename(HugeLine(), file);
  ExpectRefused(import, {file, " bytes"});
  WriteText(file, std::string(100'000, '[') + std::string(100'000, ']'));
  ExpectRefused(import, {file});
  EXPECT_FALSE(std::filesystem::exists(Path("never")));
}

TEST_F(LimitsProgram, BracketsNestedDeepAreRefusedByEveryVerb) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const std::string objects = [] {
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += "{\"a\":";
    return text;
  }();
  for (const std::string& text :
       {"{\"id\":\"a\",\"meta\":" + deep + "}", deep, objects + "1" + std::string(50'000, '}')}) {
    const std::string file = File("deep.jsonl", text);
    for (const std::string& reader : Readers()) {
      const Outcome outcome = Run(With(reader, file));
      const bool counts = reader.starts_with("data import") || reader.starts_with("data export");
      const bool reports =
          reader == "data check FILE" && outcome.out.find("lines refused") != outcome.out.npos;
      EXPECT_TRUE(outcome.status == 1 || reports || (counts && outcome.status == 3))
          << With(reader, file) << ": " << outcome.status << outcome.err;
      EXPECT_LT(outcome.err.size(), 4000u) << With(reader, file);
    }
  }
}

TEST_F(LimitsProgram, AFileOfManyRowsMayBeLongerThanAnyLine) {
  // 80 MB on one line, plain and compressed by 2,000 to 1.
  const std::string filler(100'000, 'a');
  for (const char* name : {"array.json", "array.json.gz"}) {
    OutputFile file(Path(name));
    for (int i = 0; i < 800; ++i) {
      file.Write((i == 0 ? "[" : ",") + std::string(R"({"id":")") + std::to_string(i) +
                 R"(","problem":"p","steps":[")" + filler + R"("]})");
    }
    file.Write("]");
    file.Commit();
    const Cost cost = RunMeasured("data import " + Path(name) + " --out " + Path("rows.jsonl.gz"));
    EXPECT_EQ(cost.status, 0) << cost.err;
    EXPECT_LT(cost.bytes, RunMeasured("data --help").bytes + (int64_t{64} << 20));
  }
  EXPECT_EQ(Run("data export " + Path("rows.jsonl.gz") + " --to sft --out /dev/null").status, 0);
}

}  // namespace
}  // namespace prm
