// Checkpoints whose files are damaged, cut, hostile or in the way, through the program.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "model/files/safetensors.h"
#include "tests/program/program.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class CheckpointProgram : public PrmProgram {
 protected:
  // A copy of the checkpoint `from` of its own.
  std::string Copy(const std::string& from, const std::string& to) {
    fs::remove_all(Path(to));
    fs::copy(Path(from), Path(to), fs::copy_options::recursive);
    return Path(to);
  }
  static void FlipBit(const std::string& file, double where) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto at = std::streamoff(double(fs::file_size(file) - 1) * where);
    stream.seekg(at);
    const char byte = char(stream.get() ^ 1);
    stream.seekp(at);
    stream.put(byte);
  }
  static void WithoutSums(const std::string& folder) {
    auto prm = nlohmann::json::parse(ReadText(folder + "/prm.json"));
    prm.erase("files");
    prm.erase("sha256");
    WriteText(folder + "/prm.json", prm.dump());
  }
  // Every verb that loads the checkpoint `model`.
  std::vector<std::string> Verbs(const std::string& model) {
    const std::string dev = Path("data/dev.jsonl");
    return {"score --model " + model + " --in " + dev,
            "model describe " + model,
            "model compare --weights int8 --dtype float32 --model " + model,
            "eval --model " + model + " --data " + dev,
            "rerank --model " + model + " --in " + Path("data/rerank.jsonl"),
            "serve --listen 127.0.0.1:0 --model " + model,
            "model export --to hf --out " + Path("never") + " --model " + model,
            "model export --to gguf --out " + Path("never.gguf") + " --model " + model,
            "model import --format " + Path("own.json") + " --out " + Path("never") + " " + model,
            "train --data " + Path("data/train.jsonl") + " --out " + Path("never") + " --model " +
                model};
  }
};

TEST_F(CheckpointProgram, OneFlippedBitIsRefusedByEveryVerbNamingTheFile) {
  WriteText(Path("own.json"),
            R"({"format": {"prompt": ["{problem}\n"], "step": ["{step}", [10]]}, "head": {"layers":
               ["score"], "activation": "softmax", "labels": ["correct_necessary",
               "correct_redundant", "incorrect", "incomplete"]}})");
  for (const char* name : {"model.safetensors", "config.json", "tokenizer.json"}) {
    const std::string model = Copy("run/best", "flipped"), file = model + "/" + name;
    FlipBit(file, 0.9);
    for (const std::string& verb : Verbs(model)) {
      ExpectRefused(verb, {file + ": changed since it was written", "--no-verify"});
    }
  }
  EXPECT_FALSE(fs::exists(Path("never")));
  EXPECT_FALSE(fs::exists(Path("never.gguf")));
}

TEST_F(CheckpointProgram, AFlippedBitAnywhereInWeightsOrStateOfTrainingIsFound) {
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "trainer.json"}) {
    for (const double where : {0.0, 0.001, 0.5, 1.0}) {
      fs::remove_all(Path("resumed"));
      fs::create_directory(Path("resumed"));
      const std::string last = Copy("run/last", "resumed/last"), file = last + "/" + name;
      FlipBit(file, where);
      ExpectRefused(Train("resumed") + " --resume", {file + ": changed since it was written"});
      ExpectRefused("model describe " + last, {file + ": changed since it was written"});
      const bool scores = std::string(name) != "model.safetensors";
      EXPECT_EQ(Run("score --model " + last + " --in " + Path("data/dev.jsonl")).status, !scores);
    }
  }
}

TEST_F(CheckpointProgram, WithNoVerifyEveryVerbTakesTheFilesAsTheyAre) {
  WriteText(Path("own.json"), Run("model formats trl").out);
  const std::string model = Copy("run/best", "edited");
  WriteText(model + "/tokenizer_config.json", ReadText(model + "/tokenizer_config.json") + "\n");
  for (std::string verb : Verbs(model)) {
    if (verb.starts_with("serve") || verb.starts_with("model import")) continue;
    if (verb.starts_with("train")) verb += " --epochs 1 --threads 1";
    ExpectRefused(verb, {"tokenizer_config.json"});
    const Outcome taken = Run(verb + " --no-verify");
    EXPECT_EQ(taken.status, 0) << verb << ": " << taken.err;
    fs::remove_all(Path("never"));
  }
  EXPECT_THAT(Run("model describe --no-verify " + model).out, HasSubstr("not compared"));
  RunningProgram server("serve --no-verify --listen 127.0.0.1:0 --model " + model,
                        Path("server.log"));
  EXPECT_NE(server.WaitFor("event=start listen="), "");
}

