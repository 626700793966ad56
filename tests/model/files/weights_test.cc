#include "model/files/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/io/text_io.h"
#include "data/tokenizers/load_tokenizer.h"
#include "model/config/config_json.h"
#include "tests/model/backbone.h"
#include "tests/model/tiny_files.h"
#include "tests/shared_data.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<float> Values(const WeightSource& weights, const std::string& name) {
  std::vector<float> values(size_t(*NumElements(weights.View(name).shape)));
  ToFloat32(weights.View(name), values);
  return values;
}

std::string OpenError(const fs::path& path, ErrorCode code = ErrorCode::kInvalidArgument) {
  const std::string message = MessageOf([&] { OpenWeights(path); }, code);
  EXPECT_THAT(message, HasSubstr(path.string()));
  return message;
}

TEST(ExpectedTensorsTest, HaveTheShapesOfTheConfiguration) {
  ModelConfig config = TinyConfig();
  config.head_dim = 4;
  const auto tensors = ExpectedTensors(config);
  EXPECT_EQ(tensors.size(), 1u + 2 * 9 + 1);
  const auto shape = [&](const std::string& name) {
    const auto found = std::ranges::find(tensors, name, &ExpectedTensor::name);
    return found == tensors.end() ? std::vector<int64_t>{} : found->shape;
  };
  EXPECT_THAT(shape("model.embed_tokens.weight"), ElementsAre(11, 8));
  EXPECT_THAT(shape("model.layers.0.self_attn.q_proj.weight"), ElementsAre(16, 8));
  EXPECT_THAT(shape("model.layers.1.self_attn.k_proj.weight"), ElementsAre(8, 8));
  EXPECT_THAT(shape("model.layers.1.self_attn.o_proj.weight"), ElementsAre(8, 16));
  EXPECT_THAT(shape("model.layers.1.mlp.gate_proj.weight"), ElementsAre(16, 8));
  EXPECT_THAT(shape("model.layers.1.mlp.down_proj.weight"), ElementsAre(8, 16));
  config.tie_word_embeddings = false;
  EXPECT_EQ(ExpectedTensors(config).size(), tensors.size() + 1);
}

class FolderWeightsTest : public testing::Test {
 protected:
  void Write(const std::vector<ExpectedTensor>& tensors) {
    WriteTinyFolder(folder_.path(), config_, tensors);
  }
  // The error after `change` is applied to the valid list of tensors.
  template <class Change>
  std::string ErrorAfter(Change change) {
    std::vector<ExpectedTensor> tensors = TinyTensors(config_);
    change(&tensors);
    Write(tensors);
    return OpenError(folder_.path());
  }
  TempFolder folder_;
  ModelConfig config_ = TinyConfig();
};

TEST_F(FolderWeightsTest, GivesTensorsInOrderWithTheirValues) {
  Write(TinyTensors(config_));
  const auto weights = OpenWeights(folder_.path());
  EXPECT_EQ(weights->config(), config_);
  std::vector<std::string> expected;
  for (const ExpectedTensor& tensor : TinyTensors(config_)) expected.push_back(tensor.name);
  EXPECT_THAT(weights->names(), ElementsAreArray(expected));
  EXPECT_TRUE(weights->Has("model.norm.weight"));
  EXPECT_FALSE(weights->Has("score.weight"));
  EXPECT_THAT(weights->View("model.embed_tokens.weight").shape, ElementsAre(11, 8));
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 0.1f);
  for (const float value : Values(*weights, "model.embed_tokens.weight")) {
    ASSERT_EQ(value, normal(random));
  }
  EXPECT_THAT(MessageOf([&] { weights->View("none"); }, ErrorCode::kNotFound), HasSubstr("none"));
}

TEST_F(FolderWeightsTest, MissingTensorsAreNamed) {
  EXPECT_THAT(ErrorAfter([](auto* tensors) { tensors->pop_back(); }),
              HasSubstr("missing: model.norm.weight"));
  EXPECT_THAT(ErrorAfter([](auto* tensors) { tensors->resize(2); }), HasSubstr(" more"));
}

TEST_F(FolderWeightsTest, WrongShapesAreNamed) {
  EXPECT_THAT(ErrorAfter([](auto* tensors) {
                tensors->front().shape = {8, 11};
              }),
              HasSubstr("wrong: model.embed_tokens.weight [8, 11] instead of [11, 8]"));
}

