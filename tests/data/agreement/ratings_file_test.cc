#include "data/agreement/ratings_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "data/agreement/statistics.h"
#include "data/records/trace_reader.h"
#include "tests/error_of.h"
#include "tests/shared_data.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RatingsFile : public ::testing::Test {
 protected:
  Ratings Read(const std::string& text, const RatingsFileOptions& options = {}) {
    return ReadRatings(folder_.Write("r.jsonl", text), options);
  }
  std::string Refusal(const std::string& text, const RatingsFileOptions& options = {}) {
    return MessageOf([&] { Read(text, options); }, ErrorCode::kInvalidArgument);
  }
  Gold ReadGoldOf(const std::string& text, const Ratings& ratings) {
    return ReadGold(folder_.Write("g.jsonl", text), ratings);
  }
  TempFolder folder_;
};

const char* kNative =
    R"({"id":"p","problem":"q","steps":["one two","three"],"annotations":[)"
    R"({"annotator":"a","step":0,"label":"incorrect","seconds":2.5,"note":"n"},)"
    R"({"annotator":"b","step":0,"label":"unsure"},{"annotator":"a","step":1,"label":null}]})"
    "\n";

TEST_F(RatingsFile, NativeTracesCarryAnnotations) {
  const Ratings ratings = Read(kNative);
  EXPECT_THAT(ratings.annotators(), ElementsAre("a", "b"));
  ASSERT_EQ(ratings.units().size(), 2u);
  EXPECT_EQ(ratings.units()[0].words, 2);
  EXPECT_EQ(ratings.units()[0].excerpt, "one two");
  EXPECT_EQ(ratings.Of(0)[0].label, 2);
  EXPECT_EQ(ratings.Of(0)[0].seconds, 2.5);
  EXPECT_EQ(ratings.Of(0)[1].label, std::nullopt);
  EXPECT_EQ(ratings.Of(1)[0].label, std::nullopt);
}

TEST_F(RatingsFile, RatingsMayComeLineByLine) {
  const Ratings ratings = Read(
      "\xEF\xBB\xBF{\"trace\":\"t\",\"step\":3,\"annotator\":\"a\",\"label\":1}\r\n\n"
      "{\"trace\":\"t\",\"step\":3,\"text_version\":2,\"annotator\":\"a\",\"label\":true}\n"
      "{\"unit\":\"u\",\"annotator\":\"a\",\"label\":\"x\"}\n",
      {{"1", "true", "x"}});
  ASSERT_EQ(ratings.units().size(), 3u);
  EXPECT_EQ(ratings.NameOf(1), "step 3 of trace t, text version 2");
  EXPECT_EQ(ratings.Of(0)[0].label, 0);
  EXPECT_EQ(ratings.Of(1)[0].label, 1);
  EXPECT_EQ(ratings.Of(2)[0].label, 2);
}

TEST_F(RatingsFile, ANullAmongVotesHoldsAPlace) {
  const Ratings ratings = Read("{\"item\":\"i\",\"votes\":[null,\"x\",\"x\"]}\n", {{"x", "y"}});
  EXPECT_THAT(ratings.annotators(), ElementsAre("1", "2", "3"));
  ASSERT_EQ(ratings.Of(0).size(), 2u);
  EXPECT_EQ(ratings.Of(0)[0].annotator, 1);
}

