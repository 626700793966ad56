// Every flag of the data verbs and of the offline verbs has its effect.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/program/program.h"

namespace prm {
namespace {

using nlohmann::json;

class FlagsProgram : public PrmProgram {
 protected:
  static std::string File(const std::string& name, const std::string& text) {
    WriteText(Path(name), text);
    return Path(name);
  }
  static std::string File(const std::string& name, const std::vector<json>& rows) {
    std::string text;
    for (const json& row : rows) text += row.dump() + "\n";
    return File(name, text);
  }
  static std::string Printed(const std::string& arguments) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.status, 0) << arguments << ": " << outcome.err;
    return outcome.out;
  }
  static std::vector<json> PrintedLines(const std::string& arguments) {
    return Lines(Printed(arguments));
  }
  static json PrintedJson(const std::string& arguments) { return json::parse(Printed(arguments)); }
  static json JsonOf(const std::string& name) { return json::parse(ReadText(Path(name))); }

  static inline const std::string kOut = " --out -";
};

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

// --- import -------------------------------------------------------------------------------------

TEST_F(FlagsProgram, ImportNamesSourcesCutsMarksAndMakesTracesOfWhatStandsBeside) {
  const std::string gsm8k =
      File("gsm8k.jsonl", {{{"question", "p"}, {"answer", "It is 1+1=<<1+1=2>>2.\n#### 2"}}});
  EXPECT_EQ(PrintedLines("data import " + gsm8k + kOut + " --source mine")[0]["id"], "mine/0");
  EXPECT_EQ(PrintedLines("data import " + gsm8k + kOut + " --calculator keep")[0]["steps"][0],
            "It is 1+1=<<1+1=2>>2.");
  EXPECT_EQ(PrintedLines("data import " + gsm8k + kOut + " --calculator strip")[0]["meta"].size(),
            1u);

  const std::string marked =
      File("shepherd.jsonl",
           {{{"input", "p First: a ки\nStep 2: b ки"}, {"label", "p First: a +\nStep 2: b -"}}});
  EXPECT_EQ(Run("data import " + marked + kOut).status, 3);
  EXPECT_EQ(PrintedLines("data import " + marked + kOut + " --first-step First:")[0]["problem"],
            "p");

  const std::string judged = File("vtg.jsonl", {{{"problem", "p"},
                                                 {"reference_solution", "a\nb"},
                                                 {"student_incorrect_solution", {"a", "c"}},
                                                 {"incorrect_index", 1}}});
  EXPECT_EQ(PrintedLines("data import " + judged + kOut).size(), 1u);
  EXPECT_EQ(PrintedLines("data import " + judged + kOut + " --references").size(), 2u);

  const json step = {
      {"completions", {{{"text", "good"}, {"rating", 1}}, {{"text", "bad"}, {"rating", -1}}}},
      {"human_completion", nullptr},
      {"chosen_completion", 0}};
  const std::string tree =
      File("prm800k.jsonl",
           {{{"question", {{"problem", "p"}}}, {"label", {{"steps", json::array({step})}}}}});
  EXPECT_EQ(PrintedLines("data import " + tree + kOut).size(), 1u);
  EXPECT_EQ(PrintedLines("data import " + tree + kOut + " --alternatives").size(), 2u);
}

TEST_F(FlagsProgram, ImportAndExportFollowTheNamedPolicy) {
  const std::string four =
      File("four.jsonl",
           {{{"id", "a"},
             {"problem", "p"},
             {"steps", {"1", "2", "3", "4"}},
             {"labels",
              {"correct_redundant", "incomplete", "correct_necessary", "correct_necessary"}}}});
  const std::string policy =
      " --redundant positive --incomplete negative --after-first-error masked";
  const json expected = {"correct_necessary", "incorrect", nullptr, nullptr};
  EXPECT_EQ(PrintedLines("data import " + four + kOut + policy)[0]["labels"], expected);
  EXPECT_EQ(PrintedLines("data export " + four + kOut + " --to native" + policy)[0]["labels"],
            expected);
  Printed("data import " + four + " --out " + Path("imported.jsonl") + policy + " --strict" +
          " --json " + Path("report.json") + " --refused " + Path("refused.jsonl"));
  EXPECT_EQ(JsonOf("report.json")["changed"]["incomplete"], 1);
  EXPECT_EQ(ReadText(Path("refused.jsonl")), "");
  EXPECT_EQ(
      PrintedJson("data import --json - " + four + " --out " + Path("imported.jsonl"))["steps"], 4);
  EXPECT_EQ(
      Run("data import --strict " + File("bad.jsonl", "{}\n") + " --format native" + kOut).status,
      1);
}

