#include "data/conversion/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "data/error.h"
#include "data/formats/writers.h"
#include "data/text/sha256.h"
#include "tests/data/conversion/conversion.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// --- round trips --------------------------------------------------------------------------------

class RandomTraces {
 public:
  // A trace with all fields of the native format.
  Trace Full(int number) {
    std::string labels;
    const int steps = 1 + int(random_() % 6);
    for (int i = 0; i < steps; ++i) labels += "NRXI."[random_() % 5];
    Trace trace = TraceWith("id/" + std::to_string(number) + Text(), labels);
    trace.problem = "p" + Text();
    for (Step& step : trace.steps) {
      step.text = "s" + Text();
      if (random_() % 3 == 0) step.soft = float(random_() % 100) / 100;
    }
    trace.necessity_known = random_() % 2;
    if (random_() % 2) trace.final_correct = random_() % 2;
    if (random_() % 2) trace.answer = Text();
    if (random_() % 2) trace.reference_answer = Text();
    if (random_() % 2) trace.domain = "d" + Text();
    if (random_() % 2) trace.strategy = "s" + Text();
    if (random_() % 2) trace.source = "o" + Text();
    if (random_() % 2) trace.annotations_json = R"([{"annotator":"a","step":0,"seconds":1.5}])";
    if (random_() % 2) trace.meta_json = R"({"a":[1,2.5,{"b":null}],"ü":"x\"y"})";
    return trace;
  }

  // What a two-class format with its own ids can carry; labels only up to `last`.
  Trace TwoClass(int number, const char* labels) {
    Trace trace = Full(number);
    for (Step& step : trace.steps) {
      const char label = labels[random_() % std::string_view(labels).size()];
      step.label.reset();
      if (label == 'N') step.label = StepLabel::kCorrectNecessary;
      if (label == 'X') step.label = StepLabel::kIncorrect;
      step.soft.reset();
    }
    const int error = FirstLabelledError(trace);
    for (size_t i = error < 0 ? trace.steps.size() : size_t(error) + 1; i < trace.steps.size(); ++i)
      trace.steps[i].label.reset();
    trace.first_error = DecidedFirstError(trace);
    trace.necessity_known = false;
    trace.final_correct.reset();
    trace.answer = trace.reference_answer = std::nullopt;
    trace.domain = trace.strategy = trace.annotations_json = trace.meta_json = "";
    return trace;
  }

 private:
  // No control characters, which ids may not hold.
  std::string Text() {
    static const std::vector<std::string> parts = {"x",   " = ",      "3", "é", "\"", "\\",
                                                   "ки ", "Step 2: ", "😀", "+", "{",  "]"};
    std::string text;
    for (int i = int(random_() % 6); i > 0; --i) text += parts[random_() % parts.size()];
    return text;
  }

  std::mt19937 random_{17};
};

std::string Json(const Trace& trace) { return TraceToJson(trace); }

TEST(RoundTrip, NativeAndHuggingFaceRowsCarryEverything) {
  for (const char* format : {"native", "huggingface"}) {
    RandomTraces random;
    std::vector<Trace> traces;
    for (int i = 0; i < 300; ++i) traces.push_back(random.Full(i));
    const Exported exported = Export(traces, format);
    EXPECT_THAT(exported.report.not_carried, IsEmpty());
    EXPECT_EQ(exported.report.refused, 0);
    const Imported back = Import(exported.text());
    EXPECT_EQ(back.report.format, format);
    ASSERT_EQ(back.traces.size(), traces.size());
    for (size_t i = 0; i < traces.size(); ++i) EXPECT_EQ(Json(back.traces[i]), Json(traces[i]));
  }
}