TEST_F(RatingsFile, BadLinesAreNamedByLineAndField) {
  const std::string ok = "{\"unit\":\"u\",\"annotator\":\"a\",\"label\":\"incorrect\"}\n";
  EXPECT_THAT(Refusal(ok + "{\"unit\":\"v\",\"annotator\":\"a\",\"label\":\"wrong\"}\n"),
              HasSubstr("r.jsonl:2: label: expected one of the declared labels (correct_necessary, "
                        "correct_redundant, incorrect, incomplete), got \"wrong\""));
  EXPECT_THAT(Refusal(ok + ok),
              HasSubstr("r.jsonl:2: annotator \"a\" has rated step 0 of trace u"));
  EXPECT_THAT(Refusal("{\"unit\":\"u\",\"annotator\":\"a\"}\n"), HasSubstr("label"));
  EXPECT_THAT(Refusal("{\"unit\":\"u\",\"item\":\"u\",\"annotator\":\"a\",\"label\":null}\n"),
              HasSubstr("expected either \"trace\" with \"step\""));
  EXPECT_THAT(Refusal("{\"trace\":\"t\",\"annotator\":\"a\",\"label\":null}\n"),
              HasSubstr("expected either \"trace\" with \"step\""));
  EXPECT_THAT(Refusal("{\"trace\":\"t\",\"step\":-1,\"annotator\":\"a\",\"label\":null}\n"),
              HasSubstr("step: expected a whole number from 0"));
  EXPECT_THAT(Refusal("{\"unit\":\"u\",\"annotator\":\"a\",\"label\":1.5}\n"),
              HasSubstr("label: expected a label"));
  EXPECT_THAT(Refusal("{\"unit\":\"u\",\"annotator\":\"a\",\"label\":null,\"seconds\":-1}\n"),
              HasSubstr("seconds: expected seconds, not negative"));
  EXPECT_THAT(Refusal("{\"unit\":\"u\",\"annotator\":\"a\",\"label\":null,\"seconds\":NaN}\n"),
              HasSubstr("r.jsonl:1: not valid JSON"));
  EXPECT_THAT(Refusal("{\"unit\":\"u\"}\n"), HasSubstr("expected \"steps\" of a trace"));
  EXPECT_THAT(Refusal("{\"unit\":\"u\\u001b[2J\",\"annotator\":\"a\",\"label\":null}\n"),
              HasSubstr("unit: expected an id without control characters"));
  EXPECT_THAT(Refusal("{\"unit\":\"u\",\"annotator\":\"a\\n\",\"label\":null}\n"),
              HasSubstr("annotator: expected an id without control characters"));
  EXPECT_THAT(Refusal("{\"id\":\"p\\u0085\",\"problem\":\"q\",\"steps\":[\"s\"]}\n"),
              HasSubstr("r.jsonl:1: id: expected an id without control characters"));
  EXPECT_THAT(Refusal("{\"unit\":\"caf\xe9\",\"annotator\":\"a\",\"label\":null}\n"),
              HasSubstr("r.jsonl:1: not UTF-8 at byte"));
  EXPECT_THAT(Refusal("[]\n"), HasSubstr("r.jsonl:1"));
  EXPECT_THAT(Refusal(std::string(100000, '[')), HasSubstr("r.jsonl:1"));
  EXPECT_THAT(Refusal("{\"id\":\"p\",\"problem\":\"q\",\"steps\":[\"s\"],\"annotations\":"
                      "[{\"annotator\":\"a\",\"step\":1,\"label\":null}]}\n"),
              HasSubstr("annotations[0].step: expected a step from 0 to 0, got 1"));
}

TEST_F(RatingsFile, AByteOrderMarkAndCarriageReturnsAreNoPartOfIt) {
  const Ratings ratings = Read(
      "\xef\xbb\xbf{\"unit\":\"u\",\"annotator\":\"a\",\"label\":\"incorrect\"}\r\n\r\n"
      "{\"unit\":\"u\",\"annotator\":\"b\",\"label\":null}\r\n");
  EXPECT_THAT(ratings.annotators(), ElementsAre("a", "b"));
  EXPECT_EQ(ratings.units().size(), 1u);
}

// The rated text is part of the unit's identity.
TEST_F(RatingsFile, AnotherTextNeedsAnotherVersion) {
  const auto line = [](const char* text, const char* annotator, int version) {
    return StrCat("{\"id\":\"p\",\"problem\":\"q\",\"steps\":[\"", text,
                  "\"],\"annotations\":[{\"annotator\":\"", annotator,
                  "\",\"step\":0,\"label\":\"incorrect\",\"text_version\":", version, "}]}\n");
  };
  EXPECT_EQ(Read(line("x", "a", 1) + line("x", "b", 1)).units().size(), 1u);
  EXPECT_THAT(Refusal(line("x", "a", 1) + line("y", "b", 1)),
              HasSubstr("another text than on an earlier line for step 0 of trace p"));
  EXPECT_EQ(Read(line("x", "a", 1) + line("y", "b", 2)).units().size(), 2u);
}

