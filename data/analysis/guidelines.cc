#include "data/analysis/guidelines.h"

#include <algorithm>
#include <array>
#include <set>

#include "data/error.h"
#include "data/io/json_lines.h"

namespace prm {
namespace {

constexpr std::string_view kAnyDomain = "*";

// The format is Guidelines::Parse's, so that a project can start from a copy.
constexpr std::string_view kShipped = R"({"guidelines": [
{"name": "mathematics", "domains": ["math", "algebra", "geometry", "rates", "percent", "percentages", "units", "equations", "linear_equations", "arithmetic"],
 "rule": "One transformation per step: one chain of relations, at most two sentences.",
 "unit": "transformation", "max_words": 60, "max_sentences": 2, "max_jump": 2},
{"name": "word problems", "domains": ["math-gsm8k", "math-mathqa", "math-tutoring"],
 "rule": "One calculation per step, each number from the problem or an earlier step.",
 "unit": "transformation", "max_words": 60, "max_sentences": 2, "max_jump": 2, "quantities": true},
{"name": "science", "domains": ["physics", "chemistry", "biology", "science"],
 "rule": "One law applied or one conclusion drawn per step.",
 "unit": "inference", "max_words": 60, "max_sentences": 3, "max_jump": 3},
{"name": "logic", "domains": ["logic"],
 "rule": "One inference or one change of state per step; states may repeat.",
 "unit": "inference", "max_words": 60, "max_sentences": 3, "max_similarity": 2},
{"name": "word sorting", "domains": ["logic-word_sorting"],
 "rule": "One list comparison per step; a step names all words of the list.",
 "unit": "inference", "max_words": 200, "max_sentences": 40, "max_similarity": 2},
{"name": "reading", "domains": ["reading", "nli"],
 "rule": "One quoted piece of evidence per step.",
 "unit": "evidence", "max_words": 60, "max_sentences": 2},
{"name": "synthesis", "domains": ["synthesis", "research"],
 "rule": "One cited source per step.",
 "unit": "source", "max_words": 80, "max_sentences": 3},
{"name": "law", "domains": ["law"],
 "rule": "One authority applied to one fact per step.",
 "unit": "authority", "max_words": 80, "max_sentences": 3},
{"name": "medicine", "domains": ["medicine"],
 "rule": "One finding weighed, or one diagnosis ruled in or out, per step.",
 "unit": "inference", "max_words": 60, "max_sentences": 2},
{"name": "finance", "domains": ["finance", "accounting"],
 "rule": "One calculation per step, each figure from the problem or an earlier step.",
 "unit": "transformation", "max_words": 60, "max_sentences": 2, "max_jump": 2, "quantities": true},
{"name": "general", "domains": ["*"],
 "rule": "One conclusion per step.",
 "unit": "inference", "max_words": 80, "max_sentences": 3}
]})";

enum Field {
  kName,
  kDomains,
  kRule,
  kUnit,
  kMaxUnits,
  kMaxWords,
  kMaxSentences,
  kMaxJump,
  kQuantities,
  kMaxSimilarity,
  kNumFields
};
constexpr std::array<std::string_view, kNumFields> kFieldNames = {
    "name",      "domains",       "rule",     "unit",       "max_units",
    "max_words", "max_sentences", "max_jump", "quantities", "max_similarity"};

StepUnit ReadUnit(const JsonField& field) {
  const std::string name = ReadString(field);
  std::string names;
  for (int unit = 0; unit < kNumStepUnits; ++unit) {
    if (StepUnitName(StepUnit(unit)) == name) return StepUnit(unit);
    names += StrCat(unit ? ", " : "", StepUnitName(StepUnit(unit)));
  }
  RefuseValue(field, "one of " + names);
}

int ReadLimit(const JsonMember& member, int otherwise) {
  if (!member.has_value()) return otherwise;
  const int64_t value = ReadInt(member.field);
  if (value < 1 || value > 1'000'000) RefuseValue(member.field, "1 to 1000000");
  return int(value);
}

