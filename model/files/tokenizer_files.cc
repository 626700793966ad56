#include "model/files/tokenizer_files.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "model/config/json_fields.h"

namespace prm {
namespace {

using nlohmann::json;

json ReadJson(const std::filesystem::path& file) {
  return ParseJson(ReadJsonText(file), file.string());
}

bool BeginsWithSpecialToken(const json& processor, const std::string& where) {
  const JsonFields fields(processor, where);
  const std::string type = fields.String("type");
  if (type == "Sequence") {
    for (const json& part : fields.Array("processors")) {
      if (BeginsWithSpecialToken(part, where)) return true;
    }
    return false;
  }
  if (type != "TemplateProcessing") return false;
  const json& single = fields.Array("single");
  return !single.empty() && single[0].is_object() && single[0].contains("SpecialToken");
}

}  // namespace

bool FolderPrependsBos(const std::filesystem::path& folder) {
  const std::filesystem::path config_file = folder / "tokenizer_config.json";
  if (std::filesystem::exists(config_file)) {
    const json config = ReadJson(config_file);
    const JsonFields fields(config, config_file.string());
    if (fields.Has("add_bos_token")) return fields.Bool("add_bos_token", false);
  }
  const std::filesystem::path tokenizer_file = folder / "tokenizer.json";
  if (std::filesystem::exists(tokenizer_file)) {
    const json tokenizer = ReadJson(tokenizer_file);
    const JsonFields fields(tokenizer, tokenizer_file.string());
    const json* processor = fields.Find("post_processor");
    return processor != nullptr &&
           BeginsWithSpecialToken(*processor, tokenizer_file.string() + ": post_processor");
  }
  return std::filesystem::exists(folder / "tokenizer.model");
}

}  // namespace prm
