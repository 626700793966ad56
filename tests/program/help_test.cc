// Checks --help and the docs: every flag is run by a test, every command shown exists.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/program/program.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using Flags = std::set<std::string>;

// What a verb's help shows.
struct Help {
  Flags flags;
  std::vector<std::string> examples;         // "prm data check traces.jsonl"
  std::map<std::string, std::string> meant;  // by flag: what stands after it
};

// By the verb's words: "data import".
using Verbs = std::map<std::string, Help>;

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// All long flags in `text`.
Flags FlagsIn(const std::string& text) {
  static const std::regex kFlag("(^|[^a-zA-Z0-9-])(--[a-z][a-z0-9-]*[a-z0-9])");
  Flags flags;
  for (std::sregex_iterator at(text.begin(), text.end(), kFlag), end; at != end; ++at) {
    flags.insert((*at)[2]);
  }
  return flags;
}

class HelpProgram : public PrmProgram {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    AddVerbs("", &verbs_);
  }

  // Asked once per build of the program: every test here reads the help of all verbs.
  static std::string HelpOf(const std::string& verb) {
    const fs::path program(PRM_PROGRAM), file = program.string() + "_test_help " + verb;
    std::error_code none;
    if (fs::last_write_time(file, none) > fs::last_write_time(program)) return ReadText(file);
    const Outcome help = Run(verb + (verb.empty() ? "" : " ") + "--help");
    EXPECT_EQ(help.status, 0) << verb << ": " << help.err;
    WriteFileAtomically(file, help.out);
    return help.out;
  }

  // Adds `verb` and its subcommands, from their help.
  static void AddVerbs(const std::string& verb, Verbs* verbs) {
    const std::string help = HelpOf(verb);
    const auto is_plain = [](unsigned char c) { return c == '\n' || (c >= 0x20 && c != 0x7f); };
    if (!std::ranges::all_of(help, is_plain)) unprintable_ += "prm " + verb + " ";
    static const std::regex kParsers(R"(->\d|[A-Z]:\{|value in|--[a-z-]+\{)");
    if (std::regex_search(help, kParsers)) parsers_ += "prm " + verb + " ";
    Help& shown = (*verbs)[verb];
    static const std::regex kOption("^  (-[-a-zA-Z0-9, ]*)");
    static const std::regex kSubcommand("^  ([a-z][a-z-]*)( .*)?$");
    static const std::set<std::string> kGroups = {
        "Subcommands:", "Data and models:", "Training:", "Scoring:", "Serving:", "Verbs:"};
    bool subcommands = false;
    for (const std::string& line : LinesOf(help)) {
      std::smatch match;
      if (!line.empty() && line[0] != ' ') subcommands = kGroups.contains(line);
      if (line.starts_with("  prm ")) shown.examples.push_back(line.substr(2));
      if (subcommands && std::regex_search(line, match, kSubcommand)) {
        AddVerbs(verb + (verb.empty() ? "" : " ") + match[1].str(), verbs);
      } else if (std::regex_search(line, match, kOption)) {
        const Flags named = FlagsIn(match[1]);
        for (const std::string& flag : named) shown.meant[flag] = line;
        shown.flags.insert(named.begin(), named.end());
      }
    }
  }

  static inline Verbs verbs_;
  static inline std::string unprintable_;  // verbs whose help holds control characters
  static inline std::string parsers_;      // verbs whose help shows what the parser makes of words
};

// The contents of the files under `folder`.
std::string TextsUnder(const fs::path& folder) {
  std::string text;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.file_size() < 1 << 20)
      text += ReadText(entry.path()) + "\n";
  }
  return text;
}

// What the command line refuses or prints before it reads anything.
class DoorProgram : public PrmProgram {
 protected:
  static void SetUpTestSuite() { folder_ = new TempFolder; }
};

TEST_F(HelpProgram, HelpIsPrintable) { EXPECT_EQ(unprintable_, ""); }

TEST_F(HelpProgram, ChoicesAreShownAsTheyAreWritten) {
  EXPECT_EQ(parsers_, "");
  EXPECT_NE(Run("train --help").out.find("error | skip | cut=error"), std::string::npos);
}

