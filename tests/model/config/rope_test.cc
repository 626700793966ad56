#include "model/config/rope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/config/json_fields.h"
#include "tests/model/tiny_files.h"

namespace prm {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Kind = RopeScaling::Kind;

// tests/golden/families.py compares the scaling itself with transformers.
ModelConfig Read(const json& fields) {
  ModelConfig config = TinyConfig();
  config.head_dim = 16;
  config.max_position_embeddings = 1000;
  ReadRope(JsonFields(fields, "c"), &config);
  return config;
}
ModelConfig Scaled(const json& rope) { return Read({{"rope_scaling", rope}}); }

TEST(RopeTest, UnscaledFrequenciesFallFromOneByPowersOfTheta) {
  const auto frequencies = RopeFrequencies(Read({{"rope_theta", 1e4}}), 1000);
  ASSERT_EQ(frequencies.size(), 8u);
  EXPECT_EQ(frequencies[0], 1.0f);
  EXPECT_NEAR(frequencies[4], 1e-2, 1e-8);
}

TEST(RopeTest, DynamicScalingStartsBeyondTheContext) {
  const ModelConfig config = Scaled({{"type", "dynamic"}, {"factor", 4.0}});
  const auto within = RopeFrequencies(config, 1000),
             unscaled = RopeFrequencies(Read(json::object()), 1000);
  for (size_t i = 0; i < within.size(); ++i) EXPECT_FLOAT_EQ(within[i], unscaled[i]);
  EXPECT_LT(RopeFrequencies(config, 2000)[7], 0.5 * within[7]);
  EXPECT_EQ(config.max_positions(), 4000);
}

TEST(RopeTest, YarnsMagnitudeIsComputedWhereItIsNotGiven) {
  const json rope = {{"rope_type", "yarn"}, {"factor", 4.0}};
  EXPECT_NEAR(Scaled(rope).rope_scaling.attention_factor, 0.1 * std::log(4.0) + 1, 1e-12);
  json given = rope;
  given["attention_factor"] = 1.5;
  EXPECT_EQ(Scaled(given).rope_scaling.attention_factor, 1.5);
  json deepseek = rope;
  deepseek["mscale"] = deepseek["mscale_all_dim"] = 0.7;
  EXPECT_EQ(Scaled(deepseek).rope_scaling.attention_factor, 1.0);
  EXPECT_EQ(Scaled(rope).rope_scaling.original_max_positions, 1000);
  EXPECT_EQ(Scaled(rope).max_positions(), 4000);
}

TEST(RopeTest, EveryKindRoundTrips) {
  for (const json& rope :
       {json{{"type", "linear"}, {"factor", 2.0}}, json{{"type", "dynamic"}, {"factor", 3.0}},
        json{{"rope_type", "yarn"}, {"factor", 4.0}, {"beta_fast", 20}, {"truncate", false}},
        json{{"rope_type", "llama3"},
             {"factor", 8.0},
             {"low_freq_factor", 1.0},
             {"high_freq_factor", 4.0},
             {"original_max_position_embeddings", 300}}}) {
    const ModelConfig config = Scaled(rope);
    nlohmann::ordered_json written;
    WriteRope(config, &written);
    const ModelConfig again = Read(json::parse(written.dump()));
    EXPECT_EQ(again.rope_scaling, config.rope_scaling) << rope.dump();
    EXPECT_EQ(again.rope_theta, config.rope_theta);
  }
}

TEST(RopeTest, WhatDoesNotFitIsRefused) {
  const auto refused = [](const json& rope, ErrorCode code = ErrorCode::kInvalidArgument) {
    return MessageOf(
        [&] {
          const ModelConfig config = Scaled(rope);
          CheckRope(config, "c");
        },
        code);
  };
  EXPECT_THAT(refused({{"type", "su"}}, ErrorCode::kUnimplemented), HasSubstr("\"su\""));
  EXPECT_THAT(refused({{"type", "linear"}}), HasSubstr("'factor' is missing"));
  EXPECT_THAT(refused({{"type", "linear"}, {"factor", 0.5}}), HasSubstr("factor"));
  EXPECT_THAT(refused({{"type", "llama3"},
                       {"factor", 8.0},
                       {"low_freq_factor", 4.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 300}}),
              HasSubstr("high_freq_factor is 4"));
}

}  // namespace
}  // namespace prm
