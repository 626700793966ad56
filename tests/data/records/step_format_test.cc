#include "data/records/step_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "data/error.h"
#include "data/text/utf8.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TokenId kBos = 256;
constexpr TokenId kSpaceMark = 257;
constexpr TokenId kBlankLine = 258;

// One id per byte; ".\n\n" in a text is one token, as in real byte-level vocabularies.
class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(bool has_bos = true) : has_bos_(has_bos) {}
  void Encode(std::string_view text, SpecialTokens special, std::vector<TokenId>* ids,
              TextStart) const override {
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
  std::string Decode(std::span<const TokenId> ids) const override {
    return std::string(ids.begin(), ids.end());
  }
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

// Puts a space mark before every new text, as SentencePiece does.
class MarkingTokenizer : public ByteTokenizer {
 public:
  void Encode(std::string_view text, SpecialTokens special, std::vector<TokenId>* ids,
              TextStart start) const override {
    if (start == TextStart::kNew) ids->push_back(kSpaceMark);
    ByteTokenizer::Encode(text, special, ids, start);
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

FormatPart Ids(std::vector<TokenId> ids) { return {.ids = std::move(ids), .text = ""}; }
FormatPart Text(std::string text) { return {.ids = {}, .text = std::move(text)}; }
FormatPart Alone(std::string text) { return {.ids = {}, .text = std::move(text), .alone = true}; }

// One character per id; ids that are not bytes are shown as ^ (BOS) and _ (space mark).
std::string Shown(const TraceTokens& tokens) {
  std::string text;
  for (const TokenId id : tokens.ids) {
    text += id == kBos ? '^' : id == kSpaceMark ? '_' : id == kBlankLine ? '#' : char(id);
  }
  return text;
}

std::string ShownTrace(const StepFormat& format, std::string problem,
                       std::vector<std::string> steps) {
  return Shown(TokenizeTrace(format, MarkingTokenizer(), MakeTrace(problem, steps)));
}

TEST(NewlineFormat, EndsProblemAndStepsWithTheNewlineToken) {
  const StepFormat format = NewlineFormat(ByteTokenizer(), false);
  EXPECT_THAT(format.prompt, ElementsAre(Text("{problem}"), Ids({'\n'})));
  EXPECT_THAT(format.step, ElementsAre(Text("{step}"), Ids({'\n'})));
  EXPECT_THAT(format.between, ElementsAre());
  CheckStepFormat(format, "format");
}

TEST(NewlineFormat, TheSpaceMarkIsNoPartOfTheSeparator) {
  EXPECT_EQ(NewlineFormat(MarkingTokenizer(), false).step.back(), Ids({'\n'}));
}

TEST(SeparatorFormat, EndsStepsWithASpecialTokenThatNoTextBecomes) {
  BpeSpec spec;
  spec.where = "test";
  for (int i = 0; i < 256; ++i) spec.tokens.push_back(std::string(1, char(i)));
  spec.special_tokens = {{"<bos>", 256}, {"<added>", 257, /*special=*/false}, {"<sep>", 258}};
  spec.bos_id = 256;
  const auto tokenizer = MakeBpeTokenizer(std::move(spec));
  const StepFormat format = SeparatorFormat(*tokenizer, true, "<sep>");
  EXPECT_EQ(format.prompt, NewlineFormat(*tokenizer, true).prompt);
  EXPECT_EQ(format.step.back(), Ids({258}));
  Trace trace;
  trace.problem = "a<sep>";
  trace.steps = {{"b<sep>", {}, {}}, {"c", {}, {}}};
  const TraceTokens tokens = TokenizeTrace(format, *tokenizer, trace);
  EXPECT_EQ(std::ranges::count(tokens.ids, 258), 2);
  for (const int32_t read : tokens.step_reads) EXPECT_EQ(tokens.ids[size_t(read)], 258);
  for (const char* separator : {"<bos>", "<added>", "x", "<nowhere>", ""}) {
    EXPECT_EQ(MessageOf([&] { SeparatorFormat(*tokenizer, true, separator); }),
              StrCat("separator \"", separator, "\": expected a special token of the tokenizer, ",
                     "which no text becomes and none begins with, such as <sep>"));
  }
  EXPECT_EQ(SeparatorFormat(*tokenizer, false, "<bos>").step.back(), Ids({256}));
}

TEST(NewlineFormat, BosComesFirstWhereTheModelExpectsIt) {
  EXPECT_EQ(NewlineFormat(ByteTokenizer(), true).prompt.front(), Ids({kBos}));
  EXPECT_THROW(NewlineFormat(ByteTokenizer(false), true), Error);
}

TEST(CheckStepFormat, PlaceholdersAreWhereTheyBelong) {
  const StepFormat good = NewlineFormat(ByteTokenizer(), false);
  const auto message = [&](auto change) {
    StepFormat format = good;
    change(&format);
    return MessageOf([&] { CheckStepFormat(format, "f.json"); }, ErrorCode::kInvalidArgument);
  };
  EXPECT_EQ(message([](StepFormat* f) { f->prompt[0].text = "{problm}"; }),
            "f.json: field 'format.prompt' has {problem} 0 times; expected 1");
  EXPECT_EQ(message([](StepFormat* f) { f->step[0].text = "{step} {step}"; }),
            "f.json: field 'format.step' has {step} 2 times; expected 1");
  EXPECT_EQ(message([](StepFormat* f) { f->between = {Text("{step}")}; }),
            "f.json: field 'format.between' has {step} 1 times; expected 0");
  EXPECT_THAT(message([](StepFormat* f) { f->step[1].ids = {-1}; }), HasSubstr("negative id"));
}

TEST(TokenizeTrace, ReadsEachStepAtItsLastId) {
  const ByteTokenizer tokenizer;
  const StepFormat format{.prompt = {Ids({kBos}), Text("{problem}"), Ids({':'})},
                          .step = {Text("{step}"), Ids({'<', '>'})},
                          .between = {Text("+")}};
  const TraceTokens tokens = TokenizeTrace(format, tokenizer, MakeTrace("p", {"ab", "c"}));
  EXPECT_EQ(Shown(tokens), "^p:ab<>+c<>");
  EXPECT_THAT(tokens.step_reads, ElementsAre(6, 10));
}

TEST(TokenizeTrace, TextsThatFollowEachOtherAreEncodedAsOne) {
  const StepFormat format{.prompt = {Text("Q {problem}"), Text(".\n")},
                          .step = {Text("\n{step}"), Ids({'|'})},
                          .between = {Text("~")}};
  EXPECT_EQ(ShownTrace(format, "p", {"a", "b"}), "_Q p#a|~\nb|");
}

TEST(TokenizeTrace, ATextAloneIsANewText) {
  const StepFormat format{
      .prompt = {Alone("{problem}.")}, .step = {Alone("{step}"), Text("\n\n")}, .between = {}};
  EXPECT_EQ(ShownTrace(format, "p", {"a.", "b"}), "_p._a.\n\n_b\n\n");
}

TEST(TokenizeTrace, StepsAreNumberedAndBracesInTheTextsStayAsTheyAre) {
  const StepFormat format{.prompt = {Text("{problem} ")},
                          .step = {Text("Step {n}: {step} {}"), Ids({'|'})},
                          .between = {}};
  EXPECT_EQ(ShownTrace(format, "{step}", {"{n}", "\\boxed{problem}"}),
            "_{step} Step 1: {n} {}|Step 2: \\boxed{problem} {}|");
}

TEST(TokenizeTrace, WhiteSpaceAroundStepsGoesAndTheReadIsWhereTheFormatSays) {
  const ByteTokenizer tokenizer;
  StepFormat format{.prompt = {Text("{problem}:")}, .step = {Text("{step}")}, .between = {}};
  format.trim = true;
  format.read_back = 1;
  const TraceTokens tokens = TokenizeTrace(format, tokenizer, MakeTrace("p ", {"\n ab\t", " c"}));
  EXPECT_EQ(Shown(tokens), "p :abc");
  EXPECT_THAT(tokens.step_reads, ElementsAre(3, 4));
}

TEST(TokenizeTrace, ByLineEveryLineIsEndedAndTheLastOneRead) {
  const ByteTokenizer tokenizer;
  const StepFormat format{.prompt = {Text("{problem}")},
                          .step = {Text("{step}"), Ids({'|'})},
                          .between = {},
                          .by_line = true};
  const TraceTokens tokens = TokenizeTrace(format, tokenizer, MakeTrace("p", {"a\n\nb", "c"}));
  EXPECT_EQ(Shown(tokens), "pa||b|c|");
  EXPECT_THAT(tokens.step_reads, ElementsAre(5, 7));
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
  TraceBuilder grown(format, tokenizer, trace.problem);
  Trace prefix = MakeTrace(trace.problem, {});
  for (const Step& step : trace.steps) {
    grown.Append(step.text);
    prefix.steps.push_back(step);
    const TraceTokens whole = TokenizeTrace(format, tokenizer, prefix);
    EXPECT_EQ(grown.tokens().ids, whole.ids);
    EXPECT_EQ(grown.tokens().step_reads, whole.step_reads);
  }
}

// Formats with a prompt end that joins the first step, reads before the step's end, several lines
// per step, numbers, texts encoded by themselves.
std::vector<StepFormat> VariousFormats() {
  const MarkingTokenizer tokenizer;
  std::vector<StepFormat> formats = {NewlineFormat(tokenizer, true),
                                     NewlineFormat(tokenizer, false)};
  formats.push_back({.prompt = {Text("Q {problem}"), Text(".\n")},
                     .step = {Text("\n{step}"), Ids({'|'})},
                     .between = {Text("~")}});
  formats.push_back(
      {.prompt = {Alone("{problem}.")}, .step = {Alone("{step}"), Text("\n\n")}, .between = {}});
  formats.push_back({.prompt = {Text("{problem} ")},
                     .step = {Text("Step {n}: {step}.")},
                     .between = {Ids({'<'}), Text("\n\n")},
                     .trim = true,
                     .read_back = 2});
  formats.push_back({.prompt = {Text("{problem}")},
                     .step = {Text("{step}"), Ids({'|'})},
                     .between = {},
                     .by_line = true});
  return formats;
}

void ExpectBuiltAtOnce(const TraceBuilder& built, const StepFormat& format, const Trace& trace) {
  ASSERT_EQ(size_t(built.steps()), trace.steps.size());
  if (trace.steps.empty()) return;
  const TraceTokens whole = TokenizeTrace(format, MarkingTokenizer(), trace);
  EXPECT_EQ(built.tokens().ids, whole.ids);
  EXPECT_EQ(built.tokens().step_reads, whole.step_reads);
  EXPECT_EQ(built.tokens().steps_begin, whole.steps_begin);
}

TEST(TraceBuilder, ForkedAndRewoundTracesHaveTheIdsOfThoseBuiltAtOnce) {
  const MarkingTokenizer tokenizer;
  const std::vector<std::string> steps = {"one", "two.\n\nlines", " three ", "4", "\nfive."};
  for (const StepFormat& format : VariousFormats()) {
    for (const char* problem : {"problem", "ends in a line\n", ""}) {
      TraceBuilder grown(format, tokenizer, problem);
      for (const std::string& step : steps) grown.Append(step);
      for (int kept = int(steps.size()); kept >= 0; --kept) {
        TraceBuilder forked = grown;
        forked.Rewind(kept);
        Trace expected = MakeTrace(problem, {steps.begin(), steps.begin() + kept});
        ExpectBuiltAtOnce(forked, format, expected);
        for (const char* step : {"another.\n\n", "way"}) {
          forked.Append(step);
          expected.steps.push_back({step, {}, {}});
        }
        ExpectBuiltAtOnce(forked, format, expected);
      }
      ExpectBuiltAtOnce(grown, format, MakeTrace(problem, steps));
    }
  }
}

TEST(TraceBuilder, ARefusedStepLeavesTheTraceAsItWas) {
  const MarkingTokenizer tokenizer;
  for (const StepFormat& format : VariousFormats()) {
    TraceBuilder grown(format, tokenizer, "p");
    for (const char* step : {"", " \n", "b\xff"}) EXPECT_THROW(grown.Append(step), Error);
    grown.Append("a");
    for (const char* step : {"", " \n", "b\xff"}) EXPECT_THROW(grown.Append(step), Error);
    grown.Append("b");
    ExpectBuiltAtOnce(grown, format, MakeTrace("p", {"a", "b"}));
  }
  StepFormat unreadable = NewlineFormat(tokenizer, false);
  unreadable.read_back = 4;
  TraceBuilder grown(unreadable, tokenizer, "");
  EXPECT_THAT(MessageOf([&] { grown.Append("a"); }, ErrorCode::kInvalidArgument),
              HasSubstr("step 0 has too few tokens"));
  grown.Append("long enough");
  ExpectBuiltAtOnce(grown, unreadable, MakeTrace("", {"long enough"}));
}

TEST(TraceBuilder, RewindsOnlyToStepsThatItHas) {
  const ByteTokenizer tokenizer;
  const StepFormat format = NewlineFormat(tokenizer, false);
  TraceBuilder grown(format, tokenizer, "p");
  grown.Append("a");
  EXPECT_EQ(MessageOf([&] { grown.Rewind(2); }, ErrorCode::kOutOfRange),
            "back to 2 steps; expected 0 to 1");
  EXPECT_THROW(grown.Rewind(-1), Error);
  EXPECT_EQ(grown.steps(), 1);
}

TEST(StepDelimiter, IsTheLineFeedsThatTheFormatPutsBetweenSteps) {
  const ByteTokenizer tokenizer;
  const auto delimiter = [&](std::vector<FormatPart> step, std::vector<FormatPart> between,
                             bool by_line = false) {
    return StepDelimiter({.prompt = {Text("{problem}")},
                          .step = std::move(step),
                          .between = std::move(between),
                          .by_line = by_line},
                         tokenizer);
  };
  EXPECT_EQ(delimiter({Text("Step {n}:\n{step}\n")}, {}), "\n");
  EXPECT_EQ(delimiter({Text("{step}")}, {Text("\n\n")}), "\n\n");
  EXPECT_EQ(delimiter({Text("{step}\n")}, {Text("\n"), Text("\n")}), "\n\n\n");
  EXPECT_EQ(delimiter({Text("{step}"), Text("\n")}, {}, true), "\n\n");
  EXPECT_EQ(delimiter({Text("{step}"), Ids({'\n'})}, {}), "\n");
  EXPECT_EQ(delimiter({Text("{step}")}, {}), "\n\n");
  EXPECT_EQ(delimiter({Text("{step}\n"), Text("+")}, {Text("\n")}), "\n\n");
}

TEST(TokenizeTrace, NamesTraceAndStepOfWhatItRefuses) {
  EXPECT_EQ(MessageFor(MakeTrace("p", {})), "trace p17: no steps");
  EXPECT_THAT(MessageFor(MakeTrace("p", {"a", " \n"})), HasSubstr("trace p17: steps[1]: "));
  EXPECT_EQ(MessageFor(MakeTrace("p", {"a", "b\xff"})),
            "trace p17: steps[1]: text is not UTF-8 at byte 1");
  EXPECT_EQ(MessageFor(MakeTrace("\xff", {"a"})),
            "trace p17: problem: text is not UTF-8 at byte 0");
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
