// Final answers: extracted from a solution's last step, normalised and compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace prm {

enum class AnswerSource : uint8_t { kGiven, kBoxed, kAnswerIs, kHashes, kLastNumber };
// The words used in files: "given", "boxed", "answer_is", "hashes", "last_number".
std::string_view AnswerSourceName(AnswerSource source);

struct FoundAnswer {
  std::string text;  // as written, without the surrounding marks
  AnswerSource source = AnswerSource::kGiven;
  friend bool operator==(const FoundAnswer&, const FoundAnswer&) = default;
};

// The answer that `last_step` ends with: the last occurrence of the first of these that is present.
// \boxed{..} or \fbox{..} with balanced braces; the rest of the sentence after "answer is",
// "answer:" or "answer =" (any case); the text after "####" on the last line; the last number.
// nullopt if none is present. Linear in the text.
std::optional<FoundAnswer> ExtractAnswer(std::string_view last_step);

// One form for equal answers, to be compared as bytes. Drops surrounding white space, math
// delimiters ($, \( \), \[ \]), \text{} and similar commands, \left \right, spacing commands, bold
// marks, a final full stop, currency, degree and percent signs, "x =" before a value, and words
// after a number (a unit). Numbers are exact: 1,200.50, \frac{1}{2}, 3/6, 1\frac{1}{2} become
// 1200.5, 0.5, 0.5, 1.5; a fraction without a finite decimal is reduced, such as 1/3. Choices (A),
// A. and A become A. Plain words become lower case; other text keeps its case and loses spaces
// except between letters. Idempotent. Answers over 4096 bytes are only trimmed.
std::string NormalizeAnswer(std::string_view answer);

// Equal after normalisation. An answer that normalises to nothing equals no answer.
bool SameAnswer(std::string_view a, std::string_view b);

// Whether `answer` means the same as the key, also if the two are not single values, for which
// SameAnswer is too narrow: percentages as hundredths (50% is 0.5), sets and lists in any order
// ({1, 2}, "2 and 1", x = 1 or x = 2, \pm 1), tuples and intervals item by item ((1/2, 1] is (0.5,
// 1]), intervals as inequalities (1 < x \le 2, x > 3), choices with their text ("Choice_B", "option
// B", "B: Alpha particles"). SameAnswer implies it. Symmetric but not transitive: 50% matches 50
// and 0.5. Over 4096 bytes per side: SameAnswer.
bool AnswersMatch(std::string_view answer, std::string_view key);

}  // namespace prm