TEST_F(FlagsProgram, ExportKeepsMaskedStepsUnknownAnswersAndJointsWhereAsked) {
  const std::string masked = File("masked.jsonl", {{{"id", "a"},
                                                    {"problem", "p"},
                                                    {"steps", {"1", "2"}},
                                                    {"labels", {"correct_necessary", nullptr}}}});
  EXPECT_EQ(PrintedLines("data export " + masked + kOut + " --to trl")[0]["labels"].size(), 1u);
  EXPECT_EQ(
      PrintedLines("data export " + masked + kOut + " --to trl --keep-masked")[0]["labels"].size(),
      2u);
  const std::string right =
      File("right.jsonl", {{{"id", "a"},
                            {"problem", "p"},
                            {"steps", {"1", "2"}},
                            {"labels", {"correct_necessary", "correct_necessary"}}}});
  const std::string sft = "data export " + right + kOut + " --to sft";
  EXPECT_TRUE(PrintedLines(sft).empty());
  EXPECT_EQ(PrintedLines(sft + " --unknown-answers --joint ' | '")[0]["completion"], "1 | 2");
}

// --- curation -----------------------------------------------------------------------------------

// Three right solutions of one problem, and one of another.
std::vector<json> Solutions() {
  const auto trace = [](const char* id, const char* problem, const char* step, const char* answer) {
    return json{{"id", id},
                {"problem", problem},
                {"domain", "math"},
                {"steps", {step, "So the answer is " + std::string(answer) + "."}},
                {"labels", {"correct_necessary", "correct_necessary"}},
                {"answer", answer},
                {"reference_answer", answer}};
  };
  const char* apples =
      "Tom has 2 apples and Ann brings him another 3 apples on Sunday. How many apples has Tom got "
      "in all when the evening comes?";
  const char* pears = "A box holds 7 pears, and 4 of them are eaten by the children. What is left?";
  return {trace("a", apples, "2 + 3 = 5", "5"),
          trace("b", apples, "We count on from 2: 3, 4, 5, which is 2 + 3 = 5", "5"),
          trace("c", apples, "3 + 2 = 5 apples, in the other order", "5"),
          trace("d", pears, "7 - 4 = 3", "3")};
}

TEST_F(FlagsProgram, CheckReadsItsFilesAndWritesItsPages) {
  const std::string traces = File("solutions.jsonl", Solutions());
  const std::string evaluation =
      File("evaluation.jsonl", {{{"id", "e"}, {"problem", Solutions()[0]["problem"]}}});
  const std::string guidelines =
      File("guidelines.json",
           R"({"guidelines":[{"name":"short","domains":["math"],"rule":"short","unit":"inference",)"
           R"("max_words":3}]})");
  const std::string plan = File("plan.json", R"({"target": 7})");
  const std::string check = "data check " + traces + " --json " + Path("check.json");
  Printed(check + " --threads 2 --seed 4 --html " + Path("check.html"));
  const json plain = JsonOf("check.json");
  EXPECT_TRUE(Holds(ReadText(Path("check.html")), "</html>"));
  EXPECT_EQ(plain["seed"], 4);
  Printed(check + " --against " + evaluation + " --guidelines " + guidelines + " --plan " + plan +
          " --examples 1");
  const json strict = JsonOf("check.json");
  EXPECT_NE(plain["hygiene"], strict["hygiene"]) << "the evaluation's problem is in it";
  EXPECT_EQ(plain["lints"]["many_words"]["count"], 0);
  EXPECT_GT(strict["lints"]["many_words"]["count"], 1);
  EXPECT_EQ(strict["lints"]["many_words"]["examples"].size(), 1u);
  EXPECT_NE(plain["diversity"], strict["diversity"]) << "the plan's target";
  const auto findings = [&](const std::string& flags) {
    return PrintedLines("data qa " + traces + flags)[1]["findings"].size();
  };
  EXPECT_LT(findings(" --threads 2"), findings(" --guidelines " + guidelines));
}

