#include "data/math_text/vocabulary.h"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "data/text/ascii.h"

namespace prm {
namespace {

struct ClassWords {
  uint32_t classes;
  std::string_view words;  // separated by spaces
};

constexpr std::array kClassWords = {
    ClassWords{
        kWordStop,
        "is are was were be been being am has have had having because so since as which who "
        "that that's thats this these those then thus hence therefore and, now means mean "
        "meant costs cost make makes made making get gets got getting give gives gave given "
        "giving take takes took taken taking spend spends spent need needs needed earn earns "
        "earned pay pays paid sell sells sold buy buys bought use uses used using eat eats "
        "ate left leaves leave becomes became yields yield obtain obtains will would there "
        "there's it's its he she they we you i it find finds found calculate calculates "
        "compute computes write writes see total totals totaling totalling where when while "
        "receive receives received collect collects collected contain contains contained "
        "does do did can could should must may might let's let add adds added adding "
        "subtract subtracts subtracted multiply multiplies multiplying dividing divide "
        "subtracting know knows implies imply say says only just also still but however "
        "first finally next another each answer check checking remaining he's she's i'm "
        "weighs weigh worked works work drove drives ran runs walked walks travels traveled "
        "charges charged saves saved save drinks drank lost loses grew grows produces "
        "produced sum result exactly actually"},
    ClassWords{kWordBinding, "than by between from and to times plus minus over per with"},
    ClassWords{kWordNumber,
               "half halves third thirds quarter quarters fifth fifths sixth eighth tenth twice "
               "double triple quadruple one two three four five six seven eight nine ten eleven "
               "twelve twenty thirty forty fifty hundred thousand million billion dozen thrice "
               "hundreds thousands millions trillion"},
    ClassWords{kWordTimes, "times"},
    ClassWords{kWordPlus, "plus"},
    ClassWords{kWordMinus, "minus"},
    ClassWords{kWordBy, "divided multiplied"},
    ClassWords{kWordOf, "of"},
    ClassWords{kWordPer, "per"},
    ClassWords{kWordEquals, "equals"},
    ClassWords{kWordEqual, "equal"},
    ClassWords{
        kWordNegation,
        "not rather wrong incorrect incorrectly false never isn't isnt doesn't doesnt don't cannot "
        "can't wasn't aren't won't didn't impossible contradiction contradicts contradictory "
        "instead mistake mistakenly error nor neither invalid untrue unequal absurd no"},
    ClassWords{kWordTrial,
               "suppose assume assuming supposing try trying case cases if let let's guess imagine "
               "consider say test unless would otherwise hypothetically"},
    ClassWords{
        kWordRewrite,
        "expand expands expanding expanded simplify simplifies simplifying simplified factor "
        "factors factoring factored rewrite rewrites rewriting rewritten combine combines "
        "combining combined foil distribute distributing distributes"},
    ClassWords{kWordAbout,
               "about approximately approx roughly rounded rounding round rounds nearly almost "
               "around estimate estimated estimates nearest ceiling floor whole approximate"},
    ClassWords{kWordRemainder,
               "remainder remainders leftover r left remain remains remaining over"},
    ClassWords{kWordModular, "mod modulo binary hexadecimal octal congruent"},
    ClassWords{kWordFunction,
               "sin cos tan cot sec csc log ln exp gcd lcm max min det lim arcsin arccos arctan "
               "ceil sqrt abs deg"},
    ClassWords{kWordAlternative, "or"},
    ClassWords{kWordPercent, "percent percentage"},
    ClassWords{kWordEquation,
               "equation equations side sides both equality system inequality substitute "
               "substituting substituted plug plugging solve solving solved cross"},
    ClassWords{kWordNoun, "each total left remaining more points work answers uses needs"},
    ClassWords{kWordPreposition,
               "in on at for from with the a an his her their my our your its to into per after "
               "before during and than of if or not more less fewer worth times"},
};

struct UnitWords {
  Unit unit;
  std::string_view words;
};

// Base units: second, hundredth of a millimetre (an inch is 2540), milligram, microlitre, cent,
// one. Pounds and litres do not convert to the other system: the writer chooses the rounding.
constexpr std::array kUnitWords = {
    UnitWords{{Dimension::kNone, 1, 1}, ""},
    UnitWords{{Dimension::kMoney, 100, 1}, "dollar dollars usd bucks"},
    UnitWords{{Dimension::kMoney, 1, 1}, "cent cents penny pennies"},
    UnitWords{{Dimension::kTime, 1, 1}, "second seconds sec secs"},
    UnitWords{{Dimension::kTime, 60, 1}, "minute minutes min mins"},
    UnitWords{{Dimension::kTime, 3600, 1}, "hour hours hr hrs"},
    UnitWords{{Dimension::kTime, 86400, 1}, "day days"},
    UnitWords{{Dimension::kTime, 604800, 1}, "week weeks"},
    // Of 30 or 31 days, or a twelfth of a year: converts only to years, see UnitsConvert.
    UnitWords{{Dimension::kTime, 2629800, 1}, "month months"},
    UnitWords{{Dimension::kTime, 31557600, 1}, "year years"},
    UnitWords{{Dimension::kTime, 315576000, 1}, "decade decades"},
    UnitWords{{Dimension::kTime, 3155760000, 1}, "century centuries"},
    UnitWords{{Dimension::kLength, 100, 1}, "millimeter millimeters mm millimetre millimetres"},
    UnitWords{{Dimension::kLength, 1000, 1}, "centimeter centimeters cm centimetre centimetres"},
    UnitWords{{Dimension::kLength, 100000, 1}, "meter meters metre metres"},
    UnitWords{{Dimension::kLength, 100000000, 1},
              "kilometer kilometers km kms kilometre kilometres"},
    UnitWords{{Dimension::kLength, 2540, 1}, "inch inches"},
    UnitWords{{Dimension::kLength, 30480, 1}, "foot feet ft"},
    UnitWords{{Dimension::kLength, 91440, 1}, "yard yards yd yds"},
    UnitWords{{Dimension::kLength, 160934400, 1}, "mile miles"},
    UnitWords{{Dimension::kMass, 1, 1}, "milligram milligrams mg"},
    UnitWords{{Dimension::kMass, 1000, 1}, "gram grams"},
    UnitWords{{Dimension::kMass, 1000000, 1}, "kilogram kilograms kg kgs kilo kilos"},
    UnitWords{{Dimension::kMass, 1000000000, 1}, "tonne tonnes"},
    UnitWords{{Dimension::kMass, 28349523, 1000}, "ounce ounces oz"},
    UnitWords{{Dimension::kMass, 28349523, 1000}, "floz"},
    UnitWords{{Dimension::kMass, 453592368, 1000}, "pound pounds lb lbs"},
    UnitWords{{Dimension::kMass, 907184736, 1}, "ton tons"},
    UnitWords{{Dimension::kVolume, 1000, 1}, "milliliter milliliters ml millilitre millilitres"},
    UnitWords{{Dimension::kVolume, 1000000, 1}, "liter liters litre litres"},
    UnitWords{{Dimension::kVolume, 236588, 1}, "cup cups"},
    UnitWords{{Dimension::kVolume, 473176, 1}, "pint pints"},
    UnitWords{{Dimension::kVolume, 946352, 1}, "quart quarts"},
    UnitWords{{Dimension::kVolume, 3785408, 1}, "gallon gallons"},
    UnitWords{{Dimension::kCount, 12, 1}, "dozen dozens"},
    UnitWords{{Dimension::kCount, 100, 1}, "hundred hundreds"},
    UnitWords{{Dimension::kCount, 1000, 1}, "thousand thousands k"},
    UnitWords{{Dimension::kCount, 1000000, 1}, "million millions"},
    UnitWords{{Dimension::kCount, 1000000000, 1}, "billion billions"},
    UnitWords{{Dimension::kCount, 2, 1}, "pair pairs"},
};

static_assert(kUnitWords.size() == kNumUnits && kNumUnits <= 64);

constexpr size_t kMaxWordLength = 16;
constexpr size_t kTableSize = 2048;  // a power of two, four times the number of words

uint32_t HashOf(std::string_view word) {
  uint32_t hash = 2166136261u;
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash ^ (hash >> 15);
}

// Open addressing; built once.
class WordTable {
 public:
  WordTable() : slots_(kTableSize) {
    for (const ClassWords& entry : kClassWords) {
      ForEachWord(entry.words,
                  [&](std::string_view word) { SlotOf(word)->info.classes |= entry.classes; });
    }
    for (size_t id = 0; id < kUnitWords.size(); ++id) {
      ForEachWord(kUnitWords[id].words,
                  [&](std::string_view word) { SlotOf(word)->info.unit = UnitId(id); });
    }
  }

