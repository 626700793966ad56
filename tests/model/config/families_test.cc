#include "model/config/families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/config/config_json.h"
#include "tests/model/tiny_files.h"

namespace prm {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

json Config(const char* architecture, const json& changes = json::object()) {
  json config = {
      {"architectures", {architecture}}, {"hidden_size", 64}, {"intermediate_size", 96},
      {"num_hidden_layers", 3},          {"vocab_size", 10},  {"num_attention_heads", 8}};
  config.update(changes);
  return config;
}
ModelConfig Parse(const json& config) { return ParseConfigJson(config.dump(), "c"); }

TEST(FamiliesTest, AnUnknownTypeIsRefusedByName) {
  EXPECT_EQ(MessageOf([] { FamilyOf("mamba", "c"); }, ErrorCode::kUnimplemented),
            "c: model_type \"mamba\" is not supported; expected one of llama, mistral, qwen2, "
            "qwen3, gemma2, phi3");
}

TEST(FamiliesTest, AClassOfTheFamilyNamesIt) {
  EXPECT_EQ(Parse(Config("Qwen2ForPrmModel", {{"num_key_value_heads", 8}})).model_type, "qwen2");
  EXPECT_EQ(
      ArchitectureOf(Parse(Config("Qwen2ForTokenClassification", {{"num_key_value_heads", 8}}))),
      "Qwen2ForCausalLM");
}

TEST(FamiliesTest, WhatConfigJsonLeavesOutHasTransformersDefault) {
  EXPECT_EQ(Parse(Config("LlamaForCausalLM")).num_kv_heads, 8);
  EXPECT_EQ(Parse(Config("LlamaForCausalLM")).head_dim, 8);
  EXPECT_EQ(Parse(Config("Phi3ForCausalLM")).rms_norm_eps, 1e-5);
  EXPECT_EQ(Parse(Config("Qwen3ForCausalLM", {{"num_key_value_heads", 8}})).head_dim, 128);
  const ModelConfig gemma = Parse(Config("Gemma2ForCausalLM"));
  EXPECT_EQ(gemma.num_kv_heads, 4);
  EXPECT_EQ(gemma.head_dim, 256);
  EXPECT_TRUE(gemma.tie_word_embeddings);
  EXPECT_EQ(gemma.attention_softcap, 50);
  EXPECT_EQ(gemma.logit_softcap, 30);
  EXPECT_EQ(gemma.attention_scale, 1.0 / 16);
  EXPECT_EQ(gemma.activation, Activation::kGeluTanh);
}

TEST(FamiliesTest, NullIsNotAbsent) {
  EXPECT_EQ(Parse(Config("MistralForCausalLM")).window(2), 4096);
  EXPECT_EQ(Parse(Config("MistralForCausalLM", {{"sliding_window", nullptr}})).window(2), 0);
  EXPECT_EQ(Parse(Config("MistralForCausalLM", {{"num_key_value_heads", nullptr}})).num_kv_heads,
            8);
  EXPECT_EQ(
      Parse(Config("Gemma2ForCausalLM", {{"attn_logit_softcapping", nullptr}})).attention_softcap,
      0);
}

// transformers checks the types in a configuration, and has defaults for omitted keys.
TEST(FamiliesTest, AWrittenConfigurationIsOneOfTransformers) {
  const auto written = [](const json& changes) {
    return json::parse(WriteConfigJson(Parse(Config("Gemma2ForCausalLM", changes))));
  };
  const json gemma = written({{"query_pre_attn_scalar", 144}});
  EXPECT_TRUE(gemma["query_pre_attn_scalar"].is_number_integer());
  EXPECT_EQ(gemma["query_pre_attn_scalar"], 144);
  EXPECT_EQ(written({{"query_pre_attn_scalar", 10.5}})["query_pre_attn_scalar"], 10.5);
  for (const char* token : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    EXPECT_TRUE(gemma.contains(token) && gemma[token].is_null()) << token;
  }
}

TEST(FamiliesTest, WindowsGoToTheLayersThatSlide) {
  EXPECT_THAT(Parse(Config("Gemma2ForCausalLM")).sliding_window, ElementsAre(4096, 0, 4096));
  EXPECT_THAT(
      Parse(Config("Gemma2ForCausalLM",
                   {{"layer_types", {"full_attention", "sliding_attention", "full_attention"}},
                    {"sliding_window", 7}}))
          .sliding_window,
      ElementsAre(0, 7, 0));
  const json qwen = {{"num_key_value_heads", 8}, {"sliding_window", 5}, {"max_window_layers", 2}};
  EXPECT_THAT(Parse(Config("Qwen2ForCausalLM", qwen)).sliding_window, IsEmpty());
  json sliding = qwen;
  sliding["use_sliding_window"] = true;
  EXPECT_THAT(Parse(Config("Qwen2ForCausalLM", sliding)).sliding_window, ElementsAre(0, 0, 5));
}

TEST(FamiliesTest, LayerTypesThatDoNotFitAreRefused) {
  const auto refused = [](const json& types) {
    return MessageOf(
        [&] {
          Parse(Config("Gemma2ForCausalLM", {{"layer_types", types}}));
        },
        ErrorCode::kInvalidArgument);
  };
  EXPECT_THAT(refused({"full_attention"}), HasSubstr("expected 3 types"));
  EXPECT_THAT(refused({"full_attention", "linear_attention", "full_attention"}),
              HasSubstr("layer_types"));
  EXPECT_THAT(MessageOf(
                  [] {
                    Parse(Config("Gemma2ForCausalLM", {{"use_bidirectional_attention", true}}));
                  },
                  ErrorCode::kUnimplemented),
              HasSubstr("use_bidirectional_attention"));
}

TEST(FamiliesTest, PartsAreStackedFromTheFamilysTensors) {
  const auto names = [](const ModelConfig& config, LayerPart part) {
    std::vector<std::string> names;
    for (const StoredTensor& t : StoredAs(config, part, 1)) names.push_back(t.name);
    return names;
  };
  const ModelConfig llama = Parse(Config("LlamaForCausalLM"));
  EXPECT_THAT(names(llama, LayerPart::kGateUp), ElementsAre("model.layers.1.mlp.gate_proj.weight",
                                                            "model.layers.1.mlp.up_proj.weight"));
  EXPECT_THAT(names(llama, LayerPart::kQkvBias), IsEmpty());
  EXPECT_THAT(names(llama, LayerPart::kMlpNorm),
              ElementsAre("model.layers.1.post_attention_layernorm.weight"));
  const ModelConfig phi = Parse(Config("Phi3ForCausalLM"));
  EXPECT_THAT(names(phi, LayerPart::kQkv), ElementsAre("model.layers.1.self_attn.qkv_proj.weight"));
  const ModelConfig gemma = Parse(Config("Gemma2ForCausalLM"));
  EXPECT_THAT(names(gemma, LayerPart::kAttentionPostNorm),
              ElementsAre("model.layers.1.post_attention_layernorm.weight"));
  EXPECT_THAT(names(gemma, LayerPart::kMlpNorm),
              ElementsAre("model.layers.1.pre_feedforward_layernorm.weight"));
}

}  // namespace
}  // namespace prm
