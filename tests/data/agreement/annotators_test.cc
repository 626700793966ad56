#include "data/agreement/annotators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

UtcTime At(const char* text) { return ParseUtcTime(text).value(); }

const char* kRecord =
    R"({"id":"ann-07","roles":["annotator","reviewer"],"domains":["math","law"],)"
    R"("credentials":[{"domain":"math","issuer":"board","evidence":"file 12",)"
    R"("issued":"2026-01-01","expires":"2028-01-01"}],"conflicts":["ann-02","shop"]})";

AnnotatorRecord Record() { return ParseAnnotator(kRecord, "a:1"); }

LabelTask MathTask() {
  LabelTask task;
  task.domain = "math";
  return task;
}

std::string WhyNot(const AnnotatorRecord& record, const LabelTask& task,
                   const char* at = "2027-06-01") {
  const LabelPermit permit = MayLabel(record, task, At(at));
  EXPECT_EQ(permit.allowed, permit.reason.empty());
  return permit.reason;
}

TEST(Annotators, TimesAreDatesOrSeconds) {
  EXPECT_EQ(FormatUtcTime(At("2026-03-01")), "2026-03-01");
  EXPECT_EQ(FormatUtcTime(At("2026-03-01T09:05:07Z")), "2026-03-01T09:05:07Z");
  EXPECT_EQ(At("2026-03-01T00:00:00Z"), At("2026-03-01"));
  EXPECT_LT(At("2024-02-29"), At("2024-03-01"));
  for (const char* bad : {"", "2026-3-1", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-01Z",
                          "2026-01-01T24:00:00Z", "2026-01-01 10:00:00Z", "2026-01-01T10:00:00",
                          "20260101", "+026-01-01"}) {
    EXPECT_EQ(ParseUtcTime(bad), std::nullopt) << bad;
  }
}

TEST(Annotators, ARecordReadsAsItIsWritten) {
  const AnnotatorRecord record = Record();
  EXPECT_EQ(record.id, "ann-07");
  EXPECT_TRUE(record.active);
  EXPECT_THAT(record.roles, ElementsAre(AnnotatorRole::kAnnotator, AnnotatorRole::kReviewer));
  EXPECT_THAT(record.domains, ElementsAre("math", "law"));
  ASSERT_EQ(record.credentials.size(), 1u);
  EXPECT_EQ(record.credentials[0].issuer, "board");
  EXPECT_EQ(record.credentials[0].expires, At("2028-01-01"));
  EXPECT_THAT(record.conflicts, ElementsAre("ann-02", "shop"));
}

TEST(Annotators, WhatIsWrongIsNamed) {
  struct Case {
    const char* from;
    const char* to;
    const char* message;
  };
  const Case cases[] = {
      {R"("id":"ann-07",)", "", "id"},
      {R"("ann-07")", R"(" ")", "id: expected a text that is not blank"},
      {R"("ann-07")", R"("a\u0007b")", "id: expected a text without control characters"},
      {R"("annotator",)", R"("boss",)", "roles[0]: expected one of annotator"},
      {R"("annotator",)", R"("reviewer",)", "roles[1]: expected each item once"},
      {R"(["math","law"])", R"("math")", "domains"},
      {R"(["math","law"])", R"(["law"])", "\"math\" is not among the domains"},
      {R"("issuer":"board",)", "", "credentials[0]: the field \"issuer\" is missing"},
      {R"("evidence":"file 12")", R"("evidence":"")", "credentials[0].evidence: expected a text"},
      {R"("2026-01-01")", R"("2026-02-30")", "credentials[0].issued: expected a date"},
      {R"(,"expires":"2028-01-01")", "", "expires: expected a date, or null"},
      {R"("2028-01-01")", R"("2025-01-01")", "credentials[0].expires: expected a time after 2026"},
      {R"("expires":)", R"("expiers":)", "expiers: not a field"},
      {R"("conflicts":)", R"("conflict":)", "conflict: not a field"},
      {R"(["ann-02","shop"])", R"([3])", "conflicts[0]"},
  };
  for (const Case& c : cases) {
    std::string json = kRecord;
    const size_t at = json.find(c.from);
    ASSERT_NE(at, json.npos) << c.from;
    json.replace(at, std::string(c.from).size(), c.to);
    const std::string message =
        MessageOf([&] { ParseAnnotator(json, "a:1"); }, ErrorCode::kInvalidArgument);
    EXPECT_THAT(message, HasSubstr(c.message));
    EXPECT_THAT(message, HasSubstr("a:1: "));
  }
}

