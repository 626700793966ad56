#include "data/analysis/step_lints.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "data/error.h"
#include "data/math_text/math_shapes.h"
#include "data/math_text/verdict.h"
#include "data/similarity/levenshtein.h"
#include "data/similarity/normal_text.h"
#include "data/symbolic/step_checker.h"
#include "data/text/ascii.h"
#include "data/text/hash.h"

namespace prm {
namespace {

constexpr size_t kMaxShownBytes = 120;
constexpr size_t kMinRepeatedWords = 3;

// Whether the full stop at `at` belongs to an abbreviation, an initial or a list mark.
bool IsNoEnd(std::string_view text, size_t at) {
  constexpr std::array<std::string_view, 21> kAbbreviations = {
      "a.m", "p.m", "mr",  "mrs", "ms",     "dr", "st", "vs",   "etc", "rs", "eq",
      "fig", "e.g", "i.e", "no",  "approx", "cu", "sq", "resp", "cf",  "v"};
  constexpr std::array<std::string_view, 14> kUnits = {
      "ft", "in", "lb", "lbs", "oz", "hr", "hrs", "min", "sec", "yd", "mi", "gal", "cm", "km"};
  size_t begin = at;
  while (begin > 0 && !IsSpace(text[begin - 1]) && text[begin - 1] != '(') --begin;
  std::string word(text.substr(begin, at - begin));
  for (char& c : word) {
    if (IsUpper(c)) c = char(c - 'A' + 'a');
  }
  if (word.size() == 1 && IsLetter(word[0])) return word[0] != 'x' && word[0] != 'n';
  // "60 sq.ft. of wood", but "60 sq.ft. Then"
  const size_t next = text.find_first_not_of(" \t\n\r", at + 1);
  const std::string_view unit = std::string_view(word).substr(word.rfind('.') + 1);
  if (next != text.npos && !IsUpper(text[next]) &&
      std::find(kUnits.begin(), kUnits.end(), unit) != kUnits.end()) {
    return true;
  }
  const bool at_start = begin == 0 || text[begin - 1] == '\n';
  const bool number = !word.empty() && std::all_of(word.begin(), word.end(), IsDigit);
  return (at_start && number) ||
         std::find(kAbbreviations.begin(), kAbbreviations.end(), word) != kAbbreviations.end();
}

bool IsPlainNumber(std::string_view form) {
  return !form.empty() && std::all_of(form.begin(), form.end(), [](char c) {
    return IsDigit(c) || c == '.' || c == '/' || c == '-';
  });
}

// `text` with an x for each formula between delimiters.
std::string WithoutFormulas(std::string_view text) {
  // Delimiters without a closing partner are dropped, so the text is read only once.
  std::vector<std::array<std::string_view, 2>> delimiters = {
      {"$$", "$$"}, {"\\[", "\\]"}, {"\\(", "\\)"}, {"\\begin{align", "\\end{align"}};
  std::string plain;
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    std::array<std::string_view, 2> found;
    if (rest[0] == '$' && OpensMathRegion(rest)) found = {"$", "$"};
    for (const auto& pair : delimiters) {
      if (rest.starts_with(pair[0])) found = pair;
    }
    const size_t end = found[0].empty() ? rest.npos : rest.find(found[1], found[0].size());
    if (end == rest.npos) {
      if (!found[0].empty()) std::erase(delimiters, found);
      plain += text[i++];
      continue;
    }
    plain += 'x';
    i += end + found[1].size();
  }
  return plain;
}

// "x", "a_1", "\theta".
bool IsName(std::string_view form) {
  return !form.empty() && !IsDigit(form[0]) && std::all_of(form.begin(), form.end(), [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '_' || c == '{' || c == '}' || c == '\\';
  });
}

// "x = 3" names a value and transforms nothing.
bool IsAssignment(const RelationCheck& relation) {
  return IsName(relation.left_form) &&
         (IsPlainNumber(relation.right_form) || IsName(relation.right_form));
}

// Whether a sentence that begins so defines or assumes: "let u =", not "let's try to get u =".
bool DefinesOrAssumes(std::string_view sentence) {
  constexpr std::array<std::string_view, 7> kWords = {"let",      "denote",  "define",   "assume",
                                                      "assuming", "suppose", "supposing"};
  const std::string normal = NormalText(sentence);
  const std::vector<std::string_view> words = NormalWords(normal);
  for (size_t i = 0; i < words.size(); ++i) {
    const bool asks = i + 1 < words.size() && (words[i + 1] == "s" || words[i + 1] == "us");
    if (!asks && std::find(kWords.begin(), kWords.end(), words[i]) != kWords.end()) return true;
  }
  return false;
}

// "1 km = 1000 m", "1 hour is equal to 60 minutes".
bool IsUnitFact(std::string_view relation) {
  constexpr std::array<std::string_view, 5> kSigns = {"=", "is", "equal", "equals", "to"};
  const std::string normal = NormalText(relation);
  std::vector<std::string_view> words = NormalWords(normal);
  std::erase_if(words, [&](std::string_view word) {
    return std::find(kSigns.begin(), kSigns.end(), word) != kSigns.end();
  });
  return words.size() == 4 && words[0] == "1" && IsLetter(words[1][0]) && IsNumberWord(words[2]) &&
         IsLetter(words[3][0]);
}

// Also true for definitions, known facts, and a >= b, which holds in a case.
bool TransformsNothing(std::string_view step, const RelationCheck& relation) {
  if (relation.relation != "=" && relation.relation != "~") return true;
  const size_t begin = std::min<size_t>(relation.begin, step.size());
  const std::string_view before = step.substr(0, begin);
  return DefinesOrAssumes(before.substr(before.find_last_of(".;\n") + 1)) ||
         IsUnitFact(step.substr(begin, relation.end - relation.begin));
}

// Chains a = b = c with a relation that is not in `written`; adds theirs to it.
int CountChains(std::string_view step, const StepCheck& check, WrittenRelations* written) {
  int chains = 0;
  uint32_t end = 0;
  bool counted = false;
  for (const RelationCheck& relation : check.relations) {
    const bool read = !relation.left_form.empty() && !relation.right_form.empty();
    if (!read || IsAssignment(relation)) continue;
    // The pairs of a = b = c share a side.
    if (relation.begin >= end) counted = false;
    end = std::max(end, relation.end);
    const auto& [low, high] = std::minmax(relation.left_form, relation.right_form);
    const bool is_new = written->insert(StrCat(low, "=", high)).second;
    if (counted || !is_new || TransformsNothing(step, relation)) continue;
    ++chains;
    counted = true;
  }
  return chains;
}

// Arithmetic may have many operations and is easy to check; what follows from the context is not.
int LargestJump(const StepCheck& check) {
  int largest = 0;
  for (const RelationCheck& relation : check.relations) {
    if (relation.reason == Reason::kFollows) largest = std::max(largest, relation.operations);
  }
  return largest;
}

int CountWordsOf(std::string_view text, std::span<const std::string_view> wanted) {
  const std::string normal = NormalText(text);
  int count = 0;
  for (const std::string_view word : NormalWords(normal)) {
    count += std::find(wanted.begin(), wanted.end(), word) != wanted.end();
  }
  return count;
}

// Counts quotations of at least three words between double quotes.
int CountQuotes(std::string_view text) {
  constexpr std::array<std::string_view, 3> kMarks = {"\"", "\u201c", "\u201d"};
  int quotes = 0;
  size_t open = std::string_view::npos;
  for (size_t i = 0; i < text.size(); ++i) {
    for (const std::string_view mark : kMarks) {
      if (text.substr(i, mark.size()) != mark) continue;
      if (open == std::string_view::npos) {
        open = i + mark.size();
      } else {
        quotes += CountWords(text.substr(open, i - open)) >= 3;
        open = std::string_view::npos;
      }
      i += mark.size() - 1;
      break;
    }
  }
  return quotes;
}

// Counts distinct [3], URLs and "according to X".
int CountSources(std::string_view text) {
  std::set<std::string> sources;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("http://") || rest.starts_with("https://")) {
      sources.emplace(rest.substr(0, std::min(rest.find_first_of(" \t\n)]>\""), rest.size())));
    } else if (rest.size() > 2 && rest[0] == '[' && IsDigit(rest[1])) {
      const size_t close = rest.find(']');
      if (close < 6) sources.emplace(rest.substr(0, close));
    } else if (rest.starts_with("ccording to ")) {
      const std::string_view who = rest.substr(12);
      sources.emplace(who.substr(0, std::min(who.find_first_of(",.;\n"), who.size())));
    }
  }
  return int(sources.size());
}

