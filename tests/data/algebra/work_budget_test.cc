#include "data/algebra/work_budget.h"

#include <gtest/gtest.h>

#include "data/algebra/polynomial.h"

namespace prm {
namespace {

TEST(WorkBudget, WhatIsNotPaidForIsNotDone) {
  WorkBudget work;
  const int64_t all = work.left();
  work.Spend(all - 10);
  EXPECT_THROW(work.Spend(11), WorkBudget::Exceeded);
  EXPECT_EQ(work.left(), 10) << "what was refused costs nothing";
  EXPECT_NO_THROW(work.Spend(10));
  work.Refill();
  EXPECT_EQ(work.left(), all);
}

TEST(WorkBudget, LongNumbersCostMoreThanTheirLength) {
  const Fraction small(3, 7);
  const Fraction large = Fraction(3, 7).Power(10'000);
  const auto cost = [](const Fraction& value) {
    WorkBudget work;
    const int64_t before = work.left();
    work.SpendOn(value, value);
    return before - work.left();
  };
  EXPECT_LT(cost(small), 1000);
  EXPECT_GT(cost(large), cost(small) * large.Words());
}

TEST(WorkBudget, PolynomialsStopWhereItEnds) {
  WorkBudget work;
  work.Spend(work.left() - 100);
  Polynomial sum = Polynomial(Fraction(1));
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) sum.AddTerm(Polynomial::Variable(i).terms()[0], &work);
      },
      WorkBudget::Exceeded);
  Polynomial product;
  EXPECT_THROW(Polynomial::Multiply(sum, sum, &product, &work), WorkBudget::Exceeded);
  EXPECT_TRUE(product.IsZero());
}

}  // namespace
}  // namespace prm
