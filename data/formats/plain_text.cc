// gsm8k: {"question": text, "answer": text}; each line of the answer is a step, the last line is
//   "#### <final answer>". Calculator marks <<a=b>> are kept under meta.calculator as one list per
//   step, stripped, or left in the text. A reference solution: all correct, necessity unknown.
//   Source: GSM8K, arXiv 2110.14168.
// text: blocks of plain text between lines of three or more - or =; each block is a problem and its
//   solution. numbered: the problem ends before the first head, and a step starts at each; heads
//   are removed. If a line begins with "Step 1" (or 第1步, 步骤1, in any case, as a heading, item
//   or in bold: "**Step 1:** Add", "### Step 1 - Add", or only "Step 1"), such lines are the heads;
//   lists inside a step belong to it; a head out of order is refused. Else the heads are lines with
//   the next number ("1.", "1)", "(1)", "1:"), in the style and indentation of the first if such a
//   line follows.
//   lines, paragraphs, sentences: the problem ends at the first blank line; each line, paragraph or
//   sentence after it is a step. A sentence ends at . ! or ? before white space, but not after an
//   abbreviation, an initial or a single number ("3. ").
#include <algorithm>
#include <array>
#include <map>

#include "data/error.h"
#include "data/formats/readers.h"
#include "data/formats/row_fields.h"
#include "data/io/json_text.h"
#include "data/text/ascii.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    const size_t mark = text.substr(end).starts_with("\r\n") ? 2 : 1;
    text.remove_prefix(std::min(end + mark, text.size()));
  }
  return lines;
}

// --- GSM8K --------------------------------------------------------------------------------------

// `line` without its marks, which are added to `*marks`.
std::string TakeCalculatorMarks(std::string_view line, std::vector<std::string>* marks) {
  std::string text;
  while (true) {
    const size_t begin = line.find("<<");
    const size_t end = begin == line.npos ? line.npos : line.find(">>", begin);
    if (end == line.npos) break;
    text += line.substr(0, begin);
    marks->emplace_back(line.substr(begin + 2, end - begin - 2));
    line.remove_prefix(end + 2);
  }
  return text + std::string(line);
}

void AppendStrings(const std::vector<std::string>& texts, std::string* json) {
  *json += '[';
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) *json += ',';
    AppendJsonString(texts[i], json);
  }
  *json += ']';
}

// --- text ---------------------------------------------------------------------------------------

constexpr std::string_view kBlanks = " \t";

bool TakePrefix(std::string_view prefix, std::string_view* text) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

void SkipBlanks(std::string_view* text) {
  text->remove_prefix(std::min(text->find_first_not_of(kBlanks), text->size()));
}

// Removes and returns the number that `text` starts with; 0 if none or of more than 9 digits.
size_t TakeNumber(std::string_view* text) {
  const size_t size = std::min(text->find_first_not_of("0123456789"), text->size());
  size_t number = 0;
  if (size > 9) return 0;
  for (const char digit : text->substr(0, size)) number = 10 * number + size_t(digit - '0');
  text->remove_prefix(size);
  return number;
}

// The head of a step, removed from its line.
struct Head {
  size_t number = 0;
  std::string text;  // the rest of the line
  // Its spelling: heads with a different spelling or indentation belong to a list within a step.
  std::string style;
};

// Removes "Step 3", "第3步", "步骤3" and returns the number; 0 if `text` starts differently.
size_t TakeStepWord(std::string_view* text) {
  constexpr std::string_view kStep = "step";
  if (TakePrefix("\u7b2c", text)) {
    SkipBlanks(text);
    const size_t number = TakeNumber(text);
    SkipBlanks(text);
    return TakePrefix("\u6b65", text) ? number : 0;
  }
  const bool english =
      text->size() > kStep.size() &&
      std::equal(kStep.begin(), kStep.end(), text->begin(),
                 [](char lower, char c) { return c == lower || c == lower - 'a' + 'A'; });
  if (english) text->remove_prefix(kStep.size());
  if (!english && !TakePrefix("\u6b65\u9aa4", text)) return 0;
  SkipBlanks(text);
  return TakeNumber(text);
}