TEST_F(HelpProgram, AFlagMeansOneThingInEveryVerb) {
  for (const std::string flag : {"--json", "--no-verify", "--dtype", "--weights", "--too-long"}) {
    std::set<std::string> meanings;
    for (const auto& [verb, help] : verbs_) {
      if (verb == "model export" && flag == "--dtype") continue;  // of a file
      if (help.meant.contains(flag)) meanings.insert(help.meant.at(flag));
    }
    EXPECT_EQ(meanings.size(), 1u) << testing::PrintToString(meanings);
  }
  for (const auto& [verb, help] : verbs_) {
    if (help.flags.contains("--threads")) {
      EXPECT_NE(help.meant.at("--threads").find("0: all cores"), std::string::npos) << verb;
    }
  }
}

TEST_F(PrmProgram, WhatAVerbReadsIsNamedOrStandsAlone) {
  const std::string traces = Path("data/dev.jsonl");
  for (const char* verb : {"data check", "data qa", "data verify"}) {
    const Outcome named = Run(std::string(verb) + " --in " + traces);
    EXPECT_EQ(named.status, 0) << named.err;
    EXPECT_EQ(named.out, Run(std::string(verb) + " " + traces).out) << verb;
  }
  const std::string score = "score --dtype float32 --model " + Path("run/best");
  EXPECT_EQ(Run(score + " " + traces).out, Run(score + " --in " + traces).out);
}

TEST_F(DoorProgram, TheVersionIsThatOfTheProject) {
  const std::string cmake = ReadText(SourceDir() / "CMakeLists.txt");
  std::smatch version;
  ASSERT_TRUE(std::regex_search(cmake, version, std::regex("project\\(prm VERSION ([0-9.]+)")));
  EXPECT_EQ(Run("--version").out, "prm " + version[1].str() + "\n");
}

TEST_F(DoorProgram, ExitCodesAreDocumented) {
  const std::string help = Run("--help").out;
  for (const char* part : {"0 done", "1 bad input", "2 wrong usage", "3 done, but rows"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part;
  }
}

TEST_F(DoorProgram, AMistypedVerbIsNamedAndTheNearestOffered) {
  const std::map<std::string, std::string> cases = {
      {"trian --model x", "'prm' has no verb 'trian'; the nearest is 'train'"},
      {"verify x", "'prm' has no verb 'verify'; the nearest is 'data verify'"},
      {"data dedupe", "'prm data' has no verb 'dedupe'; the nearest is 'dedup'"},
  };
  for (const auto& [words, expected] : cases) {
    const Outcome outcome = Run(words);
    EXPECT_EQ(outcome.status, 2) << words;
    EXPECT_NE(outcome.err.find(expected), std::string::npos) << outcome.err;
  }
}

TEST_F(HelpProgram, EveryFlagIsRunByATestOrAScript) {
  const fs::path root = SourceDir();
  const Flags run = FlagsIn(TextsUnder(root / "tests") + TextsUnder(root / "scripts"));
  ASSERT_GT(verbs_.size(), 20u);
  for (const auto& [verb, help] : verbs_) {
    for (const std::string& flag : help.flags) {
      EXPECT_TRUE(flag == "--help" || run.contains(flag)) << "prm " << verb << " " << flag;
    }
  }
}

// The commands of a page: lines of its code blocks, joined where they end in \, and `prm ..` in
// its text.
std::vector<std::string> CommandsOf(const std::string& page) {
  std::vector<std::string> commands;
  bool fenced = false, goes_on = false;
  for (const std::string& line : LinesOf(page)) {
    if (line.starts_with("```")) fenced = !fenced;
    const size_t begin = line.find_first_not_of(' ');
    if (begin == line.npos) continue;
    std::string code = line.substr(begin);
    if (code.starts_with("build/prm ")) code.erase(0, 6);
    if (goes_on) {
      commands.back() += " " + code;
    } else if ((fenced || begin >= 4) && code.starts_with("prm ")) {
      commands.push_back(code);
    } else {
      static const std::regex kSpan("`(?:build/)?(prm [^`]*)`");
      for (std::sregex_iterator at(line.begin(), line.end(), kSpan), end; at != end; ++at) {
        commands.push_back((*at)[1]);
      }
      continue;
    }
    goes_on = commands.back().ends_with("\\");
    if (goes_on) commands.back().pop_back();
  }
  return commands;
}

TEST(HelpCommands, AreThoseOfCodeBlocksAndOfTheText) {
  EXPECT_EQ(CommandsOf("Say `prm a --b` or `build/prm c`.\n\n    build/prm d \\\n      --e\n    x\n"
                       "```\nprm f\n```\nprm g\n"),
            (std::vector<std::string>{"prm a --b", "prm c", "prm d  --e", "prm f"}));
}

TEST_F(HelpProgram, EveryCommandShownOnAPageExists) {
  int commands = 0;
  for (fs::recursive_directory_iterator at(SourceDir()), end; at != end; ++at) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(".") || (at.depth() == 0 && name.starts_with("build"))) {
      at.disable_recursion_pending();
    }
    const std::string inside = at->path().string().substr(SourceDir().string().size());
    const bool is_of_docs = inside.starts_with("/docs/") && name.ends_with(".md");
    if (name != "README.md" && name != "CONTRIBUTING.md" && !is_of_docs) continue;
    for (const std::string& command : CommandsOf(ReadText(at->path()))) {
      ++commands;
      std::string verb;
      std::istringstream words(command.substr(4));
      for (std::string word; words >> word;) {
        const std::string longer = verb + (verb.empty() ? "" : " ") + word;
        if (!verbs_.contains(longer)) break;
        verb = longer;
      }
      EXPECT_NE(verb, "") << inside << ": " << command;
      for (const std::string& flag : FlagsIn(command)) {
        EXPECT_TRUE(verbs_[verb].flags.contains(flag))
            << inside << ": " << flag << " in: " << command;
      }
    }
  }
  EXPECT_GT(commands, 40);
}