  WordInfo Find(std::string_view word) const {
    for (uint32_t i = HashOf(word);; ++i) {
      const Slot& slot = slots_[i & (kTableSize - 1)];
      if (slot.word.empty()) return {};
      if (slot.word == word) return slot.info;
    }
  }

 private:
  struct Slot {
    std::string_view word;
    WordInfo info;
  };

  template <class Action>
  static void ForEachWord(std::string_view words, Action action) {
    while (!words.empty()) {
      const size_t space = words.find(' ');
      if (space != 0) action(words.substr(0, space));
      if (space == words.npos) return;
      words.remove_prefix(space + 1);
    }
  }

  Slot* SlotOf(std::string_view word) {
    for (uint32_t i = HashOf(word);; ++i) {
      Slot& slot = slots_[i & (kTableSize - 1)];
      if (slot.word.empty()) slot.word = word;
      if (slot.word == word) return &slot;
    }
  }

  std::vector<Slot> slots_;
};

}  // namespace

const Unit& UnitOf(UnitId id) { return kUnitWords[id].unit; }
UnitId DollarUnit() { return 1; }
UnitId CentUnit() { return 2; }

WordInfo LookUpWord(std::string_view word) {
  static const WordTable table;
  if (word.size() > kMaxWordLength) return {};
  std::array<char, kMaxWordLength> lower;
  for (size_t i = 0; i < word.size(); ++i) {
    lower[i] = IsUpper(word[i]) ? char(word[i] - 'A' + 'a') : word[i];
  }
  return table.Find({lower.data(), word.size()});
}

}  // namespace prm
