#include "data/pretokenizer_json.h"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "data/error.h"

namespace prm {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

[[noreturn]] void Unsupported(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kUnimplemented, StrCat(where, ": ", what, " is not supported"));
}

bool Flag(const dom::element& object, std::string_view name, bool otherwise) {
  bool value;
  return object[name].get(value) == simdjson::SUCCESS ? value : otherwise;
}

std::string_view Text(const dom::element& object, std::string_view name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

std::string Stage(const dom::element& stage, std::string_view where) {
  const std::string_view type = Text(stage, "type");
  if (type == "ByteLevel") {
    if (Flag(stage, "add_prefix_space", true)) {
      Unsupported(where, "pre-tokenizer ByteLevel with add_prefix_space");
    }
    return Flag(stage, "use_regex", true) ? "ByteLevel with GPT-2 regex" : "ByteLevel";
  }
  if (type == "Digits" && Flag(stage, "individual_digits", false)) return "Digits";
  if (type == "Split" && Text(stage, "behavior") == "Isolated" && !Flag(stage, "invert", false)) {
    dom::element pattern;
    if (stage["pattern"].get(pattern) == simdjson::SUCCESS) {
      const std::string_view regex = Text(pattern, "Regex");
      if (regex == kGpt2Regex) return "Split by GPT-2 regex";
      if (regex == kQwen2Regex) return "Split by Qwen2 regex";
      if (regex == kLlama3Regex) return "Split by Llama-3 regex";
    }
  }
  Unsupported(where, StrCat("pre-tokenizer ", simdjson::minify(stage)));
}

void AppendStages(const dom::element& element, std::string_view where, int depth,
                  std::string* stages) {
  if (Text(element, "type") != "Sequence") {
    *stages += stages->empty() ? "" : ", ";
    *stages += Stage(element, where);
    return;
  }
  dom::array parts;
  if (depth > 8 || element["pretokenizers"].get(parts) != simdjson::SUCCESS) {
    Unsupported(where, "this pre-tokenizer Sequence");
  }
  for (const dom::element part : parts) AppendStages(part, where, depth + 1, stages);
}

}  // namespace

PreTokenizer ParsePreTokenizer(const dom::element& pre_tokenizer, std::string_view where) {
  std::string stages;
  AppendStages(pre_tokenizer, where, 0, &stages);
  if (stages == "ByteLevel with GPT-2 regex") return PreTokenizer::kGpt2;
  if (stages == "Split by GPT-2 regex, ByteLevel") return PreTokenizer::kGpt2;
  if (stages == "Digits, ByteLevel with GPT-2 regex") return PreTokenizer::kSmolLm2;
  if (stages == "Split by Qwen2 regex, ByteLevel") return PreTokenizer::kQwen2;
  if (stages == "Split by Llama-3 regex, ByteLevel") return PreTokenizer::kLlama3;
  Unsupported(where, StrCat("the pre-tokenizer sequence (", stages, ")"));
}

std::string FormatPreTokenizer(PreTokenizer kind) {
  using Json = nlohmann::ordered_json;
  const auto byte_level = [](bool use_regex) {
    return Json{{"type", "ByteLevel"},
                {"add_prefix_space", false},
                {"trim_offsets", true},
                {"use_regex", use_regex}};
  };
  Json first;
  switch (kind) {
    case PreTokenizer::kGpt2:
      return byte_level(true).dump();
    case PreTokenizer::kSmolLm2:
      first = {{"type", "Digits"}, {"individual_digits", true}};
      break;
    case PreTokenizer::kQwen2:
    case PreTokenizer::kLlama3:
      first = {{"type", "Split"},
               {"pattern", {{"Regex", kind == PreTokenizer::kQwen2 ? kQwen2Regex : kLlama3Regex}}},
               {"behavior", "Isolated"},
               {"invert", false}};
      break;
  }
  const Json parts = Json::array({first, byte_level(kind == PreTokenizer::kSmolLm2)});
  return Json{{"type", "Sequence"}, {"pretokenizers", parts}}.dump();
}

}  // namespace prm
