#include "data/pretokenizers/normalizer.h"

#include <simdjson.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "data/error.h"

namespace prm {
namespace {

namespace dom = simdjson::dom;
using Kind = NormalizerStep::Kind;

constexpr std::array<std::pair<std::string_view, NormalForm>, 4> kForms = {{
    {"NFC", NormalForm::kNfc},
    {"NFD", NormalForm::kNfd},
    {"NFKC", NormalForm::kNfkc},
    {"NFKD", NormalForm::kNfkd},
}};

std::string_view Text(const dom::element& object, std::string_view name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

NormalizerStep ParseStep(const dom::element& step, std::string_view where) {
  const std::string_view type = Text(step, "type");
  for (const auto& [name, form] : kForms) {
    if (type == name) return {Kind::kUnicode, form, "", ""};
  }
  if (type == "Prepend" && !Text(step, "prepend").empty()) {
    return {Kind::kPrepend, {}, "", std::string(Text(step, "prepend"))};
  }
  dom::element pattern;
  if (type == "Replace" && step["pattern"].get(pattern) == simdjson::SUCCESS &&
      !Text(pattern, "String").empty()) {
    return {Kind::kReplace,
            {},
            std::string(Text(pattern, "String")),
            std::string(Text(step, "content"))};
  }
  throw Error(ErrorCode::kUnimplemented,
              StrCat(where, ": normalizer ", simdjson::minify(step), " is not supported"));
}

std::optional<std::string> Apply(const NormalizerStep& step, std::string_view text) {
  switch (step.kind) {
    case Kind::kUnicode:
      return NormalizeUnicode(step.form, text);
    case Kind::kPrepend:
      if (text.empty()) return std::nullopt;
      return StrCat(step.to, text);
    case Kind::kReplace:
      if (text.find(step.from) == std::string_view::npos) return std::nullopt;
      return ReplaceAll(text, step.from, step.to);
  }
  return std::nullopt;
}

nlohmann::ordered_json StepJson(const NormalizerStep& step) {
  switch (step.kind) {
    case Kind::kUnicode:
      for (const auto& [name, form] : kForms) {
        if (form == step.form) return {{"type", name}};
      }
      break;
    case Kind::kPrepend:
      return {{"type", "Prepend"}, {"prepend", step.to}};
    case Kind::kReplace:
      return {{"type", "Replace"}, {"pattern", {{"String", step.from}}}, {"content", step.to}};
  }
  return nullptr;
}

}  // namespace

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (size_t begin = 0;;) {
    const size_t at = text.find(from, begin);
    out += text.substr(begin, at - begin);
    if (at == std::string_view::npos) return out;
    out += to;
    begin = at + from.size();
  }
}

std::optional<std::string> Normalize(std::span<const NormalizerStep> steps, std::string_view text) {
  std::optional<std::string> current;
  for (const NormalizerStep& step : steps) {
    std::optional<std::string> next = Apply(step, current ? *current : text);
    if (next) current = std::move(next);
  }
  return current;
}

std::vector<NormalizerStep> ParseNormalizer(const dom::element& normalizer,
                                            std::string_view where) {
  if (normalizer.is_null()) return {};
  dom::array parts;
  if (normalizer["normalizers"].get(parts) != simdjson::SUCCESS) {
    return {ParseStep(normalizer, where)};
  }
  std::vector<NormalizerStep> steps;
  for (const dom::element part : parts) steps.push_back(ParseStep(part, where));
  return steps;
}

std::string FormatNormalizer(std::span<const NormalizerStep> steps) {
  if (steps.empty()) return "null";
  if (steps.size() == 1) return StepJson(steps[0]).dump();
  nlohmann::ordered_json parts = nlohmann::ordered_json::array();
  for (const NormalizerStep& step : steps) parts.push_back(StepJson(step));
  return nlohmann::ordered_json{{"type", "Sequence"}, {"normalizers", parts}}.dump();
}

}  // namespace prm