TEST(Annotators, OfAFileEveryBadLineIsReported) {
  const TempFolder folder;
  const std::string good = kRecord;
  const AnnotatorsFile file =
      ReadAnnotators(folder.Write("a.jsonl", good + "\n" + good + "\n\n{}\nnot json\n"));
  EXPECT_EQ(file.annotators.size(), 1u);
  EXPECT_THAT(file.refused,
              ElementsAre(HasSubstr("a.jsonl:2: id: \"ann-07\" comes twice"),
                          HasSubstr("a.jsonl:4: "), HasSubstr("a.jsonl:5: not valid JSON")));
}

TEST(Annotators, WhoMayLabel) {
  EXPECT_EQ(WhyNot(Record(), MathTask()), "");
  AnnotatorRecord inactive = Record();
  inactive.active = false;
  EXPECT_EQ(WhyNot(inactive, MathTask()), "not active");
  LabelTask task = MathTask();
  task.role = AnnotatorRole::kAdjudicator;
  EXPECT_EQ(WhyNot(Record(), task), "not in the role of adjudicator");
  task = MathTask();
  task.domain = "medicine";
  EXPECT_EQ(WhyNot(Record(), task), "does not work in the domain \"medicine\"");
  task.domain = "law";
  EXPECT_EQ(WhyNot(Record(), task), "no credential for law");
}

TEST(Annotators, ACredentialCountsFromItsFirstSecondToItsLast) {
  EXPECT_EQ(WhyNot(Record(), MathTask(), "2025-12-31T23:59:59Z"),
            "credential for math is valid from 2026-01-01");
  EXPECT_EQ(WhyNot(Record(), MathTask(), "2026-01-01"), "");
  EXPECT_EQ(WhyNot(Record(), MathTask(), "2027-12-31T23:59:59Z"), "");
  EXPECT_EQ(WhyNot(Record(), MathTask(), "2028-01-01"),
            "credential for math expired on 2028-01-01");
  AnnotatorRecord renewed = Record();
  renewed.credentials.push_back({"math", "board", "file 13", At("2027-12-01"), std::nullopt});
  EXPECT_EQ(WhyNot(renewed, MathTask(), "2030-01-01"), "");
}

TEST(Annotators, NobodyJudgesTheirOwnWorkOrInterests) {
  LabelTask task = MathTask();
  task.author = "ann-07";
  EXPECT_EQ(WhyNot(Record(), task), "wrote this trace");
  task.author = "ann-02";
  EXPECT_EQ(WhyNot(Record(), task), "conflict of interest with its author");
  task = MathTask();
  task.source = "shop";
  EXPECT_EQ(WhyNot(Record(), task), "conflict of interest with its source");
  task = MathTask();
  task.role = AnnotatorRole::kReviewer;
  task.labelled_by = {"ann-01", "ann-07"};
  EXPECT_EQ(WhyNot(Record(), task), "labelled this trace");
  task.labelled_by = {"ann-02"};
  EXPECT_EQ(WhyNot(Record(), task), "conflict of interest with who labelled it");
  task.labelled_by = {"ann-01"};
  EXPECT_EQ(WhyNot(Record(), task), "");
}

TEST(Annotators, TheListShowsEachDomainAtThatTime) {
  const std::string list = ListAnnotators({Record()}, At("2027-01-01"));
  EXPECT_EQ(list,
            "annotator  active  roles               domain  credential\n"
            "ann-07     yes     annotator,reviewer  math    valid until 2028-01-01\n"
            "ann-07     yes     annotator,reviewer  law     no credential for law\n");
  EXPECT_THAT(ListAnnotators({Record()}, At("2029-01-01"), "math"), HasSubstr("expired on 2028"));
}

}  // namespace
}  // namespace prm