TEST_F(FlagsProgram, CurateKeepsToItsPlanAndCaps) {
  const std::string traces = File("solutions.jsonl", Solutions());
  const std::string evaluation =
      File("evaluation.jsonl", {{{"id", "e"}, {"problem", Solutions()[0]["problem"]}}});
  const std::string strict = File(
      "strict.json",
      R"({"guidelines":[{"name":"short","domains":["math"],"rule":"short","unit":"inference"}]})");
  const std::string plan = File("plan.json", R"({"target": 1})");
  const auto chosen = [&](const std::string& flags) {
    return PrintedLines("data curate " + traces + kOut + flags).size();
  };
  EXPECT_EQ(chosen(" --per-problem 3 --per-path 3"), 4u);
  EXPECT_EQ(chosen(" --per-problem 1"), 2u);
  EXPECT_EQ(chosen(" --per-problem 3 --per-path 3 --total 3"), 3u);
  EXPECT_LT(chosen(" --per-problem 3 --per-path 1"), 4u);
  EXPECT_LT(chosen(" --per-problem 3 --per-path 3 --plan " + plan), 4u);
  EXPECT_EQ(chosen(" --per-problem 3 --per-path 3 --against " + evaluation), 1u);
  EXPECT_EQ(chosen(" --per-problem 3 --per-path 3 --seed 2 --threads 2 --guidelines " + strict),
            4u);
}

TEST_F(FlagsProgram, SplitTakesItsSharesAndEqualSeedsGiveEqualParts) {
  const std::string traces = Path("data/train.jsonl");
  const auto split = [&](const std::string& flags) {
    Printed("data split " + traces + " --train " + Path("s1") + " --dev " + Path("s2") +
            " --test " + Path("s3") + " --threads 2" + flags);
    return std::vector<std::string>{ReadText(Path("s1")), ReadText(Path("s2")),
                                    ReadText(Path("s3"))};
  };
  const auto parts = split(" --train-share 1 --dev-share 1 --test-share 1 --seed 5");
  EXPECT_EQ(parts, split(" --train-share 2 --dev-share 2 --test-share 2 --seed 5"));
  EXPECT_EQ(parts[0].size() + parts[1].size() + parts[2].size(), ReadText(traces).size());
  EXPECT_EQ(split(" --train-share 1 --dev-share 0 --test-share 0")[0].size(),
            ReadText(traces).size());
}

TEST_F(FlagsProgram, DedupRemovesNearTracesUnlessExactOnesAreAsked) {
  std::vector<json> rows = {Solutions()[0], Solutions()[0]};
  const std::string longer =
      " We may be sure of it because the apples were counted twice by both of them, first in the "
      "kitchen and then once more in the garden, before anybody had eaten a single one of them ";
  rows[0]["steps"][0] = "2 + 3 = 5." + longer + "today.";
  rows[1]["steps"][0] = "2 + 3 = 5." + longer + "yesterday.";
  const std::string file = File("near.jsonl", rows);
  EXPECT_EQ(PrintedLines("data dedup " + file + kOut + " --threads 2").size(), 1u);
  EXPECT_EQ(PrintedLines("data dedup --exact " + file + kOut).size(), 2u);
}

// --- symbolic -----------------------------------------------------------------------------------

TEST_F(FlagsProgram, VerifyPrintsWhatIsAsked) {
  const std::string traces =
      File("sums.jsonl", {{{"id", "a"},
                           {"problem", "p"},
                           {"source", "s"},
                           {"steps", {"2 + 3 = 5", "2 + 3 = 6"}},
                           {"labels", {"correct_necessary", "correct_necessary"}}}});
  const std::string verify = "data verify " + traces;
  EXPECT_TRUE(Holds(Printed(verify + " --steps"), "a:1\trefuted"));
  EXPECT_FALSE(Holds(Printed(verify + " --steps"), "by reason"));
  EXPECT_TRUE(Holds(Printed(verify + " --steps --summary"), "by reason"));
  const std::string to_file = " --out " + Path("verified.jsonl");
  EXPECT_EQ(Printed(verify + to_file), "");
  EXPECT_EQ(Lines(ReadText(Path("verified.jsonl")))[0]["steps"][1]["verdict"], "refuted");
  EXPECT_TRUE(Holds(Printed(verify), "by reason"));
  EXPECT_EQ(Printed(verify + to_file + " --summary"), Printed(verify));
}

TEST_F(FlagsProgram, CorruptGivesEqualFilesForEqualSeeds) {
  const auto corrupt = [](const std::string& seed) {
    return Printed("data corrupt " + Path("data/train.jsonl") + " --out - --seed " + seed);
  };
  EXPECT_EQ(corrupt("1"), corrupt("1"));
  EXPECT_NE(corrupt("1"), corrupt("2"));
}