TEST_F(FolderWeightsTest, OtherTensorsAreNamed) {
  const std::string message = ErrorAfter([](auto* tensors) {
    tensors->push_back({"model.layers.2.mlp.up_proj.weight", {16, 8}});
    tensors->push_back({"model.layers.0.self_attn.q_proj.bias", {8}});
  });
  EXPECT_THAT(message, AllOf(HasSubstr("not part of the model: "), Not(HasSubstr("missing")),
                             HasSubstr("model.layers.2.mlp.up_proj.weight"),
                             HasSubstr("model.layers.0.self_attn.q_proj.bias")));
}

TEST_F(FolderWeightsTest, HarmlessTensorsAreLeftOut) {
  std::vector<ExpectedTensor> tensors = TinyTensors(config_);
  tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {1}});
  tensors.push_back({"lm_head.weight", {11, 8}});  // tied
  Write(tensors);
  const auto weights = OpenWeights(folder_.path());
  EXPECT_EQ(weights->names().size(), tensors.size() - 2);
  EXPECT_FALSE(weights->Has("lm_head.weight"));
}

TEST_F(FolderWeightsTest, AnUntiedOutputLayerIsNeededUnlessThereIsAStepHead) {
  config_.tie_word_embeddings = false;
  EXPECT_THAT(ErrorAfter([](auto* tensors) { tensors->pop_back(); }),
              HasSubstr("missing: lm_head.weight"));
  std::vector<ExpectedTensor> tensors = TinyTensors(config_);
  tensors.back() = {"score.weight", {4, 8}};
  Write(tensors);
  const Head head;
  const auto weights = OpenWeights(folder_.path(), &head);
  EXPECT_TRUE(weights->Has("score.weight"));
  EXPECT_FALSE(weights->Has("lm_head.weight"));
  EXPECT_THAT(OpenError(folder_.path()), HasSubstr("not part of the model: score.weight"));
}

TEST_F(FolderWeightsTest, TensorsOfAHeadFitItsLabelsAndTheModel) {
  const auto error = [&](std::vector<ExpectedTensor> own, const Head& head) {
    std::vector<ExpectedTensor> tensors = TinyTensors(config_);
    tensors.insert(tensors.end(), own.begin(), own.end());
    Write(tensors);
    return MessageOf([&] { OpenWeights(folder_.path(), &head); }, ErrorCode::kInvalidArgument);
  };
  Head two;
  two.layers = {"score.0", "score.2"};
  two.labels = {"wrong", "correct"};
  EXPECT_THAT(error({{"score.0.weight", {6, 8}}, {"score.2.weight", {3, 6}}}, two),
              HasSubstr("wrong: score.2.weight [3, 6] instead of [2, 6]"));
  EXPECT_THAT(error({{"score.0.weight", {6, 8}}, {"score.2.weight", {2, 5}}}, two),
              HasSubstr("[2, 5] instead of [2, 6]"));
  EXPECT_THAT(error({{"score.0.weight", {6, 8}}}, two), HasSubstr("missing: score.2.weight"));
  Head ensemble, value;
  ensemble.activation = value.activation = Head::Activation::kSigmoid;
  ensemble.labels = value.labels = {};
  ensemble.layers = {"nn", "out"};
  value.layers = {"v"};
  EXPECT_THAT(error({{"nn.weight", {5, 8, 4}}, {"out.weight", {5, 4, 2}}}, ensemble),
              HasSubstr("out.weight [5, 4, 2] instead of [5, 4, 1]"));
  EXPECT_THAT(error({{"v.weight", {1, 8}}, {"v.bias", {2}}}, value),
              HasSubstr("v.bias [2] instead of [1]"));
}

TEST_F(FolderWeightsTest, WhatAHeadDoesNotUseMayBeThereByItsName) {
  std::vector<ExpectedTensor> tensors = TinyTensors(config_);
  tensors.push_back({"score.weight", {4, 8}});
  tensors.push_back({"score.reg.weight", {4, 8}});
  Write(tensors);
  Head head;
  EXPECT_THAT(MessageOf([&] { OpenWeights(folder_.path(), &head); }, ErrorCode::kInvalidArgument),
              HasSubstr("not part of the model: score.reg.weight"));
  head.unused = {"score.reg."};
  EXPECT_FALSE(OpenWeights(folder_.path(), &head)->Has("score.reg.weight"));
}

TEST_F(FolderWeightsTest, NamesOfAWrappedModelAreThoseOfTheModel) {
  std::vector<ExpectedTensor> tensors = TinyTensors(config_);
  for (ExpectedTensor& tensor : tensors) tensor.name = "pretrained_model." + tensor.name;
  Write(tensors);
  EXPECT_TRUE(OpenWeights(folder_.path())->Has("model.norm.weight"));
}

