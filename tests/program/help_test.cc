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

// A verb's flags by its words: {"data import", {"--out", ..}}.
using Verbs = std::map<std::string, Flags>;

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

  // Adds `verb` and its subcommands, from their help.
  static void AddVerbs(const std::string& verb, Verbs* verbs) {
    const Outcome help = Run(verb + (verb.empty() ? "" : " ") + "--help");
    ASSERT_EQ(help.status, 0) << verb << ": " << help.err;
    const bool plain = std::all_of(help.out.begin(), help.out.end(), [](unsigned char c) {
      return c == '\n' || (c >= 0x20 && c != 0x7f);
    });
    if (!plain) unprintable_ += "prm " + verb + " ";
    static const std::regex kParsers(R"(->\d|[A-Z]:\{|value in|--[a-z-]+\{)");
    if (std::regex_search(help.out, kParsers)) parsers_ += "prm " + verb + " ";
    Flags& flags = (*verbs)[verb];
    static const std::regex kOption("^  (-[-a-zA-Z0-9, ]*)");
    static const std::regex kSubcommand("^  ([a-z][a-z-]*)( .*)?$");
    bool subcommands = false;
    for (const std::string& line : LinesOf(help.out)) {
      std::smatch match;
      if (!line.empty() && line[0] != ' ') subcommands = line.starts_with("Subcommands");
      if (subcommands && std::regex_search(line, match, kSubcommand)) {
        AddVerbs(verb + (verb.empty() ? "" : " ") + match[1].str(), verbs);
      } else if (std::regex_search(line, match, kOption)) {
        flags.merge(FlagsIn(match[1]));
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

TEST_F(HelpProgram, HelpIsPrintable) { EXPECT_EQ(unprintable_, ""); }

TEST_F(HelpProgram, ChoicesAreShownAsTheyAreWritten) {
  EXPECT_EQ(parsers_, "");
  EXPECT_NE(Run("train --help").out.find("cut | error | skip=error"), std::string::npos);
}

TEST_F(HelpProgram, AMistypedVerbIsNamedAndTheNearestOffered) {
  const std::map<std::string, std::string> cases = {
      {"trian --model x", "'prm' has no verb 'trian'; the nearest is 'train'"},
      {"data dedupe", "'prm data' has no verb 'dedupe'; the nearest is 'dedup'"},
  };
  for (const auto& [words, expected] : cases) {
    const Outcome outcome = Run(words);
    EXPECT_EQ(outcome.status, 2) << words;
    EXPECT_NE(outcome.err.find(expected), std::string::npos) << outcome.err;
  }
}

TEST_F(HelpProgram, EveryFlagIsRunByATestOrAScript) {
  const fs::path root(PRM_SOURCE_DIR);
  const Flags run = FlagsIn(TextsUnder(root / "tests") + TextsUnder(root / "scripts"));
  ASSERT_GT(verbs_.size(), 20u);
  for (const auto& [verb, flags] : verbs_) {
    for (const std::string& flag : flags) {
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
  for (fs::recursive_directory_iterator at(PRM_SOURCE_DIR), end; at != end; ++at) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(".") || (at.depth() == 0 && name.starts_with("build"))) {
      at.disable_recursion_pending();
    }
    const std::string inside = at->path().string().substr(std::string(PRM_SOURCE_DIR).size());
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
        EXPECT_TRUE(verbs_[verb].contains(flag)) << inside << ": " << flag << " in: " << command;
      }
    }
  }
  EXPECT_GT(commands, 40);
}

}  // namespace
}  // namespace prm
