// The program as a user runs it, on a tiny random backbone.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "data/bpe_tokenizer.h"
#include "data/text_io.h"
#include "tests/model/tiny_files.h"

namespace prm {
namespace {

struct Outcome {
  int status;
  std::string out, err;
};

class PrmProgram : public testing::Test {
 protected:
  // A Llama of 2 layers over bytes, and a little synthesized data.
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    ModelConfig config = TinyConfig();
    config.hidden_size = 32;
    config.intermediate_size = 48;
    config.head_dim = 8;
    config.vocab_size = 256;
    config.max_position_embeddings = 1024;
    WriteTinyFolder(*folder_ / "backbone", config, TinyTensors(config));
    BpeSpec bytes;
    bytes.where = "test";
    for (int i = 0; i < 256; ++i) bytes.tokens.push_back(std::string(1, char(i)));
    MakeBpeTokenizer(std::move(bytes))->Save(*folder_ / "backbone");
    ASSERT_EQ(Run("data synth --out " + Path("data") + " --train 40 --dev 12 --rerank 2").status,
              0);
    const Outcome train = Run(Train("run") + " --save-minutes 0");
    ASSERT_EQ(train.status, 0) << train.err;
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string Path(const std::string& name) { return (*folder_ / name).string(); }

  static std::string Train(const std::string& out, int epochs = 2, int batch_tokens = 2048) {
    return "train --model " + Path("backbone") + " --data " + Path("data/train.jsonl") + " --dev " +
           Path("data/dev.jsonl") + " --out " + Path(out) + " --epochs " + std::to_string(epochs) +
           " --batch-tokens " + std::to_string(batch_tokens) +
           " --micro-tokens 1024 --lr 1e-3 --dtype float32 --threads 1";
  }

  static Outcome Run(const std::string& arguments) {
    const std::string err = Path("stderr.txt");
    FILE* pipe = popen((std::string(PRM_PROGRAM) + " " + arguments + " 2>" + err).c_str(), "r");
    Outcome outcome;
    std::array<char, 4096> buffer;
    while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) {
      outcome.out.append(buffer.data(), n);
    }
    const int status = pclose(pipe);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.err = ReadText(err);
    return outcome;
  }

  static void ExpectRefused(const std::string& arguments, const std::vector<std::string>& says) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    for (const std::string& part : says) {
      EXPECT_NE(outcome.err.find(part), std::string::npos)
          << "\"" << part << "\" in: " << outcome.err;
    }
  }

  static TempFolder* folder_;
};
TempFolder* PrmProgram::folder_ = nullptr;

TEST_F(PrmProgram, TrainingLeavesCheckpointsAndMetrics) {
  for (const char* name : {"best", "last"}) {
    EXPECT_TRUE(std::filesystem::exists(Path("run/") + name + "/prm.json"));
    EXPECT_TRUE(std::filesystem::exists(Path("run/") + name + "/model.safetensors"));
  }
  std::istringstream lines(ReadText(Path("run/metrics.jsonl")));
  int steps = 0, evaluations = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line);
    steps += entry.contains("loss");
    evaluations += entry.contains("dev_step_auroc");
  }
  EXPECT_GT(steps, 4);
  EXPECT_EQ(evaluations, 2);
}

TEST_F(PrmProgram, TrainingRefusesToOverwriteARunAndToResumeNothing) {
  ExpectRefused(Train("run"), {"--resume", Path("run")});
  ExpectRefused(Train("nowhere") + " --resume", {"nothing to resume"});
}

TEST_F(PrmProgram, ARunStoppedBeforeItsFirstEvaluationGoesOnToTheSameWeights) {
  ASSERT_EQ(Run(Train("whole", 4, 256)).status, 0);
  const std::string interrupted = Train("stopped", 4, 256);
  const std::string stop =
      std::string(PRM_PROGRAM) + " " + interrupted + " 2>/dev/null & pid=$!; " + "until [ -s " +
      Path("stopped/metrics.jsonl") + " ]; do sleep 0.01; done; kill -TERM $pid; wait $pid";
  ASSERT_EQ(WEXITSTATUS(std::system(stop.c_str())), 1);
  const Outcome resumed = Run(interrupted + " --resume");
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  for (const char* weights : {"/best/model.safetensors", "/last/model.safetensors"}) {
    EXPECT_TRUE(ReadText(Path("whole") + weights) == ReadText(Path("stopped") + weights))
        << weights;
  }
}

