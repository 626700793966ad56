// A decoder's shape as a Hugging Face config.json states it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "model/config/model_config.h"

namespace prm {

// Throws Error(kInvalidArgument) with `where`, the field, its value and the allowed range.
void CheckConfig(const ModelConfig& config, std::string_view where);

// Parses config.json's text. Throws Error(kInvalidArgument; kUnimplemented for an architecture,
// activation or rope scaling that the decoder does not have) naming `where` and the field.
ModelConfig ParseConfigJson(std::string_view json, std::string_view where);
ModelConfig ReadConfigJson(const std::filesystem::path& file);

// The text of a config.json that ParseConfigJson and transformers read back. The rotary layout
// becomes the key "prm_rotary_layout" only if it is kInterleaved: transformers has no such layout.
std::string WriteConfigJson(const ModelConfig& config);

}  // namespace prm
