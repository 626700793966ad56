// Final answers: found in a solution's last step, brought to one form, compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace prm {

enum class AnswerSource : uint8_t { kGiven, kBoxed, kAnswerIs, kHashes, kLastNumber };
// "given", "boxed", "answer_is", "hashes", "last_number": the words in the files.
std::string_view AnswerSourceName(AnswerSource source);

struct FoundAnswer {
  std::string text;  // as written, without the marks around it
  AnswerSource source = AnswerSource::kGiven;
  friend bool operator==(const FoundAnswer&, const FoundAnswer&) = default;
};

// The answer that `last_step` ends with; the first of these that is there, each at its last place:
// \boxed{..} or \fbox{..} with balanced braces; the rest of the sentence after "answer is",
// "answer:" or "answer =" (any case); what follows "####" on the last line; the last number.
// nullopt where there is none. Linear in the text.
std::optional<FoundAnswer> ExtractAnswer(std::string_view last_step);

// One form for equal answers, to be compared as bytes. Drops white space around, math delimiters
// ($, \( \), \[ \]), \text{} and its kind, \left \right, spacing commands, bold marks, a final
// full stop, currency, degree and percent signs, "x =" before a value, and the words that follow a
// number (a unit). Numbers are exact: 1,200.50, \frac{1}{2}, 3/6, 1\frac{1}{2} become 1200.5, 0.5,
// 0.5, 1.5; a fraction that no finite decimal equals becomes 1/3 in lowest terms. Choices (A), A.
// and A become A. Plain words become lower case; other text keeps its case and loses its spaces
// beside anything but letters. Applying it twice changes nothing. More than 4096 bytes are only
// trimmed.
std::string NormalizeAnswer(std::string_view answer);

// Equal after normalisation; an answer that normalises to nothing equals none.
bool SameAnswer(std::string_view a, std::string_view b);

// Whether `answer` says what the answer key says, where SameAnswer is too narrow because the two
// are no single value: percentages as hundredths (50% is 0.5), sets and lists in any order
// ({1, 2}, "2 and 1", x = 1 or x = 2, \pm 1), tuples and intervals item by item ((1/2, 1] is
// (0.5, 1]), intervals as inequalities (1 < x \le 2, x > 3), choices with their text ("Choice_B",
// "option B", "B: Alpha particles"). SameAnswer implies it. Symmetric, but no equivalence: 50% is
// 50 and 0.5. More than 4096 bytes a side: SameAnswer.
bool AnswersMatch(std::string_view answer, std::string_view key);

}  // namespace prm
