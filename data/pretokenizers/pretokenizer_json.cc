#include "data/pretokenizers/pretokenizer_json.h"

#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "data/error.h"

namespace prm {
namespace {

namespace dom = simdjson::dom;
using Behavior = SplitStage::Behavior;

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

constexpr std::string_view kNumber = R"(\p{N})";
constexpr std::pair<std::string_view, Behavior> kBehaviors[] = {
    {"Removed", Behavior::kRemoved},
    {"Isolated", Behavior::kIsolated},
    {"MergedWithPrevious", Behavior::kMergedWithPrevious},
    {"MergedWithNext", Behavior::kMergedWithNext},
    {"Contiguous", Behavior::kContiguous},
};

Behavior ParseBehavior(const dom::element& stage, std::string_view where) {
  const std::string_view name = Text(stage, "behavior");
  for (const auto& [known, behavior] : kBehaviors) {
    if (name == known || (name.empty() && behavior == Behavior::kIsolated)) return behavior;
  }
  Unsupported(where, StrCat("pre-tokenizer ", simdjson::minify(stage)));
}

// `text` as an expression that matches only itself.
std::string Literally(std::string_view text) {
  std::string regex;
  for (const char c : text) {
    if (std::ispunct(static_cast<unsigned char>(c))) regex += '\\';
    regex += c;
  }
  return regex;
}

// A stage other than ByteLevel.
SplitStage ParseStage(const dom::element& stage, std::string_view where) {
  const std::string_view type = Text(stage, "type");
  dom::element pattern;
  if (type == "Split" && stage["pattern"].get(pattern) == simdjson::SUCCESS) {
    const std::string_view regex = Text(pattern, "Regex");
    return {regex.empty() ? Literally(Text(pattern, "String")) : std::string(regex),
            ParseBehavior(stage, where), Flag(stage, "invert", false)};
  }
  if (type == "Digits") {
    const bool single = Flag(stage, "individual_digits", false);
    return {std::string(kNumber), single ? Behavior::kIsolated : Behavior::kContiguous, false};
  }
  if (type == "Punctuation") {
    return {R"([\p{P}$+<=>^`|~])", ParseBehavior(stage, where), false};
  }
  if (type == "WhitespaceSplit") return {R"(\s)", Behavior::kRemoved, false};
  if (type == "Whitespace") return {R"(\w+|[^\w\s]+)", Behavior::kRemoved, true};
  Unsupported(where, StrCat("pre-tokenizer ", simdjson::minify(stage)));
}

// All stages of a pre-tokenizer in order.
struct Stages {
  std::vector<SplitStage> stages;
  bool byte_level = false;
  bool prefix_space = false;
};

void AppendStages(const dom::element& element, std::string_view where, int depth, Stages* all) {
  const std::string_view type = Text(element, "type");
  if (all->byte_level) Unsupported(where, "a pre-tokenizer stage after ByteLevel");
  if (type == "ByteLevel") {
    all->byte_level = true;
    all->prefix_space = Flag(element, "add_prefix_space", true);
    if (all->prefix_space && !all->stages.empty()) {
      Unsupported(where, "add_prefix_space of a ByteLevel that comes after other stages");
    }
    if (Flag(element, "use_regex", true)) all->stages.push_back({std::string(kGpt2Regex)});
  } else if (type != "Sequence") {
    all->stages.push_back(ParseStage(element, where));
  } else {
    dom::array parts;
    if (depth > 8 || element["pretokenizers"].get(parts) != simdjson::SUCCESS) {
      Unsupported(where, "this pre-tokenizer Sequence");
    }
    for (const dom::element part : parts) AppendStages(part, where, depth + 1, all);
  }
}

TextSplit ParseMetaspace(const dom::element& stage, std::string_view where) {
  using PrefixSpace = TextSplit::PrefixSpace;
  const std::string_view scheme = Text(stage, "prepend_scheme");
  TextSplit split{.kind = PreTokenizer::kSpaceMarks,
                  .marks_spaces = true,
                  .prefix_space = PrefixSpace::kAlways};
  if (!Flag(stage, "split", true)) split.kind = PreTokenizer::kWhole;
  // Before schemes existed, a flag meant "always" or "never".
  if (scheme == "never" || (scheme.empty() && !Flag(stage, "add_prefix_space", true))) {
    split.prefix_space = PrefixSpace::kNever;
  }
  if (scheme == "first") split.prefix_space = PrefixSpace::kFirst;
  if (Text(stage, "replacement") != kSpaceMark) {
    Unsupported(where, StrCat("pre-tokenizer ", simdjson::minify(stage)));
  }
  return split;
}

// The hand-written scanner for these stages, or kStages.
PreTokenizer ScannerOf(const std::vector<SplitStage>& stages) {
  const auto is = [&](std::initializer_list<std::string_view> regexes) {
    return std::ranges::equal(stages, regexes, [](const SplitStage& stage, std::string_view regex) {
      return stage == SplitStage{std::string(regex)};
    });
  };
  if (stages.empty()) return PreTokenizer::kWhole;
  if (is({kGpt2Regex})) return PreTokenizer::kGpt2;
  if (is({kNumber, kGpt2Regex})) return PreTokenizer::kSmolLm2;
  if (is({kQwen2Regex})) return PreTokenizer::kQwen2;
  if (is({kLlama3Regex})) return PreTokenizer::kLlama3;
  return PreTokenizer::kStages;
}

std::vector<SplitStage> StagesOf(const TextSplit& split) {
  switch (split.kind) {
    case PreTokenizer::kGpt2:
      return {{std::string(kGpt2Regex)}};
    case PreTokenizer::kSmolLm2:
      return {{std::string(kNumber)}, {std::string(kGpt2Regex)}};
    case PreTokenizer::kQwen2:
      return {{std::string(kQwen2Regex)}};
    case PreTokenizer::kLlama3:
      return {{std::string(kLlama3Regex)}};
    case PreTokenizer::kWhole:
    case PreTokenizer::kSpaceMarks:
      return {};
    case PreTokenizer::kStages:
      return split.stages;
  }
  return {};
}

}  // namespace

TextSplit ParsePreTokenizer(const dom::element& pre_tokenizer, std::string_view where,
                            bool* byte_level) {
  *byte_level = false;
  if (pre_tokenizer.is_null()) return {.kind = PreTokenizer::kWhole};
  if (Text(pre_tokenizer, "type") == "Metaspace") return ParseMetaspace(pre_tokenizer, where);
  Stages all;
  AppendStages(pre_tokenizer, where, 0, &all);
  *byte_level = all.byte_level;
  TextSplit split{.kind = ScannerOf(all.stages)};
  if (split.kind == PreTokenizer::kStages) split.stages = std::move(all.stages);
  if (all.prefix_space) split.prefix_space = TextSplit::PrefixSpace::kAlways;
  return split;
}

std::string FormatPreTokenizer(const TextSplit& split, bool byte_level) {
  using Json = nlohmann::ordered_json;
  using PrefixSpace = TextSplit::PrefixSpace;
  if (split.marks_spaces) {
    const char* scheme = split.prefix_space == PrefixSpace::kAlways  ? "always"
                         : split.prefix_space == PrefixSpace::kFirst ? "first"
                                                                     : "never";
    return Json{{"type", "Metaspace"},
                {"replacement", kSpaceMark},
                {"prepend_scheme", scheme},
                {"split", split.kind == PreTokenizer::kSpaceMarks}}
        .dump();
  }
  const bool gpt2 = split.kind == PreTokenizer::kGpt2 || split.kind == PreTokenizer::kSmolLm2;
  Json parts = Json::array();
  for (const SplitStage& stage : StagesOf(split)) {
    if (byte_level && gpt2 && stage.regex == kGpt2Regex) continue;  // ByteLevel's own
    const auto* behavior = std::ranges::find(kBehaviors, stage.behavior,
                                             &std::pair<std::string_view, Behavior>::second);
    parts.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", stage.regex}}},
                     {"behavior", behavior->first},
                     {"invert", stage.invert}});
  }
  if (byte_level) {
    parts.push_back({{"type", "ByteLevel"},
                     {"add_prefix_space", split.prefix_space == PrefixSpace::kAlways},
                     {"trim_offsets", true},
                     {"use_regex", gpt2}});
  }
  if (parts.empty()) return "null";
  if (parts.size() == 1) return parts[0].dump();
  return Json{{"type", "Sequence"}, {"pretokenizers", parts}}.dump();
}

}  // namespace prm
