#include "data/pretokenizers/split_stages.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <optional>
#include <utility>

#include "data/error.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

// A run of text that matches, or the run between two matches.
struct Run {
  size_t begin, end;
  bool matches;
};

std::string Message(int error) {
  std::array<PCRE2_UCHAR, 256> text;
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

// Oniguruma's \w has Unicode's word characters and Latin-1's superscript digits and fractions.
std::string InPcre2(const SplitStage& stage, std::string_view where) {
  constexpr std::string_view kWord =
      R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
  std::string regex;
  int class_depth = 0;
  for (size_t i = 0; i < stage.regex.size(); ++i) {
    const char c = stage.regex[i];
    if (c != '\\' || i + 1 == stage.regex.size()) {
      class_depth += c == '[' ? 1 : (c == ']' ? -1 : 0);
      regex += c;
      continue;
    }
    const char escaped = stage.regex[++i];
    if (escaped == 'w') {
      regex += class_depth > 0 ? std::string(kWord) : StrCat("[", kWord, "]");
    } else if (escaped == 'W' && class_depth == 0) {
      regex += StrCat("[^", kWord, "]");
    } else if (std::string_view("WbB").find(escaped) != std::string_view::npos) {
      throw Error(ErrorCode::kUnimplemented,
                  StrCat(where, ": pre-tokenizer expression \"", stage.regex, "\": \\", escaped,
                         " is not supported here"));
    } else {
      regex += StrCat("\\", escaped);
    }
  }
  return regex;
}

// Source: tokenizers, SplitDelimiterBehavior.
std::vector<Run> Pieces(const std::vector<Run>& runs, SplitStage::Behavior behavior) {
  using Behavior = SplitStage::Behavior;
  std::vector<Run> pieces;
  for (size_t i = 0; i < runs.size(); ++i) {
    const bool matches = runs[i].matches, after_match = i > 0 && runs[i - 1].matches;
    if (behavior == Behavior::kRemoved && matches) continue;
    const bool joins =
        i > 0 && ((behavior == Behavior::kMergedWithPrevious && matches && !after_match) ||
                  (behavior == Behavior::kMergedWithNext && !matches && after_match) ||
                  (behavior == Behavior::kContiguous && matches == after_match));
    if (joins) {
      pieces.back().end = runs[i].end;
    } else {
      pieces.push_back(runs[i]);
    }
  }
  return pieces;
}

}  // namespace

struct StageSplitter::Stage {
  Stage(const SplitStage& stage, std::string_view where) : split(stage) {
    // Oniguruma's Ruby syntax: ^ and $ match at lines, classes are Unicode's.
    const std::string regex = InPcre2(stage, where);
    int error;
    PCRE2_SIZE offset;
    code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, nullptr));
    if (!code) {
      throw Error(ErrorCode::kUnimplemented,
                  StrCat(where, ": pre-tokenizer expression \"", split.regex, "\" at character ",
                         offset, ": ", Message(error)));
    }
    // Without JIT, matching is slower but equal.
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  }

  // The matching and other runs of `text`, in order.
  std::vector<Run> RunsOf(std::string_view text) const {
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(code.get(), nullptr), &pcre2_match_data_free);
    std::vector<Run> runs;
    size_t begin = 0, from = 0;
    std::optional<size_t> last_end;
    while (from <= text.size()) {
      const int count = Match(text, from, data.get());
      if (count == PCRE2_ERROR_NOMATCH) break;
      if (count < 0) {
        throw Error(ErrorCode::kInvalidArgument,
                    StrCat("the pre-tokenizer expression \"", split.regex, "\" fails at byte ",
                           from, " of a text of ", text.size(), " bytes: ", Message(count)));
      }
      const PCRE2_SIZE* match = pcre2_get_ovector_pointer(data.get());
      // An empty match splits, but not at the end of the previous match.
      if (match[0] == match[1] && last_end == match[1]) {
        from += from < text.size() ? DecodeUtf8(text.data() + from).size_bytes : 1;
        continue;
      }
      if (match[0] > begin) runs.push_back({begin, match[0], split.invert});
      runs.push_back({match[0], match[1], !split.invert});
      begin = from = match[1];
      last_end = begin;
    }
    if (begin < text.size()) runs.push_back({begin, text.size(), split.invert});
    return runs;
  }

  // The JIT matcher has a small stack; if that is exceeded, matching is interpreted.
  int Match(std::string_view text, size_t from, pcre2_match_data* data) const {
    const auto run = [&](uint32_t options) {
      return pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                         PCRE2_NO_UTF_CHECK | options, data, nullptr);
    };
    const int count = run(0);
    return count == PCRE2_ERROR_JIT_STACKLIMIT ? run(PCRE2_NO_JIT) : count;
  }

  const SplitStage split;
  std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code{nullptr, &pcre2_code_free};
};

StageSplitter::StageSplitter(std::span<const SplitStage> stages, std::string_view where) {
  for (const SplitStage& stage : stages) {
    stages_.push_back(std::make_unique<const Stage>(stage, where));
  }
}

StageSplitter::~StageSplitter() = default;

void StageSplitter::Split(std::string_view text, std::vector<std::string_view>* pieces) const {
  if (text.empty()) return;
  std::vector<std::string_view> current = {text};
  for (const auto& stage : stages_) {
    std::vector<std::string_view> next;
    for (const std::string_view piece : current) {
      for (const Run& run : Pieces(stage->RunsOf(piece), stage->split.behavior)) {
        if (run.end > run.begin) next.push_back(piece.substr(run.begin, run.end - run.begin));
      }
    }
    current = std::move(next);
  }
  pieces->insert(pieces->end(), current.begin(), current.end());
}

}  // namespace prm
