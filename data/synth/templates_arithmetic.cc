// Closed arithmetic and word problems.
#include "data/synth/templates.h"

namespace prm {
namespace {

constexpr SynthSplit kDev = SynthSplit::kDev;
constexpr SynthSplit kRerank = SynthSplit::kRerank;

SynthTemplate BracketTimes() {
  return {
      .id = "bracket_times",
      .domain = "arithmetic",
      .values = "a = 3..9; b = 2..9; c = 2..9; d = 3..15",
      .problems =
          "Evaluate {a} × ({b} + {c}) - {d}.|Work out {a} × ({b} + {c}) - {d}.|"
          "What is {a} × ({b} + {c}) - {d}?",
      .conclusions = "the value is {ans}|the answer is {ans}",
      .givens = {{"a", "the factor before the bracket is {a}"},
                 {"d", "the number subtracted is {d}"}},
      .asides = {{"w", "a + d", "the first and last numbers add to {=}"}},
      .strategies =
          {{"algebraic_procedure",
            {{"s", "b + c", "the bracket is {=}|inside the bracket we have {=}"},
             {"p", "a * s", "multiplying the bracket by {a} gives {=}|the product is {=}"},
             {"ans", "p - d", "subtracting {d} gives {=}|taking off {d} leaves {=}"}}},
           {"case_split",
            {{"u", "a * b", "the first part of the product is {=}|distributing, we get {=}"},
             {"v",
              "a * c",
              "the second part of the product is {=}",
              {{"not_distributed", "c", "the second part stays {r}|the second part is just {r}"}}},
             {"w", "u + v", "both parts together make {=}|adding the two parts gives {=}"},
             {"ans", "w - d", "subtracting {d} gives {=}|taking off {d} leaves {=}"}}}},
  };
}

SynthTemplate ProductInMiddle() {
  return {
      .id = "product_in_middle",
      .domain = "arithmetic",
      .values = "b = 2..7; c = 2..6; e = 3..20; a = b * c + e; d = 2..15",
      .problems = "Evaluate {a} - {b} × {c} + {d}.|Compute {a} - {b} × {c} + {d}.",
      .conclusions = "the value is {ans}|the answer is {ans}|the result is {ans}",
      .givens = {{"a", "the expression starts with {a}"}, {"d", "the last number is {d}"}},
      .asides = {{"w", "b + c", "the middle numbers add to {=}"}},
      .strategies =
          {{"algebraic_procedure",
            {{"p", "b * c", "the product comes first: {=}|multiplication goes first, so {=}"},
             {"q",
              "a - p",
              "subtracting the product from {a} gives {=}",
              {{"sign_slip", "a + p", "putting the product with {a} gives {=}"}}},
             {"ans", "q + d", "adding {d} gives {=}|with the last {d} we have {=}"}}},
           {"case_split",
            {{"s", "a + d", "the added numbers make {=}|grouping what is added, {=}"},
             {"p", "b * c", "the product to take away is {=}"},
             {"ans", "s - p", "the difference of the two is {=}|taking the product off, {=}"}}}},
  };
}

SynthTemplate BoxesGivenAway() {
  return {
      .id = "boxes_given_away",
      .domain = "arithmetic",
      .values = "a = 3..9; b = 4..12; c = 5..20; z = a * b - c",
      .problems =
          "{N} has {a} boxes with {b} {o} in each and gives {c} {o} to {M}. How many {o} are "
          "left?|There are {a} boxes of {b} {o}. {N} hands out {c} {o}. How many {o} remain?",
      .conclusions = "{ans} {o} are left|the answer is {ans} {o}|{N} keeps {ans} {o}",
      .givens = {{"a", "there are {a} boxes"},
                 {"b", "each box has {b} {o}|one box holds {b} {o}"},
                 {"c", "{c} {o} are given away"}},
      .asides = {{"w", "a + b", "the number of boxes and the size of one add to {=}"},
                 {"w", "2 * b", "two of the boxes hold {=} {o}"}},
      .strategies =
          {{"algebraic_procedure",
            {{"t", "a * b", "{a} boxes of {b} {o} hold {=} {o}|all boxes together hold {=} {o}"},
             {"ans", "t - c", "giving away {c} leaves {=} {o}|without the {c} we have {=} {o}"}}},
           {"case_split",
            {{"t", "(a - 1) * b",
              "all boxes but one hold {=} {o}|setting one box aside, we have {=}"},
             {"u", "t + b", "with the last box there are {=} {o}"},
             {"ans", "u - c", "giving away {c} leaves {=} {o}"}}}},
  };
}

SynthTemplate TwoPurchases() {
  return {
      .id = "two_purchases",
      .domain = "arithmetic",
      .values = "a = 2..8; b = 3..9; c = 2..6; d = 4..12; e = 5..30",
      .problems =
          "{N} buys {a} {o} at ${b} each and {c} bags at ${d} each. How much is that in "
          "dollars?|At a market {N} pays ${b} for each of {a} {o} and ${d} for each of {c} "
          "bags. What is the bill in dollars?",
      .conclusions = "{N} pays ${ans}|the bill is ${ans}|the answer is ${ans}",
      .givens = {{"b", "one of the {o} costs ${b}"},
                 {"d", "a bag costs ${d}"},
                 {"c", "{N} takes {c} bags"}},
      .asides = {{"w", "a + c", "{N} carries {=} things"},
                 {"w", "b + d", "one of each costs {=} dollars"}},
      .strategies = {{"algebraic_procedure",
                      {{"t", "a * b", "the {o} cost {=} dollars|for the {o} {N} pays {=} dollars"},
                       {"u", "c * d",
                        "the bags cost {=} dollars|for the bags {N} pays {=} dollars"},
                       {"ans", "t + u", "both together cost {=} dollars|the sum is {=} dollars"}}},
                     {"enumerate",
                      {{"u", "c * d", "listing the bags, they come to {=} dollars"},
                       {"t", "a * b", "listing the {o}, they come to {=} dollars"},
                       {"ans", "u + t", "the list adds up to {=} dollars"}}}},
  };
}

SynthTemplate CollectedAndShared() {
  return {
      .id = "collected_and_shared",
      .domain = "arithmetic",
      .values = "c = 3..8; q = 4..12; a = 5..20; b = c * q - a; g = q - 1",
      .problems =
          "{N} finds {a} {o} on Monday and {b} on Tuesday and shares them equally among {c} "
          "friends. How many {o} does each friend get?|{N} brings {a} {o} and {M} brings {b}. They "
          "split all of them evenly into {c} bags. How many {o} go into a bag?",
      .conclusions = "each share is {ans} {o}|the answer is {ans} {o}",
      .givens = {{"c", "there are {c} equal shares"}, {"a", "the first amount is {a} {o}"}},
      .asides = {{"w", "b + c", "the second amount and the number of shares add to {=}"},
                 {"w", "2 * a", "twice the first amount is {=}"}},
      .strategies =
          {{"algebraic_procedure",
            {{"s", "a + b", "there are {=} {o} in all|both amounts together are {=} {o}"},
             {"ans", "s / c", "each of the {c} shares gets {=} {o}|an equal share is {=} {o}"}}},
           {"inspect_verify",
            {{"s", "a + b", "there are {=} {o} in all|both amounts together are {=} {o}"},
             {"t", "c * g", "with {g} each only {=} {o} are used, too few"},
             {"u",
              "c * q",
              "with {q} each exactly {=} {o} are used|trying {q} each uses {=} {o}, all of them",
              {{"false_match", "c * q", "with {q} each exactly {=} {o} are used", "q = q + 2"}}}},
            "q"}},
  };
}

SynthTemplate PagesLeft() {
  return {
      .id = "pages_left",
      .domain = "arithmetic",
      .values = "a = 6..15; b = 3..8; q = 10..60; n = a * b + q; g = q - 5",
      .problems =
          "A book has {n} pages. {N} reads {a} pages a day for {b} days. How many pages "
          "are left?|{N} reads {a} pages of a {n}-page book on each of {b} days. How many "
          "pages remain?",
      .conclusions = "{ans} pages are left|the answer is {ans} pages",
      .givens = {{"n", "the book has {n} pages"}, {"b", "{N} reads on {b} days"}},
      .asides = {{"w", "2 * a", "in two days {N} reads {=} pages"}},
      .strategies =
          {{"algebraic_procedure",
            {{"t", "a * b", "{N} reads {=} pages in {b} days|the pages read are {=}"},
             {"ans", "n - t", "what is left is {=} pages|the rest of the book is {=} pages"}}},
           {"inspect_verify",
            {{"t", "a * b", "{N} reads {=} pages in {b} days|the pages read are {=}"},
             {"u", "t + g", "if {g} were left the book would have {=} pages, too few"},
             {"v",
              "t + q",
              "if {q} are left the book has {=} pages, as it should|with {q} left we get {=} pages "
              "in all, which fits",
              {{"false_match", "t + q", "if {q} are left the book has {=} pages, as it should",
                "q = q + 10"}}}},
            "q"}},
  };
}

SynthTemplate TimesAsManyMore() {
  return {
      .id = "times_as_many_more",
      .domain = "arithmetic",
      .values = "a = 4..15; k = 3..7",
      .problems =
          "{N} has {a} {o}. {M} has {k} times as many. How many more {o} does {M} have?|"
          "{M} owns {k} times as many {o} as {N}, who owns {a}. By how many does {M} lead?",
      .conclusions = "{M} has {ans} more|the answer is {ans} {o}",
      .givens = {{"a", "{N} has {a} {o}"}, {"k", "{M} has {k} times as many"}},
      .asides = {{"w", "2 * a", "twice what {N} has is {=} {o}"}},
      .strategies = {{"algebraic_procedure",
                      {{"t",
                        "k * a",
                        "{M} has {=} {o}|{k} times {a} makes {=} {o} for {M}",
                        {{"times_read_as_plus", "k + a", "{M} has {=} {o}"}}},
                       {"ans", "t - a", "the difference is {=} {o}|{M} leads by {=} {o}"}}},
                     {"unit_ratio",
                      {{"m", "k - 1", "{M} leads by {=} parts of {a}|the lead in parts is {=}"},
                       {"ans", "m * a", "the parts of {a} make {=} {o}|that lead is {=} {o}"}}}},
  };
}

SynthTemplate GoodEggs() {
  return {
      .id = "good_eggs",
      .domain = "arithmetic",
      .split = kDev,
      .values = "a = 3..9; b = 6..12; c = 4..15; z = a * b - c",
      .problems =
          "A farm packs {a} trays of {b} eggs, but {c} eggs crack. How many eggs are "
          "good?|Of {a} trays with {b} eggs each, {c} eggs crack. How many stay whole?",
      .conclusions = "{ans} eggs are good|the answer is {ans} eggs",
      .givens = {{"b", "a tray holds {b} eggs"}, {"c", "{c} eggs crack"}},
      .asides = {{"w", "2 * b", "two trays hold {=} eggs"}},
      .strategies = {{"algebraic_procedure",
                      {{"t", "a * b", "the trays hold {=} eggs|in all there are {=} eggs"},
                       {"ans", "t - c", "without the cracked ones there are {=} eggs"}}},
                     {"case_split",
                      {{"t", "(a - 1) * b", "all trays but one hold {=} eggs"},
                       {"u", "t + b", "with the last tray there are {=} eggs"},
                       {"ans", "u - c", "without the cracked ones there are {=} eggs"}}}},
  };
}

SynthTemplate DifferenceTimes() {
  return {
      .id = "difference_times",
      .domain = "arithmetic",
      .split = kDev,
      .values = "b = 3..9; e = 3..9; a = b + e; c = 3..9; d = 4..15; f = a * c - b * c + d",
      .problems = "Evaluate ({a} - {b}) × {c} + {d}.|What is ({a} - {b}) × {c} + {d}?",
      .conclusions = "the value is {ans}|the answer is {ans}",
      .givens = {{"c", "the bracket is multiplied by {c}"}, {"d", "the last number is {d}"}},
      .asides = {{"w", "c + d", "the last two numbers add to {=}"}},
      .strategies = {{"algebraic_procedure",
                      {{"s", "a - b", "the bracket is {=}|inside the bracket we have {=}"},
                       {"p", "s * c", "multiplying the bracket by {c} gives {=}"},
                       {"ans", "p + d", "adding {d} gives {=}|with the last {d} we have {=}"}}},
                     {"case_split",
                      {{"u", "a * c", "the first part of the product is {=}"},
                       {"v", "b * c", "the part to subtract is {=}"},
                       {"p", "u - v", "the difference of the parts is {=}"},
                       {"ans", "p + d", "adding {d} gives {=}|with the last {d} we have {=}"}}}},
  };
}

SynthTemplate FreeSeats() {
  return {
      .id = "free_seats",
      .domain = "arithmetic",
      .split = kRerank,
      .values = "a = 4..9; b = 6..12; c = 8..30; z = a * b - c",
      .problems = "A hall has {a} rows of {b} seats, and {c} seats are taken. How many are free?",
      .conclusions = "{ans} seats are free|the answer is {ans} seats",
      .givens = {{"b", "a row has {b} seats"}, {"c", "{c} seats are taken"}},
      .asides = {{"w", "2 * b", "two rows have {=} seats"}},
      .strategies = {{"algebraic_procedure",
                      {{"t", "a * b", "the hall has {=} seats|all rows together have {=} seats"},
                       {"ans", "t - c", "the free seats number {=}|without the taken ones, {=}"}}},
                     {"case_split",
                      {{"t", "(a - 1) * b", "all rows but one have {=} seats"},
                       {"u", "t + b", "with the last row there are {=} seats"},
                       {"ans", "u - c", "the free seats number {=}"}}}},
  };
}

SynthTemplate TimesAsManyTogether() {
  return {
      .id = "times_as_many_together",
      .domain = "arithmetic",
      .split = kRerank,
      .values = "a = 4..15; k = 3..7",
      .problems =
          "{N} picks {a} apples and {M} picks {k} times as many. How many apples do they "
          "have together?",
      .conclusions = "they have {ans} apples|the answer is {ans} apples",
      .givens = {{"a", "{N} picks {a} apples"}, {"k", "{M} picks {k} times as many"}},
      .asides = {{"w", "2 * a", "twice what {N} picks is {=} apples"}},
      .strategies = {{"algebraic_procedure",
                      {{"t",
                        "k * a",
                        "{M} picks {=} apples|{k} times {a} makes {=} apples for {M}",
                        {{"times_read_as_plus", "k + a", "{M} picks {=} apples"}}},
                       {"ans", "a + t", "together they have {=} apples"}}},
                     {"unit_ratio",
                      {{"m", "k + 1", "together they have {=} parts of {a}"},
                       {"ans", "m * a", "the parts of {a} make {=} apples"}}}},
  };
}

}  // namespace

std::vector<SynthTemplate> ArithmeticTemplates() {
  return {BracketTimes(), ProductInMiddle(),    BoxesGivenAway(),     TwoPurchases(),
          PagesLeft(),    CollectedAndShared(), TimesAsManyMore(),    GoodEggs(),
          FreeSeats(),    DifferenceTimes(),    TimesAsManyTogether()};
}

}  // namespace prm
