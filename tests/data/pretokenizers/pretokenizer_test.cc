#include "data/pretokenizers/pretokenizer.h"

#include <gtest/gtest.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace prm {
namespace {

using Words = std::vector<std::string>;

Words Split(PreTokenizer kind, std::string_view text) {
  const WordScanner scanner(kind);
  Words words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = scanner.WordEnd(text, begin);
    if (end <= begin || end > text.size()) throw std::logic_error("scanner does not advance");
    words.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

// The words into which a regular expression splits `text`.
Words SplitByRegex(const char* pattern, std::string_view text) {
  int error;
  PCRE2_SIZE offset;
  const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                    PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr),
      &pcre2_code_free);
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code.get(), nullptr), &pcre2_match_data_free);
  Words words;
  for (size_t at = 0; at < text.size();) {
    const int found = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                  text.size(), at, PCRE2_ANCHORED, match.get(), nullptr);
    if (found < 1) throw std::logic_error("no match");
    const size_t end = pcre2_get_ovector_pointer(match.get())[1];
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

constexpr const char* kGpt2 =
    R"('(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

Words SplitSmolLm2ByRegex(std::string_view text) {
  Words words;
  for (const std::string& part : SplitByRegex(R"(\p{N}|[^\p{N}]+)", text)) {
    for (std::string& word : SplitByRegex(kGpt2, part)) words.push_back(std::move(word));
  }
  return words;
}

// Pieces that the expressions treat differently, joined at random.
std::string RandomText(std::mt19937* random) {
  static const std::vector<std::string> pieces = {" ",
                                                  "  ",
                                                  "\n",
                                                  "\r\n",
                                                  "\t",
                                                  "\v",
                                                  "'s",
                                                  "'S",
                                                  "'re",
                                                  "'LL",
                                                  "'",
                                                  "'\u017F",
                                                  "\u017F",
                                                  "a",
                                                  "the",
                                                  "\u00E9",
                                                  "e\u0301",
                                                  "1",
                                                  "23",
                                                  "4567",
                                                  "\u00BD",
                                                  "\u2167",
                                                  "\u0663",
                                                  "\u3002",
                                                  "\u6F22\u5B57",
                                                  "\uD55C",
                                                  "\u00A0",
                                                  "\u3000",
                                                  "\u0085",
                                                  "\u2028",
                                                  "\u200B",
                                                  "\U0001F469\u200D\U0001F52C",
                                                  "!!",
                                                  "...",
                                                  "=",
                                                  "_",
                                                  "$x^2$",
                                                  "\\frac",
                                                  "<|a|>",
                                                  "\u0300",
                                                  "\u01C5",
                                                  std::string(1, '\0'),
                                                  "\x1C"};
  std::string text;
  for (size_t left = (*random)() % 20; left > 0; --left)
    text += pieces[(*random)() % pieces.size()];
  return text;
}

TEST(PreTokenizer, ScannersSplitLikeTheirExpressions) {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = RandomText(&random);
    ASSERT_EQ(Split(PreTokenizer::kGpt2, text), SplitByRegex(kGpt2, text));
    ASSERT_EQ(Split(PreTokenizer::kSmolLm2, text), SplitSmolLm2ByRegex(text));
    ASSERT_EQ(Split(PreTokenizer::kQwen2, text), SplitByRegex(kQwen2, text));
    ASSERT_EQ(Split(PreTokenizer::kLlama3, text), SplitByRegex(kLlama3, text));
  }
}

TEST(PreTokenizer, NumbersAreSplitAsTheKindSays) {
  const std::string text = "x  1234 5";
  EXPECT_EQ(Split(PreTokenizer::kGpt2, text), (Words{"x", " ", " 1234", " 5"}));
  EXPECT_EQ(Split(PreTokenizer::kSmolLm2, text), (Words{"x", "  ", "1", "2", "3", "4", " ", "5"}));
  EXPECT_EQ(Split(PreTokenizer::kQwen2, text),
            (Words{"x", " ", " ", "1", "2", "3", "4", " ", "5"}));
  EXPECT_EQ(Split(PreTokenizer::kLlama3, text), (Words{"x", " ", " ", "123", "4", " ", "5"}));
}

TEST(PreTokenizer, ContractionsIgnoreCaseWhereTheKindSays) {
  EXPECT_EQ(Split(PreTokenizer::kGpt2, "it's IT'S"), (Words{"it", "'s", " IT", "'", "S"}));
  EXPECT_EQ(Split(PreTokenizer::kQwen2, "it's IT'S"), (Words{"it", "'s", " IT", "'S"}));
}

TEST(PreTokenizer, LineBreaksStayWithWhatPrecedesThem) {
  EXPECT_EQ(Split(PreTokenizer::kGpt2, "a.\n\nb"), (Words{"a", ".", "\n", "\n", "b"}));
  EXPECT_EQ(Split(PreTokenizer::kLlama3, "a.\n\nb"), (Words{"a", ".\n\n", "b"}));
  EXPECT_EQ(Split(PreTokenizer::kLlama3, "a  \n  b"), (Words{"a", "  \n", " ", " b"}));
}

}  // namespace
}  // namespace prm
