#include "data/step_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/error.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TokenId kBos = 256;
constexpr TokenId kSpaceMark = 257;
constexpr TokenId kBlankLine = 258;

// An id a byte; ".\n\n" in a text is one token as in real byte-level vocabularies.
class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(bool has_bos = true) : has_bos_(has_bos) {}
  void Encode(std::string_view text, SpecialTokens special,
              std::vector<TokenId>* ids) const override {
    EXPECT_EQ(special, SpecialTokens::kText) << "user text could forge special tokens";
    if (const auto offset = FindInvalidUtf8(text)) {
      throw Error(ErrorCode::kInvalidArgument, StrCat("not UTF-8 at byte ", *offset));
    }
    while (!text.empty()) {
      const bool blank_line = text.starts_with(".\n\n");
      ids->push_back(blank_line ? kBlankLine : TokenId(static_cast<unsigned char>(text[0])));
      text.remove_prefix(blank_line ? 3 : 1);
    }
  }
  std::string Decode(std::span<const TokenId>) const override { return ""; }
  int vocab_size() const override { return 259; }
  std::optional<TokenId> PieceToId(std::string_view) const override { return std::nullopt; }
  std::optional<TokenId> bos_id() const override {
    return has_bos_ ? std::optional(kBos) : std::nullopt;
  }
  std::optional<TokenId> eos_id() const override { return std::nullopt; }
  void Save(const std::filesystem::path&) const override {}

 private:
  bool has_bos_;
};

// Puts a space mark before every text, as SentencePiece does.
class MarkingTokenizer : public ByteTokenizer {
 public:
  void Encode(std::string_view text, SpecialTokens special,
              std::vector<TokenId>* ids) const override {
    ids->push_back(kSpaceMark);
    ByteTokenizer::Encode(text, special, ids);
  }
  std::optional<TokenId> PieceToId(std::string_view piece) const override {
    return piece == "<0x0A>" ? std::optional<TokenId>('\n') : std::nullopt;
  }
};

Trace MakeTrace(std::string problem, std::vector<std::string> steps) {
  Trace trace;
  trace.id = "p17";
  trace.problem = std::move(problem);
  for (std::string& step : steps) trace.steps.push_back({std::move(step), {}, {}});
  return trace;
}

std::string MessageFor(const Trace& trace) {
  const ByteTokenizer tokenizer;
  return MessageOf([&] { TokenizeTrace(NewlineFormat(tokenizer, false), tokenizer, trace); },
                   ErrorCode::kInvalidArgument);
}

TEST(NewlineFormat, EndsProblemAndStepsWithTheNewlineToken) {
  const StepFormat format = NewlineFormat(ByteTokenizer(), false);
  EXPECT_THAT(format.prefix_ids, ElementsAre());
  EXPECT_THAT(format.problem_suffix_ids, ElementsAre('\n'));
  EXPECT_THAT(format.separator_ids, ElementsAre('\n'));
}

TEST(NewlineFormat, TheSpaceMarkIsNoPartOfTheSeparator) {
  EXPECT_THAT(NewlineFormat(MarkingTokenizer(), false).separator_ids, ElementsAre('\n'));
}

TEST(NewlineFormat, BosComesFirstWhereTheModelExpectsIt) {
  EXPECT_THAT(NewlineFormat(ByteTokenizer(), true).prefix_ids, ElementsAre(kBos));
  EXPECT_THROW(NewlineFormat(ByteTokenizer(false), true), Error);
}

TEST(TokenizeTrace, ReadsEachStepAtTheLastIdOfItsSeparator) {
  const ByteTokenizer tokenizer;
  const StepFormat format{{kBos}, {':'}, {'<', '>'}};
  const TraceTokens tokens = TokenizeTrace(format, tokenizer, MakeTrace("p", {"ab", "c"}));
  EXPECT_THAT(tokens.ids, ElementsAre(kBos, 'p', ':', 'a', 'b', '<', '>', 'c', '<', '>'));
  EXPECT_THAT(tokens.step_reads, ElementsAre(6, 9));
}

TEST(TokenizeTrace, ASeparatorNeverMergesWithTheText) {
  const ByteTokenizer tokenizer;
  const TraceTokens tokens = TokenizeTrace(NewlineFormat(tokenizer, false), tokenizer,
                                           MakeTrace("p.\n", {"x.\n", "y.\n\n"}));
  ASSERT_EQ(tokens.step_reads.size(), 2u);
  for (const int32_t read : tokens.step_reads) EXPECT_EQ(tokens.ids[size_t(read)], '\n');
  EXPECT_THAT(tokens.ids,
              ElementsAre('p', '.', '\n', '\n', 'x', '.', '\n', '\n', 'y', kBlankLine, '\n'));
}

TEST(TokenizeTrace, EqualsAppendingStepByStep) {
  const MarkingTokenizer tokenizer;
  const StepFormat format = NewlineFormat(tokenizer, true);
  const Trace trace = MakeTrace("problem", {"one", "two.\n\n", " three"});
  TraceTokens grown{ProblemIds(format, tokenizer, trace.problem), {}};
  for (const Step& step : trace.steps) AppendStep(format, tokenizer, step.text, &grown);
  const TraceTokens whole = TokenizeTrace(format, tokenizer, trace);
  EXPECT_EQ(grown.ids, whole.ids);
  EXPECT_EQ(grown.step_reads, whole.step_reads);
}

TEST(TokenizeTrace, NamesTraceAndStepOfWhatItRefuses) {
  EXPECT_EQ(MessageFor(MakeTrace("p", {})), "trace p17: no steps");
  EXPECT_THAT(MessageFor(MakeTrace("p", {"a", " \n"})), HasSubstr("trace p17: steps[1]: "));
  EXPECT_EQ(MessageFor(MakeTrace("p", {"a", "b\xff"})), "trace p17: steps[1]: not UTF-8 at byte 1");
  EXPECT_EQ(MessageFor(MakeTrace("\xff", {"a"})), "trace p17: problem: not UTF-8 at byte 0");
}

TEST(TokenizeTrace, AFormatWithoutSeparatorIsAnError) {
  const ByteTokenizer tokenizer;
  EXPECT_THROW(TokenizeTrace(StepFormat{}, tokenizer, MakeTrace("p", {"a"})), Error);
}

TEST(CutToFit, KeepsTheLeadingWholeStepsThatFit) {
  const ByteTokenizer tokenizer;
  const TraceTokens whole =
      TokenizeTrace(NewlineFormat(tokenizer, false), tokenizer, MakeTrace("p", {"ab", "c", "d"}));
  ASSERT_EQ(whole.ids.size(), 9u);  // p . a b . c . d .
  const std::vector<int> kept_for = {0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3};
  for (int max_tokens = 0; max_tokens < int(kept_for.size()); ++max_tokens) {
    TraceTokens cut = whole;
    const int kept = kept_for[size_t(max_tokens)];
    EXPECT_EQ(CutToFit(max_tokens, &cut), 3 - kept) << max_tokens;
    ASSERT_EQ(cut.step_reads.size(), size_t(kept)) << max_tokens;
    EXPECT_LE(cut.ids.size(), size_t(max_tokens));
    EXPECT_EQ(cut.ids.size(), kept == 0 ? 0 : size_t(cut.step_reads.back()) + 1);
  }
}

}  // namespace
}  // namespace prm
