#include "data/symbolic/verdict_counts.h"

#include <gtest/gtest.h>

namespace prm {
namespace {

StepCheck Found(Verdict verdict, Reason reason, Severity severity = Severity::kNone) {
  StepCheck check;
  check.verdict = verdict;
  check.reason = reason;
  check.severity = severity;
  check.relations.emplace_back().verdict = verdict;
  return check;
}

TEST(VerdictCounts, ASoftRefutationCountsAsARefutationToo) {
  VerdictCounts counts;
  counts.Add(Found(Verdict::kRefuted, Reason::kArithmetic, Severity::kHard));
  counts.Add(Found(Verdict::kRefuted, Reason::kContradictsContext, Severity::kSoft));
  EXPECT_EQ(counts.steps, 2);
  EXPECT_EQ(counts.verdicts[size_t(Verdict::kRefuted)], 2);
  EXPECT_EQ(counts.soft, 1);
  EXPECT_EQ(counts.reasons[size_t(Reason::kArithmetic)], 1);
  EXPECT_EQ(counts.reasons[size_t(Reason::kContradictsContext)], 1);
}

TEST(VerdictCounts, AllOkAsksForEveryRelationOfAStep) {
  VerdictCounts counts;
  StepCheck check = Found(Verdict::kArithOk, Reason::kArithmetic);
  counts.Add(check);
  check.relations.emplace_back().verdict = Verdict::kNotChecked;
  counts.Add(check);
  EXPECT_EQ(counts.verdicts[size_t(Verdict::kArithOk)], 2);
  EXPECT_EQ(counts.all_ok, 1);
  EXPECT_EQ(counts.soft, 0);
}

}  // namespace
}  // namespace prm
