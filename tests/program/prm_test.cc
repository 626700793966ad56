// The program as a user runs it, on a tiny random backbone.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "data/records/step_format.h"
#include "data/records/trace_reader.h"
#include "data/tokenizers/load_tokenizer.h"
#include "model/files/prm_json.h"
#include "tests/file_size_limit.h"
#include "tests/program/program.h"

namespace prm {
namespace {

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
  TrainUntilStopped("stopped");
  const Outcome resumed = Run(Train("stopped", 4, 256) + " --resume");
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  for (const char* weights : {"/best/model.safetensors", "/last/model.safetensors"}) {
    EXPECT_TRUE(ReadText(Path("whole") + weights) == ReadText(Path("stopped") + weights))
        << weights;
  }
}

TEST_F(PrmProgram, AFullDiskWhileSavingLeavesTheFormerCheckpoint) {
  TrainUntilStopped("full");
  const std::string weights = ReadText(Path("full/last/model.safetensors"));
  const std::string state = ReadText(Path("full/last/trainer.json"));
  {
    const FileSizeLimit limit(50 << 10);
    ExpectRefused(Train("full", 4, 256) + " --resume",
                  {Path("full"), ".safetensors: cannot write: File too large"});
  }
  EXPECT_TRUE(ReadText(Path("full/last/model.safetensors")) == weights);
  EXPECT_EQ(ReadText(Path("full/last/trainer.json")), state);
  for (const std::string& name : Names(Path("full"))) {
    EXPECT_EQ(name.find(".tmp"), std::string::npos) << name;
  }
  EXPECT_EQ(Run(Train("full", 4, 256) + " --resume").status, 0);
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
  const std::string train = " --json - --train " + Path("data/train.jsonl");
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
    if (key.ends_with("checkpoint") || key.starts_with("checkpoint")) {
      EXPECT_TRUE(from_lines[key].is_null()) << "lines do not know it: " << key;
    } else if (value.is_null()) {
      EXPECT_TRUE(from_lines[key].is_null()) << key;
    } else {
      EXPECT_NEAR(value.get<double>(), from_lines[key].get<double>(), 1e-4) << key;
    }
  }
}

TEST_F(PrmProgram, DescribeTellsFormatAndProvenance) {
  const Outcome outcome = Run("model describe --json - " + Path("run/best"));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["format"]["step"].back(), nlohmann::json({10}));
  EXPECT_EQ(json["base_model"], "backbone");
  EXPECT_NE(json["training_data"].get<std::string>().find("train.jsonl (sha256"),
            std::string::npos);
}

TEST_F(PrmProgram, NarrowWeightsAreNamedAndTheirChangeOfScoresIsReported) {
  const std::string model = " --model " + Path("run/best"), data = Path("data/dev.jsonl");
  const Outcome described = Run("model describe --weights int8 " + Path("run/best"));
  ASSERT_EQ(described.status, 0) << described.err;
  EXPECT_NE(described.out.find("weights             int8"), std::string::npos) << described.out;
  const Outcome checked =
      Run("model compare --weights int8 --dtype float32 --data " + data + model);
  ASSERT_EQ(checked.status, 0) << checked.err;
  for (const std::string& part :
       {std::string("int8 weights against weights as stored, float32 on cpu"),
        std::string("self-tests: 3 traces"), data + ": 12 traces", std::string("step AUROC")}) {
    EXPECT_NE(checked.out.find(part), std::string::npos) << checked.out;
  }
  ExpectRefused("model compare --weights int8 --tolerance 0" + model, {"weights as stored"});
  ExpectRefused("model describe --weights fp8 --device cpu " + Path("run/best"),
                {"fp8", "--device cuda"});
  EXPECT_EQ(Run("model compare" + model).status, 2);
  EXPECT_EQ(Run("model compare --reference x --data " + data + model).status, 2);
}

