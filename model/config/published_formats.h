// How published process reward models are scored, as data: the format files that prm model import
// knows by name. Each names its source: the authors' model card or evaluation code.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config/scoring_format.h"
#include "model/config/scoring_json.h"

namespace prm {

struct PublishedFormat {
  std::string_view name;  // as given to prm model import --format
  std::string_view json;  // the text of a format file
};
std::span<const PublishedFormat> PublishedFormats();

// A format file: the fields of ParseScoringFormat, plus information for readers.
struct FormatFile {
  std::string about;
  ScoringFormat scoring;
  // Texts that occur in the model's own chat template if it renders the same prompt as this format.
  std::vector<std::string> chat_template_has;
};

// Throws Error(kInvalidArgument) naming `where` and the field.
FormatFile ParseFormatFile(std::string_view json, const TokenNames& names, std::string_view where);

// Finds a published format by name, or reads a path that ends in .json. Throws Error(kNotFound)
// listing the known names.
FormatFile FindFormat(const std::string& name_or_path, const TokenNames& names);

}  // namespace prm