// A line that starts a step; nullopt if that is uncertain, as in "Step 1 gives 5".
std::optional<Head> StepHead(std::string_view line) {
  constexpr std::array<std::string_view, 9> kMarks = {":",      ".",      ")",      "-", "\u2013",
                                                      "\u2014", "\uff1a", "\u3001", "|"};
  std::string_view rest = TrimSpace(line);
  for (const std::string_view item : {"- ", "* ", "+ ", "> ", "\u2022 "}) {
    if (TakePrefix(item, &rest)) break;
  }
  SkipBlanks(&rest);
  const size_t hashes = std::min(rest.find_first_not_of('#'), rest.size());
  rest.remove_prefix(hashes);
  SkipBlanks(&rest);
  std::string_view bold;
  for (const std::string_view mark : {"***", "**", "__", "*", "_"}) {
    if (!bold.empty() || !TakePrefix(mark, &rest)) continue;
    bold = mark;
  }
  Head head;
  head.number = TakeStepWord(&rest);
  if (head.number == 0) return std::nullopt;
  bool closed = !bold.empty() && TakePrefix(bold, &rest);
  const bool sure = hashes > 0 || closed;
  SkipBlanks(&rest);
  const bool marked = std::any_of(kMarks.begin(), kMarks.end(),
                                  [&](std::string_view mark) { return TakePrefix(mark, &rest); });
  if (!bold.empty() && !closed) closed = TakePrefix(bold, &rest);
  if (!rest.empty() && !marked && !sure && !closed) return std::nullopt;
  // "Step 1.5" and "Step 1:30" are not step heads.
  if (marked && !rest.empty() && rest[0] >= '0' && rest[0] <= '9') return std::nullopt;
  head.text = TrimSpace(rest);
  // In "**Step 1: Add.** Then ..", the bold ends within the line.
  const size_t end = bold.empty() || closed ? head.text.npos : head.text.find(bold);
  if (end != head.text.npos) head.text.erase(end, bold.size());
  if (hashes > 0) head.text.erase(head.text.find_last_not_of('#') + 1);
  return head;
}

// "1.", "1)", "(1)" or "1:", also as a heading or in bold.
std::optional<Head> NumberHead(std::string_view line) {
  std::string_view rest = line;
  Head head;
  const size_t indent = std::min(line.find_first_not_of(kBlanks), line.size());
  rest.remove_prefix(indent);
  const size_t hashes = std::min(rest.find_first_not_of('#'), rest.size());
  rest.remove_prefix(hashes);
  SkipBlanks(&rest);
  const bool bold = TakePrefix("**", &rest);
  const bool bracket = TakePrefix("(", &rest);
  head.number = TakeNumber(&rest);
  if (head.number == 0 || rest.empty()) return std::nullopt;
  const std::string_view marks = bracket ? ")" : ".):";
  if (marks.find(rest[0]) == marks.npos) return std::nullopt;
  head.style = StrCat(line.substr(0, indent), hashes, bold, bracket, rest[0]);
  rest.remove_prefix(1);
  const bool closed = bold && TakePrefix("**", &rest);
  // "3.5 kg" and "1:30" are not step heads.
  if (!rest.empty() && kBlanks.find(rest[0]) == kBlanks.npos) return std::nullopt;
  head.text = TrimSpace(rest);
  const size_t end = bold && !closed ? head.text.find("**") : head.text.npos;
  if (end != head.text.npos) head.text.erase(end, 2);
  return head;
}

struct Solution {
  std::string problem;
  std::vector<std::string> steps;
};

void AppendLine(std::string_view line, std::string* text) {
  if (!text->empty()) *text += '\n';
  *text += line;
}

// A line in another style than the first head is a head only if its number does not follow later in
// the first style: "(2)" in a list of step 1 is not a head if "2." follows.
Solution SplitNumbered(const std::vector<std::string_view>& lines, const JsonField& field) {
  std::vector<std::optional<Head>> heads;
  for (const std::string_view line : lines) heads.push_back(StepHead(line));
  const bool worded = std::any_of(heads.begin(), heads.end(), [](const std::optional<Head>& head) {
    return head && head->number == 1;
  });
  std::map<std::pair<std::string, size_t>, size_t> last;  // last line of each style and number
  for (size_t i = 0; i < lines.size() && !worded; ++i) {
    heads[i] = NumberHead(lines[i]);
    if (heads[i]) last[{heads[i]->style, heads[i]->number}] = i;
  }
  Solution solution;
  std::string style;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::optional<Head>& head = heads[i];
    const size_t next = solution.steps.size() + 1;
    const bool is_next = head && head->number == next;
    if (head && worded && !is_next) {
      RefuseField(field,
                  StrCat("expected the head of step ", next, ", got that of step ", head->number));
    }
    const bool in_style = is_next && (next == 1 || head->style == style);
    if (in_style || (is_next && last[{style, next}] <= i)) {
      if (next == 1) style = head->style;
      solution.steps.push_back(head->text);
    } else {
      AppendLine(lines[i], solution.steps.empty() ? &solution.problem : &solution.steps.back());
    }
  }
  return solution;
}

bool EndsSentence(std::string_view text, size_t at) {
  constexpr std::array<std::string_view, 13> kAbbreviations = {
      "Mr", "Mrs", "Ms", "Dr", "St", "vs", "e.g", "i.e", "etc", "cf", "No", "Fig", "Eq"};
  if (text[at] != '.') return true;
  const size_t space = text.find_last_of(" \t\n", at);
  const size_t begin = space == text.npos ? 0 : space + 1;
  std::string_view word = text.substr(begin, at - begin);
  while (!word.empty() && (word[0] == '(' || word[0] == '"')) word.remove_prefix(1);
  const bool is_initial = word.size() == 1 && word[0] >= 'A' && word[0] <= 'Z';
  // "3." starts a list item if nothing precedes it on its line.
  const bool starts_line = begin == 0 || text[begin - 1] == '\n';
  const bool is_number = !word.empty() && std::all_of(word.begin(), word.end(),
                                                      [](char c) { return c >= '0' && c <= '9'; });
  return !is_initial && !(starts_line && is_number) &&
         std::find(kAbbreviations.begin(), kAbbreviations.end(), word) == kAbbreviations.end();
}

