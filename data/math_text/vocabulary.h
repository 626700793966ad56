// Words that matter for reading arithmetic: units, cues, operators in words.
#pragma once

#include <cstdint>
#include <string_view>

namespace prm {

// Bits of WordInfo::classes.
enum WordClass : uint32_t {
  kWordStop = 1u << 0,          // nothing before it belongs to the expression after it
  kWordBinding = 1u << 1,       // the text before it belongs too: "than", "by", "between"
  kWordNumber = 1u << 2,        // a number or fraction in words: "half", "three", "twice"
  kWordTimes = 1u << 3,         // "times"
  kWordPlus = 1u << 4,          // "plus"
  kWordMinus = 1u << 5,         // "minus"
  kWordBy = 1u << 6,            // "divided", "multiplied" (before "by")
  kWordOf = 1u << 7,            // "of"
  kWordPer = 1u << 8,           // "per"
  kWordEquals = 1u << 9,        // "equals"
  kWordEqual = 1u << 10,        // "equal" (before "to")
  kWordNegation = 1u << 11,     // "not", "wrong"
  kWordTrial = 1u << 12,        // "suppose", "try", "if"
  kWordRewrite = 1u << 13,      // "expand", "simplify": both sides are claimed to be identical
  kWordAbout = 1u << 14,        // "about", "rounded"
  kWordRemainder = 1u << 15,    // "left", "remainder"
  kWordModular = 1u << 16,      // "mod", "binary"
  kWordFunction = 1u << 17,     // "sin", "log", "gcd"
  kWordAlternative = 1u << 18,  // "or": more values follow
  kWordPercent = 1u << 19,      // "percent"
  kWordEquation = 1u << 20,     // "equation", "sides": an equation is transformed
  kWordNoun = 1u << 22,         // may follow a number despite its other class: "each"
  kWordPreposition = 1u << 21,  // ends a noun phrase: "in", "on", "from"
};

// What a unit measures; units of the same dimension convert.
enum class Dimension : uint8_t { kNone, kTime, kLength, kMass, kVolume, kMoney, kCount };

struct Unit {
  Dimension dimension = Dimension::kNone;
  // Multiples of the dimension's base unit: scale_num / scale_den.
  uint32_t scale_num = 1;
  uint32_t scale_den = 1;
};

// Index into the unit table; 0: not in the table.
using UnitId = uint8_t;
inline constexpr UnitId kNumUnits = 40;
const Unit& UnitOf(UnitId id);
// "dollar", "cent": the units of currency signs.
UnitId DollarUnit();
UnitId CentUnit();

struct WordInfo {
  uint32_t classes = 0;
  UnitId unit = 0;
};

// Looks up one word in any case of ASCII letters; empty for unknown words.
WordInfo LookUpWord(std::string_view word);

}  // namespace prm