TEST_F(PrmProgram, ATraceThatCannotBeScoredHasAnErrorOnItsLineAndTheOthersTheirScores) {
  const std::string long_step(3000, 'x');
  WriteText(Path("mixed.jsonl"),
            "{\"id\":\"a\",\"problem\":\"p\",\"steps\":[\"1\"]}\n"
            "{\"id\":\"b\",\"problem\":\"p\",\"steps\":[\"" +
                long_step +
                "\"]}\n"
                "{\"id\":\"c\",\"problem\":\"p\",\"steps\":[\"1\",\"2\"]}\n"
                "{\"id\":\"d\",\"problem\":\"" +
                long_step + "\",\"steps\":[\"1\"]}\n");
  const Outcome outcome = Run("score --model " + Path("run/best") + " --in " + Path("mixed.jsonl"));
  EXPECT_EQ(outcome.status, 1);
  std::istringstream lines(outcome.out);
  std::vector<nlohmann::json> parsed;
  for (std::string line; std::getline(lines, line);) parsed.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(parsed.size(), 4u);
  EXPECT_EQ(parsed[0]["scores"].size(), 1u);
  EXPECT_NE(parsed[1]["error"].get<std::string>().find("1024"), std::string::npos);
  EXPECT_FALSE(parsed[1].contains("scores"));
  EXPECT_EQ(parsed[2]["scores"].size(), 2u);
  EXPECT_NE(parsed[3]["error"].get<std::string>().find("1024"), std::string::npos);
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
  // If the problem by itself is too long, no step is left.
  WriteText(Path("long.jsonl"), "{\"id\":\"a\",\"problem\":\"" + std::string(500, 'x') +
                                    "\",\"steps\":[\"1\"],\"labels\":[\"incorrect\"]}\n");
  ExpectRefused(train + Path("long_error"), {"\"a\"", "--too-long"});
  ExpectRefused(train + Path("long_problem") + " --too-long cut",
                {"1 skipped", "no trace with a labelled step"});
}

