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
    const std::string name =
        Flag(stage, "use_regex", true) ? "ByteLevel with GPT-2 regex" : "ByteLevel";
    return Flag(stage, "add_prefix_space", true) ? name + " and prefix space" : name;
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

TextSplit ParseMetaspace(const dom::element& stage, std::string_view where) {
  using PrefixSpace = TextSplit::PrefixSpace;
  const std::string_view scheme = Text(stage, "prepend_scheme");
  TextSplit split{PreTokenizer::kSpaceMarks, true, PrefixSpace::kAlways};
  if (!Flag(stage, "split", true)) split.kind = PreTokenizer::kWhole;
  // Before there were schemes a flag stood for "always" or "never".
  if (scheme == "never" || (scheme.empty() && !Flag(stage, "add_prefix_space", true))) {
    split.prefix_space = PrefixSpace::kNever;
  }
  if (scheme == "first") split.prefix_space = PrefixSpace::kFirst;
  if (Text(stage, "replacement") != kSpaceMark) {
    Unsupported(where, StrCat("pre-tokenizer ", simdjson::minify(stage)));
  }
  return split;
}

struct ByteLevelStages {
  std::string_view stages;
  PreTokenizer kind;
};
constexpr ByteLevelStages kByteLevel[] = {
    {"ByteLevel with GPT-2 regex", PreTokenizer::kGpt2},
    {"Split by GPT-2 regex, ByteLevel", PreTokenizer::kGpt2},
    {"Digits, ByteLevel with GPT-2 regex", PreTokenizer::kSmolLm2},
    {"Split by Qwen2 regex, ByteLevel", PreTokenizer::kQwen2},
    {"Split by Llama-3 regex, ByteLevel", PreTokenizer::kLlama3},
};

}  // namespace

TextSplit ParsePreTokenizer(const dom::element& pre_tokenizer, std::string_view where,
                            bool* byte_level) {
  *byte_level = false;
  if (pre_tokenizer.is_null()) return {PreTokenizer::kWhole};
  if (Text(pre_tokenizer, "type") == "Metaspace") return ParseMetaspace(pre_tokenizer, where);
  *byte_level = true;
  std::string stages;
  AppendStages(pre_tokenizer, where, 0, &stages);
  for (const auto& [known, kind] : kByteLevel) {
    if (stages == known) return {kind};
  }
  if (stages == "ByteLevel with GPT-2 regex and prefix space") {
    return {PreTokenizer::kGpt2, false, TextSplit::PrefixSpace::kAlways};
  }
  Unsupported(where, StrCat("the pre-tokenizer sequence (", stages, ")"));
}

std::string FormatPreTokenizer(const TextSplit& split) {
  using Json = nlohmann::ordered_json;
  using PrefixSpace = TextSplit::PrefixSpace;
  const bool prefix = split.prefix_space == PrefixSpace::kAlways;
  const auto byte_level = [&](bool use_regex) {
    return Json{{"type", "ByteLevel"},
                {"add_prefix_space", prefix},
                {"trim_offsets", true},
                {"use_regex", use_regex}};
  };
  const auto sequence = [](const Json& first, const Json& second) {
    return Json{{"type", "Sequence"}, {"pretokenizers", Json::array({first, second})}}.dump();
  };
  const auto regex = [](std::string_view pattern) {
    return Json{{"type", "Split"},
                {"pattern", {{"Regex", pattern}}},
                {"behavior", "Isolated"},
                {"invert", false}};
  };
  switch (split.kind) {
    case PreTokenizer::kGpt2:
      return byte_level(true).dump();
    case PreTokenizer::kSmolLm2:
      return sequence({{"type", "Digits"}, {"individual_digits", true}}, byte_level(true));
    case PreTokenizer::kQwen2:
      return sequence(regex(kQwen2Regex), byte_level(false));
    case PreTokenizer::kLlama3:
      return sequence(regex(kLlama3Regex), byte_level(false));
    case PreTokenizer::kWhole:
    case PreTokenizer::kSpaceMarks:
      break;
  }
  if (!split.marks_spaces) return "null";
  return Json{{"type", "Metaspace"},
              {"replacement", kSpaceMark},
              {"prepend_scheme", prefix                                      ? "always"
                                 : split.prefix_space == PrefixSpace::kFirst ? "first"
                                                                             : "never"},
              {"split", split.kind == PreTokenizer::kSpaceMarks}}
      .dump();
}

}  // namespace prm
