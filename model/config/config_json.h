// A decoder's shape as stated in a Hugging Face config.json.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "model/config/model_config.h"

namespace prm {

// Throws Error(kInvalidArgument) stating `where`, the field, its value and the allowed range.
void CheckConfig(const ModelConfig& config, std::string_view where);

// Parses the text of a config.json. Throws Error naming `where` and the field: kUnimplemented for
// an architecture, activation or rope scaling that the decoder lacks, else kInvalidArgument.
ModelConfig ParseConfigJson(std::string_view json, std::string_view where);
ModelConfig ReadConfigJson(const std::filesystem::path& file);

// Returns the text of a config.json that ParseConfigJson and transformers can read. Writes the key
// "prm_rotary_layout" only for kInterleaved, a layout that transformers does not have.
std::string WriteConfigJson(const ModelConfig& config);

}  // namespace prm
