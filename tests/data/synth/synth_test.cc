#include "data/synth/synth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "data/error.h"
#include "data/records/trace_reader.h"
#include "data/synth/problem.h"
#include "data/synth/solution.h"
#include "data/text/hash.h"
#include "data/text/random.h"
#include "tests/data/synth/equation_check.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

constexpr SynthSplit kSplits[] = {SynthSplit::kTrain, SynthSplit::kDev, SynthSplit::kRerank};

std::vector<Trace> Traces(SynthSplit split, int count = 1500, uint64_t seed = 7) {
  return Synthesize({.split = split, .count = count, .seed = seed});
}

std::string Meta(const Trace& trace, const char* field) {
  return nlohmann::json::parse(trace.meta_json).at(field);
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::vector<std::string> Alternatives(std::string_view phrases) {
  std::vector<std::string> out;
  std::stringstream stream{std::string(phrases)};
  for (std::string one; std::getline(stream, one, '|');) out.push_back(one);
  return out;
}

// Every sentence that a sound solution of `problem` can contain, computed only from the template.
std::set<std::string> SoundClauses(const SynthProblem& problem, const Notation& notation) {
  std::set<std::string> clauses;
  const auto fill = [&](std::string_view phrases, PhraseContext context) {
    for (const std::string& phrase : Alternatives(phrases)) {
      clauses.insert(Lower(FillPhrase(phrase, problem, context)));
    }
  };
  const auto fill_operation = [&](const SynthOperation& operation, const Values& values) {
    const Expression formula = ParseExpression(operation.formula);
    const auto result = Evaluate(formula, values);
    if (!result) return Rational{};
    fill(operation.phrases,
         {.values = &values,
          .equation = Render(formula, values, notation) + " = " + ToText(*result),
          .result = ToText(*result)});
    return *result;
  };
  for (const SynthStrategy& strategy : problem.source->strategies) {
    Values values = problem.values;
    for (const SynthOperation& operation : strategy.operations) {
      values[std::string(operation.result)] = fill_operation(operation, values);
    }
  }
  for (const SynthOperation& aside : problem.source->asides) {
    fill_operation(aside, problem.values);
  }
  for (const SynthGiven& given : problem.source->givens) {
    fill(given.phrases, {.values = &problem.values});
  }
  fill(problem.source->conclusions, {.values = &problem.values, .answer = ToText(problem.answer)});
  return clauses;
}

// Whether each sentence of the step ends with a sound clause (words may lead it in).
bool IsSound(const std::set<std::string>& clauses, const std::string& step) {
  std::string rest = Lower(step);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(". "), rest.size() - 1);
    const std::string sentence = rest.substr(0, end);
    const bool known = std::any_of(clauses.begin(), clauses.end(), [&](const std::string& clause) {
      return sentence == clause || sentence.ends_with(" " + clause);
    });
    if (!known) return false;
    rest.erase(0, end + 2);
  }
  return true;
}

struct Written {
  SynthProblem problem;
  Trace trace;
  std::string flaw_kind;
};

// Solutions of every template with every strategy and the flaw at every possible place.
std::vector<Written> WriteAll(SynthFlaw flaw, int rounds) {
  std::vector<Written> all;
  SynthRandom random(11);
  for (const SynthTemplate& source : SynthTemplates()) {
    for (const SynthStrategy& strategy : source.strategies) {
      const int places =
          flaw == SynthFlaw::kNone ? 1 : static_cast<int>(strategy.operations.size()) + 1;
      for (int round = 0; round < rounds * places; ++round) {
        Written one{DrawProblem(source, &random), {}, {}};
        const SynthSolutionPlan plan{.strategy = &strategy,
                                     .flaw = flaw,
                                     .flaw_at = round % places,
                                     .separate_conclusion = random.Chance(60),
                                     .redundant_percent = 20};
        if (WriteSolution(one.problem, plan, &random, &one.trace, &one.flaw_kind)) {
          all.push_back(std::move(one));
        }
      }
    }
  }
  return all;
}

bool SoundIn(const Written& one, const std::string& step) {
  return IsSound(SoundClauses(one.problem, {}), step) ||
         IsSound(SoundClauses(one.problem, {"*", "/"}), step);
}