TEST_F(FolderWeightsTest, CutOffAndCorruptWeightsAreRefused) {
  Write(TinyTensors(config_));
  const fs::path file = folder_ / "model.safetensors";
  fs::resize_file(file, fs::file_size(file) - 1);
  EXPECT_THAT(MessageOf([&] { OpenWeights(folder_.path()); }, ErrorCode::kInvalidArgument),
              AllOf(HasSubstr("model.safetensors"), HasSubstr("cut off or damaged")));
  std::string text = ReadText(file);
  text[20] = '\xff';
  WriteText(file, text);
  EXPECT_THAT(OpenError(folder_.path(), ErrorCode::kDataLoss), HasSubstr("not valid JSON"));
}

TEST_F(FolderWeightsTest, MissingFilesAreNamed) {
  EXPECT_THAT(OpenError(folder_ / "none", ErrorCode::kNotFound), HasSubstr("no model at"));
  EXPECT_THAT(OpenError(folder_.path(), ErrorCode::kNotFound), HasSubstr("config.json"));
  WriteText(folder_ / "config.json", WriteConfigJson(config_));
  EXPECT_THAT(OpenError(folder_.path(), ErrorCode::kNotFound), HasSubstr("model.safetensors"));
  WriteText(folder_ / "weights.bin", "x");
  EXPECT_THAT(OpenError(folder_ / "weights.bin"), HasSubstr("is not a model"));
}

TEST_F(FolderWeightsTest, MissingTokenizerIsAnErrorOnlyWhenAskedFor) {
  Write(TinyTensors(config_));
  const auto weights = OpenWeights(folder_.path());
  EXPECT_THROW(weights->tokenizer(), Error);
}

TEST_F(FolderWeightsTest, AFolderThatVanishesWhileItIsLoadedIsAnErrorOrReadToItsEnd) {
  Write(TinyTensors(config_));
  const auto weights = OpenWeights(folder_.path());
  const auto before = Values(*weights, "model.norm.weight");
  fs::remove_all(folder_.path());
  EXPECT_EQ(Values(*weights, "model.norm.weight"), before) << "the mapping keeps the file";
  EXPECT_THROW(weights->tokenizer(), Error);
  EXPECT_THAT(OpenError(folder_.path(), ErrorCode::kNotFound), HasSubstr("no model at"));
}

TEST_F(FolderWeightsTest, BosIsAsTheTokenizerFilesSay) {
  Write(TinyTensors(config_));
  const auto prepends = [&] { return OpenWeights(folder_.path())->prepend_bos(); };
  EXPECT_FALSE(prepends());
  WriteText(folder_ / "tokenizer.model", "");
  EXPECT_TRUE(prepends());
  WriteText(folder_ / "tokenizer.json", R"({"post_processor": null})");
  EXPECT_FALSE(prepends());
  WriteText(folder_ / "tokenizer.json", R"({"post_processor": {"type": "Sequence", "processors": [
      {"type": "ByteLevel"}, {"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}]}})");
  EXPECT_TRUE(prepends());
  WriteText(folder_ / "tokenizer_config.json", R"({"add_bos_token": false})");
  EXPECT_FALSE(prepends());
  WriteText(folder_ / "tokenizer_config.json", R"({"add_bos_token": "yes"})");
  EXPECT_THAT(MessageOf(prepends, ErrorCode::kInvalidArgument), HasSubstr("'add_bos_token'"));
}

std::string Seed() { return ReadText(SourceDir() / "tests/fuzz/seeds/gguf/llama_v3"); }

TEST(GgufWeightsTest, ATinyFileOpensWithItsTokenizer) {
  const TempFolder folder;
  WriteText(folder / "tiny.gguf", Seed());
  const auto weights = OpenWeights(folder / "tiny.gguf");
  EXPECT_EQ(weights->config().rotary_layout, RotaryLayout::kInterleaved);
  EXPECT_EQ(weights->names().size(), 11u);
  EXPECT_THAT(weights->View("model.layers.0.self_attn.k_proj.weight").shape, ElementsAre(16, 32));
  EXPECT_FALSE(weights->prepend_bos());
  const auto tokenizer = weights->tokenizer();
  EXPECT_EQ(tokenizer, weights->tokenizer());
  std::vector<TokenId> ids;
  tokenizer->Encode("abab<s>", SpecialTokens::kParse, &ids);
  EXPECT_THAT(ids, ElementsAre(3, 3, 0));
  EXPECT_EQ(tokenizer->bos_id(), 0);
}

TEST(GgufWeightsTest, WrongTensorsAndTokenizersAreNamed) {
  const TempFolder folder;
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string file = Seed();
    file.replace(file.find(from), from.size(), to);
    WriteText(folder / "tiny.gguf", file);
    return folder / "tiny.gguf";
  };
  EXPECT_THAT(OpenError(with("blk.0.ffn_up", "blk.0.ffn_UP")),
              AllOf(HasSubstr("missing: model.layers.0.mlp.up_proj.weight"),
                    HasSubstr("not part of the model: blk.0.ffn_UP.weight")));
  // Its first occurrence is the value of general.architecture.
  EXPECT_THAT(OpenError(with("llama", "falco"), ErrorCode::kUnimplemented), HasSubstr("'falco'"));
  const auto gpt3 = OpenWeights(with("gpt2", "gpt3"));
  EXPECT_THAT(MessageOf([&] { gpt3->tokenizer(); }, ErrorCode::kUnimplemented),
              HasSubstr("tokenizer.ggml.model 'gpt3' is not supported; expected 'gpt2'"));
  const auto split = OpenWeights(with("smollm", "smellm"));
  EXPECT_THAT(MessageOf([&] { split->tokenizer(); }, ErrorCode::kUnimplemented),
              HasSubstr("tokenizer.ggml.pre 'smellm'"));
}

