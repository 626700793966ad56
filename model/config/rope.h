// Rotary angles: their frequencies under each way of stretching the context, and their form in
// config.json. Computed in float32 as transformers does, so that a checkpoint sees the very angles
// it was trained with.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "model/config/model_config.h"

namespace prm {

class JsonFields;

// [head_dim / 2] radians a position, for a trace of `length` tokens: the length matters for
// kDynamic beyond max_position_embeddings alone.
// Source: transformers/modeling_rope_utils.py; the papers are named at RopeScaling.
std::vector<float> RopeFrequencies(const ModelConfig& config, int length);

// rope_theta and rope_scaling, or rope_parameters as transformers writes since version 5. Sets
// rope_theta and rope_scaling of `config`, whose max_position_embeddings is read.
void ReadRope(const JsonFields& fields, ModelConfig* config);
void WriteRope(const ModelConfig& config, nlohmann::ordered_json* out);
void CheckRope(const ModelConfig& config, std::string_view where);

}  // namespace prm
