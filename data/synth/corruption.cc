#include "data/synth/corruption.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "data/algebra/fraction.h"
#include "data/math_text/math_tokens.h"
#include "data/math_text/verdict.h"
#include "data/synth/slips.h"
#include "data/text/ascii.h"
#include "data/text/hash.h"

namespace prm {
namespace {

using nlohmann::ordered_json;

// Changes one of the digits, never to a leading zero.
std::string ChangeDigit(std::string digits, SynthRandom* random) {
  std::vector<size_t> places;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (IsDigit(digits[i])) places.push_back(i);
  }
  const size_t place = random->Pick(places);
  char changed = char('0' + (digits[place] - '0' + 1 + int(random->Below(9))) % 10);
  if (place == places.front() && changed == '0') changed = digits[place] == '1' ? '2' : '1';
  digits[place] = changed;
  return digits;
}

std::string WrongNumber(const std::string& number, SynthRandom* random) {
  constexpr size_t kMaxDigits = 9;
  const bool whole =
      number.size() <= kMaxDigits && std::all_of(number.begin(), number.end(), IsDigit);
  if (!whole) return ChangeDigit(number, random);
  const Rational value{std::stoll(number), 1};
  const Rational wrong = Misread(value, random);
  if (!Believable(wrong, value)) return ChangeDigit(number, random);
  return std::to_string(wrong.num);
}

std::string WrongOperator(char op, SynthRandom* random) {
  std::vector<std::string> others;
  for (const char other : {'+', '-', '*', '/'}) {
    if (other != op) others.emplace_back(1, other);
  }
  return random->Pick(others);
}

// Whether the relation at `begin` of `step` has two different values and was not found to hold.
bool IsFalseAt(std::string_view step, uint32_t begin) {
  StepChecker checker("");
  const StepCheck check = checker.Check(step);
  return std::any_of(check.relations.begin(), check.relations.end(), [&](const RelationCheck& r) {
    return r.begin == begin && !r.left_value.empty() && !r.right_value.empty() &&
           r.left_value != r.right_value && r.verdict != Verdict::kArithOk;
  });
}

bool IsClosedEquality(const RelationCheck& relation) {
  const bool reason = relation.reason == Reason::kArithmetic || relation.reason == Reason::kPercent;
  const auto has_operator = [](const std::string& form) {
    return form.find_first_of("+-*/^!(", 1) != form.npos;
  };
  return relation.verdict == Verdict::kArithOk && reason && relation.relation == "=" &&
         (has_operator(relation.left_form) || has_operator(relation.right_form));
}

// The numbers of a text, with their tokens.
struct TextNumber {
  Fraction value;
  uint32_t begin;
};
std::vector<TextNumber> NumbersOf(std::string_view text) {
  std::vector<MathToken> tokens;
  LexMath(text, &tokens);
  std::vector<TextNumber> numbers;
  for (const MathToken& token : tokens) {
    Fraction value;
    if (token.kind != TokenKind::kNumber || token.den != 0) continue;
    if (value.SetDecimal(text.substr(token.begin, token.end - token.begin))) {
      numbers.push_back({std::move(value), token.begin});
    }
  }
  return numbers;
}
bool HasNumber(std::string_view text, const Fraction& value) {
  const std::vector<TextNumber> numbers = NumbersOf(text);
  return std::any_of(numbers.begin(), numbers.end(),
                     [&](const TextNumber& number) { return number.value == value; });
}

struct CheckedTrace {
  std::vector<StepCheck> checks;
};
CheckedTrace CheckAll(const Trace& trace) {
  StepChecker checker(trace.problem);
  CheckedTrace checked;
  for (const Step& step : trace.steps) checked.checks.push_back(checker.Check(step.text));
  return checked;
}

uint64_t SeedOf(uint64_t seed, std::string_view id, Corruption corruption) {
  Fnv1a hash(seed * 0x9e3779b97f4a7c15);
  hash.Add(id);
  return hash.value() ^ uint64_t(corruption);
}

void UnlabelBehind(size_t first_error, Trace* trace) {
  for (size_t i = first_error + 1; i < trace->steps.size(); ++i) {
    trace->steps[i].label.reset();
    trace->steps[i].soft.reset();
  }
  trace->first_error = int(first_error);
  trace->final_correct.reset();
}

bool PlantIncorrect(SynthRandom* random, Trace* trace, ordered_json* note) {
  const CheckedTrace checked = CheckAll(*trace);
  std::vector<size_t> places;
  for (size_t i = 0; i < checked.checks.size(); ++i) {
    const auto& relations = checked.checks[i].relations;
    if (std::any_of(relations.begin(), relations.end(), IsClosedEquality)) places.push_back(i);
  }
  random->Shuffle(&places);
  for (const size_t i : places) {
    const auto corrupted = CorruptStep(trace->steps[i].text, checked.checks[i], random);
    if (!corrupted) continue;
    (*note)["step"] = i;
    (*note)["change"] = corrupted->kind;
    (*note)["before"] = corrupted->before;
    (*note)["after"] = corrupted->after;
    trace->steps[i] = {corrupted->text, StepLabel::kIncorrect, std::nullopt};
    UnlabelBehind(i, trace);
    return true;
  }
  return false;
}

bool PlantRedundant(SynthRandom* random, Trace* trace, ordered_json* note) {
  if (trace->steps.size() < 2) return false;
  const CheckedTrace checked = CheckAll(*trace);
  // Nothing is repeated after the last step.
  const size_t from = random->Below(trace->steps.size() - 1);
  const size_t at = from + 1 + random->Below(trace->steps.size() - 1 - from);
  const std::string& text = trace->steps[from].text;
  std::string again = text;
  const auto& relations = checked.checks[from].relations;
  const auto holds = std::find_if(relations.begin(), relations.end(), IsClosedEquality);
  const bool restate = holds != relations.end() && random->Chance(50);
  if (restate) {
    static const std::vector<std::string> kOpenings = {"As before, ", "Again, ", "We recall that ",
                                                       "As already found, "};
    again = random->Pick(kOpenings) + holds->left_form + " = " + holds->right_form + ".";
  }
  (*note)["step"] = at;
  (*note)["change"] = restate ? "restated" : "repeated";
  (*note)["of"] = from;
  trace->steps.insert(trace->steps.begin() + std::ptrdiff_t(at),
                      Step{again, StepLabel::kCorrectRedundant, std::nullopt});
  return true;
}

// The first step after `from` that uses the number `value` in a relation; 0 if the number also has
// another source by then.
size_t UserOf(const Trace& trace, const CheckedTrace& checked, size_t from, const Fraction& value) {
  if (HasNumber(trace.problem, value)) return 0;
  for (size_t i = 0; i < trace.steps.size(); ++i) {
    if (i == from) continue;
    const std::vector<TextNumber> numbers = NumbersOf(trace.steps[i].text);
    for (const TextNumber& number : numbers) {
      if (!(number.value == value)) continue;
      if (i < from) return 0;
      const auto& relations = checked.checks[i].relations;
      const bool used = std::any_of(relations.begin(), relations.end(), [&](const auto& r) {
        return IsClosedEquality(r) && r.begin <= number.begin && number.begin < r.end &&
               r.right_value != value.ToText();
      });
      return used ? i : 0;
    }
  }
  return 0;
}

bool PlantIncomplete(SynthRandom* random, Trace* trace, ordered_json* note) {
  const CheckedTrace checked = CheckAll(*trace);
  std::vector<std::pair<size_t, size_t>> places;  // premise, user
  for (size_t i = 0; i + 1 < trace->steps.size(); ++i) {
    const auto& relations = checked.checks[i].relations;
    if (relations.empty() || !IsClosedEquality(relations.back())) continue;
    Fraction value;
    const std::string& text = relations.back().right_value;
    const bool plain = std::all_of(text.begin(), text.end(), IsDigit);
    if (!plain || !value.SetDecimal(text)) continue;
    const size_t user = UserOf(*trace, checked, i, value);
    if (user > i) places.emplace_back(i, user);
  }
  if (places.empty()) return false;
  const auto [premise, user] = random->Pick(places);
  (*note)["step"] = user - 1;
  (*note)["change"] = "premise_left_out";
  (*note)["premise"] = trace->steps[premise].text;
  trace->steps.erase(trace->steps.begin() + std::ptrdiff_t(premise));
  trace->steps[user - 1].label = StepLabel::kIncomplete;
  trace->steps[user - 1].soft.reset();
  UnlabelBehind(user - 1, trace);
  return true;
}

}  // namespace