// --- agreement ----------------------------------------------------------------------------------

TEST_F(FlagsProgram, AgreeReadsVotesGoldAndScoresAndWritesItsFiles) {
  const std::string votes = File("votes.jsonl", {{{"item", "a"}, {"picks", {"yes", "yes"}}},
                                                 {{"item", "b"}, {"picks", {"yes", "no"}}},
                                                 {{"item", "c"}, {"picks", {"no", "no"}}}});
  const std::string agree = "data agree " + votes + " --labels yes,no --votes picks";
  Printed(agree + " --csv " + Path("ratings.csv") + " --json " + Path("agree.json") + " --html " +
          Path("agree.html") + " --replicates 50 --seed 3 --worst 1");
  EXPECT_TRUE(Holds(ReadText(Path("ratings.csv")), "yes"));
  EXPECT_TRUE(Holds(ReadText(Path("agree.html")), "</html>"));
  const std::string once = ReadText(Path("agree.json"));
  EXPECT_TRUE(Holds(once, "50")) << "replicates";
  Printed(agree + " --json " + Path("agree.json") + " --replicates 50 --seed 4 --worst 2");
  EXPECT_NE(ReadText(Path("agree.json")), once);
  ExpectRefused("data agree " + votes + " --labels yes,maybe --votes picks", {"\"no\""});

  std::vector<json> ratings, gold;
  for (int step = 0; step < 4; ++step) {
    for (const char* annotator : {"ann", "bob"}) {
      ratings.push_back({{"trace", "t"},
                         {"step", step},
                         {"annotator", annotator},
                         {"label", step < 2 ? "correct_necessary" : "incorrect"}});
    }
    gold.push_back({{"trace", "t"}, {"step", step}, {"label", "correct_necessary"}});
  }
  const std::string scores =
      File("ranking.jsonl",
           {{{"id", "t"},
             {"scores", {0.9, 0.9, 0.9, 0.1}},
             {"label_probs",
              {{0.9, 0, 0.1, 0}, {0.9, 0, 0.1, 0}, {0.9, 0, 0.1, 0}, {0.1, 0, 0.9, 0}}}}});
  const std::string rated = "data agree " + File("ratings.jsonl", ratings) + " --replicates 20";
  EXPECT_NE(Printed(rated + " --gold " + File("gold.jsonl", gold)), Printed(rated));
  Printed(rated + " --html " + Path("plain.html"));
  Printed(rated + " --html " + Path("ranked.html") + " --scores " + scores);
  EXPECT_GT(ReadText(Path("ranked.html")).size(), ReadText(Path("plain.html")).size());
}

TEST_F(FlagsProgram, AnnotatorsListsWhoHasWhichCredentialThen) {
  const std::string file = File("annotators.jsonl", {{{"id", "ann"},
                                                      {"active", true},
                                                      {"roles", {"annotator"}},
                                                      {"domains", {"math"}},
                                                      {"credentials",
                                                       {{{"domain", "math"},
                                                         {"issuer", "board"},
                                                         {"evidence", "file"},
                                                         {"issued", "2026-01-01"},
                                                         {"expires", "2028-01-01"}}}},
                                                      {"conflicts", json::array()}}});
  const std::string list = "data annotators " + file;
  EXPECT_NE(Printed(list + " --at 2027-01-01"), Printed(list + " --at 2029-01-01"));
  EXPECT_NE(Printed(list + " --at 2027-01-01 --domain law"),
            Printed(list + " --at 2027-01-01 --domain math"));
}

// --- score, describe, rerank, import ------------------------------------------------------------

TEST_F(FlagsProgram, ScoresDoNotDependOnHowTheyAreComputed) {
  const std::string score =
      "score --dtype float32 --model " + Path("run/best") + " --in " + Path("data/dev.jsonl");
  const std::vector<json> plain = PrintedLines(score);
  for (const char* flags :
       {" --cache-bytes 0", " --cache-bytes 64MB", " --pin-threads --threads 1", " --self-test off",
        " --cuda-graphs off", " --batch-tokens 128", " --batch-invariant", " --device cpu"}) {
    const std::vector<json> other = PrintedLines(score + flags);
    ASSERT_EQ(other.size(), plain.size()) << flags;
    for (size_t i = 0; i < plain.size(); ++i) {
      for (size_t s = 0; s < plain[i]["scores"].size(); ++s) {
        EXPECT_NEAR(other[i]["scores"][s].get<double>(), plain[i]["scores"][s].get<double>(), 1e-5)
            << flags;
      }
    }
  }
}

