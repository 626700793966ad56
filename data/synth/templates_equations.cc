// Linear equations in one unknown.
#include "data/synth/templates.h"

namespace prm {
namespace {

constexpr SynthSplit kDev = SynthSplit::kDev;
constexpr SynthSplit kRerank = SynthSplit::kRerank;

constexpr std::string_view kSolution = "x = {ans}|the solution is x = {ans}|the answer is {ans}";

// In most of these equations, a division is the last step to isolate x.
SynthOperation DivideBothSides(std::string_view formula) {
  return {"ans",
          formula,
          "dividing both sides by {a} gives x = {r}|dividing by {a}, x = {=}",
          {{"inverse_operation", "y - a", "subtracting {a} from both sides gives x = {r}"}}};
}

SynthTemplate TimesPlus() {
  return {
      .id = "times_plus",
      .domain = "linear_equations",
      .values = "a = 2..9; x = 3..9; b = 2..15; c = a * x + b; g = x - 1",
      .problems =
          "Solve {a}x + {b} = {c}.|Find x if {a}x + {b} = {c}.|"
          "For which x is {a}x + {b} equal to {c}?",
      .conclusions = kSolution,
      .givens = {{"c", "the right side is {c}"}, {"b", "the constant on the left is {b}"}},
      .asides = {{"w", "a + b", "the numbers on the left add to {=}"}},
      .strategies =
          {{"algebraic_procedure",
            {{"y",
              "c - b",
              "subtracting {b} from both sides gives {a}x = {r}|taking {b} off both sides, {a}x = "
              "{=}",
              {{"inverse_operation", "c + b", "adding {b} to both sides gives {a}x = {r}"},
               {"sign_slip", "c + b", "moving {b} to the right gives {a}x = {=}"}}},
             DivideBothSides("y / a")}},
           {"inspect_verify",
            {{"t", "a * g + b", "trying x = {g} gives {=}, which is too small"},
             {"u",
              "a * x + b",
              "trying x = {x} gives {=}, which matches {c}|x = {x} makes the left side {=}, as "
              "wanted",
              {{"false_match", "a * x + b", "trying x = {x} gives {=}, which matches {c}",
                "x = x + 1"}}}},
            "x"},
           {"backward",
            {{"y", "c - b", "before adding {b} the value was {=}|undoing the addition gives {=}"},
             {"ans", "y / a",
              "before multiplying by {a} it was {=}|undoing the product gives {=}"}}}},
  };
}

SynthTemplate TimesMinus() {
  return {
      .id = "times_minus",
      .domain = "linear_equations",
      .values = "a = 2..9; x = 4..10; b = 2..7; c = a * x - b; g = x - 1",
      .problems = "Solve {a}x - {b} = {c}.|Find x if {a}x - {b} = {c}.",
      .conclusions = kSolution,
      .givens = {{"c", "the right side is {c}"}, {"a", "x is multiplied by {a}"}},
      .asides = {{"w", "a + c", "the coefficient and the right side add to {=}"}},
      .strategies = {{"algebraic_procedure",
                      {{"y",
                        "c + b",
                        "adding {b} to both sides gives {a}x = {r}|moving {b} over, {a}x = {=}",
                        {{"inverse_operation", "c - b",
                          "subtracting {b} from both sides gives {a}x = {r}"},
                         {"sign_slip", "c - b", "moving {b} over, {a}x = {=}"}}},
                       DivideBothSides("y / a")}},
                     {"inspect_verify",
                      {{"t", "a * g - b", "trying x = {g} gives {=}, which is too small"},
                       {"u",
                        "a * x - b",
                        "trying x = {x} gives {=}, which matches {c}",
                        {{"false_match", "a * x - b", "trying x = {x} gives {=}, which matches {c}",
                          "x = x + 1"}}}},
                      "x"}},
  };
}

SynthTemplate TimesBracket() {
  return {
      .id = "times_bracket",
      .domain = "linear_equations",
      .values = "a = 2..8; x = 3..9; b = 2..9; c = a * (x + b)",
      .problems = "Solve {a}(x + {b}) = {c}.|Find x if {a}(x + {b}) = {c}.",
      .conclusions = kSolution,
      .givens = {{"c", "the right side is {c}"}, {"b", "the bracket adds {b} to x"}},
      .asides = {{"w", "a + b", "the numbers on the left add to {=}"}},
      .strategies =
          {{"algebraic_procedure",
            {{"p",
              "a * b",
              "expanding the bracket gives {a}x + {r} = {c}",
              {{"not_distributed", "b", "expanding the bracket gives {a}x + {r} = {c}"}}},
             {"y",
              "c - p",
              "subtracting {p} from both sides gives {a}x = {r}",
              {{"inverse_operation", "c + p", "adding {p} to both sides gives {a}x = {r}"}}},
             DivideBothSides("y / a")}},
           {"backward",
            {{"q",
              "c / a",
              "dividing both sides by {a} gives x + {b} = {r}",
              {{"inverse_operation", "c - a", "taking {a} off both sides gives x + {b} = {r}"}}},
             {"ans",
              "q - b",
              "subtracting {b} gives x = {r}|taking {b} away, x = {=}",
              {{"sign_slip", "q + b", "moving {b} over gives x = {r}"}}}}}},
  };
}

SynthTemplate UnknownOnBothSides() {
  return {
      .id = "unknown_on_both_sides",
      .domain = "linear_equations",
      .values = "m = 2..6; d = 2..5; a = m + d; x = 3..9; b = 2..12; c = m * x + b",
      .problems = "Solve {a}x + {b} = {d}x + {c}.|Find x if {a}x + {b} = {d}x + {c}.",
      .conclusions = kSolution,
      .givens = {{"b", "the constant on the left is {b}"},
                 {"c", "the constant on the right is {c}"}},
      .asides = {{"w", "b + c", "the two constants add to {=}"}},
      .strategies =
          {{"algebraic_procedure",
            {{"k",
              "a - d",
              "subtracting {d}x from both sides gives {r}x + {b} = {c}",
              {{"sign_slip", "a + d", "moving {d}x to the left gives {r}x + {b} = {c}"}}},
             {"y",
              "c - b",
              "subtracting {b} from both sides gives {k}x = {r}",
              {{"sign_slip", "c + b", "moving {b} to the right gives {k}x = {r}"}}},
             {"ans",
              "y / k",
              "dividing both sides by {k} gives x = {r}|dividing by {k}, x = {=}",
              {{"inverse_operation", "y - k", "taking {k} off both sides gives x = {r}"}}}}},
           {"case_split",
            {{"y",
              "c - b",
              "subtracting {b} from both sides gives {a}x = {d}x + {r}",
              {{"sign_slip", "c + b", "moving {b} over gives {a}x = {d}x + {r}"}}},
             {"k", "a - d", "the terms in x leave {r}x = {y}|collecting x gives {r}x = {y}"},
             {"ans", "y / k", "dividing both sides by {k} gives x = {r}"}}}},
  };
}

SynthTemplate NumberPuzzlePlus() {
  return {
      .id = "number_puzzle_plus",
      .domain = "linear_equations",
      .values = "a = 3..9; x = 4..12; b = 3..15; c = a * x + b; g = x - 2",
      .problems =
          "{N} thinks of a number, multiplies it by {a} and adds {b}. The result is {c}. "
          "What is the number?|{a} times a number plus {b} makes {c}. Find the number.",
      .conclusions = "the number is {ans}|the answer is {ans}",
      .givens = {{"c", "the result is {c}"}, {"b", "{b} is added"}},
      .asides = {{"w", "a + b", "the two numbers used add to {=}"}},
      .strategies = {{"backward",
                      {{"y", "c - b",
                        "before adding {b} there was {=}|undoing the last move gives {=}"},
                       {"ans", "y / a", "before multiplying by {a} there was {=}"}}},
                     {"inspect_verify",
                      {{"t", "a * g + b", "starting from {g} leads to {=}, which is too small"},
                       {"u",
                        "a * x + b",
                        "starting from {x} leads to {=}, the given result",
                        {{"false_match", "a * x + b",
                          "starting from {x} leads to {=}, the given result", "x = x + 1"}}}},
                      "x"}},
  };
}

SynthTemplate TimesBracketMinus() {
  return {
      .id = "times_bracket_minus",
      .domain = "linear_equations",
      .split = kDev,
      .values = "a = 2..8; b = 2..6; e = 2..8; x = b + e; c = a * e",
      .problems = "Solve {a}(x - {b}) = {c}.|Find x if {a}(x - {b}) = {c}.",
      .conclusions = kSolution,
      .givens = {{"c", "the right side is {c}"}, {"b", "the bracket takes {b} from x"}},
      .asides = {{"w", "a + b", "the numbers on the left add to {=}"}},
      .strategies = {{"algebraic_procedure",
                      {{"p",
                        "a * b",
                        "expanding the bracket gives {a}x - {r} = {c}",
                        {{"not_distributed", "b", "expanding the bracket gives {a}x - {r} = {c}"}}},
                       {"y",
                        "c + p",
                        "adding {p} to both sides gives {a}x = {r}",
                        {{"inverse_operation", "c - p",
                          "subtracting {p} from both sides gives {a}x = {r}"}}},
                       DivideBothSides("y / a")}},
                     {"backward",
                      {{"q", "c / a", "dividing both sides by {a} gives x - {b} = {r}"},
                       {"ans",
                        "q + b",
                        "adding {b} gives x = {r}|adding {b} to both sides, x = {=}",
                        {{"sign_slip", "q - b", "moving {b} over gives x = {r}"}}}}}},
  };
}

SynthTemplate PlusTimes() {
  return {
      .id = "plus_times",
      .domain = "linear_equations",
      .split = kDev,
      .values = "a = 2..9; x = 3..9; b = 11..30; c = b + a * x; g = x - 1",
      .problems = "Solve {b} + {a}x = {c}.|The sum of {b} and {a}x is {c}. Find x.",
      .conclusions = kSolution,
      .givens = {{"c", "the sum is {c}"}, {"a", "x is multiplied by {a}"}},
      .asides = {{"w", "a + b", "the numbers on the left add to {=}"}},
      .strategies = {{"algebraic_procedure",
                      {{"y",
                        "c - b",
                        "subtracting {b} from both sides gives {a}x = {r}",
                        {{"inverse_operation", "c + b",
                          "adding {b} to both sides gives {a}x = {r}"}}},
                       DivideBothSides("y / a")}},
                     {"inspect_verify",
                      {{"t", "b + a * g", "trying x = {g} gives {=}, which is too small"},
                       {"u",
                        "b + a * x",
                        "trying x = {x} gives {=}, which matches {c}",
                        {{"false_match", "b + a * x", "trying x = {x} gives {=}, which matches {c}",
                          "x = x + 1"}}}},
                      "x"}},
  };
}

SynthTemplate NumberPuzzleMinus() {
  return {
      .id = "number_puzzle_minus",
      .domain = "linear_equations",
      .split = kRerank,
      .values = "a = 3..9; x = 4..12; b = 3..10; c = a * x - b; g = x - 1",
      .problems =
          "A number is multiplied by {a}, then {b} is subtracted, and the result is {c}. "
          "What is the number?",
      .conclusions = "the number is {ans}|the answer is {ans}",
      .givens = {{"c", "the result is {c}"}, {"b", "{b} is subtracted"}},
      .asides = {{"w", "a + b", "the two numbers used add to {=}"}},
      .strategies = {{"backward",
                      {{"y", "c + b", "before subtracting {b} there was {=}"},
                       {"ans", "y / a", "before multiplying by {a} there was {=}"}}},
                     {"inspect_verify",
                      {{"t", "a * g - b", "starting from {g} leads to {=}, which is too small"},
                       {"u", "a * x - b", "starting from {x} leads to {=}, the given result"}},
                      "x"}},
  };
}

SynthTemplate LikeTerms() {
  return {
      .id = "like_terms",
      .domain = "linear_equations",
      .split = kRerank,
      .values = "a = 2..7; b = 2..6; x = 3..9; d = 3..12; c = a * x + b * x + d",
      .problems = "Solve {a}x + {b}x + {d} = {c}.",
      .conclusions = kSolution,
      .givens = {{"c", "the right side is {c}"}, {"d", "the constant on the left is {d}"}},
      .asides = {{"w", "c + d", "the constants on the two sides add to {=}"}},
      .strategies = {{"algebraic_procedure",
                      {{"k", "a + b", "the terms in x combine to {r}x + {d} = {c}"},
                       {"y",
                        "c - d",
                        "subtracting {d} from both sides gives {k}x = {r}",
                        {{"inverse_operation", "c + d",
                          "adding {d} to both sides gives {k}x = {r}"}}},
                       {"ans", "y / k", "dividing both sides by {k} gives x = {r}"}}}},
  };
}

}  // namespace

std::vector<SynthTemplate> EquationTemplates() {
  return {TimesPlus(),          TimesMinus(),        TimesBracket(),
          UnknownOnBothSides(), NumberPuzzlePlus(),  PlusTimes(),
          TimesBracketMinus(),  NumberPuzzleMinus(), LikeTerms()};
}

}  // namespace prm