std::optional<CorruptedStep> CorruptStep(std::string_view step, const StepCheck& check,
                                         SynthRandom* random) {
  std::vector<const RelationCheck*> relations;
  for (const RelationCheck& relation : check.relations) {
    if (IsClosedEquality(relation)) relations.push_back(&relation);
  }
  if (relations.empty()) return {};
  const RelationCheck& relation = *random->Pick(relations);
  std::vector<MathToken> tokens;
  LexMath(step, &tokens);
  std::vector<const MathToken*> numbers;
  std::vector<const MathToken*> operators;
  for (const MathToken& token : tokens) {
    if (token.begin < relation.begin || token.end > relation.end) continue;
    if (token.kind == TokenKind::kNumber && token.den == 0) numbers.push_back(&token);
    const bool swappable = token.kind == TokenKind::kOperator && token.op != '!' &&
                           token.op != '^' && token.space_before == (step[token.end] == ' ');
    if (swappable) operators.push_back(&token);
  }
  constexpr int kTries = 4;
  for (int i = 0; i < kTries; ++i) {
    const bool use_operator = !operators.empty() && random->Chance(40);
    if (!use_operator && numbers.empty()) continue;
    const MathToken& token = *random->Pick(use_operator ? operators : numbers);
    CorruptedStep corrupted;
    corrupted.kind = use_operator ? "operator" : "number";
    corrupted.before = step.substr(token.begin, token.end - token.begin);
    corrupted.after =
        use_operator ? WrongOperator(token.op, random) : WrongNumber(corrupted.before, random);
    corrupted.text = std::string(step.substr(0, token.begin)) + corrupted.after +
                     std::string(step.substr(token.end));
    if (IsFalseAt(corrupted.text, relation.begin)) return corrupted;
  }
  return {};
}

