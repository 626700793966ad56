// Units and their conversion.
#include "data/synth/templates.h"

namespace prm {
namespace {

constexpr SynthSplit kDev = SynthSplit::kDev;
constexpr SynthSplit kRerank = SynthSplit::kRerank;

SynthTemplate RopePieces() {
  return {
      .id = "rope_pieces",
      .domain = "units",
      .values = "b = 5,10,20,25,50; a = 3..9",
      .problems =
          "A {a} m rope is cut into pieces of {b} cm. How many pieces are there?|How many "
          "{b} cm strips can be cut from {a} m of ribbon?",
      .conclusions = "there are {ans} pieces|the answer is {ans} pieces",
      .givens = {{"a", "the length is {a} m"}, {"b", "a piece is {b} cm long"}},
      .asides = {{"z", "2 * b", "two pieces are {=} cm long"}},
      .strategies = {{"algebraic_procedure",
                      {{"k",
                        "a * 100",
                        "in cm the length is {=} cm|{a} m is {=} cm",
                        {{"dropped_unit", "a", "in cm the length is {r} cm|{a} m is {r} cm"}}},
                       {"ans", "k / b",
                        "the number of pieces is {=}|pieces of {b} cm number {=}"}}},
                     {"unit_ratio",
                      {{"q", "100 / b", "one metre gives {=} pieces"},
                       {"ans", "q * a", "{a} metres give {=} pieces"}}}},
  };
}

SynthTemplate StudyTasks() {
  return {
      .id = "study_tasks",
      .domain = "units",
      .values = "a = 2..4; c = 5,6,8,10,12,15,20; q = 8..30; b = c * q - a * 60; z = 60 - b",
      .problems =
          "{N} has {a} hours and {b} minutes. One task takes {c} minutes. How many tasks "
          "fit?|A class lasts {a} hours {b} minutes. A talk takes {c} minutes. How many "
          "talks fit into it?",
      .conclusions = "{ans} fit|the answer is {ans}",
      .givens = {{"c", "one of them takes {c} minutes"}, {"a", "there are {a} full hours"}},
      .asides = {{"z", "2 * c", "two of them take {=} minutes"}},
      .strategies =
          {{"algebraic_procedure",
            {{"m",
              "a * 60",
              "{a} hours are {=} minutes|in minutes the hours are {=}",
              {{"dropped_unit", "a", "{a} hours are {r} minutes"}}},
             {"s", "m + b", "with the other {b} that is {=} minutes|in all it is {=} minutes"},
             {"ans", "s / c", "the number that fits is {=}|pieces of {c} minutes number {=}"}}},
           {"inspect_verify",
            {{"m", "a * 60", "{a} hours are {=} minutes|in minutes the hours are {=}"},
             {"s", "m + b", "with the other {b} that is {=} minutes|in all it is {=} minutes"},
             {"u",
              "q * c",
              "{q} of them take {=} minutes, the whole time",
              {{"false_match", "q * c", "{q} of them take {=} minutes, the whole time",
                "q = q + 1"}}}},
            "q"}},
  };
}

SynthTemplate RiceBowls() {
  return {
      .id = "rice_bowls",
      .domain = "units",
      .values =
          "a = 2..6; b = 50,100,125,200,250,500; c = 100,200,300,400; k0 = a * 1000 - c; "
          "z = k0 / b",
      .problems =
          "From {a} kg of rice {N} removes {c} g and fills bowls of {b} g with the rest. "
          "How many bowls are filled?|A {a} kg sack loses {c} g of rice. The rest goes into "
          "{b} g bowls. How many bowls is that?",
      .conclusions = "{ans} bowls are filled|the answer is {ans} bowls",
      .givens = {{"b", "a bowl takes {b} g"}, {"c", "{c} g are lost"}},
      .asides = {{"z", "2 * b", "two bowls take {=} g"}},
      .strategies = {{"algebraic_procedure",
                      {{"k",
                        "a * 1000",
                        "{a} kg is {=} g|in grams the rice is {=} g",
                        {{"unit_factor", "a * 100", "{a} kg is {=} g"}}},
                       {"s", "k - c", "without the lost part it is {=} g|the rest is {=} g"},
                       {"ans", "s / b", "the bowls number {=}|bowls of {b} g number {=}"}}}},
  };
}

SynthTemplate JugCups() {
  return {
      .id = "jug_cups",
      .domain = "units",
      .values = "a = 2..6; b = 100,125,200,250,500; d = 2..6; z = a * 1000 / b - d",
      .problems =
          "A jug holds {a} litres. {N} pours {d} cups of {b} ml. How many ml are left?|{N} "
          "takes {d} cups of {b} ml from {a} litres of juice. How many ml remain?",
      .conclusions = "{ans} ml are left|the answer is {ans} ml",
      .givens = {{"b", "a cup is {b} ml"}, {"d", "{d} cups are poured"}},
      .asides = {{"z", "2 * b", "two cups are {=} ml"}},
      .strategies = {{"algebraic_procedure",
                      {{"k",
                        "a * 1000",
                        "{a} litres are {=} ml|in ml the jug holds {=} ml",
                        {{"unit_factor", "a * 100", "{a} litres are {=} ml"}}},
                       {"t", "d * b", "the cups take {=} ml|{d} cups are {=} ml"},
                       {"ans", "k - t", "what is left is {=} ml"}}},
                     {"case_split",
                      {{"t", "d * b", "the cups take {=} ml|{d} cups are {=} ml"},
                       {"k", "a * 1000", "the full jug is {=} ml"},
                       {"ans", "k - t", "the difference is {=} ml"}}}},
  };
}

SynthTemplate TrailMetres() {
  return {
      .id = "trail_metres",
      .domain = "units",
      .values = "a = 2..9; b = 100..900; n = 2..5",
      .problems =
          "A loop is {a} km and {b} m long. {N} runs it {n} times. How many metres is "
          "that?|How many metres are {n} laps of {a} km {b} m?",
      .conclusions = "it is {ans} m|the answer is {ans} m",
      .givens = {{"n", "there are {n} laps"}, {"b", "a lap has {b} m beside the km"}},
      .asides = {{"z", "n * 60", "at an hour each the laps take {=} minutes"}},
      .strategies = {{"algebraic_procedure",
                      {{"k",
                        "a * 1000",
                        "{a} km is {=} m|in metres the km are {=} m",
                        {{"unit_factor", "a * 100", "{a} km is {=} m"}}},
                       {"s", "k + b", "one lap is {=} m|with {b} more a lap is {=} m"},
                       {"ans", "s * n", "{n} laps are {=} m"}}}},
  };
}

SynthTemplate VoyageHours() {
  return {
      .id = "voyage_hours",
      .domain = "units",
      .split = kDev,
      .values = "a = 2..5; b = 3..20; n = 2..5",
      .problems = "A voyage lasts {a} days and {b} hours. How many hours do {n} such voyages take?",
      .conclusions = "they take {ans} hours|the answer is {ans} hours",
      .givens = {{"n", "there are {n} voyages"}, {"b", "{b} hours come on top of the days"}},
      .asides = {{"z", "2 * b", "twice the extra hours is {=}"}},
      .strategies = {{"algebraic_procedure",
                      {{"k",
                        "a * 24",
                        "{a} days are {=} hours|in hours the days are {=}",
                        {{"unit_factor", "a * 60", "{a} days are {=} hours"}}},
                       {"s", "k + b", "one voyage is {=} hours|with {b} more it is {=} hours"},
                       {"ans", "s * n", "{n} voyages take {=} hours"}}}},
  };
}

SynthTemplate JuiceGlasses() {
  return {
      .id = "juice_glasses",
      .domain = "units",
      .split = kDev,
      .values = "a = 2..6; b = 50,100,125,200,250,500",
      .problems =
          "How many glasses of {b} ml can be filled from {a} litres?|A can holds {a} "
          "litres. How many {b} ml glasses is that?",
      .conclusions = "{ans} glasses can be filled|the answer is {ans} glasses",
      .givens = {{"b", "a glass is {b} ml"}, {"a", "there are {a} litres"}},
      .asides = {{"z", "2 * b", "two glasses are {=} ml"}},
      .strategies = {{"algebraic_procedure",
                      {{"k",
                        "a * 1000",
                        "{a} litres are {=} ml|in ml the volume is {=} ml",
                        {{"dropped_unit", "a", "{a} litres are {r} ml"}}},
                       {"ans", "k / b", "the number of glasses is {=}"}}},
                     {"unit_ratio",
                      {{"q", "1000 / b", "one litre gives {=} glasses"},
                       {"ans", "q * a", "{a} litres give {=} glasses"}}}},
  };
}

SynthTemplate BoardInches() {
  return {
      .id = "board_inches",
      .domain = "units",
      .split = kRerank,
      .values = "a = 3..8; b = 2..11; n = 2..5",
      .problems = "A board is {a} feet and {b} inches long. How many inches are {n} such boards?",
      .conclusions = "they are {ans} inches|the answer is {ans} inches",
      .givens = {{"n", "there are {n} boards"}, {"a", "a board has {a} full feet"}},
      .asides = {{"z", "2 * b", "twice the extra inches is {=}"}},
      .strategies = {{"algebraic_procedure",
                      {{"k",
                        "a * 12",
                        "{a} feet are {=} inches",
                        {{"unit_factor", "a * 10", "{a} feet are {=} inches"}}},
                       {"s", "k + b", "one board is {=} inches"},
                       {"ans", "s * n", "{n} boards are {=} inches"}}},
                     {"case_split",
                      {{"f", "a * n", "the boards have {=} full feet"},
                       {"k", "f * 12", "those feet are {=} inches"},
                       {"t", "b * n", "the extra inches number {=}"},
                       {"ans", "k + t", "both parts make {=} inches"}}}},
  };
}

SynthTemplate WeeksAndDays() {
  return {
      .id = "weeks_and_days",
      .domain = "units",
      .split = kRerank,
      .values = "a = 2..6; b = 2..6; c = 3..12",
      .problems = "{N} trains {c} km a day for {a} weeks and {b} days. How many km is that?",
      .conclusions = "{N} trains {ans} km|the answer is {ans} km",
      .givens = {{"c", "each day has {c} km"}, {"b", "{b} days come on top of the weeks"}},
      .asides = {{"z", "2 * c", "two days have {=} km"}},
      .strategies = {{"algebraic_procedure",
                      {{"k",
                        "a * 7",
                        "{a} weeks are {=} days",
                        {{"unit_factor", "a * 5", "{a} weeks are {=} days"}}},
                       {"s", "k + b", "with the other {b} there are {=} days"},
                       {"ans", "s * c", "on those days {N} covers {=} km"}}}},
  };
}

}  // namespace

std::vector<SynthTemplate> UnitTemplates() {
  return {RopePieces(),  StudyTasks(),   RiceBowls(),   JugCups(),     TrailMetres(),
          VoyageHours(), JuiceGlasses(), BoardInches(), WeeksAndDays()};
}

}  // namespace prm