TEST_F(PrmProgram, DamagedCheckpointsAreRefusedByFile) {
  const auto copy = [](const std::string& name) {
    std::filesystem::remove_all(Path(name));
    std::filesystem::copy(Path("run/best"), Path(name));
    return Path(name);
  };
  const std::string truncated = copy("truncated");
  std::filesystem::resize_file(truncated + "/model.safetensors", 5000);
  ExpectRefused("model describe " + truncated, {"model.safetensors"});

  const std::string flipped = copy("flipped");
  {
    std::fstream file(flipped + "/model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-40000, std::ios::end);
    file.write(std::string(20000, '\x3f').data(), 20000);
  }
  ExpectRefused("model describe --no-verify --dtype float32 " + flipped, {"self-test"});

  const std::string missing = copy("missing");
  std::filesystem::remove(missing + "/model.safetensors");
  ExpectRefused("model describe " + missing, {"model.safetensors"});

  const std::string other = copy("other");
  std::string config = ReadText(other + "/config.json");
  const size_t at = config.find("LlamaForCausalLM");
  config.replace(at, 16, "MambaForCausalLM");
  WriteText(other + "/config.json", config);
  ExpectRefused("model describe --no-verify " + other, {"MambaForCausalLM"});

  const std::string reshaped = copy("reshaped");
  config = ReadText(reshaped + "/config.json");
  const std::string size = "\"intermediate_size\": 48";
  ASSERT_NE(config.find(size), std::string::npos) << config;
  WriteText(reshaped + "/config.json",
            config.replace(config.find(size), size.size(), "\"intermediate_size\": 40"));
  ExpectRefused("model describe --no-verify " + reshaped,
                {reshaped, "mlp", "[48, 32] instead of [40, 32]"});

  std::string absurd = GgufBuilder().Text("general.architecture", "llama").Build();
  absurd.replace(8, 8, std::string(8, '\xff'));  // the number of tensors
  WriteText(Path("absurd.gguf"), absurd);
  WriteText(Path("mamba.gguf"), GgufBuilder().Text("general.architecture", "mamba").Build());
  const std::string train =
      "train --data " + Path("data/train.jsonl") + " --out " + Path("from_gguf") + " --model ";
  ExpectRefused(train + Path("absurd.gguf"), {Path("absurd.gguf"), "18446744073709551615"});
  ExpectRefused(train + Path("mamba.gguf"), {Path("mamba.gguf"), "'mamba'", "expected 'llama'"});

  ExpectRefused("score --model " + Path("backbone") + " --in " + Path("data/dev.jsonl"),
                {"prm.json"});
  ExpectRefused("model describe " + Path("no/such/folder"), {"no/such/folder"});
}

TEST_F(PrmProgram, AnUnwritableOutputIsRefusedBeforeAnyWork) {
  WriteText(Path("file"), "in the way");
  const std::string out = " --out " + Path("file/out"), in = " --in " + Path("data/dev.jsonl");
  const std::string model = " --model " + Path("run/best");
  ExpectRefused(Train("file/out"), {Path("file/out")});
  ExpectRefused("data synth" + out, {Path("file/out")});
  ExpectRefused("score" + model + in + out, {Path("file/out")});
  ExpectRefused("rerank" + model + " --in " + Path("data/rerank.jsonl") + out, {Path("file/out")});
  ExpectRefused("data tokenize --tokenizer " + Path("backbone") + in + out, {Path("file/out")});
  EXPECT_EQ(ReadText(Path("file")), "in the way");
}

TEST_F(PrmProgram, BadInputInTheMiddleLeavesTheFormerOutput) {
  WriteText(Path("broken.jsonl"), "{\"id\":\"a\",\"problem\":\"p\",\"steps\":[\"1\"]}\n{\"id\":");
  WriteText(Path("former.jsonl"), "former");
  const auto before = Names(folder_->path());
  ExpectRefused("score --model " + Path("run/best") + " --in " + Path("broken.jsonl") + " --out " +
                    Path("former.jsonl"),
                {"broken.jsonl:2: not valid JSON at byte"});
  EXPECT_EQ(ReadText(Path("former.jsonl")), "former");
  EXPECT_EQ(Names(folder_->path()), before);
}

// The lines of score_lines' label_probs and of transformers_scores.py, compared.
void ExpectEqualProbabilities(const std::string& score_lines, const std::string& python_lines) {
  std::istringstream ours(score_lines), theirs(python_lines);
  std::string a, b;
  int values = 0;
  while (std::getline(ours, a)) {
    ASSERT_TRUE(std::getline(theirs, b)) << python_lines;
    const auto x = nlohmann::json::parse(a)["label_probs"], y = nlohmann::json::parse(b)["probs"];
    ASSERT_EQ(x.size(), y.size());
    for (size_t s = 0; s < x.size(); ++s) {
      for (size_t k = 0; k < x[s].size(); ++k, ++values) {
        EXPECT_NEAR(x[s][k].get<double>(), y[s][k].get<double>(), 1e-5);
      }
    }
  }
  EXPECT_GT(values, 100);
}

// The ids and reads of the traces of `file`, in the input form of transformers_scores.py.
std::string IdLines(const std::string& file, const std::filesystem::path& checkpoint) {
  const PrmJson prm = ReadPrmJson(checkpoint / "prm.json");
  const auto tokenizer = LoadTokenizer(checkpoint);
  TraceReader reader(file);
  std::string lines;
  for (Trace trace; reader.Next(&trace);) {
    const TraceTokens tokens = TokenizeTrace(prm.format, *tokenizer, trace);
    lines += nlohmann::json({{"ids", tokens.ids}, {"reads", tokens.step_reads}}).dump() + "\n";
  }
  return lines;
}

// The output of transformers_scores.py with `arguments`.
std::string TransformersScores(const std::string& arguments, const std::string& out) {
  const std::string root = SourceDir();
  const std::string command = "CUDA_VISIBLE_DEVICES= " + root + "/.venv/bin/python " + root +
                              "/bench/peers/transformers_scores.py " + arguments + " >" + out +
                              " 2>" + out + ".err";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadText(out + ".err");
  return ReadText(out);
}

bool HasTransformers() {
  const std::string python = SourceDir().string() + "/.venv/bin/python";
  return std::system((python + " -c 'import transformers' 2>/dev/null").c_str()) == 0;
}

TEST_F(PrmProgram, AnExportScoresLikeItsCheckpointHereAndInTransformers) {
  const std::string dev = Path("data/dev.jsonl"), score = " --dtype float32 --in " + dev;
  const Outcome exported =
      Run("model export --to hf --model " + Path("run/best") + " --out " + Path("hf"));
  ASSERT_EQ(exported.status, 0) << exported.err;
  EXPECT_EQ(Run("model describe --dtype float32 " + Path("hf")).status, 0);
  const Outcome ours = Run("score --model " + Path("run/best") + score);
  EXPECT_EQ(Run("score --model " + Path("hf") + score).out, ours.out);
  if (!HasTransformers()) GTEST_SKIP() << "no transformers; see bench/peers/requirements.txt";
  WriteText(Path("ids.jsonl"), IdLines(dev, Path("run/best")));
  for (const std::string& input : {"--ids " + Path("ids.jsonl"), "--traces " + dev}) {
    ExpectEqualProbabilities(
        ours.out, TransformersScores("--model " + Path("hf") + " " + input, Path("python.jsonl")));
  }
}

TEST_F(PrmProgram, ThePythonOfAModelCardHoldsToTheFormat) {
  if (!HasTransformers()) GTEST_SKIP() << "no transformers; see bench/peers/requirements.txt";
  std::filesystem::copy(Path("run/best"), Path("formatted"));
  auto prm = nlohmann::json::parse(ReadText(Path("formatted/prm.json")));
  prm["format"] = nlohmann::json::parse(R"({
      "prompt": [[7, 8], "\"{n}\" \\ {problem} {?", [9], {"alone": "Steps:"}],
      "step": ["Step {n}: ", "{step}", [10, 11], "."], "between": [[1], "\u00e9\n"],
      "by_line": true, "trim": true, "read_back": 2})");
  prm["self_tests"] = nlohmann::json::array();
  WriteText(Path("formatted/prm.json"), prm.dump());
  std::string traces;
  for (const char* step : {" \\n one\\n two \\t", "\\u00a0x", "\\ud83d\\ude00 <|end|>"}) {
    const std::string text(step);
    traces += R"({"id": ")" + std::to_string(traces.size()) + R"(", "problem": "1 {step}\n", )" +
              R"("steps": [")" + text + R"(", "a\n\nb", ")" + text + R"(", "{n}", "c ", "d"]})" +
              "\n";
  }
  WriteText(Path("formatted.jsonl"), traces + traces);
  ASSERT_EQ(
      Run("model export --to hf --model " + Path("formatted") + " --out " + Path("hf2")).status, 0);
  const Outcome ours = Run("score --dtype float32 --model " + Path("formatted") + " --in " +
                           Path("formatted.jsonl"));
  ASSERT_EQ(ours.status, 0) << ours.err;
  ExpectEqualProbabilities(ours.out, TransformersScores("--model " + Path("hf2") + " --traces " +
                                                            Path("formatted.jsonl"),
                                                        Path("python.jsonl")));
}

