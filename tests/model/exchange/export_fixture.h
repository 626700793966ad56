// A configurable checkpoint, and the paths of its exports.
#pragma once

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "data/io/text_io.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "model/decoder/checkpoint.h"
#include "model/files/gguf_model.h"
#include "model/files/mapped_file.h"
#include "tests/data/tokenizers/tokenizer_fixtures.h"
#include "tests/file_size_limit.h"
#include "tests/model/tiny_files.h"
#include "tests/shared_data.h"

namespace prm {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr TokenId kTag = 261;  // a control token of TinySpec; 263 is an added ordinary one

// Differences of a test's checkpoint from a tiny Llama with a linear head, read at kTag.
struct Model {
  ModelConfig config = [] {
    ModelConfig c = TinyConfig();
    c.hidden_size = 16;
    c.head_dim = 4;
    c.vocab_size = 270;  // more than the tokenizer has
    return c;
  }();
  PrmJson prm = [] {
    PrmJson p;
    p.max_tokens = 64;
    p.base_model = "tiny";
    p.training_data = {{"train.jsonl", std::string(64, 'a')}};
    p.format.prompt = {{.ids = {}, .text = "{problem}\n"}};
    p.format.step = {{.ids = {}, .text = "{step}"}, {.ids = {kTag}, .text = ""}};
    return p;
  }();
  std::vector<ExpectedTensor> head = {{"score.weight", {4, 16}}};
  BpeSpec tokenizer = TinySpec();
  std::vector<std::pair<std::string, json>> config_changes = {};
};

inline std::vector<TraceTokens> Traces() {
  return {{{104, 256, 258, 10, 257, 261, 259, 33, 261}, {5, 8}}, {{1, 2, 3, 261}, {3}}};
}

class ExportTest : public testing::Test {
 protected:
  void Write(const Model& model) {
    std::vector<ExpectedTensor> tensors = TinyTensors(model.config);
    tensors.insert(tensors.end(), model.head.begin(), model.head.end());
    fs::remove_all(from_);
    fs::remove_all(out_);
    WriteTinyFolder(from_, model.config, tensors);
    json config = json::parse(ReadText(from_ / "config.json"));
    for (const auto& [key, value] : model.config_changes) config[key] = value;
    WriteText(from_ / "config.json", config.dump());
    MakeBpeTokenizer(model.tokenizer)->Save(from_);
    WriteText(from_ / "prm.json", WritePrmJson(model.prm));
  }
  std::string Refusal(const Model& model, FolderTarget target) {
    Write(model);
    const std::string message =
        MessageOf([&] { ExportFolder(from_, out_, target); }, ErrorCode::kUnimplemented);
    EXPECT_THAT(message, HasSubstr(from_.string()));
    EXPECT_FALSE(fs::exists(out_));
    return message;
  }
  std::string HfRefusal(const Model& model) { return Refusal(model, FolderTarget::kTransformers); }
  std::string VllmRefusal(const Model& model) { return Refusal(model, FolderTarget::kVllm); }
  std::string GgufRefusal(const Model& model, ErrorCode code = ErrorCode::kUnimplemented) {
    Write(model);
    const std::string message = MessageOf([&] { ExportGguf(from_, gguf_, {}); }, code);
    EXPECT_FALSE(fs::exists(gguf_));
    EXPECT_THAT(Names(folder_.path()), ElementsAre("from"));
    return message;
  }
  void ExpectEqualScores() {
    const LoadedModel a = LoadModel(from_), b = LoadModel(out_);
    const auto before = ScoreSteps(Decoder(a.config, a.weights), a.prm->head, Traces());
    const auto after = ScoreSteps(Decoder(b.config, b.weights), b.prm->head, Traces());
    ASSERT_EQ(before.size(), after.size());
    for (size_t t = 0; t < before.size(); ++t) {
      EXPECT_EQ(before[t].p_correct, after[t].p_correct);
      EXPECT_EQ(before[t].label_probs, after[t].label_probs);
      EXPECT_NE(before[t].p_correct[0], 0.5f);
    }
  }
  json Config() const { return json::parse(ReadText(out_ / "config.json")); }

  TempFolder folder_;
  fs::path from_ = folder_ / "from", out_ = folder_ / "out", gguf_ = folder_ / "out.gguf";
};

inline Model TwoLayers() {
  Model model;
  model.prm.head.layers = {"score.0", "score.2"};
  model.prm.head.labels = {"wrong", "correct"};
  model.head = {{"score.0.weight", {16, 16}}, {"score.0.bias", {16}}, {"score.2.weight", {2, 16}}};
  return model;
}

inline Model LmHead() {
  Model model;
  model.config.tie_word_embeddings = false;
  model.prm.head.layers = {"lm_head"};
  model.prm.head.outputs = Head::Outputs::kRows;
  model.prm.head.rows = {43, 45};
  model.prm.head.labels = {"correct", "wrong"};
  model.head = {};
  return model;
}

inline Model Value() {
  Model model;
  model.prm.head.layers = {"v_head.summary"};
  model.prm.head.activation = Head::Activation::kSigmoid;
  model.prm.head.labels = {};
  model.head = {{"v_head.summary.weight", {1, 16}}};
  return model;
}

inline Model Ensemble() {
  Model model = Value();
  model.prm.head.layers = {"heads"};
  model.head = {{"heads.weight", {3, 16, 1}}};
  return model;
}

inline Model Implicit() {
  Model model;
  model.prm.head = {};
  model.prm.head.layers = {};
  model.prm.head.labels = {};
  model.prm.head.implicit_beta = 0.05;
  model.head = {};
  return model;
}

}  // namespace prm