TEST(Synth, CorrectStepsSayWhatASoundSolutionSays) {
  int seen = 0;
  for (const SynthFlaw flaw : {SynthFlaw::kNone, SynthFlaw::kIncorrect, SynthFlaw::kIncomplete}) {
    for (const Written& one : WriteAll(flaw, 4)) {
      for (const Step& step : one.trace.steps) {
        if (!step.label || !IsCorrect(*step.label)) continue;
        EXPECT_TRUE(SoundIn(one, step.text)) << one.problem.text << "\n" << step.text;
        ++seen;
      }
    }
  }
  EXPECT_GT(seen, 2000);
}

TEST(Synth, IncorrectStepsSayWhatNoSoundSolutionSays) {
  int seen = 0;
  for (const SynthFlaw flaw : {SynthFlaw::kIncorrect, SynthFlaw::kCancelling}) {
    for (const Written& one : WriteAll(flaw, 12)) {
      const std::string& step = one.trace.steps.at(one.trace.first_error.value()).text;
      EXPECT_FALSE(SoundIn(one, step)) << one.flaw_kind << ": " << one.problem.text << "\n" << step;
      ++seen;
    }
  }
  EXPECT_GT(seen, 1500);
}

TEST(Synth, EquationsOfCorrectStepsHold) {
  int checked = 0;
  for (const SynthSplit split : kSplits) {
    for (const Trace& trace : Traces(split)) {
      std::optional<double> x;
      if (trace.domain == "linear_equations") x = std::stod(*trace.reference_answer);
      for (const Step& step : trace.steps) {
        if (!step.label || !IsCorrect(*step.label)) continue;
        // A trial substitutes a value that need not be the solution.
        const bool trial = Lower(step.text).find("trying x") != std::string::npos;
        const EquationReport report = EquationChecker(trial ? std::nullopt : x).Check(step.text);
        EXPECT_TRUE(report.refuted.empty()) << trace.id << ": " << step.text;
        EXPECT_TRUE(report.unclosed.empty()) << trace.id << ": " << step.text;
        checked += report.checked;
      }
    }
  }
  EXPECT_GT(checked, 5000);
}

TEST(Synth, WrongResultsAreRefutedByArithmetic) {
  int seen = 0;
  for (const Trace& trace : Traces(SynthSplit::kTrain, 4000)) {
    if (!Meta(trace, "flaw").starts_with("wrong_result")) continue;
    std::optional<double> x;
    if (trace.domain == "linear_equations") x = std::stod(*trace.reference_answer);
    const Step& step = trace.steps.at(trace.first_error.value());
    EXPECT_FALSE(EquationChecker(x).Check(step.text).refuted.empty()) << step.text;
    ++seen;
  }
  EXPECT_GT(seen, 100);
}

std::set<std::string> Numbers(const std::string& text) {
  std::set<std::string> numbers;
  std::string digits;
  for (const char c : text + " ") {
    if (std::isdigit(static_cast<unsigned char>(c))) {
      digits += c;
    } else if (!digits.empty()) {
      numbers.insert(digits);
      digits.clear();
    }
  }
  return numbers;
}

TEST(Synth, IncompleteStepsLackAPremiseOrAResult) {
  int skipped = 0;
  int unfinished = 0;
  for (const Written& one : WriteAll(SynthFlaw::kIncomplete, 8)) {
    const int at = one.trace.first_error.value();
    const std::string& step = one.trace.steps[at].text;
    if (one.flaw_kind == "unfinished") {
      EXPECT_EQ(EquationChecker().Check(step).checked, 0) << step;
      ++unfinished;
      continue;
    }
    // The omitted value is in the step but in nothing before it.
    std::string before = one.problem.text;
    for (int i = 0; i < at; ++i) before += " " + one.trace.steps[i].text;
    const size_t equals = step.rfind(" = ");
    const bool worked_out = equals != std::string::npos && step[equals - 1] != 'x';
    const std::string claimed = worked_out ? step.substr(0, equals) : step;
    const auto known = Numbers(before);
    const auto used = Numbers(claimed);
    EXPECT_FALSE(std::includes(known.begin(), known.end(), used.begin(), used.end()))
        << one.problem.text << "\n"
        << step;
    ++skipped;
  }
  EXPECT_GT(skipped, 200);
  EXPECT_GT(unfinished, 100);
}

TEST(Synth, StepsAfterTheFirstErrorAreMaskedAndNoneBefore) {
  for (const Trace& trace : Traces(SynthSplit::kTrain)) {
    const int first_error = trace.first_error.value();
    EXPECT_EQ(first_error, FirstLabelledError(trace)) << trace.id;
    for (int i = 0; i < static_cast<int>(trace.steps.size()); ++i) {
      const bool labelled = first_error < 0 || i <= first_error;
      EXPECT_EQ(trace.steps[i].label.has_value(), labelled) << trace.id << " step " << i;
    }
  }
}

