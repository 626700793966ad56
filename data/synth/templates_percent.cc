// Percentages: parts, changes, bases and reversed changes.
#include "data/synth/templates.h"

namespace prm {
namespace {

constexpr SynthSplit kDev = SynthSplit::kDev;
constexpr SynthSplit kRerank = SynthSplit::kRerank;

SynthTemplate Discount() {
  return {
      .id = "discount",
      .domain = "percentages",
      .values = "p = 10,20,25,30,40; a = 20,40,50,60,80,90,120,140,160,180,200; z = a * p / 100",
      .problems =
          "A jacket costs ${a}. The price drops by {p}%. What is the new price in "
          "dollars?|{N} sees a ${a} lamp marked {p}% off. What does it cost now in dollars?",
      .conclusions = "the new price is ${ans}|the answer is ${ans}",
      .givens = {{"a", "the old price is ${a}"}, {"p", "the price drops by {p}%"}},
      .asides = {{"w", "2 * a", "two of them at the old price cost {=} dollars"}},
      .strategies =
          {{"algebraic_procedure",
            {{"d",
              "a * p / 100",
              "{p}% of {a} is {=}|the reduction is {=} dollars",
              {{"percent_as_amount", "p", "the reduction is {r} dollars"}}},
             {"ans", "a - d", "taking it off leaves {=} dollars|the price falls to {=} dollars"}}},
           {"unit_ratio",
            {{"k",
              "100 - p",
              "the share still paid is {=} percent|what remains is {=} percent",
              {{"percent_base", "100 + p", "the share still paid is {=} percent"}}},
             {"ans", "a * k / 100", "{k}% of {a} is {=} dollars|that share is {=} dollars"}}}},
  };
}

SynthTemplate Growth() {
  return {
      .id = "growth",
      .domain = "percentages",
      .values = "p = 5,10,15,20,25,40; a = 40,60,80,120,140,160,180,200,240; z = a * p / 100",
      .problems =
          "A club has {a} members and grows by {p}%. How many members does it have then?|"
          "Membership of a choir rises by {p}% from {a}. What is the new number?",
      .conclusions = "there are {ans} members|the answer is {ans} members",
      .givens = {{"a", "it starts with {a} members"}, {"p", "the growth is {p}%"}},
      .asides = {{"w", "a / 2", "half of the old number is {=} members"}},
      .strategies = {{"algebraic_procedure",
                      {{"d",
                        "a * p / 100",
                        "{p}% of {a} is {=}|the new members number {=}",
                        {{"percent_as_amount", "p", "the new members number {r}"}}},
                       {"ans", "a + d",
                        "adding them gives {=} members|the number rises to {=} members"}}},
                     {"unit_ratio",
                      {{"k", "100 + p",
                        "the new number is {=} percent of the old|in percent we now have {=}"},
                       {"ans", "a * k / 100", "{k}% of {a} is {=} members"}}}},
  };
}

SynthTemplate ShareOfPoints() {
  return {
      .id = "share_of_points",
      .domain = "percentages",
      .values = "b = 10,20,25,50; a = 4..45; z = b - a; y = a * 100 / b",
      .problems =
          "{N} gets {a} of {b} points. What percent is that?|In a quiz with {b} points {N} "
          "earns {a}. What percentage is this?",
      .conclusions = "{N} has {ans}%|the answer is {ans}%",
      .givens = {{"b", "the full score is {b} points"}, {"a", "{N} has {a} points"}},
      .asides = {{"w", "b - a", "{N} misses {=} points"}},
      .strategies = {{"unit_ratio",
                      {{"u",
                        "100 / b",
                        "one point is worth {=} percent|each point counts {=} percent",
                        {{"percent_base", "100 / a", "one point is worth {=} percent"}}},
                       {"ans", "a * u",
                        "{a} points are worth {=} percent|the score is {=} percent"}}},
                     {"algebraic_procedure",
                      {{"h", "a * 100", "scaling the points by 100 gives {=}"},
                       {"ans", "h / b", "dividing by the full score gives {=} percent"}}}},
  };
}

SynthTemplate BeforeDiscount() {
  return {
      .id = "before_discount",
      .domain = "percentages",
      .values =
          "p = 10,20,25,40,50; o1 = 40,60,80,120,140,160,180,200; c = o1 * (100 - p) / 100; "
          "k0 = 100 - p; g = o1 - 20; h = o1 + 20",
      .problems =
          "After a {p}% discount a coat costs ${c}. What was the price before, in dollars?|"
          "{N} pays ${c} for a chair that is {p}% off. What is the full price in dollars?",
      .conclusions = "the full price was ${ans}|the answer is ${ans}",
      .givens = {{"c", "the reduced price is ${c}"}, {"p", "the discount is {p}%"}},
      .asides = {{"w", "2 * c", "two of them at the reduced price cost {=} dollars"}},
      .strategies =
          {{"unit_ratio",
            {{"k",
              "100 - p",
              "the reduced price is {=} percent of the full one",
              {{"percent_base", "100 + p", "the reduced price is {=} percent of the full one"}}},
             {"f", "c * 100", "scaling the reduced price by 100 gives {=}"},
             {"ans", "f / k", "dividing by that percentage gives {=} dollars"}}},
           {"inspect_verify",
            {{"t", "g * k0 / 100", "a full price of {g} would leave {=} dollars, too little"},
             {"u",
              "o1 * k0 / 100",
              "a full price of {o1} leaves {=} dollars, as paid",
              {{"false_match", "o1 * k0 / 100", "a full price of {o1} leaves {=} dollars, as paid",
                "o1 = o1 + 10"}}}},
            "o1"}},
  };
}

SynthTemplate TipShared() {
  return {
      .id = "tip_shared",
      .domain = "percentages",
      .values = "p = 10,20,25; n = 2..5; a = 40,60,80,100,120,160,200; z = a * (100 + p) / 100 / n",
      .problems =
          "{n} friends add a {p}% tip to a ${a} bill and split it evenly. How many dollars "
          "does each pay?|A bill of ${a} plus {p}% tip is shared by {n} people. What does "
          "one of them pay in dollars?",
      .conclusions = "each pays ${ans}|the answer is ${ans}",
      .givens = {{"a", "the bill is ${a}"}, {"n", "{n} people share it"}},
      .asides = {{"w", "a / 2", "half the bill is {=} dollars"}},
      .strategies =
          {{"algebraic_procedure",
            {{"t",
              "a * p / 100",
              "the tip is {=} dollars|{p}% of {a} is {=}",
              {{"percent_as_amount", "p", "the tip is {r} dollars"}}},
             {"s", "a + t", "bill and tip come to {=} dollars|with the tip it is {=} dollars"},
             {"ans", "s / n", "each of {n} pays {=} dollars|an equal share is {=} dollars"}}},
           {"case_split",
            {{"u", "a / n", "without the tip each pays {=} dollars"},
             {"t", "u * p / 100", "the tip of one person is {=} dollars"},
             {"ans", "u + t", "with the tip one person pays {=} dollars"}}}},
  };
}

SynthTemplate PartsNotChosen() {
  return {
      .id = "parts_not_chosen",
      .domain = "percentages",
      .split = kDev,
      .values = "p = 10,15,20,25,35,40; a = 40,60,80,120,140,160,180,200; z = a * p / 100",
      .problems =
          "{p}% of the {a} pupils in a school play football. How many do not?|Of {a} "
          "pupils, {p}% walk to school. How many pupils do not walk?",
      .conclusions = "{ans} pupils do not|the answer is {ans} pupils",
      .givens = {{"a", "the school has {a} pupils"}, {"p", "the share is {p}%"}},
      .asides = {{"w", "a / 2", "half of the pupils are {=}"}},
      .strategies = {{"algebraic_procedure",
                      {{"d",
                        "a * p / 100",
                        "{p}% of {a} is {=}|those who do number {=}",
                        {{"percent_as_amount", "p", "those who do number {r}"}}},
                       {"ans", "a - d", "the others number {=} pupils"}}},
                     {"unit_ratio",
                      {{"k", "100 - p", "the others are {=} percent"},
                       {"ans", "a * k / 100", "{k}% of {a} is {=} pupils"}}}},
  };
}

SynthTemplate SimpleInterest() {
  return {
      .id = "simple_interest",
      .domain = "percentages",
      .split = kDev,
      .values = "p = 2,3,4,5,6; n = 2..6; a = 100,150,200,250,300,400; z = a * p / 100",
      .problems =
          "{N} lends ${a} at {p}% simple interest a year. How many dollars come back after "
          "{n} years?|${a} earns {p}% simple interest a year for {n} years. What is the "
          "final amount in dollars?",
      .conclusions = "${ans} come back|the answer is ${ans}",
      .givens = {{"n", "the loan lasts {n} years"}, {"p", "the rate is {p}%"}},
      .asides = {{"w", "a / 2", "half of the money is {=} dollars"}},
      .strategies = {{"algebraic_procedure",
                      {{"i", "a * p / 100", "one year earns {=} dollars|{p}% of {a} is {=}"},
                       {"t", "i * n",
                        "{n} years earn {=} dollars|the interest in all is {=} dollars"},
                       {"ans", "a + t", "with the loan that makes {=} dollars"}}},
                     {"unit_ratio",
                      {{"k", "p * n", "the interest in all is {=} percent"},
                       {"t", "a * k / 100", "{k}% of {a} is {=} dollars"},
                       {"ans", "a + t", "with the loan that makes {=} dollars"}}}},
  };
}

SynthTemplate TaxOnSeveral() {
  return {
      .id = "tax_on_several",
      .domain = "percentages",
      .split = kRerank,
      .values = "n = 2..6; b = 10,15,20,25,30,40; p = 10,20,30; z = n * b * p / 100",
      .problems =
          "{N} orders {n} chairs at ${b} each and pays {p}% tax on top. How many dollars is "
          "that?",
      .conclusions = "{N} pays ${ans}|the answer is ${ans}",
      .givens = {{"b", "a chair costs ${b}"}, {"p", "the tax is {p}%"}},
      .asides = {{"w", "2 * b", "two chairs cost {=} dollars"}},
      .strategies = {{"algebraic_procedure",
                      {{"t", "n * b", "the chairs cost {=} dollars"},
                       {"d",
                        "t * p / 100",
                        "the tax is {=} dollars",
                        {{"percent_base", "b * p / 100", "the tax on all chairs is {=} dollars"}}},
                       {"ans", "t + d", "with tax that makes {=} dollars"}}},
                     {"case_split",
                      {{"d", "b * p / 100", "the tax on one chair is {=} dollars"},
                       {"u", "b + d", "one chair with tax costs {=} dollars"},
                       {"ans", "n * u", "{n} chairs with tax cost {=} dollars"}}}},
  };
}

SynthTemplate TankUse() {
  return {
      .id = "tank_use",
      .domain = "percentages",
      .split = kRerank,
      .values = "p = 20,25,30,40,60; a = 20,40,60,80,120,140; z = a * p / 100",
      .problems = "A tank holds {a} litres and {p}% of it is used. How many litres are left?",
      .conclusions = "{ans} litres are left|the answer is {ans} litres",
      .givens = {{"a", "the tank holds {a} litres"}, {"p", "{p}% is used"}},
      .asides = {{"w", "a / 2", "half a tank is {=} litres"}},
      .strategies = {{"algebraic_procedure",
                      {{"d",
                        "a * p / 100",
                        "{p}% of {a} is {=}|the amount used is {=} litres",
                        {{"percent_as_amount", "p", "the amount used is {r} litres"}}},
                       {"ans", "a - d", "what is left is {=} litres"}}},
                     {"unit_ratio",
                      {{"k", "100 - p", "the share left is {=} percent"},
                       {"ans", "a * k / 100", "{k}% of {a} is {=} litres"}}}},
  };
}

}  // namespace

std::vector<SynthTemplate> PercentTemplates() {
  return {Discount(),       Growth(),         ShareOfPoints(), BeforeDiscount(), TipShared(),
          PartsNotChosen(), SimpleInterest(), TaxOnSeveral(),  TankUse()};
}

}  // namespace prm