std::optional<Trace> CorruptTrace(const Trace& trace, Corruption corruption, uint64_t seed) {
  const bool right = !trace.steps.empty() &&
                     std::all_of(trace.steps.begin(), trace.steps.end(), [](const Step& step) {
                       return step.label && IsCorrect(*step.label);
                     });
  if (!right) return {};
  SynthRandom random(SeedOf(seed, trace.id, corruption));
  const std::string_view name = kCorruptionNames[size_t(corruption)];
  Trace planted = trace;
  ordered_json note = {{"kind", name}, {"from", trace.id}, {"seed", seed}};
  bool done = true;
  switch (corruption) {
    case Corruption::kNecessary:
      break;
    case Corruption::kRedundant:
      done = PlantRedundant(&random, &planted, &note);
      break;
    case Corruption::kIncomplete:
      done = PlantIncomplete(&random, &planted, &note);
      break;
    case Corruption::kIncorrect:
      done = PlantIncorrect(&random, &planted, &note);
      break;
  }
  if (!done) return {};
  planted.id += "#" + std::string(name);
  ordered_json meta =
      planted.meta_json.empty() ? ordered_json::object() : ordered_json::parse(planted.meta_json);
  meta["corruption"] = std::move(note);
  planted.meta_json = meta.dump();
  return planted;
}

}  // namespace prm
