#include "data/symbolic/check_worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "data/math_text/verdict.h"

namespace prm {
namespace {

// "spin", "eat" and "abort" do so; all else is checked.
StepCheck Misbehave(StepChecker& checker, std::string_view step) {
  if (step == "abort") std::abort();
  if (step == "spin") {
    for (volatile bool on = true; on;) {
    }
  }
  if (step == "eat") {
    std::vector<std::string> eaten;
    for (;;) eaten.emplace_back(1 << 24, 'x');
  }
  return checker.Check(step);
}

std::vector<std::string> Say(CheckWorker* worker, const std::vector<std::string_view>& steps) {
  std::vector<std::string> said;
  for (const StepCheck& check : worker->CheckTrace("3x+6=15", steps)) {
    said.push_back(std::string(VerdictName(check.verdict)) + " " +
                   std::string(ReasonName(check.reason)));
  }
  return said;
}

TEST(CheckWorker, AnswersAsTheCheckerDoes) {
  CheckWorker worker;
  StepChecker checker("3x+6=15");
  const std::vector<std::string_view> steps = {"3x = 9", "so 2*3 = 7", "x = 3"};
  const std::vector<StepCheck> checks = worker.CheckTrace("3x+6=15", steps);
  ASSERT_EQ(checks.size(), steps.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    const StepCheck expected = checker.Check(steps[i]);
    EXPECT_EQ(checks[i].verdict, expected.verdict);
    EXPECT_EQ(checks[i].reason, expected.reason);
    EXPECT_EQ(checks[i].severity, expected.severity);
    ASSERT_EQ(checks[i].relations.size(), expected.relations.size());
    for (size_t j = 0; j < expected.relations.size(); ++j) {
      EXPECT_EQ(checks[i].relations[j].begin, expected.relations[j].begin);
      EXPECT_EQ(checks[i].relations[j].end, expected.relations[j].end);
      EXPECT_EQ(checks[i].relations[j].left_form, expected.relations[j].left_form);
      EXPECT_EQ(checks[i].relations[j].right_value, expected.relations[j].right_value);
      EXPECT_EQ(checks[i].relations[j].operations, expected.relations[j].operations);
    }
  }
  EXPECT_EQ(worker.restarts(), 0);
  EXPECT_TRUE(worker.CheckTrace("", {}).empty());
}

TEST(CheckWorker, AStepThatKillsTheChildCostsThatStepAlone) {
  WorkerLimits limits;
  limits.wall_ms = 200;
  CheckWorker worker(limits, {}, Misbehave);
  EXPECT_EQ(
      Say(&worker, {"3x = 9", "abort", "x = 3"}),
      (std::vector<std::string>{"arith_ok follows", "not_checked too_big", "arith_ok follows"}));
  EXPECT_EQ(worker.restarts(), 1);
  EXPECT_EQ(Say(&worker, {"spin", "x = 3"}),
            (std::vector<std::string>{"not_checked too_big", "arith_ok follows"}));
  EXPECT_EQ(Say(&worker, {"spin", "abort"}),
            (std::vector<std::string>{"not_checked too_big", "not_checked too_big"}));
  EXPECT_EQ(Say(&worker, {"2*3 = 6"}), std::vector<std::string>{"arith_ok arithmetic"});
}

std::vector<std::string_view> ManySteps(size_t number) {
  std::vector<std::string_view> steps(number, "so 2*3 = 6");
  steps.front() = "3x = 9";
  steps.back() = "x = 3";
  return steps;
}

TEST(CheckWorker, BatchesOfOneTraceShareItsContext) {
  CheckWorker worker({}, {}, Misbehave);
  std::vector<std::string_view> steps = ManySteps(3 * CheckWorker::kBatchSteps + 1);
  EXPECT_EQ(Say(&worker, steps).back(), "arith_ok follows");
  EXPECT_EQ(worker.restarts(), 0);
  // A new child has to see the steps before again.
  const size_t at = 2 * CheckWorker::kBatchSteps + 5;
  steps[at] = "abort";
  const std::vector<std::string> said = Say(&worker, steps);
  EXPECT_EQ(worker.restarts(), 1);
  ASSERT_EQ(said.size(), steps.size());
  EXPECT_EQ(said[at], "not_checked too_big");
  EXPECT_EQ(std::count(said.begin(), said.end(), "arith_ok arithmetic"), int64_t(steps.size()) - 3);
  EXPECT_EQ(said.back(), "arith_ok follows");
}

TEST(CheckWorker, TheLimitOnCpuIsOneOfABatch) {
  // 5 ms of CPU a step: more than the limit in all, far less in a batch.
  WorkerLimits limits;
  limits.cpu_seconds = 1;
  limits.wall_ms = 60'000;
  CheckWorker worker(limits, {}, [](StepChecker& checker, std::string_view step) {
    const std::clock_t start = std::clock();
    while (std::clock() - start < CLOCKS_PER_SEC / 200) {
    }
    return checker.Check(step);
  });
  EXPECT_EQ(Say(&worker, ManySteps(500)).back(), "arith_ok follows");
  EXPECT_EQ(worker.restarts(), 0);
}

TEST(CheckWorker, ATraceThatKillsOneChildAfterAnotherIsGivenUp) {
  WorkerLimits limits;
  limits.restarts = 2;
  CheckWorker worker(limits, {}, Misbehave);
  std::vector<std::string_view> steps = ManySteps(3 * CheckWorker::kBatchSteps);
  for (size_t i = CheckWorker::kBatchSteps; i < steps.size(); ++i) steps[i] = "abort";
  const std::vector<std::string> said = Say(&worker, steps);
  EXPECT_EQ(worker.restarts(), 3);
  ASSERT_EQ(said.size(), steps.size());
  EXPECT_EQ(said[CheckWorker::kBatchSteps - 1], "arith_ok arithmetic");
  EXPECT_EQ(std::count(said.begin(), said.end(), "not_checked too_big"),
            int64_t(2 * CheckWorker::kBatchSteps));
  EXPECT_EQ(Say(&worker, {"2*3 = 6"}), std::vector<std::string>{"arith_ok arithmetic"});
}

TEST(CheckWorker, MemoryIsLimited) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the address space is not limited under AddressSanitizer";
#endif
  WorkerLimits limits;
  limits.memory_bytes = uint64_t{256} << 20;
  limits.wall_ms = 10'000;
  CheckWorker worker(limits, {}, Misbehave);
  EXPECT_EQ(Say(&worker, {"eat", "x = 3"}),
            (std::vector<std::string>{"not_checked too_big", "arith_ok follows"}));
}

TEST(CheckWorker, HostileStepsLeaveTheChildAlive) {
  CheckWorker worker;
  const std::string brackets(20'000, '(');
  const std::string digits(1'000'000, '9');
  const auto start = std::chrono::steady_clock::now();
  Say(&worker, {"7^(7^(7^2)) = 1", brackets, digits, std::string_view("\0 = \0", 5)});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(200));
  EXPECT_EQ(worker.restarts(), 0);
}

}  // namespace
}  // namespace prm
