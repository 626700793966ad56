#include "model/exchange/peft_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

AdapterConfig Read(const std::string& fields) {
  const TempFolder folder;
  return ReadAdapterConfig(folder.Write("adapter_config.json", "{" + fields + "}"));
}

// The configuration of a LoRA adapter with these fields.
AdapterConfig Lora(const std::string& fields) {
  return Read(R"("peft_type":"LORA","r":8,"lora_alpha":4)" + (fields.empty() ? "" : "," + fields));
}

std::string LoraError(const std::string& fields, ErrorCode code) {
  const std::string message = MessageOf([&] { Lora(fields); }, code);
  EXPECT_THAT(message, HasSubstr("adapter_config.json"));
  return message;
}

TEST(AdapterConfigTest, DefaultsAreThoseOfPeft) {
  const AdapterConfig config = Read(R"("peft_type":"LORA")");
  EXPECT_EQ(config.RankOf("a"), 8);
  EXPECT_EQ(config.ScalingOf("a"), 1);
  EXPECT_FALSE(config.use_rslora || config.fan_in_fan_out || config.use_dora || config.lora_bias);
  EXPECT_THAT(config.modules_to_save, IsEmpty());
}

TEST(AdapterConfigTest, ScalingIsAlphaByRankOrByItsRoot) {
  EXPECT_EQ(Lora("").ScalingOf("a"), 0.5);
  EXPECT_EQ(Lora(R"("use_rslora":true)").ScalingOf("a"), 4 / std::sqrt(8.0));
  EXPECT_EQ(Lora(R"("rank_pattern":{"a":2})").ScalingOf("a"), 2);
  EXPECT_EQ(Lora(R"("alpha_pattern":{"a":2.5})").ScalingOf("a"), 2.5 / 8);
}

TEST(AdapterConfigTest, APatternIsAnExpressionForTheEndOfAPath) {
  const AdapterConfig config = Lora(
      R"("rank_pattern":{"q_proj":1,"layers\\.[01]\\.mlp\\.(up|down)_proj":2,"^model.head":3})");
  EXPECT_EQ(config.RankOf("model.layers.0.self_attn.q_proj"), 1);
  EXPECT_EQ(config.RankOf("q_proj"), 1);
  EXPECT_EQ(config.RankOf("model.xq_proj"), 8);
  EXPECT_EQ(config.RankOf("model.q_proj.inner"), 8);
  EXPECT_EQ(config.RankOf("model.layers.1.mlp.down_proj"), 2);
  EXPECT_EQ(config.RankOf("model.layers.2.mlp.down_proj"), 8);
  EXPECT_EQ(config.RankOf("model.head"), 3);
  EXPECT_EQ(config.RankOf("outer.model.head"), 8);
}

TEST(AdapterConfigTest, TheFirstPatternOfTheFileCounts) {
  const AdapterConfig config = Lora(R"("alpha_pattern":{"z":16,"a.z":24,"z|y":32})");
  EXPECT_EQ(config.ScalingOf("a.z"), 2);
  EXPECT_EQ(config.ScalingOf("a.y"), 4);
}

TEST(AdapterConfigTest, SavedModulesAreNamedByTheirEnds) {
  const AdapterConfig config = Lora(R"("modules_to_save":["score","h.norm"])");
  EXPECT_THAT(config.modules_to_save, ElementsAre("score", "h.norm"));
  EXPECT_TRUE(config.IsSaved("score.weight"));
  EXPECT_TRUE(config.IsSaved("model.score.0.weight"));
  EXPECT_TRUE(config.IsSaved("model.h.norm.weight"));
  EXPECT_FALSE(config.IsSaved("scores.weight"));
  EXPECT_FALSE(config.IsSaved("model.norm.weight"));
  EXPECT_FALSE(Lora(R"("modules_to_save":null)").IsSaved("score.weight"));
}

TEST(AdapterConfigTest, WhatIsNoLowRankDifferenceIsRefusedByName) {
  EXPECT_THAT(MessageOf([] { Read(R"("peft_type":"IA3")"); }, ErrorCode::kUnimplemented),
              HasSubstr("peft_type 'IA3' is not supported; expected LORA"));
  for (const char* field : {"layer_replication", "target_parameters", "trainable_token_indices",
                            "use_qalora", "use_bdlora", "arrow_config", "alora_invocation_tokens",
                            "kasa_config", "velora_config", "monteclora_config"}) {
    const std::string name = StrCat("\"", field, "\":");
    EXPECT_THAT(LoraError(name + "[[0,1]]", ErrorCode::kUnimplemented), HasSubstr(field));
    EXPECT_THAT(LoraError(name + "true", ErrorCode::kUnimplemented), HasSubstr(field));
    for (const char* unset : {"null", "false", "[]", "{}"}) EXPECT_NO_THROW(Lora(name + unset));
  }
}

TEST(AdapterConfigTest, InitialisationsThatAlterTheBaseAreRefusedByName) {
  for (const char* kind : {"pissa", "pissa_niter_4", "olora", "corda", "loftq", "eva", "lora_ga"}) {
    EXPECT_THAT(
        LoraError(StrCat(R"("init_lora_weights":")", kind, "\""), ErrorCode::kUnimplemented),
        HasSubstr(StrCat("init_lora_weights \"", kind, "\"")));
  }
  for (const char* kind : {"true", "false", "null", "\"gaussian\"", "\"orthogonal\""}) {
    EXPECT_NO_THROW(Lora(StrCat(R"("init_lora_weights":)", kind)));
  }
}

TEST(AdapterConfigTest, MalformedFilesAreRefusedWithTheField) {
  constexpr auto kInvalid = ErrorCode::kInvalidArgument;
  const TempFolder folder;
  EXPECT_THAT(
      MessageOf([&] { ReadAdapterConfig(folder / "adapter_config.json"); }, ErrorCode::kNotFound),
      HasSubstr("adapter_config.json"));
  const auto error = [&](const std::string& text) {
    folder.Write("adapter_config.json", text);
    return MessageOf([&] { ReadAdapterConfig(folder / "adapter_config.json"); }, kInvalid);
  };
  EXPECT_THAT(error("{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error("[]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(error("{}"), HasSubstr("field 'peft_type' is missing"));
  EXPECT_THAT(LoraError(R"("r":0)", kInvalid), HasSubstr("field 'r' is 0; expected"));
  EXPECT_THAT(LoraError(R"("lora_alpha":"x")", kInvalid), HasSubstr("'lora_alpha'"));
  EXPECT_THAT(LoraError(R"("use_dora":1)", kInvalid), HasSubstr("'use_dora'"));
  EXPECT_THAT(LoraError(R"("rank_pattern":[1])", kInvalid), HasSubstr("'rank_pattern'"));
  EXPECT_THAT(LoraError(R"("rank_pattern":{"q":0})", kInvalid),
              AllOf(HasSubstr("'rank_pattern'"), HasSubstr("field 'q' is 0")));
  EXPECT_THAT(LoraError(R"("alpha_pattern":{"(":1})", kInvalid),
              AllOf(HasSubstr("'alpha_pattern'"), HasSubstr("'(' is not a regular expression")));
  EXPECT_THAT(LoraError(R"("modules_to_save":["a",1])", kInvalid), HasSubstr("'modules_to_save'"));
  EXPECT_THAT(LoraError(R"("modules_to_save":"a")", kInvalid), HasSubstr("'modules_to_save'"));
}

}  // namespace
}  // namespace prm
