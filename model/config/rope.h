// Rotary angles: their frequencies under each way of stretching the context, and their form in
// config.json. Computed in float32 as in transformers, so that checkpoints get their exact angles.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "model/config/model_config.h"

namespace prm {

class JsonFields;

// Returns [head_dim / 2] radians per position, for a trace of `length` tokens. The length matters
// only for kDynamic, beyond max_position_embeddings.
// Source: transformers/modeling_rope_utils.py; the papers are named at RopeScaling.
std::vector<float> RopeFrequencies(const ModelConfig& config, int length);

// Reads rope_theta and rope_scaling, or rope_parameters (written by transformers since version 5).
// Sets those two fields of `config`; its max_position_embeddings must be set before.
void ReadRope(const JsonFields& fields, ModelConfig* config);
void WriteRope(const ModelConfig& config, nlohmann::ordered_json* out);
void CheckRope(const ModelConfig& config, std::string_view where);

}  // namespace prm
