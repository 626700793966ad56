#include "data/symbolic/operations.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace prm {
namespace {

StepOperations Of(std::string_view step, std::initializer_list<std::string_view> context = {}) {
  StepChecker checker("");
  for (const std::string_view before : context) checker.Check(before);
  return OperationsOf(step, checker.Check(step));
}
std::string Main(std::string_view step, std::initializer_list<std::string_view> context = {}) {
  const StepOperations operations = Of(step, context);
  return operations.main ? std::string(kOperationNames[size_t(*operations.main)]) : "";
}

TEST(Operations, TheTokenIsTheRelationsLastOperator) {
  EXPECT_EQ(Main("so 3 + 4*2 = 11"), "ADD");
  EXPECT_EQ(Main("so 20 - 8 = 12"), "SUB");
  EXPECT_EQ(Main("so 3*(4 + 2) = 18"), "MUL");
  EXPECT_EQ(Main("so 18/3 = 6"), "DIV");
  EXPECT_EQ(Main("so 2^5 = 32"), "POW");
  EXPECT_EQ(Main("so 2 < 3"), "COMPARE");
}

TEST(Operations, CuesComeFirst) {
  EXPECT_EQ(Main("Suppose n = 4."), "CASE");
  EXPECT_EQ(Main("Let x be the number of apples."), "DEF");
  EXPECT_EQ(Main("By the Pythagorean theorem, 9 + 16 = 25"), "CITE");
  EXPECT_EQ(Main("Expanding gives (x+1)^2 = x^2 + 2x + 1"), "EXPAND");
  EXPECT_EQ(Main("The answer is 7."), "CONCLUDE");
  EXPECT_EQ(Main("It rains."), "");
}

TEST(Operations, TwoPathsOfOneProblemDiffer) {
  EXPECT_EQ(Main("x = 3", {"3x+6=15"}), "SOLVE");
  EXPECT_EQ(Main("Try x = 3: 3(3) + 6 = 15", {"3x+6=15"}), "CHECK");
}

TEST(Operations, AJumpCountsElementaryOperations) {
  EXPECT_EQ(Of("3x = 9", {"3x+6=15"}).largest_jump, 1);
  EXPECT_EQ(Of("x = 3", {"3x+6=15"}).largest_jump, 2);
  EXPECT_EQ(Of("3*4 + 6 = 12 + 6").largest_jump, 1);
  EXPECT_EQ(Of("so 3*4 + 6 = 18").largest_jump, 2);
}

}  // namespace
}  // namespace prm
