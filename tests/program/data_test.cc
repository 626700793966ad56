// The data verbs as a user runs them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/io/text_io.h"
#include "tests/file_size_limit.h"
#include "tests/program/program.h"

namespace prm {
namespace {

using nlohmann::json;

// Needs no model.
class DataProgram : public PrmProgram {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    ASSERT_EQ(
        Run("data synth --out " + Path("data") + " --train 40 --dev 12 --rerank 2 --seed 3").status,
        0);
  }

  static std::string File(const std::string& name, const std::string& text) {
    WriteFileAtomically(Path(name), text);
    return Path(name);
  }
  static Outcome RunData(const std::string& arguments) { return Run("data " + arguments); }

  // The output of a run that must succeed.
  static std::string Printed(const std::string& arguments, int status = 0) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.status, status) << arguments << ": " << outcome.err;
    return outcome.out;
  }

  static std::vector<json> LinesOf(const std::string& name) { return Lines(ReadText(Path(name))); }

  static std::string Text(const std::vector<json>& rows) {
    std::string text;
    for (const json& row : rows) text += row.dump() + "\n";
    return text;
  }
  static json Trace(const std::string& id, std::vector<std::string> steps, json labels = nullptr) {
    json trace = {{"id", id}, {"problem", "What is 2 + 3?"}, {"steps", std::move(steps)}};
    if (!labels.is_null()) trace["labels"] = std::move(labels);
    return trace;
  }
};

constexpr const char* kRight = "correct_necessary";
constexpr const char* kWrong = "incorrect";

// --- files as people have them ------------------------------------------------------------------

TEST_F(DataProgram, ImportReadsArraysOfAnyLengthInEveryLayout) {
  for (const int count : {1, 2, 9, 10, 11}) {
    std::vector<json> rows;
    for (int i = 0; i < count; ++i) {
      rows.push_back({{"prompt", "p"}, {"completions", {"a"}}, {"labels", {true}}});
    }
    const std::string array = json(rows).dump(), pretty = json(rows).dump(2);
    std::string windows = pretty, objects, trailing = pretty;
    for (size_t at = 0; (at = windows.find('\n', at)) != windows.npos; at += 2) {
      windows.replace(at, 1, "\r\n");
    }
    for (const json& row : rows) objects += row.dump(2) + "\n";
    trailing.insert(trailing.size() - 2, ",");
    for (const std::string& text : {array, pretty, windows, objects, "\xef\xbb\xbf" + array,
                                    array + "\n\n", trailing, Text(rows)}) {
      for (const char* ending : {"", ".gz", ".xz"}) {
        if (*ending && text != array) continue;  // once is enough
        const std::string file = File(std::string("rows.json") + ending, text);
        ASSERT_EQ(Lines(Printed("data import " + file + " --out -")).size(), size_t(count))
            << text << ending;
      }
    }
  }
}

TEST_F(DataProgram, ImportSaysWhatIsWrongWithAFileWithoutRows) {
  ExpectRefused("data import " + File("none.json", "[]") + " --out -", {"no row is a JSON object"});
  ExpectRefused("data import " + File("rows.json", R"({"rows": [{"prompt": "p"}]})") + " --out -",
                {"rows.json:1", "members: rows"});
  EXPECT_EQ(Printed("data import " + Path("none.json") + " --format trl --out -"), "");
}

TEST_F(DataProgram, AFirstErrorBehindAnUnlabelledStepIsUnknownEverywhere) {
  const std::string trl = File("trl.jsonl", Text({{{"id", "t"},
                                                   {"prompt", "p"},
                                                   {"completions", {"a", "b", "c"}},
                                                   {"labels", {nullptr, false, true}}}}));
  const json imported = Lines(Printed("data import " + trl + " --out -")).at(0);
  EXPECT_TRUE(imported.at("first_error").is_null());
  const std::string native =
      File("native.jsonl", Text({Trace("t", {"a", "b"}, {nullptr, kWrong})}));
  for (const char* to : {"native", "prm800k"}) {
    const std::string out = Printed("data export " + native + " --out - --to " + to);
    EXPECT_EQ(out.find("found_error"), out.npos) << out;
    EXPECT_TRUE(std::string(to) != "native" || out.find(R"("first_error":null)") != out.npos);
  }
  const Outcome refused = RunData("export " + native + " --out - --to processbench");
  EXPECT_EQ(refused.status, 3);
  EXPECT_NE(refused.err.find("first_error is not decidable"), std::string::npos) << refused.err;
  const std::string scores = File("scores.jsonl", Text({{{"id", "t"}, {"scores", {0.9, 0.1}}}}));
  const json eval = json::parse(Printed("eval --json - --scores " + scores + " --data " + native));
  EXPECT_EQ(eval.at("first_error_undecidable"), 1);
  EXPECT_TRUE(eval.at("acc_error").is_null());
}

