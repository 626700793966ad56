// gsm8k: {"question": text, "answer": text}; each line of the answer is a step, the last line is
//   "#### <final answer>". Calculator marks <<a=b>> are kept under meta.calculator as one list a
//   step, or stripped, or left in the text. A reference solution: all correct, necessity unknown.
//   Source: GSM8K, arXiv 2110.14168.
// text: blocks of plain text between lines of three or more - or =; each block is a problem and its
//   solution. numbered: the problem ends before the line that starts with 1, and a step starts at
//   each line with the next number ("1.", "1)", "(1)", "Step 1:"); the numbers are taken off.
//   lines, paragraphs, sentences: the problem ends at the first blank line; each line, paragraph or
//   sentence behind it is a step. A sentence ends at . ! or ? before white space, but not behind an
//   abbreviation, an initial or a bare number ("3. ").
#include <algorithm>
#include <array>

#include "data/error.h"
#include "data/formats/readers.h"
#include "data/formats/row_fields.h"
#include "data/json_text.h"
#include "data/tokenizer.h"

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

// `line` without its marks, which go to `*marks`.
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

// What follows the mark of step `number` at the start of `line`; nullopt if there is none.
std::optional<std::string_view> BehindNumber(std::string_view line, size_t number) {
  const std::string digits = std::to_string(number);
  std::string_view rest = Trimmed(line);
  const bool bracket = rest.starts_with('(');
  if (bracket) {
    rest.remove_prefix(1);
  } else if (rest.starts_with("Step ")) {
    rest.remove_prefix(5);
  }
  if (!rest.starts_with(digits)) return std::nullopt;
  rest.remove_prefix(digits.size());
  const std::string_view marks = bracket ? ")" : ".):";
  if (rest.empty() || marks.find(rest[0]) == marks.npos) return std::nullopt;
  rest.remove_prefix(1);
  // "3.5 kg" and "1:30" start no step.
  if (!rest.empty() && rest[0] != ' ' && rest[0] != '\t') return std::nullopt;
  return Trimmed(rest);
}

struct Solution {
  std::string problem;
  std::vector<std::string> steps;
};

void AppendLine(std::string_view line, std::string* text) {
  if (!text->empty()) *text += '\n';
  *text += line;
}

Solution SplitNumbered(const std::vector<std::string_view>& lines) {
  Solution solution;
  for (const std::string_view line : lines) {
    if (const auto rest = BehindNumber(line, solution.steps.size() + 1)) {
      solution.steps.emplace_back(*rest);
    } else {
      AppendLine(line, solution.steps.empty() ? &solution.problem : &solution.steps.back());
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
  // "3." starts a list item where nothing stands before it on its line.
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
    steps->emplace_back(Trimmed(text.substr(begin, i + 1 - begin)));
    begin = i + 1;
  }
  if (!IsBlank(text.substr(begin))) steps->emplace_back(Trimmed(text.substr(begin)));
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
        solution.steps.emplace_back(Trimmed(line));
      }
    } else if (!paragraphs[i].empty()) {
      solution.steps.emplace_back(Trimmed(paragraphs[i]));
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
    const std::string_view text = Trimmed(line);
    if (text.empty()) continue;
    if (trace.reference_answer) RefuseField(field, "has text behind the line with ####");
    if (text.starts_with(kFinal)) {
      trace.reference_answer = std::string(Trimmed(text.substr(kFinal.size())));
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
  Solution solution = numbered ? SplitNumbered(lines) : SplitBehindBlankLine(lines, options.split);
  if (solution.steps.empty()) {
    RefuseField(field, numbered ? "expected a line that starts with the number 1, got none"
                                : "expected a problem, a blank line and steps, got no steps");
  }
  Trace trace;
  trace.id = NumberedId(row, options, "text");
  trace.source = SourceName(options, "text");
  trace.problem = Trimmed(solution.problem);
  for (std::string& step : solution.steps) step = std::string(Trimmed(step));
  SetSteps(std::move(solution.steps), field, &trace);
  return {{std::move(trace)}, {}};
}

}  // namespace prm