// Before anything is loaded: there is no such model.
TEST_F(DoorProgram, WrongWordsForDeviceAndNumberFormatsAreRefusedAtTheDoor) {
  for (const std::string verb : {"score", "eval --data x", "serve", "rerank", "model describe",
                                 "model compare", "train --data x --out y"}) {
    for (const std::string flag : {"--device gpu", "--device cuda:x", "--dtype fp32"}) {
      const Outcome outcome = Run(verb + " --model none " + flag);
      EXPECT_EQ(outcome.status, 2) << verb << " " << flag << ": " << outcome.err;
      EXPECT_NE(outcome.err.find(flag.substr(0, flag.find(' ')) + ": expected "), std::string::npos)
          << outcome.err;
    }
  }
  EXPECT_EQ(Run("score --model none --weights int4").status, 2);
  EXPECT_EQ(Run("serve --model none --device cpu,tpu").status, 2);
  EXPECT_EQ(Run("serve --model none --device cpu,cpu").status, 1);
}

TEST_F(PrmProgram, LibrariesNameOptionsAndTheProgramFlags) {
  for (const char* flag : {"--base", "--reference"}) {
    WriteText(Path("trl.json"), Run("model formats trl").out);
    ExpectRefused("model import " + Path("backbone") + " " + flag + " " + Path("backbone") +
                      " --format " + Path("trl.json") + " --out " + Path("unwanted"),
                  {std::string(flag) + " is not expected"});
  }
  const Outcome outcome =
      Run("train --model " + Path("backbone") + " --data " + Path("data/train.jsonl") +
          " --dtype float32 --max-tokens 8 --out " + Path("too_long"));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("--too-long skip or cut, or --max-tokens"), std::string::npos)
      << outcome.err;
}

TEST_F(DoorProgram, OptionErrorsExitWithTwo) {
  for (const char* arguments :
       {"", "nonsense", "train", "score --model", "eval --data x",
        "train --model a --data b --out c --too-long maybe",
        "model export --model a --out b --to onnx", "model export --model a --out b --to gguf",
        "model export --model a --out b --to hf --dtype float32"}) {
    EXPECT_EQ(Run(arguments).status, 2) << arguments;
  }
  EXPECT_EQ(Run("--help").status, 0);
}

// --- examples -----------------------------------------------------------------------------------

