#include "model/config/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/config/config_json.h"
#include "tests/model/tiny_files.h"

namespace prm {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// As written by transformers 4 for SmolLM2-135M, shortened.
json HuggingFaceConfig() {
  return json::parse(R"({
    "architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 1,
    "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576, "intermediate_size": 1536,
    "max_position_embeddings": 8192, "mlp_bias": false, "model_type": "llama",
    "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3,
    "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 100000,
    "tie_word_embeddings": true, "torch_dtype": "bfloat16", "vocab_size": 49152})");
}

ModelConfig Parse(const json& value) { return ParseConfigJson(value.dump(), "m/config.json"); }

std::string ErrorWith(const std::string& key, const json& value, ErrorCode code) {
  json config = HuggingFaceConfig();
  config[key] = value;
  const std::string message = MessageOf([&] { Parse(config); }, code);
  EXPECT_THAT(message, HasSubstr("m/config.json"));
  return message;
}

std::string Invalid(const std::string& key, const json& value) {
  return ErrorWith(key, value, ErrorCode::kInvalidArgument);
}
std::string Unsupported(const std::string& key, const json& value) {
  return ErrorWith(key, value, ErrorCode::kUnimplemented);
}

TEST(ModelConfigTest, ReadsTheHuggingFaceLayout) {
  const ModelConfig config = Parse(HuggingFaceConfig());
  EXPECT_EQ(config.hidden_size, 576);
  EXPECT_EQ(config.intermediate_size, 1536);
  EXPECT_EQ(config.num_layers, 30);
  EXPECT_EQ(config.num_heads, 9);
  EXPECT_EQ(config.num_kv_heads, 3);
  EXPECT_EQ(config.head_dim, 64);
  EXPECT_EQ(config.vocab_size, 49152);
  EXPECT_EQ(config.max_position_embeddings, 8192);
  EXPECT_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_EQ(config.rope_theta, 100000);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_EQ(config.rotary_layout, RotaryLayout::kHalf);
  EXPECT_EQ(config.bos_token_id, 1);
  EXPECT_EQ(config.eos_token_id, 2);
}

TEST(ModelConfigTest, AbsentFieldsHaveTransformersDefaults) {
  json json = HuggingFaceConfig();
  for (const char* key : {"num_key_value_heads", "rms_norm_eps", "rope_theta", "hidden_act",
                          "tie_word_embeddings", "max_position_embeddings", "bos_token_id"}) {
    json.erase(key);
  }
  const ModelConfig config = Parse(json);
  EXPECT_EQ(config.num_kv_heads, 9);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_EQ(config.max_position_embeddings, 2048);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_EQ(config.bos_token_id, std::nullopt);
}

TEST(ModelConfigTest, ReadsTheLayoutOfTransformers5) {
  json json = HuggingFaceConfig();
  json.erase("rope_theta");
  json["rope_parameters"] = {{"rope_theta", 5e5}, {"rope_type", "default"}};
  json["head_dim"] = 32;
  json["eos_token_id"] = {7, 8};
  const ModelConfig config = Parse(json);
  EXPECT_EQ(config.rope_theta, 5e5);
  EXPECT_EQ(config.head_dim, 32);
  EXPECT_EQ(config.eos_token_id, 7);
}

TEST(ModelConfigTest, RoundTripsInBothRotaryLayouts) {
  ModelConfig config = Parse(HuggingFaceConfig());
  for (const RotaryLayout layout : {RotaryLayout::kHalf, RotaryLayout::kInterleaved}) {
    config.rotary_layout = layout;
    EXPECT_EQ(ParseConfigJson(WriteConfigJson(config), "c"), config);
  }
  config.eos_token_id.reset();
  config.tie_word_embeddings = false;
  config.rms_norm_eps = 9.999999747378752e-06;
  EXPECT_EQ(ParseConfigJson(WriteConfigJson(config), "c"), config);
}

TEST(ModelConfigTest, NamesTheRotaryLayoutOnlyIfInterleaved) {
  ModelConfig config = TinyConfig();
  EXPECT_THAT(WriteConfigJson(config), Not(HasSubstr("rotary_layout")));
  config.rotary_layout = RotaryLayout::kInterleaved;
  EXPECT_THAT(WriteConfigJson(config), HasSubstr("\"prm_rotary_layout\": \"interleaved\""));
  EXPECT_THAT(Invalid("prm_rotary_layout", "spiral"), HasSubstr("\"half\" or \"interleaved\""));
}

TEST(ModelConfigTest, WhatTheDecoderCannotDoIsRefusedByName) {
  EXPECT_THAT(Unsupported("architectures", {"MixtralForCausalLM"}),
              HasSubstr(R"(["MixtralForCausalLM"] is not supported; expected one of LlamaForC)"));
  EXPECT_THAT(Unsupported("architectures", json::array()), HasSubstr("architectures []"));
  EXPECT_THAT(Unsupported("model_type", "mixtral"), HasSubstr("model_type \"mixtral\""));
  EXPECT_THAT(Invalid("model_type", "qwen2"), HasSubstr("does not go with"));
  EXPECT_THAT(Unsupported("hidden_act", "gelu"), HasSubstr("hidden_act \"gelu\""));
  EXPECT_THAT(Unsupported("rope_parameters", {{"rope_type", "longrope"}}),
              HasSubstr("\"longrope\""));
  EXPECT_THAT(Unsupported("partial_rotary_factor", 0.75), HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(Unsupported("quantization_config", {{"bits", 4}}), HasSubstr("quantization_config"));
}

TEST(ModelConfigTest, AbsurdValuesAreRefusedByField) {
  for (const char* key :
       {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "vocab_size", "max_position_embeddings"}) {
    for (const json& value :
         {json(0), json(-1), json(int64_t{1} << 40), json(1.5), json("9"), json(~uint64_t{0})}) {
      EXPECT_THAT(Invalid(key, value), HasSubstr(StrCat("'", key, "' is ", value.dump())));
    }
  }
  EXPECT_THAT(Invalid("hidden_size", nullptr), HasSubstr("'hidden_size' is missing"));
  EXPECT_THAT(Invalid("num_key_value_heads", 2), HasSubstr("not a multiple"));
  EXPECT_THAT(Invalid("num_attention_heads", 7), HasSubstr("head_dim is not given"));
  EXPECT_THAT(Invalid("head_dim", 63), HasSubstr("expected an even number"));
  EXPECT_THAT(Invalid("rms_norm_eps", -1), HasSubstr("rms_norm_eps"));
  EXPECT_THAT(Invalid("rope_theta", 0), HasSubstr("rope_theta"));
  EXPECT_THAT(Invalid("bos_token_id", 49152), HasSubstr("below vocab_size 49152"));
  EXPECT_THAT(Invalid("tie_word_embeddings", 1), HasSubstr("true or false"));
}

TEST(ModelConfigTest, BrokenJsonIsRefused) {
  for (const char* text : {"", "{", "[]", "{\"hidden_size\": 1", "\xff"}) {
    EXPECT_THAT(MessageOf([&] { ParseConfigJson(text, "c.json"); }, ErrorCode::kInvalidArgument),
                HasSubstr("c.json"));
  }
}

}  // namespace
}  // namespace prm
