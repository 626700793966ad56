#include "data/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "data/io/text_io.h"
#include "tests/error_of.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

LabelledScores Scored(std::vector<LabelSet> labels, std::vector<float> p,
                      std::optional<int> first) {
  LabelledScores t;
  t.labels = std::move(labels);
  t.scores.p_correct = std::move(p);
  t.first_error = first;
  return t;
}

const LabelSet kGood(StepLabel::kCorrectNecessary), kBad(StepLabel::kIncorrect);

TEST(Auroc, TiesCountHalfAndAMissingClassIsUndefined) {
  const std::vector<float> scores = {0.1f, 0.4f, 0.4f, 0.8f};
  EXPECT_DOUBLE_EQ(*Auroc(scores, {false, false, true, true}), 0.875);
  EXPECT_DOUBLE_EQ(*Auroc(scores, {true, true, false, false}), 0.125);
  EXPECT_FALSE(Auroc(scores, {true, true, true, true}));
  EXPECT_FALSE(Auroc({}, {}));
}

TEST(AveragePrecision, TakesTiesTogether) {
  const std::vector<float> scores = {0.9f, 0.8f, 0.7f, 0.7f};
  EXPECT_NEAR(*AveragePrecision(scores, {true, false, true, false}), 0.5 * 1.0 + 0.5 * 0.5, 1e-12);
  EXPECT_FALSE(AveragePrecision(scores, {false, false, false, false}));
}

TEST(Calibration, BinsAreClosedBelowAndTheLastAlsoAbove) {
  const std::vector<float> p = {1.0f, 0.5f, 0.5f};
  EXPECT_NEAR(*ExpectedCalibrationError(p, {true, true, false}), 0.0, 1e-12);
  EXPECT_NEAR(*ExpectedCalibrationError(p, {false, true, true}), (1.0 + 1.0) / 3, 1e-12);
  EXPECT_NEAR(*Brier(p, {true, true, false}), 0.5 / 3, 1e-12);
}

TEST(FirstErrorF1, IsTheHarmonicMeanOfBothHitRatesAndSkipsTheUndecidable) {
  const std::vector<LabelledScores> traces = {
      Scored({kGood, kBad}, {0.9f, 0.2f}, 1),       // hit
      Scored({kBad, kGood}, {0.9f, 0.2f}, 0),       // miss
      Scored({kGood, kGood}, {0.9f, 0.9f}, -1),     // hit
      Scored({{}, {}}, {0.1f, 0.1f}, std::nullopt)  // not decidable
  };
  const FirstErrorResult result = FirstErrorF1(traces, 0.5);
  EXPECT_DOUBLE_EQ(*result.acc_error, 0.5);
  EXPECT_DOUBLE_EQ(*result.acc_correct, 1.0);
  EXPECT_NEAR(*result.f1, 2 * 0.5 / 1.5, 1e-12);
  EXPECT_EQ(FirstErrorBelow(std::vector<float>{0.5f, 0.4f}, 0.5), 1) << "0.5 itself is not below";
}

TEST(Metrics, AScoreThatIsNotFiniteIsNamedByEachOfThem) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const std::vector<float> scores = {0.5f, bad, 0.25f};
    const std::vector<bool> labels = {true, false, true};
    const std::vector<LabelledScores> traces = {Scored({kGood}, {0.5f}, -1),
                                                Scored({kGood, kBad, kGood}, scores, 1)};
    std::vector<LabelledScores> labelled = {traces[0]};
    labelled[0].scores.label_probs = {{0.5f, 0.0f, bad, 0.0f}};
    for (const auto& [metric, says] : std::vector<std::pair<std::function<void()>, std::string>>{
             {[&] { Auroc(scores, labels); }, "score 1 of 3"},
             {[&] { AveragePrecision(scores, labels); }, "score 1 of 3"},
             {[&] { ExpectedCalibrationError(scores, labels); }, "score 1 of 3"},
             {[&] { Brier(scores, labels); }, "score 1 of 3"},
             {[&] { FirstErrorBelow(scores, 0.5); }, "score 1 of 3"},
             {[&] { FirstErrorF1(traces, 0.5); }, "score 1 of 3"},
             {[&] { TuneThreshold(traces); }, "trace 1 of 2: metrics: score 1 of 3"},
             {[&] { Evaluate(traces, {}); }, "trace 1 of 2: metrics: score 1 of 3"},
             {[&] { Evaluate({}, traces); }, "trace 1 of 2: metrics: score 1 of 3"},
             {[&] { Evaluate(labelled, {}); }, "trace 0 of 1: metrics: score 2 of 4"}}) {
      EXPECT_THAT(MessageOf(metric, ErrorCode::kInvalidArgument), testing::HasSubstr(says));
    }
  }
}

