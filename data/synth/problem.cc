#include "data/synth/problem.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "data/error.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

constexpr int kMaxDraws = 20000;
constexpr int64_t kLargestValue = 20000;

const std::vector<std::string_view>& People() {
  static const std::vector<std::string_view> kPeople = {
      "Ana",  "Bela", "Chen",  "Dara", "Emil",  "Fatima", "Goran", "Hana", "Ivan", "Jude", "Kofi",
      "Lena", "Mina", "Nadia", "Omar", "Priya", "Quinn",  "Rosa",  "Sven", "Tara", "Umar", "Vera"};
  return kPeople;
}

const std::vector<std::string_view>& Things() {
  static const std::vector<std::string_view> kThings = {
      "pens",    "stamps", "marbles", "shells", "cards", "beads", "pears",
      "buttons", "coins",  "books",   "plums",  "tiles", "cups",  "ribbons"};
  return kThings;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

int64_t WholeNumber(std::string_view text) { return std::stoll(std::string(TrimSpace(text))); }

std::optional<Rational> DrawValue(std::string_view rule, const Values& values,
                                  SynthRandom* random) {
  if (const size_t dots = rule.find(".."); dots != std::string_view::npos) {
    return Rational{
        random->Between(WholeNumber(rule.substr(0, dots)), WholeNumber(rule.substr(dots + 2))), 1};
  }
  if (rule.find(',') != std::string_view::npos) {
    return Rational{WholeNumber(random->Pick(Split(rule, ','))), 1};
  }
  return Evaluate(ParseExpression(rule), values);
}

bool Pleasant(const std::optional<Rational>& value) {
  return value && value->IsInteger() && value->num >= 2 && value->num <= kLargestValue;
}

std::optional<Values> DrawValues(std::string_view rules, SynthRandom* random) {
  Values values;
  for (const std::string_view rule : Split(rules, ';')) {
    const size_t equals = rule.find('=');
    const auto value = DrawValue(TrimSpace(rule.substr(equals + 1)), values, random);
    if (!Pleasant(value)) return std::nullopt;
    values.emplace(TrimSpace(rule.substr(0, equals)), *value);
  }
  return values;
}

// nullopt if some result is not a suitable number.
std::optional<Rational> CleanAnswer(const SynthStrategy& strategy, Values values) {
  for (const SynthOperation& operation : strategy.operations) {
    const auto result = Evaluate(ParseExpression(operation.formula), values);
    if (!Pleasant(result)) return std::nullopt;
    values[std::string(operation.result)] = *result;
  }
  return values.find(strategy.answer)->second;
}

std::vector<std::string> VisibleNames(std::string_view text, const Values& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) {
    if (text.find(StrCat("{", name, "}")) != std::string_view::npos) names.push_back(name);
  }
  return names;
}

bool AllDiffer(const std::vector<std::string>& names, const Values& values) {
  for (size_t i = 0; i < names.size(); ++i) {
    for (size_t k = i + 1; k < names.size(); ++k) {
      if (values.find(names[i])->second == values.find(names[k])->second) return false;
    }
  }
  return true;
}

// Puts the drawn values and the answer into `problem`; returns false to draw again.
bool Accept(const Values& values, std::string_view text, SynthProblem* problem) {
  std::optional<Rational> answer;
  for (const SynthStrategy& strategy : problem->source->strategies) {
    const auto other = CleanAnswer(strategy, values);
    if (!other) return false;
    if (answer && !(*answer == *other)) {
      throw Error(ErrorCode::kInternal, StrCat("template ", problem->source->id, ": strategy ",
                                               strategy.name, " gives another answer"));
    }
    answer = other;
  }
  problem->visible = VisibleNames(text, values);
  if (!AllDiffer(problem->visible, values)) return false;
  problem->values = values;
  problem->answer = *answer;
  return true;
}

}  // namespace

SynthProblem DrawProblem(const SynthTemplate& source, SynthRandom* random) {
  SynthProblem problem;
  problem.source = &source;
  const std::string_view text = PickPhrase(source.problems, random);
  for (int draw = 0;; ++draw) {
    if (draw == kMaxDraws) {
      throw Error(ErrorCode::kInternal, StrCat("template ", source.id, ": no values fit"));
    }
    const auto values = DrawValues(source.values, random);
    if (values && Accept(*values, text, &problem)) break;
  }
  problem.person = random->Pick(People());
  do {
    problem.other_person = random->Pick(People());
  } while (problem.other_person == problem.person);
  problem.things = random->Pick(Things());
  problem.text = FillPhrase(text, problem, {.values = &problem.values});
  return problem;
}

std::string FillPhrase(std::string_view phrase, const SynthProblem& problem,
                       const PhraseContext& context) {
  const auto replacement = [&](std::string_view name) -> std::string {
    if (name == "=") return context.equation;
    if (name == "r") return context.result;
    if (name == "ans") return context.answer;
    if (name == "N") return problem.person;
    if (name == "M") return problem.other_person;
    if (name == "o") return problem.things;
    const auto value = context.values->find(name);
    if (value != context.values->end()) return ToText(value->second);
    throw Error(ErrorCode::kInternal, StrCat("template ", problem.source->id,
                                             ": unknown placeholder {", name, "} in: ", phrase));
  };
  std::string out;
  while (!phrase.empty()) {
    const size_t open = phrase.find('{');
    out += phrase.substr(0, open);
    if (open == std::string_view::npos) break;
    const size_t close = phrase.find('}', open);
    out += replacement(phrase.substr(open + 1, close - open - 1));
    phrase.remove_prefix(close + 1);
  }
  return out;
}

std::string_view PickPhrase(std::string_view phrases, SynthRandom* random) {
  return random->Pick(Split(phrases, '|'));
}

}  // namespace prm