void SplitSentences(std::string_view text, std::vector<std::string>* steps) {
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (std::string_view(".!?").find(text[i]) == std::string_view::npos) continue;
    const bool at_end = i + 1 == text.size() || IsBlank(text.substr(i + 1, 1));
    if (!at_end || !EndsSentence(text, i)) continue;
    steps->emplace_back(TrimSpace(text.substr(begin, i + 1 - begin)));
    begin = i + 1;
  }
  if (!IsBlank(text.substr(begin))) steps->emplace_back(TrimSpace(text.substr(begin)));
}

Solution SplitBehindBlankLine(const std::vector<std::string_view>& lines, SplitRule rule) {
  Solution solution;
  std::vector<std::string> paragraphs(1);
  for (const std::string_view line : lines) {
    if (!IsBlank(line)) {
      AppendLine(line, &paragraphs.back());
    } else if (!paragraphs.back().empty()) {
      paragraphs.emplace_back();
    }
  }
  solution.problem = paragraphs[0];
  for (size_t i = 1; i < paragraphs.size(); ++i) {
    if (rule == SplitRule::kSentences) {
      SplitSentences(paragraphs[i], &solution.steps);
    } else if (rule == SplitRule::kLines) {
      for (const std::string_view line : SplitLines(paragraphs[i])) {
        solution.steps.emplace_back(TrimSpace(line));
      }
    } else if (!paragraphs[i].empty()) {
      solution.steps.emplace_back(TrimSpace(paragraphs[i]));
    }
  }
  return solution;
}

}  // namespace

RowTraces ReadGsm8kRow(const Row& row, const ReadOptions& options) {
  constexpr std::string_view kFinal = "####";
  const RowFields fields(row.objects[0], {"id", "question", "answer"});
  Trace trace;
  trace.id = OwnOrNumberedId(fields, row, options, "gsm8k");
  trace.source = SourceName(options, "gsm8k");
  trace.problem = fields.Text("question");
  const JsonField& field = fields.Need("answer");
  const std::string answer = ReadString(field);
  std::vector<std::string> steps;
  std::string calculator;
  for (const std::string_view line : SplitLines(answer)) {
    const std::string_view text = TrimSpace(line);
    if (text.empty()) continue;
    if (trace.reference_answer) RefuseField(field, "has text after the line with ####");
    if (text.starts_with(kFinal)) {
      trace.reference_answer = std::string(TrimSpace(text.substr(kFinal.size())));
      continue;
    }
    std::vector<std::string> marks;
    const std::string plain = TakeCalculatorMarks(text, &marks);
    steps.emplace_back(options.calculator_marks == CalculatorMarks::kKeep ? text : plain);
    calculator += calculator.empty() ? "[" : ",";
    AppendStrings(marks, &calculator);
  }
  if (!trace.reference_answer) RefuseField(field, "expected a last line \"#### <answer>\"");
  SetSteps(std::move(steps), field, &trace);
  LabelAroundFirstError(-1, &trace);
  trace.answer = trace.reference_answer;
  trace.final_correct = true;
  MetaFields meta;
  meta.AddText("label_kind", "reference");
  if (options.calculator_marks == CalculatorMarks::kMeta) {
    meta.AddJson("calculator", calculator + "]");
  }
  fields.KeepOthers(&meta);
  trace.meta_json = meta.Take();
  return {{std::move(trace)}, {}};
}

RowTraces ReadTextBlock(const Row& row, const ReadOptions& options) {
  const JsonField field{row.where, "", {}};
  if (const std::optional<size_t> byte = FindInvalidUtf8(row.text)) {
    RefuseField(field, StrCat("not UTF-8 at byte ", *byte, " of the block"));
  }
  const std::vector<std::string_view> lines = SplitLines(row.text);
  const bool numbered = options.split == SplitRule::kNumbered;
  Solution solution =
      numbered ? SplitNumbered(lines, field) : SplitBehindBlankLine(lines, options.split);
  if (solution.steps.empty()) {
    RefuseField(field,
                numbered ? "expected a line that starts with the number 1 or with Step 1, got none"
                         : "expected a problem, a blank line and steps, got no steps");
  }
  Trace trace;
  trace.id = NumberedId(row, options, "text");
  trace.source = SourceName(options, "text");
  trace.problem = TrimSpace(solution.problem);
  for (std::string& step : solution.steps) step = std::string(TrimSpace(step));
  SetSteps(std::move(solution.steps), field, &trace);
  return {{std::move(trace)}, {}};
}

}  // namespace prm
