// Any bytes as tokenizer files: refused with prm::Error, or a tokenizer whose ids decode to the
// text. The bytes up to the first NUL are one file (tokenizer.json or ranks); a
// tokenizer_config.json may follow it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "data/tokenizers/bpe_files.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "data/tokenizers/tokenizer.h"
#include "tests/fuzz/refusal.h"

namespace {

void Use(prm::BpeSpec spec) {
  const bool changes_text = !spec.normalizer.empty() || spec.split.marks_spaces ||
                            !spec.split.stages.empty() ||
                            spec.split.prefix_space != prm::TextSplit::PrefixSpace::kNever ||
                            spec.symbols == prm::BpeSpec::Symbols::kCharacters;
  std::set<char> bytes;  // that have a token; others are left out
  for (const std::string& token : spec.tokens) {
    if (token.size() == 1) bytes.insert(token[0]);
  }
  const auto tokenizer = prm::MakeBpeTokenizer(std::move(spec));
  for (const std::string_view text : {"ab abc <e> 12 a\n", "\xC3\xA9 e\xCC\x81", ""}) {
    MayRefuse([&] {
      std::vector<prm::TokenId> ids;
      tokenizer->Encode(text, prm::SpecialTokens::kParse, &ids);
      const bool whole = std::ranges::all_of(text, [&](char c) { return bytes.contains(c); });
      if (tokenizer->Decode(ids) != text && whole && !changes_text) __builtin_trap();
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\0');
  const std::string_view file = input.substr(0, cut);
  const std::string_view config =
      cut == std::string_view::npos ? std::string_view() : input.substr(cut + 1);
  MayRefuse([&] { Use(prm::ParseTokenizerJson(file, config, "fuzz")); });
  MayRefuse(
      [&] { Use(prm::ParseVocabAndMerges(file, "#version: 0.2\na b\nab c", config, "fuzz")); });
  MayRefuse([&] { Use(prm::ParseTiktokenRanks(file, "fuzz")); });
  return 0;
}
