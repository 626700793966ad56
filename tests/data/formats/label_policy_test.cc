#include "data/formats/label_policy.h"

#include <gtest/gtest.h>

#include "tests/data/conversion/conversion.h"

namespace prm {
namespace {

Trace After(const LabelPolicy& policy, std::string_view labels, PolicyEffect* effect = nullptr) {
  PolicyEffect ignored;
  Trace trace = TraceWith("t", labels);
  ApplyPolicy(policy, &trace, effect ? effect : &ignored);
  return trace;
}

std::string Labels(const LabelPolicy& policy, std::string_view labels) {
  return LabelsOf(After(policy, labels));
}

TEST(LabelPolicy, ByDefaultNothingChanges) {
  PolicyEffect effect;
  const Trace trace = After({}, "NRXIN.", &effect);
  EXPECT_EQ(LabelsOf(trace), "NRXIN.");
  EXPECT_TRUE(trace.necessity_known);
  EXPECT_EQ(effect.redundant + effect.incomplete + effect.after_first_error, 0);
}

TEST(LabelPolicy, RedundantStepsBecomeWhatIsAsked) {
  EXPECT_EQ(Labels({.redundant = LabelFate::kPositive}, "NRN"), "NNN");
  EXPECT_EQ(Labels({.redundant = LabelFate::kNegative}, "NRN"), "NXN");
  EXPECT_EQ(Labels({.redundant = LabelFate::kMasked}, "NRN"), "N.N");
  EXPECT_FALSE(After({.redundant = LabelFate::kPositive}, "NRN").necessity_known)
      << "who was redundant is not told any more";
  EXPECT_TRUE(After({.redundant = LabelFate::kPositive}, "NN").necessity_known);
}

TEST(LabelPolicy, IncompleteStepsBecomeWhatIsAskedAndStayTheFirstError) {
  EXPECT_EQ(Labels({.incomplete = LabelFate::kNegative}, "NIN"), "NXN");
  const Trace masked = After({.incomplete = LabelFate::kMasked}, "NIX");
  EXPECT_EQ(LabelsOf(masked), "N.X");
  EXPECT_EQ(masked.first_error, std::nullopt) << "its place would tell the masked label";
  EXPECT_EQ(
      Labels({.incomplete = LabelFate::kMasked, .after_first_error = LabelFate::kMasked}, "NIN"),
      "N..");
}

TEST(LabelPolicy, StepsBehindTheFirstErrorBecomeWhatIsAskedLabelOrNot) {
  EXPECT_EQ(Labels({.after_first_error = LabelFate::kMasked}, "NXNI"), "NX..");
  EXPECT_EQ(Labels({.after_first_error = LabelFate::kNegative}, "NXN.I"), "NXXXX");
  EXPECT_EQ(Labels({.after_first_error = LabelFate::kMasked}, "N.N"), "N.N");
  Trace stated = TraceWith("t", "N..");
  stated.first_error = 1;
  PolicyEffect effect;
  ApplyPolicy({.after_first_error = LabelFate::kNegative}, &stated, &effect);
  EXPECT_EQ(LabelsOf(stated), "N.X") << "a stated first error counts without a label";
  EXPECT_EQ(effect.after_first_error, 1);
}

TEST(LabelPolicy, ARedundantStepTakenAsNegativeMayBeTheFirstError) {
  const Trace trace =
      After({.redundant = LabelFate::kNegative, .after_first_error = LabelFate::kMasked}, "NRNX");
  EXPECT_EQ(LabelsOf(trace), "NX..");
  EXPECT_EQ(trace.first_error, 1);
}

TEST(LabelPolicy, IsNamedInWords) {
  EXPECT_EQ(PolicyToJson({.redundant = LabelFate::kPositive, .incomplete = LabelFate::kMasked}),
            R"({"redundant":"positive","incomplete":"masked","after_first_error":"own",)"
            R"("null":"masked"})");
}

}  // namespace
}  // namespace prm