TEST_F(DataProgram, DedupKeepsTracesThatDifferInASign) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"So 2\u00b3", "So 23"},     {"So x\u00b2", "So x2"},   {"So n!", "So n"},
      {"It has 5'", "It has 5''"}, {"So a != b", "So a = b"}, {"So x > 3", "So x < 3"},
      {"So N = 3", "So n = 3"}};
  std::vector<json> rows;
  for (const auto& [a, b] : pairs) {
    for (const std::string& text : {a, b}) {
      rows.push_back(Trace(std::to_string(rows.size()), {"We add.", text}, {kRight, kRight}));
    }
  }
  rows.push_back(Trace("same", {"we  add", "SO n!"}, {kRight, kRight}));
  const std::string file = File("signs.jsonl", Text(rows));
  for (const char* flag : {" --exact", ""}) {
    Printed("data dedup " + file + " --out " + Path("kept.jsonl") + " --report " +
            Path("found.jsonl") + flag);
    EXPECT_EQ(LinesOf("kept.jsonl").size(), rows.size() - 1) << flag;
    EXPECT_EQ(LinesOf("found.jsonl").back().at("of"), "4");
  }
}

TEST_F(DataProgram, TextIsCutWhereItsStepsBegin) {
  const std::string text =
      "What is x?\n\n**Step 1:** We know\n1. a = 1\n2. b = 2\n\n### Step 2 - Add. So 3.\n";
  const std::string file = File("solution.txt", text);
  const auto steps = [&](const std::string& flags) {
    return Lines(Printed("data import " + file + " --format text --out - " + flags))
        .at(0)
        .at("steps")
        .get<std::vector<std::string>>();
  };
  const std::vector<std::string> numbered = {"We know\n1. a = 1\n2. b = 2", "Add. So 3."};
  EXPECT_EQ(steps(""), numbered);
  EXPECT_EQ(steps("--split numbered"), numbered);
  EXPECT_EQ(steps("--split lines").size(), 4u);
  EXPECT_EQ(steps("--split paragraphs").size(), 2u);
  EXPECT_EQ(steps("--split sentences").back(), "So 3.");
}

// --- Hugging Face -------------------------------------------------------------------------------

// A Python with PyPI's datasets; empty: none. PRM_DATASETS_PYTHON names one.
std::string PythonWithDatasets() {
  const char* named = std::getenv("PRM_DATASETS_PYTHON");
  for (const std::string& python :
       {std::string(named ? named : ""), SourceDir().string() + "/.venv/bin/python",
        std::string("python3")}) {
    if (python.empty()) continue;
    const std::string look = python + " -c 'import datasets' >/dev/null 2>&1";
    if (std::system(look.c_str()) == 0) return python;
  }
  return "";
}

TEST_F(DataProgram, DatasetsReadsAFolderOfSplitsThatLackOtherColumns) {
  const std::string python = PythonWithDatasets();
  if (python.empty()) {
    GTEST_SKIP() << "no Python with PyPI's datasets here; name one as PRM_DATASETS_PYTHON";
  }
  const json plain = Trace("a", {"x", "y"}, {kRight, nullptr});
  json full = Trace("b", {"x"}, {kWrong});
  full.update({{"soft", {0.25}}, {"answer", "5"}, {"final_correct", false}, {"meta", {{"k", 1}}}});
  const std::string folder = Path("hf");
  Printed("data export train=" + File("p.jsonl", Text({plain})) +
          " test=" + File("f.jsonl", Text({full})) + " --to huggingface --out " + folder);
  const std::string script = File("load.py", R"(import sys, datasets
datasets.disable_progress_bars()
data = datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2])
assert data["train"].features == data["test"].features, data
assert data["train"][0]["labels"] == ["correct_necessary", None], data["train"][0]
assert data["train"][0]["soft"] is None and data["test"][0]["soft"] == [0.25]
assert data["test"][0]["first_error"] == 0 and data["test"][0]["answer"] == "5"
)");
  const std::string load = "HF_HUB_OFFLINE=1 " + python + " " + script + " " + folder + " " +
                           Path("hf_cache") + " >" + Path("load.log") + " 2>&1";
  EXPECT_EQ(std::system(load.c_str()), 0) << ReadText(Path("load.log"));
}

TEST_F(DataProgram, OneFileAloneIsTheSplitTrain) {
  const std::string file = File("answers.jsonl", Text({Trace("a", {"x"}, {kRight})}));
  const std::string dev = File("dev.jsonl", Text({Trace("a", {"x"}, {kRight})}));
  const auto splits = [&](const std::string& files, const std::string& out) {
    Printed("data export " + files + " --to huggingface --out " + Path(out));
    return Names(Path(out + "/data"));
  };
  using Files = std::vector<std::string>;
  EXPECT_EQ(splits(file, "hf_alone"), Files({"train.jsonl"}));
  EXPECT_EQ(splits(dev, "hf_dev"), Files({"dev.jsonl"}));
  EXPECT_EQ(splits(dev + " held_out=" + file, "hf_two"), Files({"dev.jsonl", "held_out.jsonl"}));
}