TEST_F(RatingsFile, GoldComesFromLabels) {
  const Ratings ratings = Read(kNative);
  const Gold gold = ReadGoldOf(
      R"({"id":"p","problem":"q","steps":["one two","three"],)"
      R"("labels":["incorrect","correct_necessary"],"final_correct":true})"
      "\n"
      R"({"id":"r","problem":"q","steps":["x"],"labels":["correct_redundant"],"final_correct":true})"
      "\n"
      R"({"id":"s","problem":"q","steps":["x","y"],"labels":["correct_necessary","incomplete"],)"
      R"("necessity_known":false})"
      "\n"
      R"({"trace":"p2","step":0,"label":"incorrect"})",
      ratings);
  EXPECT_THAT(gold.labels, ElementsAre(std::optional(2), std::optional(0)));
  EXPECT_EQ(gold.unrated, 3);
  EXPECT_EQ(gold.partial, 1);
  EXPECT_EQ(gold.set.traces, 4);
  EXPECT_EQ(gold.set.steps, 5);
  EXPECT_THAT(gold.set.label_counts, ElementsAre(1, 1, 2, 1));
  EXPECT_EQ(gold.set.right_answer_wrong_step, 1);
  EXPECT_EQ(gold.set.clean, 1);
  EXPECT_THAT(MessageOf([&] {
                ReadGoldOf(
                    "{\"unit\":\"u\",\"label\":\"incorrect\"}\n"
                    "{\"unit\":\"u\",\"label\":\"incorrect\"}\n",
                    ratings);
              }),
              HasSubstr("g.jsonl:2: a second gold label for step 0 of trace u"));
  const Gold plain = ReadGoldOf("{\"unit\":\"u\",\"label\":\"incorrect\"}\n", ratings);
  EXPECT_EQ(plain.set.clean, std::nullopt);
  EXPECT_EQ(plain.set.right_answer_wrong_step, std::nullopt);
}

TEST_F(RatingsFile, ModelProbabilitiesMustCoverEveryUnit) {
  const Ratings ratings = Read(kNative);
  const auto read = [&](const std::string& text) {
    return ReadModelProbs(folder_.Write("s.jsonl", text), ratings);
  };
  const std::string both =
      "{\"id\":\"p\",\"scores\":[0.5,1],\"label_probs\":[[0.25,0.25,0.5,0],[1,0,0,0]]}\n";
  EXPECT_THAT(read(both), ElementsAre(.25, .25, .5, 0, 1, 0, 0, 0));
  EXPECT_THAT(MessageOf([&] { read("{\"id\":\"p\",\"scores\":[0.5,1]}\n"); }),
              HasSubstr("expected probabilities of the four labels"));
  EXPECT_THAT(MessageOf([&] {
                read("{\"id\":\"p\",\"scores\":[0.5],\"label_probs\":[[0.25,0.25,0.5,0]]}\n");
              }),
              HasSubstr("no probabilities for step 1 of trace p"));
  EXPECT_THAT(MessageOf([&] { ReadModelProbs("none", Ratings({"x"})); }),
              HasSubstr("four step labels"));
}

// --- real votes ---------------------------------------------------------------------------------

struct SharedVotes {
  const char* name;
  std::vector<std::string> labels;
  const char* field;
};

class RealVotes : public ::testing::TestWithParam<SharedVotes> {};

TEST_P(RealVotes, GiveTheReferenceValues) {
  PRM_NEED_SHARED_DATA("agreement/reference.json");
  const auto folder = SharedData() / "agreement";
  const auto reference =
      nlohmann::json::parse(ReadFile(folder / "reference.json")).at(GetParam().name);
  const Ratings ratings = ReadRatings(folder / (std::string(GetParam().name) + ".jsonl.xz"),
                                      {GetParam().labels, GetParam().field});
  EXPECT_EQ(ratings.units().size(), reference.at("n_items").get<size_t>());
  const int q = int(ratings.labels().size());
  const AgreementSums sums = SumsOf(CountLabels(ratings, SameLabels(ratings)));
  int checked = 0;
  for (const auto& [key, value] : reference.items()) {
    std::optional<double> ours;
    if (key == "krippendorff_alpha_nominal") ours = KrippendorffAlpha(sums).value;
    if (key == "fleiss_kappa_complete_items") ours = FleissKappa(sums).value;
    if (key.starts_with("cohen_kappa_") || key.starts_with("percent_agreement_")) {
      const int a = key[key.size() - 3] - '1', b = key.back() - '1';
      const std::vector<double> table = PairTables(ratings).at({a, b});
      ours = key[0] == 'c' ? CohenKappa(table, q).value : PairAgreement(table, q).value;
    }
    if (!ours) continue;
    ++checked;
    EXPECT_NEAR(*ours, value.get<double>(), 1e-3) << key;
  }
  EXPECT_GE(checked, 1);
}

INSTANTIATE_TEST_SUITE_P(
    All, RealVotes,
    ::testing::Values(
        SharedVotes{"lojban_votes_2raters", {"0", "1"}, "votes_flawed"},
        SharedVotes{"preference_3raters", {"no_preference", "native", "product"}, "votes"},
        SharedVotes{"preference_3raters_missing", {"no_preference", "native", "product"}, "votes"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace prm