TEST_F(PrmProgram, ScoresAreOnePerStepInInputOrder) {
  const Outcome scored =
      Run("score --model " + Path("run/best") + " --in " + Path("data/dev.jsonl"));
  ASSERT_EQ(scored.status, 0) << scored.err;
  std::istringstream lines(scored.out), traces(ReadText(Path("data/dev.jsonl")));
  std::string line, trace;
  int count = 0;
  while (std::getline(traces, trace)) {
    ASSERT_TRUE(std::getline(lines, line));
    const auto score = nlohmann::json::parse(line), source = nlohmann::json::parse(trace);
    EXPECT_EQ(score["id"], source["id"]);
    EXPECT_EQ(score["scores"].size(), source["steps"].size());
    EXPECT_EQ(score["label_probs"].size(), source["steps"].size());
    ++count;
  }
  EXPECT_EQ(count, 12);
}

TEST_F(PrmProgram, EvaluatingAModelEqualsEvaluatingItsScoreLines) {
  const std::string data = Path("data/dev.jsonl"), scores = Path("scores.jsonl.gz");
  const std::string train = " --json --train " + Path("data/train.jsonl");
  ASSERT_EQ(Run("score --model " + Path("run/best") + " --in " + data + " --out " + scores +
                " --dtype float32")
                .status,
            0);
  const Outcome a = Run("eval --model " + Path("run/best") + " --data " + data + " --dev " + data +
                        " --dtype float32" + train);
  const Outcome b = Run("eval --scores " + scores + " --data " + data + " --dev-scores " + scores +
                        " --dev " + data + train);
  ASSERT_EQ(a.status, 0) << a.err;
  ASSERT_EQ(b.status, 0) << b.err;
  const auto from_model = nlohmann::json::parse(a.out), from_lines = nlohmann::json::parse(b.out);
  EXPECT_EQ(from_model.size(), from_lines.size());
  for (const auto& [key, value] : from_model.items()) {
    if (value.is_null()) {
      EXPECT_TRUE(from_lines[key].is_null()) << key;
    } else {
      EXPECT_NEAR(value.get<double>(), from_lines[key].get<double>(), 1e-4) << key;
    }
  }
}

TEST_F(PrmProgram, DescribeTellsFormatAndProvenance) {
  const Outcome outcome = Run("describe --json " + Path("run/best"));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["separator_ids"], nlohmann::json({10}));
  EXPECT_EQ(json["base_model"], "backbone");
  EXPECT_NE(json["training_data"].get<std::string>().find("train.jsonl (sha256"),
            std::string::npos);
}

TEST_F(PrmProgram, ATraceThatCannotBeScoredHasAnErrorOnItsLineAndTheOthersTheirScores) {
  const std::string long_step(3000, 'x');
  WriteText(Path("mixed.jsonl"),
            "{\"id\":\"a\",\"problem\":\"p\",\"steps\":[\"1\"]}\n"
            "{\"id\":\"b\",\"problem\":\"p\",\"steps\":[\"" +
                long_step +
                "\"]}\n"
                "{\"id\":\"c\",\"problem\":\"p\",\"steps\":[\"1\",\"2\"]}\n");
  const Outcome outcome = Run("score --model " + Path("run/best") + " --in " + Path("mixed.jsonl"));
  EXPECT_EQ(outcome.status, 1);
  std::istringstream lines(outcome.out);
  std::vector<nlohmann::json> parsed;
  for (std::string line; std::getline(lines, line);) parsed.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(parsed.size(), 3u);
  EXPECT_EQ(parsed[0]["scores"].size(), 1u);
  EXPECT_NE(parsed[1]["error"].get<std::string>().find("1024"), std::string::npos);
  EXPECT_FALSE(parsed[1].contains("scores"));
  EXPECT_EQ(parsed[2]["scores"].size(), 2u);
}