// Counts sections, articles and cases: "
// 5", "Art. 2", "Section 230", "Smith v. Jones".
int CountAuthorities(std::string_view text) {
  const std::string normal = NormalText(text);
  const std::vector<std::string_view> words = NormalWords(normal);
  std::set<std::string> authorities;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const bool numbered = words[i] == "\u00a7" || words[i] == "art" || words[i] == "article" ||
                          words[i] == "section" || words[i] == "rule";
    if (numbered && IsNumberWord(words[i + 1])) authorities.insert(StrCat("#", words[i + 1]));
    const bool versus = i > 0 && (words[i] == "v" || words[i] == "vs");
    if (versus) authorities.insert(StrCat(words[i - 1], " v ", words[i + 1]));
  }
  return int(authorities.size());
}

// Words that can be added or removed without changing the meaning of a step.
bool IsFiller(std::string_view word) {
  constexpr std::array<std::string_view, 46> kFillers = {
      "so",        "and",  "also", "then", "now",   "well",  "right",   "exactly",
      "ok",        "okay", "yes",  "thus", "hence", "the",   "a",       "an",
      "we",        "i",    "that", "just", "again", "next",  "first",   "finally",
      "therefore", "but",  "let",  "s",    "us",    "our",   "my",      "here",
      "of",        "in",   "if",   "can",  "great", "good",  "correct", "either",
      "too",       "have", "get",  "know", "see",   "notice"};
  return std::find(kFillers.begin(), kFillers.end(), word) != kFillers.end();
}