// Tries every threshold that could matter: below, between and above the scores.
double BestF1(const std::vector<LabelledScores>& traces) {
  std::set<double> thresholds = {0.0, 2.0};
  for (const LabelledScores& trace : traces) {
    for (const float p : trace.scores.p_correct)
      thresholds.insert({double(p), std::nextafter(p, 2.0f)});
  }
  double best = 0;
  for (const double t : thresholds) best = std::max(best, FirstErrorF1(traces, t).f1.value_or(0));
  return best;
}

TEST(TuneThreshold, NoOtherThresholdIsBetter) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    // Few distinct scores make ties, many make thresholds that a grid misses.
    const uint32_t distinct = round % 2 ? 7 : 1u << 30;
    std::vector<LabelledScores> traces(1 + random() % 12);
    for (LabelledScores& trace : traces) {
      trace.scores.p_correct.resize(1 + random() % 5);
      for (float& p : trace.scores.p_correct) p = float(random() % distinct) / float(distinct);
      const int error = int(random() % (trace.scores.p_correct.size() + 2)) - 2;
      if (error >= -1) trace.first_error = error;
    }
    const double threshold = TuneThreshold(traces);
    ASSERT_DOUBLE_EQ(FirstErrorF1(traces, threshold).f1.value_or(0), BestF1(traces));
  }
}

TEST(TuneThreshold, LiesInTheMiddleOfTheLowestBestPlace) {
  const auto error = Scored({kGood, kBad}, {0.625f, 0.125f}, 1), correct = Scored({kGood}, {1}, -1);
  EXPECT_DOUBLE_EQ(TuneThreshold(std::vector{error, correct}), 0.375);
  const auto close = Scored({kGood, kBad}, {0.25f, std::nextafter(0.25f, 0.0f)}, 1);
  const double between = TuneThreshold(std::vector{close, correct});
  EXPECT_LT(between, 0.25);
  EXPECT_GT(between, std::nextafter(0.25f, 0.0f));
  EXPECT_EQ(TuneThreshold(std::vector{error}), 0.5) << "F1 is undefined without correct traces";
  EXPECT_EQ(TuneThreshold({}), 0.5);
}

TEST(Evaluate, TellsHowManyFirstErrorsAreUndecidable) {
  const std::vector<LabelledScores> traces = {Scored({kGood, {}}, {0.9f, 0.9f}, std::nullopt),
                                              Scored({kGood}, {0.9f}, -1),
                                              Scored({{}}, {0.9f}, std::nullopt)};
  EXPECT_EQ(Evaluate(traces, {}).first_error_undecidable, 2);
}

TEST(Evaluate, TheThresholdIsTunedOnDevOnly) {
  const std::vector<LabelledScores> dev = {Scored({kGood, kBad}, {0.75f, 0.6f}, 1),
                                           Scored({kGood}, {0.8f}, -1)};
  const std::vector<LabelledScores> test = {Scored({kGood, kBad}, {0.9f, 0.55f}, 1),
                                            Scored({kGood}, {0.95f}, -1)};
  const EvalReport tuned = Evaluate(test, dev), untuned = Evaluate(test, {});
  EXPECT_NEAR(*tuned.threshold, 0.675, 1e-7) << "between the scores 0.6 and 0.75 of dev";
  EXPECT_DOUBLE_EQ(*tuned.f1_tuned, 1.0);
  EXPECT_DOUBLE_EQ(*tuned.f1_at_half, 0.0);
  EXPECT_FALSE(untuned.f1_tuned);
  EXPECT_DOUBLE_EQ(*untuned.threshold, 0.5);
}

TEST(Evaluate, ACheckpointsThresholdIsUsedUnlessOneIsTuned) {
  const std::vector<LabelledScores> test = {Scored({kGood, kBad}, {0.9f, 0.55f}, 1),
                                            Scored({kGood}, {0.58f}, -1)};
  const EvalReport at_checkpoint = Evaluate(test, {}, 0.6), unknown = Evaluate(test, {});
  EXPECT_DOUBLE_EQ(*at_checkpoint.checkpoint_threshold, 0.6);
  EXPECT_DOUBLE_EQ(*at_checkpoint.threshold, 0.6);
  EXPECT_DOUBLE_EQ(*at_checkpoint.acc_error, 1.0);
  EXPECT_DOUBLE_EQ(*at_checkpoint.acc_correct, 0.0);
  EXPECT_DOUBLE_EQ(*at_checkpoint.f1_at_checkpoint, 0.0);
  EXPECT_DOUBLE_EQ(*unknown.acc_correct, 1.0);
  EXPECT_FALSE(unknown.f1_at_checkpoint);
  const EvalReport tuned = Evaluate(test, test, 0.6);
  EXPECT_DOUBLE_EQ(*tuned.f1_at_checkpoint, 0.0);
  EXPECT_NEAR(*tuned.threshold, 0.565, 1e-7);
  EXPECT_DOUBLE_EQ(*tuned.acc_correct, 1.0);
}