TEST(BackboneTest, ConfigurationTokenizerAndValuesAreThoseOfSmolLm2) {
  PRM_NEED_BACKBONE();
  const auto weights = OpenWeights(Backbone());
  const ModelConfig& config = weights->config();
  EXPECT_EQ(config.num_layers, 30);
  EXPECT_EQ(config.hidden_size, 576);
  EXPECT_EQ(config.num_kv_heads, 3);
  EXPECT_EQ(config.vocab_size, 49152);
  EXPECT_EQ(config.rope_theta, 100000);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_FALSE(weights->prepend_bos());
  EXPECT_EQ(weights->names().size(), 272u);
  const auto golden =
      nlohmann::json::parse(ReadText(SourceDir() / "tests/golden/dequantisation.json"))["smollm2"];
  for (const auto& tensor : golden) {
    const std::string name = tensor["name"];
    EXPECT_THAT(weights->View(name).shape,
                ElementsAreArray(tensor["shape"].get<std::vector<int64_t>>()));
    const std::vector<float> values = Values(*weights, name);
    for (size_t i = 0; i < tensor["at"].size(); ++i) {
      EXPECT_NEAR(values[tensor["at"][i]], tensor["values"][i].get<double>(), 1e-6) << name;
    }
    const double sum = std::accumulate(values.begin(), values.end(), 0.0,
                                       [](double s, float v) { return s + std::abs(v); });
    const double expected = tensor["absolute_sum"];
    EXPECT_NEAR(sum, expected, expected * 1e-7) << name;
  }
}

TEST(BackboneTest, TokenizesAndIsSavedForReopening) {
  PRM_NEED_BACKBONE();
  const auto tokenizer = OpenWeights(Backbone())->tokenizer();
  EXPECT_EQ(tokenizer->vocab_size(), 49152);
  EXPECT_EQ(tokenizer->PieceToId("<|im_start|>"), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  const std::string text = "Solve 3x + 6 = 15.\n\nx = 3, año";
  std::vector<TokenId> ids;
  tokenizer->Encode(text, SpecialTokens::kText, &ids);
  EXPECT_EQ(tokenizer->Decode(ids), text);
  const TempFolder folder;
  tokenizer->Save(folder.path());
  std::vector<TokenId> reopened;
  LoadTokenizer(folder.path())->Encode(text, SpecialTokens::kText, &reopened);
  EXPECT_EQ(reopened, ids);
}

TEST(BackboneTest, TokenizerOfTheFileGivesThePublishedIds) {
  PRM_NEED_BACKBONE();
  PRM_NEED_SHARED_DATA("tokenizers/expected_ids.jsonl.xz");
  const auto tokenizer = OpenWeights(Backbone())->tokenizer();
  LineReader lines(SharedData() / "tokenizers/expected_ids.jsonl.xz");
  std::string_view line;
  int texts = 0;
  for (; lines.Next(&line); ++texts) {
    const auto row = nlohmann::json::parse(line);
    std::vector<TokenId> ids;
    tokenizer->Encode(row["text"].get<std::string>(), SpecialTokens::kParse, &ids);
    ASSERT_EQ(ids, row["ids"]["smollm2"].get<std::vector<TokenId>>()) << row["text"];
  }
  EXPECT_GT(texts, 0);
}

}  // namespace
}  // namespace prm