// "Right." and "Ok!" have no content.
bool IsInterjection(std::string_view sentence) {
  constexpr size_t kLongest = 16;
  if (sentence.size() > kLongest) return false;
  const std::string normal = NormalText(sentence);
  return IsFiller(normal);
}

// Hash of the words that two steps must share to mean the same.
uint64_t ContentHash(std::string_view normal) {
  uint64_t hash = 0;
  for (const std::string_view word : NormalWords(normal)) {
    if (!IsFiller(word)) hash = Scramble(hash ^ HashText(word));
  }
  return hash;
}

// "This is divisible by 3" refers to something else each time; "so the result is" and "suppose x >
// 0" continue differently; "let us try another way" has no content that could be redundant.
bool SpeaksOfAnother(std::string_view step) {
  constexpr std::array<std::string_view, 22> kReferences = {
      "this", "these",   "those",  "it",         "its",     "them",     "they",   "he",
      "she",  "which",   "our",    "another",    "other",   "approach", "result", "expression",
      "what", "suppose", "assume", "difference", "divisor", "remainder"};
  const std::string normal = NormalText(WithoutFormulas(step));
  const std::vector<std::string_view> words = NormalWords(normal);
  const auto refers = [&](std::string_view word) {
    return std::find(kReferences.begin(), kReferences.end(), word) != kReferences.end();
  };
  if (std::any_of(words.begin(), words.end(), refers)) return true;
  // A leading "That" refers back, except in "we see that".
  std::string_view before;
  for (const std::string_view word : words) {
    const bool joins = before == "see" || before == "know" || before == "notice";
    if (word == "that" && !joins) return true;
    if (!IsFiller(word)) return false;
    before = word;
  }
  return true;
}

// In mathematics, only a statement can be redundant.
bool IsStatement(StepUnit unit, std::string_view step) {
  constexpr std::array<std::string_view, 9> kSigns = {"=",      "<",      ">",      "\\le",  "\\ge",
                                                      "\u2264", "\u2265", "\u2248", "\\frac"};
  return unit != StepUnit::kTransformation ||
         std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return step.find(sign) != step.npos; });
}

}  // namespace

std::string_view LintName(Lint lint) {
  constexpr std::array<std::string_view, kNumLints> kNames = {
      "many_units",   "many_sentences",       "many_words",
      "skipped_step", "unsupported_quantity", "repeated_step"};
  return kNames[size_t(lint)];
}

int CountSentences(std::string_view text) {
  int sentences = 0;
  size_t begin = 0;
  bool letter = false;
  const auto end_at = [&](size_t end) {
    sentences += letter && !IsInterjection(text.substr(begin, end - begin));
    begin = end;
    letter = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    letter = letter || IsLetter(text[i]) || (text[i] & 0x80);
    const bool stop = text[i] == '.' || text[i] == '!' || text[i] == '?';
    const bool last = i + 1 == text.size() || IsSpace(text[i + 1]);
    if (stop && last && letter && !(text[i] == '.' && IsNoEnd(text, i))) end_at(i + 1);
  }
  end_at(text.size());
  return sentences;
}