TEST(Synth, AnswersAreJudgedByTheReference) {
  int wrong = 0;
  int right_through_wrong = 0;
  for (const Trace& trace : Traces(SynthSplit::kTrain)) {
    EXPECT_EQ(*trace.final_correct, *trace.answer == *trace.reference_answer) << trace.id;
    if (Meta(trace, "flaw") == "none") {
      EXPECT_TRUE(*trace.final_correct) << trace.id;
    }
    if (Meta(trace, "flaw").ends_with("+cancelled")) {
      EXPECT_TRUE(*trace.final_correct) << trace.id;
      EXPECT_EQ(trace.steps[*trace.first_error].label, StepLabel::kIncorrect) << trace.id;
      ++right_through_wrong;
    }
    wrong += !*trace.final_correct;
  }
  EXPECT_GT(wrong, 150);
  EXPECT_GT(right_through_wrong, 15);
}

TEST(Synth, SplitsShareDomainsButNoTemplate) {
  std::map<std::string, std::string> owner;
  for (const SynthSplit split : kSplits) {
    std::set<std::string> domains;
    for (const Trace& trace : Traces(split, 600)) {
      domains.insert(trace.domain);
      const std::string name = Meta(trace, "split");
      const auto [at, is_new] = owner.emplace(Meta(trace, "template"), name);
      EXPECT_EQ(at->second, name) << at->first;
    }
    EXPECT_EQ(domains.size(), 5u);
  }
  EXPECT_EQ(owner.size(), SynthTemplates().size());
  std::set<std::string_view> ids;
  for (const SynthTemplate& one : SynthTemplates())
    EXPECT_TRUE(ids.insert(one.id).second) << one.id;
}

TEST(Synth, EveryLabelAndSeveralStrategiesAreCommon) {
  std::map<StepLabel, int> labels;
  std::map<std::string, int> strategies;
  int labelled = 0;
  for (const Trace& trace : Traces(SynthSplit::kTrain)) {
    ++strategies[trace.strategy];
    for (const Step& step : trace.steps) {
      if (!step.label) continue;
      ++labels[*step.label];
      ++labelled;
    }
  }
  EXPECT_GT(labels[StepLabel::kCorrectNecessary], labelled / 2);
  EXPECT_GT(labels[StepLabel::kCorrectRedundant], labelled * 10 / 100);
  EXPECT_GT(labels[StepLabel::kIncorrect], labelled * 7 / 100);
  EXPECT_GT(labels[StepLabel::kIncomplete], labelled * 4 / 100);
  EXPECT_GE(strategies.size(), 5u);
}

// The chance that a wrong step has the larger value than a correct one.
double Auroc(const std::vector<double>& wrong, const std::vector<double>& correct) {
  double wins = 0;
  for (const double a : wrong) {
    for (const double b : correct) wins += a > b ? 1 : a == b ? 0.5 : 0;
  }
  return wins / (static_cast<double>(wrong.size()) * static_cast<double>(correct.size()));
}

TEST(Synth, PlaceAndLengthGiveLabelsAwayNoMoreThanTheFloorAllows) {
  using Feature = double (*)(const Trace&, int);
  const Feature features[] = {
      [](const Trace&, int step) { return static_cast<double>(step); },
      [](const Trace& trace, int step) {
        return static_cast<double>(trace.steps[step].text.size());
      },
      [](const Trace& trace, int) { return static_cast<double>(trace.steps.size()); },
      [](const Trace& trace, int) { return static_cast<double>(trace.problem.size()); }};
  for (const SynthSplit split : {SynthSplit::kTrain, SynthSplit::kDev}) {
    const auto traces = Traces(split);
    for (const Feature feature : features) {
      std::vector<double> wrong;
      std::vector<double> correct;
      for (const Trace& trace : traces) {
        for (int i = 0; i < static_cast<int>(trace.steps.size()); ++i) {
          if (!trace.steps[i].label) continue;
          (IsError(*trace.steps[i].label) ? wrong : correct).push_back(feature(trace, i));
        }
      }
      EXPECT_NEAR(Auroc(wrong, correct), 0.5, 0.15) << "feature " << &feature - features;
    }
  }
}