TEST_F(PrmProgram, BadTracesAreRefusedByFileLineAndField) {
  const auto refuse = [](const std::string& line, const std::string& says) {
    WriteText(Path("bad.jsonl"),
              "{\"id\":\"ok\",\"problem\":\"p\",\"steps\":[\"1\"],"
              "\"labels\":[\"incorrect\"]}\n" +
                  line + "\n");
    ExpectRefused("train --model " + Path("backbone") + " --data " + Path("bad.jsonl") + " --out " +
                      Path("refused"),
                  {"bad.jsonl:2", says});
    EXPECT_FALSE(std::filesystem::exists(Path("refused/last")));
  };
  refuse("{\"id\":\"x\",\"problem\":\"p\",\"steps\":[\"1\"", "JSON");
  refuse("{\"id\":\"x\",\"problem\":\"p\",\"steps\":[\"1\"],\"labels\":[\"corect\"]}", "labels");
  refuse("{\"id\":\"x\",\"problem\":\"p\",\"steps\":[\"1\"],\"labels\":[]}", "labels");
  refuse("{\"id\":\"x\",\"problem\":\"p\",\"steps\":[]}", "steps");
  refuse("{\"id\":\"x\",\"problem\":\"p\",\"steps\":[\"  \"]}", "steps[0]");
  refuse("{\"id\":\"x\",\"problem\":\"\xff\",\"steps\":[\"1\"]}", "UTF-8");
}

TEST_F(PrmProgram, ATooLongTraceStopsTrainingUnlessAPolicyIsNamed) {
  WriteText(Path("long.jsonl"), "{\"id\":\"a\",\"problem\":\"p\",\"steps\":[\"1\",\"" +
                                    std::string(500, 'x') +
                                    "\"],\"labels\":[\"correct_necessary\",\"incorrect\"]}\n");
  const std::string train = "train --model " + Path("backbone") + " --data " + Path("long.jsonl") +
                            " --max-tokens 100 --dtype float32 --threads 1 --out ";
  ExpectRefused(train + Path("long_error"), {"\"a\"", "--too-long"});
  const Outcome cut = Run(train + Path("long_cut") + " --too-long cut");
  EXPECT_EQ(cut.status, 0) << cut.err;
  EXPECT_NE(cut.err.find("1 traces cut (1 steps lost)"), std::string::npos) << cut.err;
}

TEST_F(PrmProgram, DamagedCheckpointsAreRefusedByFile) {
  const auto copy = [](const std::string& name) {
    std::filesystem::remove_all(Path(name));
    std::filesystem::copy(Path("run/best"), Path(name));
    return Path(name);
  };
  const std::string truncated = copy("truncated");
  std::filesystem::resize_file(truncated + "/model.safetensors", 5000);
  ExpectRefused("describe " + truncated, {"model.safetensors"});

  const std::string flipped = copy("flipped");
  {
    std::fstream file(flipped + "/model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-40000, std::ios::end);
    file.write(std::string(20000, '\x3f').data(), 20000);
  }
  ExpectRefused("describe --dtype float32 " + flipped, {"self-test"});

  const std::string missing = copy("missing");
  std::filesystem::remove(missing + "/model.safetensors");
  ExpectRefused("describe " + missing, {"model.safetensors"});

  const std::string other = copy("other");
  std::string config = ReadText(other + "/config.json");
  const size_t at = config.find("LlamaForCausalLM");
  config.replace(at, 16, "MambaForCausalLM");
  WriteText(other + "/config.json", config);
  ExpectRefused("describe " + other, {"MambaForCausalLM"});

  ExpectRefused("score --model " + Path("backbone") + " --in " + Path("data/dev.jsonl"),
                {"prm.json"});
  ExpectRefused("describe " + Path("no/such/folder"), {"no/such/folder"});
}

TEST_F(PrmProgram, AnUnwritableOutputIsRefusedBeforeAnyWork) {
  WriteText(Path("file"), "in the way");
  ExpectRefused(Train("file/run"), {Path("file/run")});
}

TEST_F(PrmProgram, UsageErrorsExitWithTwo) {
  for (const char* arguments : {"", "nonsense", "train", "score --model", "eval --data x",
                                "train --model a --data b --out c --too-long maybe"}) {
    EXPECT_EQ(Run(arguments).status, 2) << arguments;
  }
  EXPECT_EQ(Run("--help").status, 0);
}

}  // namespace
}  // namespace prm