int CountWords(std::string_view text) {
  int words = 0;
  bool inside = false;  // of a word already counted
  for (const char c : WithoutFormulas(text)) {
    const bool speaks = IsLetter(c) || IsDigit(c) || (c & 0x80) != 0;
    words += speaks && !inside;
    inside = !IsSpace(c) && (inside || speaks);
  }
  return words;
}

int CountUnits(StepUnit unit, std::string_view step, const StepCheck& check,
               WrittenRelations* written) {
  constexpr std::array<std::string_view, 6> kConclusions = {"therefore", "hence",        "thus",
                                                            "thereby",   "consequently", "whence"};
  switch (unit) {
    case StepUnit::kTransformation:
      return CountChains(step, check, written);
    case StepUnit::kEvidence:
      return CountQuotes(step);
    case StepUnit::kSource:
      return CountSources(step);
    case StepUnit::kAuthority:
      return CountAuthorities(step);
    case StepUnit::kInference:
      return CountWordsOf(step, kConclusions);
  }
  throw Error(ErrorCode::kInternal, "lints: unknown unit of a step");
}

double StepSimilarity(std::string_view normal_a, std::string_view normal_b) {
  if (normal_a == normal_b) return 1;
  if (ContentHash(normal_a) != ContentHash(normal_b)) return 0;
  const std::vector<std::string_view> a = NormalWords(normal_a), b = NormalWords(normal_b);
  return 1 - double(Levenshtein(a, b)) / double(std::max(a.size(), b.size()));
}

StepLinter::StepLinter(std::string_view problem, const Guideline& guideline)
    : guideline_(guideline), known_(guideline.quantities ? problem : std::string_view()) {
  if (guideline.unit != StepUnit::kTransformation || problem.find('=') == problem.npos) return;
  CountChains(problem, StepChecker("").Check(problem), &written_);
}

std::vector<LintFinding> StepLinter::Next(std::string_view step, const StepCheck& check) {
  std::vector<LintFinding> found;
  LintSize(step, check, &found);
  const int jump = LargestJump(check);
  if (jump > guideline_.max_jump) {
    found.push_back(
        {Lint::kSkippedStep, index_, StrCat(jump, " elementary operations from the context")});
  }
  if (guideline_.quantities) {
    for (const std::string& number : known_.Unsupported(step)) {
      found.push_back({Lint::kUnsupportedQuantity, index_, number});
    }
  }
  LintRepeat(step, &found);
  ++index_;
  return found;
}

void StepLinter::LintSize(std::string_view step, const StepCheck& check,
                          std::vector<LintFinding>* found) {
  const auto limit = [&](Lint lint, int count, int most, std::string_view what) {
    if (count <= most) return;
    found->push_back({lint, index_, StrCat(count, " ", what, ", at most ", most)});
  };
  limit(Lint::kManyUnits, CountUnits(guideline_.unit, step, check, &written_), guideline_.max_units,
        StrCat(StepUnitName(guideline_.unit), " units"));
  limit(Lint::kManySentences, CountSentences(step), guideline_.max_sentences, "sentences");
  limit(Lint::kManyWords, CountWords(step), guideline_.max_words, "words");
}

void StepLinter::LintRepeat(std::string_view step, std::vector<LintFinding>* found) {
  if (guideline_.max_similarity > 1 || !IsStatement(guideline_.unit, step)) return;
  std::string normal = NormalText(step);
  const size_t words = NormalWords(normal).size();
  if (words < kMinRepeatedWords) return;
  std::vector<Earlier>& alike = earlier_[ContentHash(normal)];
  const size_t first = alike.size() > kMaxCompared ? alike.size() - kMaxCompared : 0;
  for (size_t i = alike.size(); i-- > first;) {
    const bool too_long = words > kMaxComparedWords;
    const double similarity =
        too_long ? double(alike[i].normal == normal) : StepSimilarity(alike[i].normal, normal);
    if (similarity < guideline_.max_similarity) continue;
    if (SpeaksOfAnother(step)) break;
    found->push_back(
        {Lint::kRepeatedStep, index_,
         StrCat("as step ", alike[i].step, ": ", ClipText(alike[i].normal, kMaxShownBytes))});
    break;
  }
  if (alike.size() >= 2 * kMaxCompared) alike.erase(alike.begin(), alike.begin() + kMaxCompared);
  alike.push_back({index_, std::move(normal)});
}

}  // namespace prm