// --- outputs ------------------------------------------------------------------------------------

TEST_F(DataProgram, NoVerbWritesOverWhatItReads) {
  const std::string traces = Path("data/dev.jsonl"), text = ReadText(traces);
  std::filesystem::create_symlink(traces, Path("link.jsonl"));
  const std::string link = Path("link.jsonl");
  const std::string in = traces + " --out " + link, plan = File("plan.json", "{}");
  for (const std::string& arguments : std::vector<std::string>{
           "data import " + in,
           "data import " + traces + " --out - --json " + link,
           "data import " + traces + " --out - --refused " + link,
           "data export --to native " + in,
           "data export --to native " + traces + " --out - --json " + link,
           "data export --to huggingface train=" + traces + " --out " + Path("hf_own") +
               " --json " + link,
           "data check " + traces + " --json " + link,
           "data check " + traces + " --html " + link,
           "data check " + Path("data/train.jsonl") + " --against " + traces + " --json " + link,
           "data qa " + in,
           "data dedup " + in,
           "data dedup " + traces + " --out - --report " + link,
           "data split " + traces + " --train " + link,
           "data split " + Path("data/train.jsonl") + " --train " + link + " --dev " + traces,
           "data curate " + in,
           "data curate " + Path("data/train.jsonl") + " --plan " + plan + " --out " + plan,
           "data agree " + traces + " --json " + link,
           "data agree " + traces + " --csv " + link,
           "data corrupt " + in,
           "data verify " + traces + " --out " + link,
           "data tokenize --tokenizer none --in " + in,
           "score --model none --in " + in,
           "ask --in " + in,
           "rerank --model none --in " + in,
       }) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.status, 2) << arguments << ": " << outcome.err;
    EXPECT_NE(outcome.err.find("this file"), std::string::npos) << arguments << ": " << outcome.err;
    EXPECT_EQ(ReadText(traces), text) << arguments;
  }
}

TEST_F(DataProgram, ARunThatFailsLeavesTheFormerFilesAndNoOthers) {
  // The last line is not a trace; the report cannot be written because its folder is missing.
  const std::string traces = ReadText(Path("data/train.jsonl"));
  std::filesystem::create_directory(Path("fails"));
  const std::string bad = File("fails/bad.jsonl", traces + "{}\n");
  const std::string good = File("fails/good.jsonl", traces), out = File("fails/out", "former");
  const std::string nowhere = Path("fails/none/file");
  const std::vector<std::string> before = Names(Path("fails"));
  for (const std::string& arguments : {
           "import --strict " + bad + " --out " + out,
           "import " + good + " --out " + out + " --json " + nowhere,
           "import " + good + " --out " + out + " --refused " + nowhere,
           "export --strict " + bad + " --to native --out " + out,
           "export " + good + " --to native --out " + out + " --json " + nowhere,
           "export train=" + good + " dev=" + nowhere + " --to huggingface --out " +
               Path("fails/hf"),
           "export train=" + good + " --to huggingface --out " + Path("fails/hf") + " --json " +
               nowhere,
           "qa " + bad + " --out " + out,
           "dedup " + bad + " --out " + out,
           "dedup " + good + " --out " + out + " --report " + nowhere,
           "split " + bad + " --train " + out,
           "split " + good + " --train " + out + " --dev " + nowhere,
           "curate " + bad + " --out " + out,
           "corrupt " + bad + " --out " + out,
           "verify " + bad + " --out " + out,
           "check " + good + " --json " + out + " --html " + nowhere,
           "agree " + bad + " --json " + out,
           "agree " + bad + " --csv " + out,
       }) {
    const Outcome outcome = RunData(arguments);
    EXPECT_EQ(outcome.status, 1) << arguments << ": " << outcome.err;
    EXPECT_EQ(ReadText(out), "former") << arguments;
    EXPECT_EQ(Names(Path("fails")), before) << arguments;
  }
}

TEST_F(DataProgram, AFullDiskLeavesTheFormerFilesAndNoOthers) {
  std::filesystem::create_directory(Path("full"));
  const std::string in = Path("data/train.jsonl"), out = File("full/out", "former");
  const FileSizeLimit limit(4 << 10);
  for (const std::string& arguments :
       {"import " + in + " --out " + out, "export " + in + " --to native --out " + out,
        "export " + in + " --to huggingface --out " + Path("full/hf"), "qa " + in + " --out " + out,
        "dedup " + in + " --out " + out, "split " + in + " --train " + out,
        "corrupt " + in + " --out " + out, "verify " + in + " --out " + out,
        "check " + in + " --html " + out}) {
    ExpectRefused("data " + arguments, {"File too large"});
    EXPECT_EQ(ReadText(out), "former") << arguments;
    EXPECT_EQ(Names(Path("full")), std::vector<std::string>{"out"}) << arguments;
  }
}

}  // namespace
}  // namespace prm
