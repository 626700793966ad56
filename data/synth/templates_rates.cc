// Rates: speed, work, price and proportion.
#include "data/synth/templates.h"

namespace prm {
namespace {

constexpr SynthSplit kDev = SynthSplit::kDev;
constexpr SynthSplit kRerank = SynthSplit::kRerank;

SynthTemplate TwoLegs() {
  return {
      .id = "two_legs",
      .domain = "rates",
      .values = "v = 30,40,50,60,70; t = 2..5; w = 20,35,45,55,80; u = 2..4",
      .problems =
          "A train runs {t} hours at {v} km/h and then {u} hours at {w} km/h. How many km "
          "is that?|{N} drives {t} hours at {v} km/h and {u} hours at {w} km/h. How far is "
          "the trip in km?",
      .conclusions = "the trip is {ans} km|the answer is {ans} km",
      .givens = {{"v", "the first speed is {v} km/h"}, {"u", "the second part lasts {u} hours"}},
      .asides = {{"z", "v + w", "the two speeds add to {=}"},
                 {"z", "t + u", "the trip lasts {=} hours"}},
      .strategies = {{"algebraic_procedure",
                      {{"d", "v * t", "the first part covers {=} km|in {t} hours that is {=} km"},
                       {"e", "w * u", "the second part covers {=} km"},
                       {"ans", "d + e", "both parts make {=} km|in all that is {=} km"}}},
                     {"backward",
                      {{"e", "w * u", "the last part covers {=} km"},
                       {"d", "v * t", "the part before it covers {=} km"},
                       {"ans", "e + d", "both parts make {=} km"}}}},
  };
}

SynthTemplate PumpTime() {
  return {
      .id = "pump_time",
      .domain = "rates",
      .values = "r0 = 3..9; b = 2..6; a = r0 * b; k0 = 2..7; c = a * k0",
      .problems =
          "A pump moves {a} litres in {b} minutes. How many minutes does it need for {c} "
          "litres?|Filling {a} litres takes a tap {b} minutes. How long does it take for "
          "{c} litres, in minutes?",
      .conclusions = "it takes {ans} minutes|the answer is {ans} minutes",
      .givens = {{"b", "{a} litres take {b} minutes"}, {"c", "{c} litres are wanted"}},
      .asides = {{"z", "2 * a", "twice the first volume is {=} litres"}},
      .strategies =
          {{"unit_ratio",
            {{"s",
              "a / b",
              "in one minute it moves {=} litres|the rate per minute is {=} litres",
              {{"inverted_rate", "a - b", "in one minute it moves {=} litres"}}},
             {"ans", "c / s", "at that rate {c} litres take {=} minutes|the time is {=} minutes"}}},
           {"algebraic_procedure",
            {{"k", "c / a", "{c} litres are {=} times as much|the volume grows {=} times"},
             {"ans", "k * b", "so many times {b} minutes is {=} minutes"}}}},
  };
}

SynthTemplate Wage() {
  return {
      .id = "wage",
      .domain = "rates",
      .values = "s0 = 8..16; b = 3..6; a = s0 * b; e0 = 2..6; c = b + e0",
      .problems =
          "{N} earns ${a} in {b} hours. How many dollars does {N} earn in {c} hours?|For {b} "
          "hours of work {N} gets ${a}. What do {c} hours bring in dollars?",
      .conclusions = "{N} earns ${ans}|the answer is ${ans}",
      .givens = {{"a", "{b} hours bring ${a}"}, {"c", "the question is about {c} hours"}},
      .asides = {{"z", "b + c", "the two times add to {=} hours"}},
      .strategies =
          {{"unit_ratio",
            {{"s", "a / b", "one hour brings {=} dollars|the pay per hour is {=} dollars"},
             {"ans", "s * c", "{c} hours bring {=} dollars|the pay for {c} hours is {=}"}}},
           {"case_split",
            {{"e", "c - b", "the extra time is {=} hours"},
             {"s", "a / b", "one hour brings {=} dollars|the pay per hour is {=} dollars"},
             {"f", "s * e", "the extra time brings {=} dollars"},
             {"ans", "a + f", "with the first {b} hours that makes {=} dollars"}}}},
  };
}

SynthTemplate AverageSpeed() {
  return {
      .id = "average_speed",
      .domain = "rates",
      .values = "t = 2..4; u = 2..5; m0 = 20,25,30,40,50; a = 30..90; b = m0 * (t + u) - a",
      .problems =
          "{N} rides {a} km in {t} hours and {b} km in {u} hours. What is the average speed "
          "in km/h?",
      .conclusions = "the average speed is {ans} km/h|the answer is {ans} km/h",
      .givens = {{"a", "the first part is {a} km"}, {"u", "the second part takes {u} hours"}},
      .asides = {{"z", "2 * a", "twice the first part is {=} km"}},
      .strategies = {{"algebraic_procedure",
                      {{"d", "a + b", "the whole way is {=} km|the distances add to {=} km"},
                       {"h", "t + u", "the whole time is {=} hours|the times add to {=} hours"},
                       {"ans",
                        "d / h",
                        "way over time is {=} km/h|the average is {=} km/h",
                        {{"half_of_sum", "d / 2", "the average is {=} km/h"}}}}},
                     {"inspect_verify",
                      {{"h", "t + u", "the whole time is {=} hours|the times add to {=} hours"},
                       {"d", "a + b", "the whole way is {=} km|the distances add to {=} km"},
                       {"e",
                        "m0 * h",
                        "at {m0} km/h the way would be {=} km, which fits",
                        {{"false_match", "m0 * h",
                          "at {m0} km/h the way would be {=} km, which fits", "m0 = m0 + 5"}}}},
                      "m0"}},
  };
}

SynthTemplate TwoTaps() {
  return {
      .id = "two_taps",
      .domain = "rates",
      .values = "a = 3..12; b = 4..12; k0 = 3..9; c = (a + b) * k0; g = k0 - 1",
      .problems =
          "One tap gives {a} litres a minute, another {b}. In how many minutes do both fill "
          "a {c} litre tub?|Two taps give {a} and {b} litres a minute. How many minutes do "
          "they need together for {c} litres?",
      .conclusions = "it takes {ans} minutes|the answer is {ans} minutes",
      .givens = {{"a", "the first tap gives {a} litres a minute"}, {"c", "the tub is {c} litres"}},
      .asides = {{"z", "2 * b", "the second tap gives {=} litres in two minutes"}},
      .strategies = {{"algebraic_procedure",
                      {{"s",
                        "a + b",
                        "both taps give {=} litres a minute|the joint rate is {=} litres a minute",
                        {{"wrong_joint_rate", "b", "the joint rate is {r} litres a minute"}}},
                       {"ans", "c / s",
                        "the tub is full after {=} minutes|the time is {=} minutes"}}},
                     {"inspect_verify",
                      {{"s", "a + b", "both taps give {=} litres a minute"},
                       {"t", "g * s", "{g} minutes give {=} litres, too little"},
                       {"u",
                        "k0 * s",
                        "{k0} minutes give {=} litres, a full tub",
                        {{"false_match", "k0 * s", "{k0} minutes give {=} litres, a full tub",
                          "k0 = k0 + 1"}}}},
                      "k0"}},
  };
}

SynthTemplate PrinterPages() {
  return {
      .id = "printer_pages",
      .domain = "rates",
      .split = kDev,
      .values = "r0 = 4..12; b = 2..6; a = r0 * b; c = 7..12",
      .problems =
          "A printer makes {a} pages in {b} minutes. How many pages does it make in {c} "
          "minutes?",
      .conclusions = "it makes {ans} pages|the answer is {ans} pages",
      .givens = {{"a", "{b} minutes give {a} pages"}, {"c", "it runs for {c} minutes"}},
      .asides = {{"z", "b + c", "the two times add to {=} minutes"}},
      .strategies = {{"unit_ratio",
                      {{"s", "a / b",
                        "in one minute it makes {=} pages|the rate per minute is {=} pages"},
                       {"ans", "s * c", "{c} minutes give {=} pages"}}},
                     {"case_split",
                      {{"e", "c - b", "the extra time is {=} minutes"},
                       {"s", "a / b", "the rate per minute is {=} pages"},
                       {"f", "s * e", "the extra time gives {=} pages"},
                       {"ans", "a + f", "with the first {b} minutes that makes {=} pages"}}}},
  };
}

SynthTemplate Meeting() {
  return {
      .id = "meeting",
      .domain = "rates",
      .split = kDev,
      .values = "a = 4..15; b = 5..16; k0 = 2..7; c = (a + b) * k0; g = k0 - 1",
      .problems =
          "{N} and {M} start {c} km apart and ride towards each other at {a} and {b} km/h. "
          "After how many hours do they meet?",
      .conclusions = "they meet after {ans} hours|the answer is {ans} hours",
      .givens = {{"a", "{N} rides at {a} km/h"}, {"c", "they start {c} km apart"}},
      .asides = {{"z", "2 * a", "{N} rides {=} km in two hours"}},
      .strategies = {{"algebraic_procedure",
                      {{"s",
                        "a + b",
                        "the gap closes by {=} km each hour|the joint speed is {=} km/h",
                        {{"wrong_joint_rate", "b", "the joint speed is {r} km/h"}}},
                       {"ans", "c / s",
                        "the gap is closed after {=} hours|the time is {=} hours"}}},
                     {"inspect_verify",
                      {{"s", "a + b", "the gap closes by {=} km each hour"},
                       {"t", "g * s", "{g} hours close {=} km, too little"},
                       {"u", "k0 * s", "{k0} hours close {=} km, the whole gap"}},
                      "k0"}},
  };
}

SynthTemplate Recipe() {
  return {
      .id = "recipe",
      .domain = "rates",
      .split = kRerank,
      .values = "r0 = 3..9; b = 2..5; a = r0 * b; k0 = 2..6; c = b * k0",
      .problems = "A cook uses {a} eggs for {b} cakes. How many eggs are needed for {c} cakes?",
      .conclusions = "{ans} eggs are needed|the answer is {ans} eggs",
      .givens = {{"a", "{b} cakes need {a} eggs"}, {"c", "{c} cakes are wanted"}},
      .asides = {{"z", "b + c", "the two numbers of cakes add to {=}"}},
      .strategies = {{"unit_ratio",
                      {{"s", "a / b", "one cake needs {=} eggs"},
                       {"ans", "s * c", "{c} cakes need {=} eggs"}}},
                     {"algebraic_procedure",
                      {{"k", "c / b", "{c} cakes are {=} times as many"},
                       {"ans", "k * a", "so many times {a} eggs is {=} eggs"}}}},
  };
}

SynthTemplate WalkAndBus() {
  return {
      .id = "walk_and_bus",
      .domain = "rates",
      .split = kRerank,
      .values = "v = 4,5,6; t = 2..5; w = 30,35,40,45,50; u = 2..4",
      .problems =
          "{N} walks {t} hours at {v} km/h and takes a bus for {u} hours at {w} km/h. How "
          "many km does {N} cover?",
      .conclusions = "{N} covers {ans} km|the answer is {ans} km",
      .givens = {{"v", "{N} walks at {v} km/h"}, {"u", "the bus ride lasts {u} hours"}},
      .asides = {{"z", "t + u", "walk and ride last {=} hours"}},
      .strategies = {{"algebraic_procedure",
                      {{"d", "v * t", "the walk covers {=} km"},
                       {"e", "w * u", "the bus covers {=} km"},
                       {"ans", "d + e", "both parts make {=} km"}}},
                     {"backward",
                      {{"e", "w * u", "the bus ride at the end covers {=} km"},
                       {"d", "v * t", "the walk before it covers {=} km"},
                       {"ans", "e + d", "both parts make {=} km"}}}},
  };
}

}  // namespace

std::vector<SynthTemplate> RateTemplates() {
  return {TwoLegs(),      PumpTime(), Wage(),       AverageSpeed(), TwoTaps(),
          PrinterPages(), Meeting(),  WalkAndBus(), Recipe()};
}

}  // namespace prm