class ExamplesProgram : public HelpProgram {
 protected:
  static void SetUpTestSuite() {
    PrmProgram::SetUpTestSuite();
    AddVerbs("", &verbs_);
    const std::string model = " --model " + Path("run/best");
    ASSERT_EQ(Run("model export --to hf --out " + Path("published") + model).status, 0);
    ASSERT_EQ(
        Run("score --in " + Path("data/train.jsonl") + model + " --out " + Path("scores.jsonl"))
            .status,
        0);
  }
  // A folder with all that the examples read, by their names for it.
  static void MakeInputs(const std::string& folder) {
    fs::create_directory(Path(folder));
    fs::current_path(Path(folder));
    const auto copy = [](const std::string& from, const std::string& to) {
      fs::copy(Path(from), to, fs::copy_options::recursive);
    };
    copy("data/train.jsonl", "traces.jsonl");
    copy("data/dev.jsonl", "dev.jsonl");
    copy("data/rerank.jsonl", "rerank.jsonl");
    copy("run/best", "model");
    copy("backbone", "backbone");
    copy("published", "published");
    copy("scores.jsonl", "scores.jsonl");
    copy("backbone/tokenizer.json", "tokenizer.json");
    std::vector<nlohmann::json> reference = Lines(ReadText("traces.jsonl"));
    const std::vector<nlohmann::json> scored = Lines(ReadText("scores.jsonl"));
    for (size_t i = 0; i < reference.size(); ++i) reference[i]["scores"] = scored[i]["scores"];
    WriteLines("reference.jsonl", reference);
    WriteLines("texts.jsonl", {{{"text", "ab"}}});
    WriteLines("rows.jsonl", {{{"id", "a"},
                               {"generator", "g"},
                               {"problem", "p"},
                               {"steps", {"1", "2"}},
                               {"label", 1},
                               {"final_answer_correct", false}}});
    nlohmann::json rating = {
        {"trace", "t"}, {"step", 0}, {"annotator", "a"}, {"label", "incorrect"}};
    nlohmann::json other = rating;
    other["annotator"] = "b";
    WriteLines("annotated.jsonl", {rating, other});
    const nlohmann::json credential = {{"domain", "medicine"},
                                       {"issuer", "board"},
                                       {"evidence", "file"},
                                       {"issued", "2026-01-01"},
                                       {"expires", nullptr}};
    WriteLines("annotators.jsonl", {{{"id", "a"},
                                     {"active", true},
                                     {"roles", {"annotator"}},
                                     {"domains", {"medicine"}},
                                     {"credentials", {credential}}}});
    WriteText("own.json", R"({"format": {"prompt": ["{problem}\n"], "step": ["{step}", [10]]},
"head": {"layers": ["score"], "activation": "softmax", "labels": ["correct_necessary",
"correct_redundant", "incorrect", "incomplete"]}})");
  }
  void TearDown() override { fs::current_path("/"); }

  static void WriteLines(const std::string& path, const std::vector<nlohmann::json>& rows) {
    std::string text;
    for (const nlohmann::json& row : rows) text += row.dump() + "\n";
    WriteText(path, text);
  }

  // The command of an example with this test's files and ports in the place of a user's.
  static std::string Here(std::string command, const std::string& server) {
    const std::vector<std::pair<std::string, std::string>> replaced = {
        {"prm ", std::string(PRM_PROGRAM) + " "},
        {"Qwen2.5-Math-PRM-7B", "published"},
        {"--format qwen-prm --out", "--format own.json --out"},
        {"backbone.gguf --data", "backbone --epochs 1 --data"},
        {"127.0.0.1:50051", server},
        {"--out model", "--out imported"},
        {"--seconds 10", "--seconds 1"}};
    for (const auto& [from, to] : replaced) {
      const size_t at = command.find(from);
      if (at != command.npos) command.replace(at, from.size(), to);
    }
    return command;
  }
};

TEST_F(ExamplesProgram, EveryVerbHasSomeThatRun) {
  RunningProgram server("serve --model " + Path("run/best") + " --listen 127.0.0.1:0",
                        Path("server.log"));
  const std::string address = server.WaitFor("listen=");
  for (const auto& [verb, help] : verbs_) {
    if (verb == "data" || verb == "model") continue;  // groups
    EXPECT_FALSE(help.examples.empty()) << verb;
    MakeInputs("examples of " + verb);
    for (const std::string& example : help.examples) {
      if (verb == "serve") {
        RunningProgram shown(
            std::regex_replace(Here(example, "127.0.0.1:0").substr(std::string(PRM_PROGRAM).size()),
                               std::regex("127.0.0.1:9464"), "127.0.0.1:0"),
            Path("shown.log"), "");
        EXPECT_NE(shown.WaitFor("listen="), "") << example;
        shown.Signal(SIGTERM);
        EXPECT_EQ(shown.Wait(), 0) << example << shown.log();
        continue;
      }
      const Outcome outcome = Shell(Here(example, address));
      EXPECT_EQ(outcome.status, 0) << example << ": " << outcome.err;
    }
  }
}

}  // namespace
}  // namespace prm