TEST_F(FlagsProgram, RerankShowsWhatIsAskedAndLongTracesFollowTheNamedPolicy) {
  const std::string rerank =
      "rerank --dtype float32 --model " + Path("run/best") + " --in " + Path("data/rerank.jsonl");
  const std::string pretty = rerank + " --pretty --color never --width 80";
  const std::string one = Printed(pretty + " --best 1 --worst 0");
  EXPECT_LT(one.size(), Printed(pretty + " --best 3 --worst 2 --by product").size());
  EXPECT_FALSE(Holds(one, "\x1b["));
  EXPECT_TRUE(Holds(Printed(rerank + " --pretty --color always --width 80"), "\x1b["));
  EXPECT_NE(Printed(pretty), Printed(rerank + " --pretty --color never --width 40"));
  EXPECT_EQ(PrintedLines(rerank).size(), 2u);
  EXPECT_EQ(Run(rerank + " --max-tokens 40").status, 1);
  EXPECT_EQ(Run(rerank + " --max-tokens 40 --too-long cut --batch-tokens 256").status, 1)
      << "problems of more than 40 tokens have no step left";
}

TEST_F(FlagsProgram, FormatsAreListedShownAndNamedWhereAnImportKnowsNone) {
  EXPECT_TRUE(Holds(Printed("model formats"), "qwen-prm"));
  EXPECT_TRUE(PrintedJson("model formats qwen-prm").is_object());
  const std::string import = "model import " + Path("backbone") + " --name mine --out ";
  EXPECT_TRUE(
      Holds(Run(import + Path("named") + " --format none").err, "no format 'none'; known "));
}

TEST_F(FlagsProgram, TokenizeReadsSpecialTokensWhereAsked) {
  const std::string texts = File("texts.jsonl", {{{"text", "ab"}}});
  const std::string tokenize = "data tokenize --tokenizer " + Path("backbone") + " --in " + texts;
  EXPECT_EQ(Printed(tokenize), "{\"ids\":[97,98]}\n");
  EXPECT_EQ(Printed(tokenize + " --special parse" + kOut), Printed(tokenize + " --special text"));
}

// --- train, ask ---------------------------------------------------------------------------------

TEST_F(FlagsProgram, StepsBehindTheFirstErrorAreWrongWhereAsked) {
  const std::string data =
      File("behind.jsonl", {{{"id", "a"},
                             {"problem", "p"},
                             {"steps", {"1", "2", "3"}},
                             {"labels", {"correct_necessary", "incorrect", nullptr}}}});
  const std::string train = "train --model " + Path("backbone") + " --data " + data +
                            " --epochs 1 --dtype float32 --threads 1 --out ";
  const auto first_loss = [&](const std::string& out, const std::string& flags) {
    Printed(train + Path(out) + flags);
    return Lines(ReadText(Path(out + "/metrics.jsonl"))).at(0).at("loss");
  };
  EXPECT_NE(first_loss("masked", ""), first_loss("negative", " --negative-after-first-error"));
}

TEST_F(FlagsProgram, AServersScoresDoNotDependOnHowItIsAsked) {
  RunningProgram server(
      "serve --dtype float32 --model " + Path("run/best") + " --listen 127.0.0.1:0",
      Path("server.log"));
  const std::string ask =
      "ask --server " + server.WaitFor("listen=") + " --in " + Path("data/dev.jsonl") + " --out -";
  const std::vector<json> plain = PrintedLines(ask);
  ASSERT_EQ(plain.size(), 12u);
  for (const char* flags : {" --traces-per-call 1", " --route-by-problem", " --stream",
                            " --stream --traces-per-call 3 --client-id me"}) {
    const std::vector<json> other = PrintedLines(ask + flags);
    ASSERT_EQ(other.size(), plain.size()) << flags;
    for (size_t i = 0; i < plain.size(); ++i) {
      ASSERT_EQ(other[i]["id"], plain[i]["id"]) << flags;
      for (size_t s = 0; s < plain[i]["scores"].size(); ++s) {
        EXPECT_NEAR(other[i]["scores"][s].get<double>(), plain[i]["scores"][s].get<double>(), 1e-5)
            << flags;
      }
    }
  }
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0) << server.log();
}

}  // namespace
}  // namespace prm