TEST(RoundTrip, TwoClassRowsCarryIdsTextsAndTwoClasses) {
  for (const char* format : {"trl", "math-shepherd"}) {
    RandomTraces random;
    std::vector<Trace> traces;
    for (int i = 0; i < 300; ++i) traces.push_back(random.TwoClass(i, "NNNX."));
    ExportOptions options;
    options.write.keep_masked = true;
    const Exported exported = Export(traces, format, options);
    const Imported back = Import(exported.text());
    EXPECT_EQ(back.report.refused, 0);
    std::map<std::string, Trace> found;
    for (const Trace& trace : back.traces) found[trace.id] = trace;
    size_t equal = 0;
    for (Trace trace : traces) {
      if (!found.count(trace.id)) continue;
      const bool tagged = std::string_view(format) == "math-shepherd";
      if (tagged) {  // counted in the report as white space around a problem or step
        const auto trim = [](std::string* text) { text->erase(text->find_last_not_of(' ') + 1); };
        trim(&trace.problem);
        for (Step& step : trace.steps) trim(&step.text);
      }
      trace.source = format;
      EXPECT_EQ(Json(found[trace.id]), Json(trace));
      ++equal;
    }
    // The others were refused or had no label at all, and the report counts them.
    const auto unlabelled = exported.report.left_out.find("traces without a label");
    const int64_t without = unlabelled == exported.report.left_out.end() ? 0 : unlabelled->second;
    EXPECT_EQ(int64_t(equal), 300 - exported.report.refused - without) << format;
    EXPECT_GT(equal, 100u) << format;
  }
}

TEST(RoundTrip, ProcessBenchRowsCarryTheFirstError) {
  RandomTraces random;
  std::vector<Trace> traces;
  for (int i = 0; i < 300; ++i) {
    Trace trace = random.TwoClass(i, "NNNNX");
    if (i % 2) trace.final_correct = i % 4 == 1;
    if (i % 3 == 0) trace.meta_json = R"({"generator":"g"})";
    trace.source = "processbench";
    traces.push_back(trace);
  }
  const Exported exported = Export(traces, "processbench");
  EXPECT_EQ(exported.report.refused, 0);
  const Imported back = Import(exported.text());
  ASSERT_EQ(back.traces.size(), traces.size());
  for (size_t i = 0; i < traces.size(); ++i) EXPECT_EQ(Json(back.traces[i]), Json(traces[i]));
}

TEST(RoundTrip, Prm800kRowsCarryRatings) {
  RandomTraces random;
  std::vector<Trace> traces;
  for (int i = 0; i < 300; ++i) {
    Trace trace = random.TwoClass(i, "NNX.");
    trace.necessity_known = true;
    trace.source = "prm800k";
    if (i % 2) trace.reference_answer = "29";
    traces.push_back(trace);
  }
  const Imported back = Import(Export(traces, "prm800k").text());
  ASSERT_EQ(back.traces.size(), traces.size());
  for (size_t i = 0; i < traces.size(); ++i) {
    Trace trace = back.traces[i];
    EXPECT_THAT(trace.meta_json, HasSubstr("prm800k"));
    trace.meta_json = "";
    EXPECT_EQ(Json(trace), Json(traces[i]));
  }
}

// --- what a format cannot carry -----------------------------------------------------------------

TEST(Export, PartsThatAFormatCannotCarryAreCounted) {
  Trace trace = TraceWith("t", "NR");
  trace.domain = "math";
  trace.meta_json = R"({"k":1})";
  const Exported exported = Export({trace}, "trl");
  EXPECT_EQ(exported.report.not_carried,
            (std::map<std::string, int64_t>{{"domain", 1}, {"meta", 1}}));
  EXPECT_EQ(exported.report.changed.redundant, 1);
  EXPECT_EQ(json::parse(exported.rows.at(0))["labels"], json({true, true}));
}

TEST(Export, MaskedStepsAreCutAtTheEndAndRefusedInFront) {
  const Exported exported =
      Export({TraceWith("a", "NXN"), TraceWith("b", "N.N"), TraceWith("c", "..")}, "trl");
  ASSERT_EQ(exported.rows.size(), 1u);
  EXPECT_EQ(json::parse(exported.rows[0])["labels"], json({true, false}));
  EXPECT_EQ(exported.report.left_out.at("steps without a label at the end of a trace"), 1);
  EXPECT_EQ(exported.report.left_out.at("traces without a label"), 1);
  ASSERT_EQ(exported.report.refused, 1);
  EXPECT_THAT(exported.report.refusals[0].reason,
              HasSubstr("native.jsonl:2: trace b: step 1 has no label, but step 2 has"));
  ExportOptions options;
  options.write.keep_masked = true;
  EXPECT_EQ(json::parse(Export({TraceWith("b", "N.N")}, "trl", options).rows.at(0))["labels"],
            json({true, nullptr, true}));
}