Guideline ReadGuideline(const JsonField& object) {
  std::vector<JsonField> unknown;
  const std::vector<JsonMember> members = ReadMembers(object, kFieldNames, &unknown);
  if (!unknown.empty()) RefuseField(unknown[0], "unknown field of a guideline");
  Guideline guideline;
  guideline.name = ReadString(Required(members[kName], "name", object));
  const JsonField& domains = Required(members[kDomains], "domains", object);
  for (const JsonElement item : ReadArray(domains)) {
    guideline.domains.push_back(ReadString(domains.Item(guideline.domains.size(), item)));
  }
  if (guideline.domains.empty()) RefuseField(domains, "expected at least one domain, got none");
  if (members[kRule].has_value()) guideline.rule = ReadString(members[kRule].field);
  if (members[kUnit].has_value()) guideline.unit = ReadUnit(members[kUnit].field);
  guideline.max_units = ReadLimit(members[kMaxUnits], guideline.max_units);
  guideline.max_words = ReadLimit(members[kMaxWords], guideline.max_words);
  guideline.max_sentences = ReadLimit(members[kMaxSentences], guideline.max_sentences);
  guideline.max_jump = ReadLimit(members[kMaxJump], guideline.max_jump);
  if (members[kQuantities].has_value()) {
    guideline.quantities = ReadBool(members[kQuantities].field);
  }
  if (members[kMaxSimilarity].has_value()) {
    guideline.max_similarity = ReadNumber(members[kMaxSimilarity].field);
    if (!(guideline.max_similarity > 0 && guideline.max_similarity <= 2)) {
      RefuseValue(members[kMaxSimilarity].field, "a number above 0 and at most 2");
    }
  }
  return guideline;
}

bool Covers(std::string_view covering, std::string_view domain) {
  return domain.starts_with(covering) &&
         (domain.size() == covering.size() || domain[covering.size()] == '-');
}

}  // namespace

std::string_view StepUnitName(StepUnit unit) {
  constexpr std::array<std::string_view, kNumStepUnits> kNames = {
      "transformation", "evidence", "source", "authority", "inference"};
  return kNames[size_t(unit)];
}

const Guidelines& Guidelines::Default() {
  static const Guidelines shipped = Parse(kShipped, "shipped guidelines");
  return shipped;
}

Guidelines Guidelines::Parse(std::string_view json, std::string_view where) {
  simdjson::dom::parser parser;
  const JsonField whole = ParseJsonObject(json, where, &parser);
  constexpr std::array<std::string_view, 1> kNames = {"guidelines"};
  std::vector<JsonField> unknown;
  const std::vector<JsonMember> members = ReadMembers(whole, kNames, &unknown);
  if (!unknown.empty()) RefuseField(unknown[0], "unknown field");
  const JsonField& list = Required(members[0], "guidelines", whole);
  Guidelines guidelines;
  std::set<std::string> seen;
  for (const JsonElement item : ReadArray(list)) {
    const JsonField object = list.Item(guidelines.all_.size(), item);
    guidelines.all_.push_back(ReadGuideline(object));
    for (const std::string& domain : guidelines.all_.back().domains) {
      if (!seen.insert(domain).second) {
        RefuseField(object, StrCat("the domain \"", domain, "\" has a guideline already"));
      }
    }
  }
  if (!seen.contains(std::string(kAnyDomain))) {
    guidelines.all_.push_back(Default().Of(kAnyDomain));
  }
  return guidelines;
}

Guidelines Guidelines::Read(const std::filesystem::path& path) {
  return Parse(ReadFile(path), path == "-" ? "standard input" : path.string());
}

const Guideline& Guidelines::Of(std::string_view domain) const {
  const Guideline* best = nullptr;
  size_t best_size = 0;
  for (const Guideline& guideline : all_) {
    for (const std::string& covering : guideline.domains) {
      if (covering == kAnyDomain ? best == nullptr
                                 : Covers(covering, domain) && covering.size() >= best_size) {
        best = &guideline;
        best_size = covering == kAnyDomain ? 0 : covering.size();
      }
    }
  }
  return *best;
}

}  // namespace prm
