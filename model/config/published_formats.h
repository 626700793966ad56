// How published process reward models are scored, as data: the format files that prm import knows
// by name. Sources: the authors' model cards and evaluation code, named beside each.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config/scoring_format.h"
#include "model/config/scoring_json.h"

namespace prm {

struct PublishedFormat {
  std::string_view name;  // of prm import --format
  std::string_view json;  // a format file
};
std::span<const PublishedFormat> PublishedFormats();

// A format file: the fields of ParseScoringFormat and what a reader wants to know.
struct FormatFile {
  std::string about;
  ScoringFormat scoring;
  // Texts that the model's own chat template has where its rendering is that of this format.
  std::vector<std::string> chat_template_has;
};

// Throws Error(kInvalidArgument) naming `where` and the field.
FormatFile ParseFormatFile(std::string_view json, const TokenNames& names, std::string_view where);

// Of a published format's name, or of a path that ends in .json. Throws Error(kNotFound) with the
// names that are known.
FormatFile FindFormat(const std::string& name_or_path, const TokenNames& names);

}  // namespace prm