TEST(Export, MathShepherdRefusesTextsThatHoldItsMarks) {
  Trace tag = TraceWith("a", "N"), mark = TraceWith("b", "N");
  tag.steps[0].text = "x ки";
  mark.problem = "In Step 1: what?";
  const Exported exported = Export({tag, mark}, "math-shepherd");
  EXPECT_EQ(exported.report.refused, 2);
  EXPECT_THAT(exported.report.refusals.at(0).reason, HasSubstr("holds the tag"));
  EXPECT_THAT(exported.report.refusals.at(1).reason, HasSubstr("where the problem ends"));
}

TEST(Export, ProcessBenchNeedsADecidableFirstError) {
  const Exported exported = Export({TraceWith("a", "N."), TraceWith("b", "NIX")}, "processbench");
  EXPECT_EQ(exported.report.refused, 1);
  EXPECT_EQ(json::parse(exported.rows.at(0))["label"], 1) << "an incomplete step is an error";
}

TEST(Export, APolicyThatAFormatCannotKeepIsAnOptionError) {
  EXPECT_THROW(CheckPolicy(FormatNamed("trl"), LabelPolicy{}), OptionError);
  EXPECT_THROW(CheckPolicy(FormatNamed("gsm8k"), LabelPolicy{}), OptionError);
  EXPECT_THROW(CheckPolicy(FormatNamed("native"), {.incomplete = LabelFate::kPositive}),
               OptionError);
  CheckPolicy(FormatNamed("native"), {.redundant = LabelFate::kMasked});
}

// --- SFT and pairs ------------------------------------------------------------------------------

TEST(Sft, TakesTracesThatAreRightInEveryStepAndInTheAnswer) {
  std::vector<Trace> traces = {TraceWith("right", "NRN"),       TraceWith("wrong_step", "NX"),
                               TraceWith("wrong_answer", "NN"), TraceWith("unknown", "NN"),
                               TraceWith("unlabelled", "N."),   TraceWith("incomplete", "NI")};
  for (Trace& trace : traces) trace.final_correct = true;
  traces[2].final_correct = false;
  traces[3].final_correct.reset();
  const Exported exported = Export(traces, "sft");
  ASSERT_EQ(exported.rows.size(), 1u);
  EXPECT_EQ(json::parse(exported.rows[0]),
            (json{{"id", "right"}, {"prompt", "What is 2 + 2?"}, {"completion", "a\n\nb\n\nc"}}));
  EXPECT_EQ(exported.report.left_out.at("traces with a wrong step"), 1)
      << "a right answer through a wrong step is no positive";
  EXPECT_EQ(exported.report.left_out.at("traces with a wrong answer"), 1);
  EXPECT_EQ(exported.report.left_out.at("traces whose answer is not known to be right"), 1);
  EXPECT_EQ(exported.report.left_out.at("traces with a step that has no label"), 2);
  ExportOptions options;
  options.write.unknown_answers = true;
  EXPECT_EQ(Export(traces, "sft", options).rows.size(), 2u);
}

std::vector<std::string> Pairs(const std::vector<Trace>& traces) {
  std::vector<std::string> pairs;
  for (const std::string& row : Export(traces, "pairs").rows) {
    const json pair = json::parse(row);
    pairs.push_back(pair["prompt"].get<std::string>() + ": " + pair["chosen"].get<std::string>() +
                    " > " + pair["rejected"].get<std::string>());
  }
  return pairs;
}

TEST(Pairs, StepsOfSeveralTracesMeetBehindTheSamePrefix) {
  Trace first = TraceWith("1", "NN"), second = TraceWith("2", "NX"), third = TraceWith("3", "NX");
  second.steps[1].text = "bad";
  third.steps[0].text = "other";
  EXPECT_THAT(Pairs({first, second, third}), ElementsAre("What is 2 + 2?\n\na: b > bad"));
  Trace elsewhere = second;
  elsewhere.problem = "What is 3 + 3?";
  EXPECT_THAT(Pairs({first, elsewhere}), IsEmpty());
}