TEST_F(CheckpointProgram, ACheckpointWithoutSumsLoadsAndSaysSo) {
  const std::string model = Copy("run/best", "older");
  EXPECT_THAT(Run("model describe " + model).out, HasSubstr("matching their sums in prm.json"));
  WithoutSums(model);
  const Outcome described = Run("model describe " + model);
  EXPECT_EQ(described.status, 0);
  EXPECT_THAT(described.out, HasSubstr("without sums in prm.json"));
  EXPECT_THAT(described.err, HasSubstr("note: " + model + ": files without sums"));
}

// Opening the tokenizer, here a pipe, lies between opening the weights and reading them.
TEST_F(CheckpointProgram, WeightsThatAreCutWhileTheyAreLoadedAreNamed) {
  const std::string model = Copy("run/best", "cut"), weights = model + "/model.safetensors";
  const std::string tokenizer = ReadText(model + "/tokenizer.json");
  auto config = nlohmann::json::parse(ReadText(model + "/tokenizer_config.json"));
  config["add_bos_token"] = false;
  WriteText(model + "/tokenizer_config.json", config.dump());
  fs::remove(model + "/tokenizer.json");
  ASSERT_EQ(mkfifo((model + "/tokenizer.json").c_str(), 0600), 0);
  const auto size = fs::file_size(weights);
  for (const uintmax_t left : {uintmax_t{0}, size / 3, size - 1}) {
    fs::copy_file(Path("run/best/model.safetensors"), weights,
                  fs::copy_options::overwrite_existing);
    RunningProgram program("score --no-verify --model " + model + " --in " + Path("data/dev.jsonl"),
                           Path("cut.log"));
    std::ofstream pipe(model + "/tokenizer.json");  // waits for its reader
    fs::resize_file(weights, left);
    pipe << tokenizer << std::flush;
    pipe.close();
    EXPECT_EQ(program.Wait(), 1) << program.log();
    EXPECT_THAT(program.log(), HasSubstr(weights + ": became shorter while it was read"));
  }
}

TEST_F(CheckpointProgram, ManyTensorsAreRefusedForWhatTheyAre) {
  const std::string model = Copy("run/best", "many");
  WithoutSums(model);
  std::vector<TensorHeader> headers;
  for (int i = 0; i < 100'000; ++i) headers.push_back({"tensor." + std::to_string(i), {}, {0}});
  SafetensorsWriter writer(model + "/model.safetensors", headers);
  for (const TensorHeader& header : headers) writer.Add(header.name, {});
  writer.Finish();
  for (const std::string& verb : {"score --in " + Path("data/dev.jsonl") + " --model ",
                                  "model export --to hf --out " + Path("never") + " --model "}) {
    ExpectRefused(verb + model, {"not part of the model: tensor.0", "and 99992 more"});
  }
}

TEST_F(CheckpointProgram, DeepJsonIsRefusedInEveryFile) {
  std::string deep = "{\"model_type\":";
  for (int i = 0; i < 1'000'000; ++i) deep += "[";
  for (const char* name : {"prm.json", "config.json", "tokenizer.json", "tokenizer_config.json"}) {
    const std::string model = Copy("run/best", "deep");
    WithoutSums(model);
    for (const std::string& end : {std::string(), std::string(1'000'000, ']') + "}"}) {
      WriteText(model + "/" + name, deep + end);
      ExpectRefused("model describe " + model, {name});
    }
  }
}

TEST_F(CheckpointProgram, AbsurdSizesInTheConfigurationAreRefusedByField) {
  const std::string model = Copy("run/best", "absurd");
  WithoutSums(model);
  const auto config = nlohmann::json::parse(ReadText(model + "/config.json"));
  for (const char* field :
       {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings"}) {
    for (const nlohmann::json& value : {nlohmann::json(2147483647), nlohmann::json(1e300),
                                        nlohmann::json(-1), nlohmann::json(uint64_t(1) << 63)}) {
      auto changed = config;
      changed[field] = value;
      WriteText(model + "/config.json", changed.dump());
      ExpectRefused("model describe " + model, {"config.json", field});
    }
  }
}

TEST_F(CheckpointProgram, ImportAndExportReplaceNothing) {
  const std::string model = Copy("run/best", "kept"), before = ReadText(model + "/prm.json");
  WriteText(Path("own.json"), Run("model formats trl").out);
  ExpectRefused("model export --to hf --model " + Path("run/last") + " --out " + model,
                {model, "already exists"});
  ExpectRefused(
      "model import " + Path("backbone") + " --format " + Path("own.json") + " --out " + model,
      {model, "already exists"});
  EXPECT_EQ(ReadText(model + "/prm.json"), before);
}

}  // namespace
}  // namespace prm
