#include "data/analysis/qa.h"

#include <gtest/gtest.h>

#include "data/math_text/verdict.h"
#include "data/records/trace_reader.h"

namespace prm {
namespace {

Trace Parse(const std::string& fields) {
  return ParseTrace(
      R"({"id":"a","problem":"p","steps":["one","so the answer is 5"])" + fields + "}", "x");
}

// The table of two-level QA, cell by cell.
TEST(Qa, TheTableHolds) {
  using enum QaStatus;
  struct Row {
    AnswerVerdict answer;
    QaStatus valid, incomplete, incorrect;
  };
  const Row table[] = {
      {AnswerVerdict::kRight, kPass, kRework, kFailRightAnswerWrongProcess},
      {AnswerVerdict::kWrong, kConflict, kRework, kFailWrongProcess},
      {AnswerVerdict::kUnknown, kHold, kRework, kFailAnswerUnknown},
  };
  for (const Row& row : table) {
    EXPECT_EQ(Combine(row.answer, StepsVerdict::kAllValid), row.valid);
    EXPECT_EQ(Combine(row.answer, StepsVerdict::kSomeIncomplete), row.incomplete);
    EXPECT_EQ(Combine(row.answer, StepsVerdict::kSomeIncorrect), row.incorrect);
    EXPECT_EQ(Combine(row.answer, StepsVerdict::kUnlabelled), kUnlabelled);
  }
}

TEST(Qa, ConflictsGoToAdjudicationAndFailuresNowhere) {
  EXPECT_EQ(QaRoute(QaStatus::kConflict), "adjudicator");
  EXPECT_EQ(QaRoute(QaStatus::kHold), "reviewer");
  EXPECT_EQ(QaRoute(QaStatus::kRework), "annotator");
  EXPECT_EQ(QaRoute(QaStatus::kFailRightAnswerWrongProcess), "none");
  EXPECT_EQ(QaRoute(QaStatus::kPass), "none");
}

TEST(Qa, OneInvalidStepDecides) {
  const auto judge = [](const std::string& fields) { return JudgeSteps(Parse(fields)); };
  EXPECT_EQ(judge(R"(,"labels":["correct_necessary","correct_redundant"])"),
            StepsVerdict::kAllValid);
  EXPECT_EQ(judge(R"(,"labels":["correct_necessary","incorrect"])"), StepsVerdict::kSomeIncorrect);
  EXPECT_EQ(judge(R"(,"labels":["incomplete","incorrect"])"), StepsVerdict::kSomeIncorrect);
  EXPECT_EQ(judge(R"(,"labels":["incomplete",null])"), StepsVerdict::kSomeIncomplete);
  EXPECT_EQ(judge(R"(,"labels":["incorrect",null])"), StepsVerdict::kSomeIncorrect);
  EXPECT_EQ(judge(R"(,"labels":["correct_necessary",null])"), StepsVerdict::kUnlabelled);
  EXPECT_EQ(judge(""), StepsVerdict::kUnlabelled);
  EXPECT_EQ(judge(R"(,"first_error":-1)"), StepsVerdict::kAllValid);
  EXPECT_EQ(judge(R"(,"first_error":1)"), StepsVerdict::kSomeIncorrect);
  EXPECT_EQ(judge(R"(,"first_error":null,"labels":["correct_necessary",null])"),
            StepsVerdict::kUnlabelled);
}

TEST(Qa, AnswersAreCheckedAgainstTheKey) {
  const auto check = [](const std::string& fields) { return CheckAnswer(Parse(fields)); };
  EXPECT_EQ(check("").verdict, AnswerVerdict::kUnknown);
  EXPECT_EQ(check(R"(,"answer":"5")").verdict, AnswerVerdict::kUnknown);
  EXPECT_EQ(check(R"(,"answer":"5.0","reference_answer":"5")").verdict, AnswerVerdict::kRight);
  EXPECT_EQ(check(R"(,"answer":"6","reference_answer":"5")").verdict, AnswerVerdict::kWrong);
  const AnswerCheck extracted = check(R"(,"reference_answer":"\\frac{10}{2}")");
  EXPECT_EQ(extracted.verdict, AnswerVerdict::kRight);
  ASSERT_TRUE(extracted.found);
  EXPECT_EQ(extracted.found->source, AnswerSource::kAnswerIs);
  EXPECT_EQ(check(R"(,"final_correct":true)").verdict, AnswerVerdict::kRight);
  EXPECT_EQ(check(R"(,"final_correct":false)").verdict, AnswerVerdict::kWrong);
}

TEST(Qa, AStatedVerdictThatTheKeyContradictsIsDisputed) {
  const auto check = [](const std::string& fields) { return CheckAnswer(Parse(fields)); };
  const AnswerCheck disputed =
      check(R"(,"final_correct":true,"answer":"6","reference_answer":"5")");
  EXPECT_TRUE(disputed.disputed);
  EXPECT_EQ(disputed.verdict, AnswerVerdict::kRight);
  EXPECT_FALSE(check(R"(,"final_correct":true,"reference_answer":"5")").disputed);
  EXPECT_FALSE(check(R"(,"final_correct":true,"answer":"6")").disputed);
}

StepCheck CheckWith(Verdict verdict, Severity severity = Severity::kNone) {
  StepCheck check;
  check.severity = severity;
  check.verdict = verdict;
  RelationCheck relation;
  relation.verdict = verdict;
  check.relations.push_back(relation);
  return check;
}

TEST(Qa, PeopleAndCheckerMayContradictEachOther) {
  using enum SymbolicConflict;
  const Step correct{"s", StepLabel::kCorrectNecessary, {}}, wrong{"s", StepLabel::kIncorrect, {}},
      incomplete{"s", StepLabel::kIncomplete, {}}, open{"s", {}, {}};
  const StepCheck refuted = CheckWith(Verdict::kRefuted, Severity::kHard),
                  against = CheckWith(Verdict::kRefuted, Severity::kSoft),
                  ok = CheckWith(Verdict::kArithOk), silent;
  EXPECT_EQ(FindConflict(correct, false, refuted), kCorrectButRefuted);
  EXPECT_EQ(FindConflict(correct, false, against), kCorrectButContradicts);
  EXPECT_EQ(FindConflict(correct, false, ok), std::nullopt);
  EXPECT_EQ(FindConflict(wrong, false, refuted), std::nullopt);
  // Most wrong steps misunderstand something but have sound arithmetic.
  EXPECT_EQ(FindConflict(wrong, false, ok), std::nullopt);
  EXPECT_EQ(FindConflict(wrong, true, ok), kMiscalculationNotFound);
  EXPECT_EQ(FindConflict(wrong, true, silent), std::nullopt);
  EXPECT_EQ(FindConflict(incomplete, true, ok), std::nullopt);
  EXPECT_EQ(FindConflict(open, true, refuted), std::nullopt);
}

TEST(Qa, TheSourceMaySayThatTheErrorIsOneOfCalculation) {
  EXPECT_TRUE(SaysCalculationError(Parse(R"(,"meta":{"error_type":"calculation_error"})")));
  EXPECT_TRUE(SaysCalculationError(Parse(R"(,"meta":{"error_category":"Arithmetic slip"})")));
  EXPECT_FALSE(SaysCalculationError(Parse(R"(,"meta":{"error_type":"missing_step"})")));
  EXPECT_FALSE(SaysCalculationError(Parse(R"(,"meta":{"error_type":3})")));
  EXPECT_FALSE(SaysCalculationError(Parse("")));
}

}  // namespace
}  // namespace prm