TEST(Pairs, NoPairStandsBehindAWrongStepNorOnBothSides) {
  Trace first = TraceWith("1", "XN"), second = TraceWith("2", "XX");
  second.steps[1].text = "bad";
  // Without a policy that masks steps after the error.
  const std::unique_ptr<RowWriter> writer = NewPairsWriter({});
  writer->Add(first);
  writer->Add(second);
  writer->Finish([](const WriteResult& result) { EXPECT_THAT(result.rows, IsEmpty()); });
  Trace right = TraceWith("1", "N"), wrong = TraceWith("2", "X");
  const Exported conflict = Export({right, wrong}, "pairs");
  EXPECT_THAT(conflict.rows, IsEmpty());
  EXPECT_EQ(conflict.report.left_out.at("steps that are labelled both valid and invalid"), 1);
}

// Compares with every step paired with every other, in any order of the traces.
TEST(Pairs, AreAllThatThereAre) {
  std::mt19937 random(5);
  std::vector<Trace> traces;
  for (int i = 0; i < 200; ++i) {
    std::string labels;
    for (int k = int(1 + random() % 4); k > 0; --k) labels += "NNNRXI."[random() % 7];
    Trace trace = TraceWith(std::to_string(i), labels);
    trace.problem = std::string(1, char('p' + random() % 3));
    for (Step& step : trace.steps) step.text = std::string(1, char('a' + random() % 6));
    traces.push_back(trace);
  }
  std::map<std::string, std::map<std::string, std::set<bool>>> behind;  // [prompt][step] valid
  for (Trace trace : traces) {
    PolicyEffect effect;
    ApplyPolicy(FormatNamed("pairs").write_policy, &trace, &effect);
    std::string prompt = trace.problem;
    for (size_t i = 0; i < trace.steps.size(); ++i) {
      const auto& [text, label, soft] = trace.steps[i];
      if (label) behind[prompt][text].insert(IsCorrect(*label));
      if ((label && IsError(*label)) || trace.first_error == int(i)) break;
      prompt += "\n\n" + text;
    }
  }
  std::vector<std::string> expected;
  for (const auto& [prompt, steps] : behind) {
    for (const auto& [chosen, right] : steps) {
      for (const auto& [rejected, wrong] : steps) {
        if (right == std::set<bool>{true} && wrong == std::set<bool>{false}) {
          expected.push_back(prompt + ": " + chosen + " > " + rejected);
        }
      }
    }
  }
  EXPECT_GT(expected.size(), 20u);
  for (int order = 0; order < 3; ++order) {
    EXPECT_THAT(Pairs(traces), testing::UnorderedElementsAreArray(expected));
    std::shuffle(traces.begin(), traces.end(), random);
  }
}

TEST(Pairs, AlternativesMeetTheStepTheyStandFor) {
  const json completion = {{"text", "good"}, {"rating", 1}};
  const json step = {{"completions", json::array({completion, {{"text", "bad"}, {"rating", -1}}})},
                     {"human_completion", nullptr},
                     {"chosen_completion", 0}};
  const json row = {{"question", {{"problem", "p"}}}, {"label", {{"steps", json::array({step})}}}};
  for (const bool as_traces : {false, true}) {
    ImportOptions options;
    options.read.alternatives = as_traces;
    EXPECT_THAT(Pairs(Import(row.dump(), options).traces), ElementsAre("p: good > bad"));
  }
}

// --- Hugging Face folder ------------------------------------------------------------------------

TEST(HuggingFaceFolder, HasOneFileASplitACardAndTheirHashes) {
  const TempFolder folder;
  const auto native = [&folder](const char* name, const std::vector<Trace>& traces) {
    std::string text;
    for (const Trace& trace : traces) text += TraceToJson(trace) + "\n";
    return folder.Write(name, text);
  };
  const std::vector<Trace> train = {TraceWith("a", "NR"), TraceWith("b", "NX")};
  const std::vector<Trace> dev = {TraceWith("c", "I")};
  ExportOptions options;
  options.policy.redundant = LabelFate::kPositive;
  const auto reports = ExportHuggingFaceFolder(
      {{"train", native("t.jsonl", train)}, {"dev", native("d.jsonl", dev)}}, folder / "out",
      options);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].rows_out, 2);
  EXPECT_THAT(Names(folder / "out"), ElementsAre("README.md", "data", "report.json"));
  EXPECT_THAT(Names(folder / "out" / "data"), ElementsAre("dev.jsonl", "train.jsonl"));
  const std::string card = ReadText(folder / "out" / "README.md");
  EXPECT_THAT(card, HasSubstr("  - split: train\n    path: data/train.jsonl\n"));
  EXPECT_THAT(card, HasSubstr("| train | 2 | 4 | 3 | 0 | 1 | 0 | 0 | 0 |"));
  EXPECT_THAT(card, HasSubstr("Redundant: positive; incomplete: own"));
  Sha256 hash;
  hash.Add(ReadText(folder / "out" / "data" / "train.jsonl"));
  EXPECT_THAT(card, HasSubstr(hash.TakeHex()));
  const Imported back = ImportFile(folder / "out" / "data" / "train.jsonl");
  ASSERT_EQ(back.traces.size(), 2u);
  EXPECT_EQ(LabelsOf(back.traces[0]), "NN");
  EXPECT_EQ(json::parse(ReadText(folder / "out" / "report.json"))["dev"]["rows_in"], 1);
}

