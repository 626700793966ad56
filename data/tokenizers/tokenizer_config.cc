#include "data/tokenizers/tokenizer_config.h"

#include <simdjson.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/io/json_text.h"

namespace prm {
namespace {

namespace dom = simdjson::dom;

[[noreturn]] void Refuse(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kDataLoss, StrCat(where, ": ", what));
}

// A token given as text or as {"content": text}; nullopt if absent or null.
std::optional<std::string> TokenText(const dom::object& config, std::string_view field,
                                     std::string_view where) {
  dom::element value;
  if (config[field].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  dom::object object;
  if (value.get(object) == simdjson::SUCCESS && object["content"].get(value) != simdjson::SUCCESS) {
    Refuse(where, StrCat(field, " has no content"));
  }
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    Refuse(where, StrCat(field, ": expected a string or an object with content"));
  }
  return std::string(text);
}

TokenId ParseId(std::string_view text, std::string_view where) {
  TokenId id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0) {
    Refuse(where, StrCat("added_tokens_decoder: id \"", text, "\"; expected a number"));
  }
  return id;
}

}  // namespace

SpecialToken ParseAddedToken(const dom::element& token, std::string_view where) {
  const auto flag = [&](std::string_view name, bool otherwise) {
    dom::element value;
    if (token[name].get(value) != simdjson::SUCCESS) return otherwise;
    bool set;
    if (value.get(set) != simdjson::SUCCESS) Refuse(where, StrCat(name, ": expected a boolean"));
    return set;
  };
  std::string_view content;
  if (token["content"].get(content) != simdjson::SUCCESS || content.empty()) {
    Refuse(where, "an added token without content");
  }
  if (flag("single_word", false)) {
    throw Error(ErrorCode::kUnimplemented,
                StrCat(where, ": added token \"", content, "\" with single_word is not supported"));
  }
  return {.text = std::string(content),
          .special = flag("special", false),
          .lstrip = flag("lstrip", false),
          .rstrip = flag("rstrip", false),
          .normalized = flag("normalized", false)};
}

namespace {

// Removes the unused "model_max_length": often the integer 10^30, which simdjson refuses.
std::string WithoutModelMaxLength(std::string_view json) {
  constexpr int kMaxDepth = 1000;  // simdjson refuses more
  if (JsonDepth(json) > kMaxDepth) return std::string(json);
  nlohmann::json document = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return std::string(json);  // refused by the caller
  document.erase("model_max_length");
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

TokenizerConfig ParseTokenizerConfig(std::string_view json, std::string_view where) {
  TokenizerConfig config;
  if (json.empty()) return config;
  dom::parser parser;
  const std::string readable = WithoutModelMaxLength(json);
  const dom::object object = ParseJsonObject(readable, where, &parser).value;
  config.bos_token = TokenText(object, "bos_token", where);
  config.eos_token = TokenText(object, "eos_token", where);
  config.tokenizer_class = TokenText(object, "tokenizer_class", where).value_or("");
  dom::object added;
  if (object["added_tokens_decoder"].get(added) == simdjson::SUCCESS) {
    for (const auto& [id, token] : added) {
      config.added_tokens.push_back(ParseAddedToken(token, where));
      config.added_tokens.back().id = ParseId(id, where);
    }
  }
  return config;
}

std::string FormatTokenizerConfig(const TokenizerConfig& config) {
  nlohmann::ordered_json added = nlohmann::ordered_json::object();
  for (const SpecialToken& token : config.added_tokens) {
    added[std::to_string(token.id)] = {
        {"content", token.text},  {"lstrip", token.lstrip}, {"normalized", token.normalized},
        {"rstrip", token.rstrip}, {"single_word", false},   {"special", token.special}};
  }
  nlohmann::ordered_json json = {{"added_tokens_decoder", added},
                                 {"clean_up_tokenization_spaces", false},
                                 {"tokenizer_class", config.tokenizer_class}};
  json["bos_token"] = config.bos_token ? nlohmann::ordered_json(*config.bos_token) : nullptr;
  json["eos_token"] = config.eos_token ? nlohmann::ordered_json(*config.eos_token) : nullptr;
  return json.dump(2) + "\n";
}

}  // namespace prm