TEST_F(PrmProgram, ABackboneGoesThroughGgufToAnEqualTrainingRun) {
  const std::string gguf = Path("backbone.gguf");
  const Outcome exported =
      Run("model export --to gguf --model " + Path("backbone") + " --out " + gguf);
  ASSERT_EQ(exported.status, 0) << exported.err;
  std::string train = Train("from_export");
  train.replace(train.find(Path("backbone")), Path("backbone").size(), gguf);
  ASSERT_EQ(Run(train).status, 0);
  EXPECT_TRUE(ReadText(Path("from_export/best/model.safetensors")) ==
              ReadText(Path("run/best/model.safetensors")));
  const Outcome headless =
      Run("model export --to gguf --model " + Path("run/best") + " --out " + Path("run.gguf"));
  EXPECT_EQ(headless.status, 0);
  EXPECT_NE(headless.err.find("the step head is not in the file"), std::string::npos);
}

TEST_F(PrmProgram, WhatCannotBeExportedIsRefusedWithTheReason) {
  const std::string best = " --model " + Path("run/best") + " --out ";
  ExpectRefused("model export --to vllm" + best + Path("vllm"), {Path("run/best"), "token 10"});
  ExpectRefused("model export --to hf" + best + Path("run/best"), {"is the checkpoint itself"});
  ExpectRefused("model export --to hf" + best + Path("data"), {Path("data"), "already exists"});
  ExpectRefused("model export --to hf --model " + Path("backbone") + " --out " + Path("x"),
                {"prm.json"});
}

TEST_F(PrmProgram, APortThatIsTakenOrMuteIsNamed) {
  const TakenPort port;
  const std::string serve = "serve --model " + Path("run/best") + " --listen ";
  ExpectRefused(serve + port.address(), {"cannot listen on " + port.address()});
  ExpectRefused(serve + "127.0.0.1:0 --metrics " + port.address(),
                {"cannot listen on " + port.address()});
  for (const char* ask : {"ask", "ask --stream"}) {
    ExpectRefused(std::string(ask) + " --attempts 1 --timeout 1 --server " + port.address() +
                      " --in " + Path("data/dev.jsonl") + " --out " + Path("unanswered.jsonl"),
                  {port.address()});
  }
  EXPECT_FALSE(std::filesystem::exists(Path("unanswered.jsonl")));
}

}  // namespace
}  // namespace prm