TEST(HuggingFaceFolder, RefusesAFolderInUseAndBadNamesOfSplits) {
  const TempFolder folder;
  const auto file = folder.Write("t.jsonl", TraceToJson(TraceWith("a", "N")) + "\n");
  EXPECT_THAT(MessageOf(
                  [&] {
                    ExportHuggingFaceFolder({{"train", file}}, folder.path(), {});
                  },
                  ErrorCode::kAlreadyExists),
              HasSubstr("new or empty"));
  for (const char* name : {"", "../train", "a b", "a-b", "all"}) {
    EXPECT_THROW(ExportHuggingFaceFolder({{name, file}}, folder / "out", {}), OptionError) << name;
  }
  EXPECT_THROW(ExportHuggingFaceFolder({{"a", file}, {"a", file}}, folder / "o", {}), OptionError);
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST(HuggingFaceFolder, DeclaresATypeForEveryColumnThatIsWritten) {
  const TempFolder folder;
  const auto file = folder.Write("t.jsonl", TraceToJson(TraceWith("a", "N.X")) + "\n");
  ExportHuggingFaceFolder({{"train", file}}, folder / "out", {});
  const std::string card = ReadText(folder / "out" / "README.md");
  std::string declared, written;
  for (size_t at = card.find("  - name: "); at != card.npos; at = card.find("  - name: ", at + 1)) {
    const std::string name = card.substr(at + 10, card.find('\n', at) - at - 10);
    declared += name + " ";
    const std::string type = card.substr(card.find('\n', at) + 1, 100);
    const bool list = name == "steps" || name == "labels" || name == "soft";
    EXPECT_EQ(type.starts_with("    sequence: "), list) << name;
  }
  const auto row = nlohmann::ordered_json::parse(ReadText(folder / "out" / "data" / "train.jsonl"));
  for (const auto& [name, value] : row.items()) written += name + " ";
  EXPECT_EQ(declared, written);
  EXPECT_NE(written.find("meta_json"), written.npos);
}

TEST(HuggingFaceFolder, IsWholeOrNotThere) {
  const TempFolder folder;
  const auto good = folder.Write("good.jsonl", TraceToJson(TraceWith("a", "N")) + "\n");
  const auto empty = folder.Write("empty.jsonl", "");
  const std::vector<std::string> before = Names(folder.path());
  const auto make = [&](const std::filesystem::path& dev) {
    ExportHuggingFaceFolder({{"train", good}, {"dev", dev}}, folder / "out", {});
  };
  EXPECT_THAT(MessageOf([&] { make(empty); }, ErrorCode::kInvalidArgument),
              HasSubstr("dev: no trace to write"));
  EXPECT_THAT(MessageOf([&] { make(folder / "none.jsonl"); }, ErrorCode::kNotFound),
              HasSubstr("none.jsonl"));
  EXPECT_EQ(Names(folder.path()), before);
  std::filesystem::create_directory(folder / "out");
  make(good);
  EXPECT_THAT(Names(folder / "out"), ElementsAre("README.md", "data", "report.json"));
}

TEST(Export, AFirstErrorThatLabelsDoNotDecideIsCountedAsNotCarried) {
  Trace stated = TraceWith("a", "N..");
  stated.first_error = 2;
  EXPECT_EQ(Export({stated}, "trl").report.not_carried.at("first_error"), 1);
  EXPECT_EQ(Export({TraceWith("b", "NX")}, "trl").report.not_carried.count("first_error"), 0u);
}

}  // namespace
}  // namespace prm