TEST(Evaluate, SetsThatAreNeitherRightNorWrongAreNotJudged) {
  LabelledScores trace =
      Scored({LabelSet::Correct(), LabelSet::Wrong(), {}}, {0.9f, 0.2f, 0.5f}, 1);
  const EvalReport report = Evaluate({&trace, 1}, {});
  EXPECT_EQ(report.steps, 2);
  EXPECT_DOUBLE_EQ(*report.step_auroc, 1.0);
}

TEST(Evaluate, RedundancyAndMacroF1CountOnlyWhereNecessityIsKnown) {
  LabelledScores known = Scored({kGood, LabelSet(StepLabel::kCorrectRedundant)}, {0.9f, 0.9f}, -1);
  known.scores.label_probs = {{0.8f, 0.1f, 0.1f, 0.0f}, {0.2f, 0.7f, 0.1f, 0.0f}};
  LabelledScores unknown = known;
  unknown.necessity_known = false;
  std::swap(unknown.scores.label_probs[0], unknown.scores.label_probs[1]);
  const std::vector<LabelledScores> both = {known, unknown};
  const EvalReport report = Evaluate(both, {});
  EXPECT_DOUBLE_EQ(*report.redundancy_auroc, 1.0);
  EXPECT_DOUBLE_EQ(*report.macro_f1, 1.0);
  EXPECT_FALSE(Evaluate({&unknown, 1}, {}).macro_f1);
}

TEST(EvalReport, HasExactlyTheKeysOfTheFormatAndNullWhereUndefined) {
  const auto json = nlohmann::json::parse(EvalReportToJson(EvalReport{}));
  const std::vector<std::string> keys = {"traces",
                                         "steps",
                                         "first_error_undecidable",
                                         "step_auroc",
                                         "average_precision",
                                         "f1_at_half",
                                         "f1_tuned",
                                         "checkpoint_threshold",
                                         "f1_at_checkpoint",
                                         "threshold",
                                         "acc_error",
                                         "acc_correct",
                                         "ece",
                                         "brier",
                                         "macro_f1",
                                         "redundancy_auroc",
                                         "prm_score",
                                         "floor_online_auroc",
                                         "floor_whole_auroc"};
  EXPECT_EQ(json.size(), keys.size());
  for (const std::string& key : keys) EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_TRUE(json["ece"].is_null());
}

TEST(Metrics, EqualIndependentCodeOnRealScores) {
  PRM_NEED_SHARED_DATA("metrics/rprm_scores_vs_gold.jsonl.xz");
  const auto reference = nlohmann::json::parse(
      ReadFile(SharedData() / "metrics/reference.json"))["rprm_scores_vs_gold"];
  std::vector<float> p;
  std::vector<bool> correct;
  std::vector<LabelledScores> traces;
  LineReader reader(SharedData() / "metrics/rprm_scores_vs_gold.jsonl.xz");
  for (std::string_view line; reader.Next(&line);) {
    const auto json = nlohmann::json::parse(line);
    LabelledScores trace;
    for (size_t s = 0; s < json["scores"].size(); ++s) {
      trace.scores.p_correct.push_back(json["scores"][s].get<float>());
      trace.labels.push_back(json["correct"][s].get<int>() ? kGood : kBad);
      p.push_back(trace.scores.p_correct.back());
      correct.push_back(trace.labels.back() == kGood);
    }
    trace.first_error = json["first_error"].get<int>();
    traces.push_back(std::move(trace));
  }
  const EvalReport report = Evaluate(traces, {});
  EXPECT_EQ(report.steps, reference["n_steps"].get<int64_t>());
  EXPECT_NEAR(*Auroc(p, correct), reference["auroc"].get<double>(), 1e-5);
  EXPECT_NEAR(*report.step_auroc, reference["auroc"].get<double>(), 1e-5);
  EXPECT_NEAR(*report.brier, reference["brier"].get<double>(), 1e-5);
  EXPECT_NEAR(*report.ece, reference["ece_10_equal_width"].get<double>(), 1e-5);
  EXPECT_NEAR(*report.prm_score,
              0.5 * (reference["f1_correct"].get<double>() + reference["f1_error"].get<double>()),
              1e-5);
  // The reference calls a step wrong at score <= 0.5, this code below the threshold.
  EXPECT_NEAR(*FirstErrorF1(traces, 0.5 + 1e-6).acc_error,
              reference["first_error_acc_erroneous"].get<double>(), 1e-5);
}

}  // namespace
}  // namespace prm