TEST(Synth, RandomChoicesAreThoseOfTheStandardsGenerator) {
  // [rand.predef]: the 10000th value of mt19937_64 seeded with 5489.
  std::mt19937_64 engine;
  engine.discard(9999);
  ASSERT_EQ(engine(), 9981545732273789042u);
  SynthRandom random(5489);
  for (int i = 0; i < 9999; ++i) random.Below(uint64_t{1} << 32);
  EXPECT_EQ(random.Below(uint64_t{1} << 32), 9981545732273789042u % (uint64_t{1} << 32));
}

TEST(Synth, EqualSeedsGiveEqualBytes) {
  const TempFolder root;
  const SynthFiles files{.train = 60, .dev = 20, .rerank = 3, .seed = 5};
  SynthFiles other = files;
  other.seed = 6;
  WriteSynthFiles(root / "a", files);
  WriteSynthFiles(root / "b", files);
  WriteSynthFiles(root / "c", other);
  for (const char* name : {"train.jsonl", "dev.jsonl", "rerank.jsonl"}) {
    EXPECT_FALSE(ReadText(root.path() / "a" / name).empty());
    EXPECT_EQ(ReadText(root.path() / "a" / name), ReadText(root.path() / "b" / name)) << name;
    EXPECT_NE(ReadText(root.path() / "a" / name), ReadText(root.path() / "c" / name)) << name;
  }
}

uint64_t HashOf(std::string_view bytes) {
  Fnv1a hash;
  hash.Add(bytes);
  return hash.value();
}

// Training data must be reproducible on every machine and by every later version: changing these
// bytes changes the data set and must be intended.
TEST(Synth, TheFilesOfTheDefaultSeedAreTheseBytes) {
  const TempFolder root;
  WriteSynthFiles(root.path(), {});
  EXPECT_EQ(HashOf(ReadText(root / "train.jsonl")), 9179976325624534755u);
  EXPECT_EQ(HashOf(ReadText(root / "dev.jsonl")), 5029927552190940474u);
  EXPECT_EQ(HashOf(ReadText(root / "rerank.jsonl")), 8087153257410746463u);
}

TEST(Synth, TracesComeBackFromTheirFile) {
  const TempFolder root;
  WriteSynthFiles(root.path(), {.train = 90, .dev = 30, .rerank = 2, .seed = 5});
  const auto expected = Synthesize({.count = 90, .seed = 5});
  const auto read = ReadTraces(root / "train.jsonl");
  ASSERT_EQ(read.size(), expected.size());
  for (size_t i = 0; i < read.size(); ++i)
    EXPECT_EQ(TraceToJson(read[i]), TraceToJson(expected[i]));
  EXPECT_EQ(ReadTraces(root / "dev.jsonl").size(), 30u);
}

TEST(Synth, RerankProblemsHaveRightAndWrongCandidates) {
  for (const SynthRerankProblem& problem : SynthesizeRerank({.problems = 60})) {
    const auto line = nlohmann::json::parse(RerankProblemToJson(problem));
    ASSERT_EQ(line.at("candidates").size(), 8u);
    int right = 0;
    for (const auto& candidate : line.at("candidates")) {
      EXPECT_EQ(candidate.at("is_correct"), candidate.at("answer") == line.at("ground_truth"));
      EXPECT_FALSE(candidate.at("steps").empty());
      right += candidate.at("is_correct").get<bool>();
    }
    EXPECT_GE(right, 4) << problem.id;
    EXPECT_LE(right, 5) << problem.id;
  }
}

TEST(Synth, NonsenseOptionsAreRefused) {
  EXPECT_THROW(Synthesize({.count = -1}), Error);
  EXPECT_THROW(Synthesize({.traces_per_problem = 0}), Error);
  EXPECT_THROW(Synthesize({.flaw_percent = 101}), Error);
  EXPECT_THROW(SynthesizeRerank({.problems = -3}), Error);
  EXPECT_TRUE(Synthesize({.count = 0}).empty());
}

TEST(Synth, AnUnwritableFolderIsNamed) {
  const TempFolder root;
  const std::filesystem::path folder = root.Write("blocker", "a file") / "folder";
  const std::string message =
      MessageOf([&] { WriteSynthFiles(folder, {.train = 3, .dev = 3, .rerank = 1}); });
  EXPECT_NE(message.find(folder.string()), std::string::npos) << message;
}

}  // namespace
}  // namespace prm
