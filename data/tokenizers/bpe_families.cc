#include "data/tokenizers/bpe_families.h"

#include "data/error.h"

namespace prm {
namespace {

constexpr std::string_view kGpt2 = "GPT-2";
constexpr std::string_view kQwen = "Qwen";
constexpr std::string_view kLlama3 = "Llama 3";

constexpr BpeFamily kFamilies[] = {
    {kGpt2, "GPT2Tokenizer", PreTokenizer::kGpt2, false, 50256, " gazed", "<|endoftext|>",
     "<|endoftext|>"},
    {kQwen, "Qwen2Tokenizer", PreTokenizer::kQwen2, true, 151643, "\xE2\xBD\x97", "",
     "<|endoftext|>"},
    {kLlama3, "", PreTokenizer::kLlama3, false, 128000, "\xE9\x94\xA6", "<|begin_of_text|>",
     "<|end_of_text|>"},
};

// The 256 special tokens of the first Llama 3 release.
std::vector<std::string> Llama3Specials() {
  const auto reserved = [](int i) { return StrCat("<|reserved_special_token_", i, "|>"); };
  std::vector<std::string> texts = {"<|begin_of_text|>", "<|end_of_text|>"};
  for (int i = 0; i < 4; ++i) texts.push_back(reserved(i));
  texts.insert(texts.end(), {"<|start_header_id|>", "<|end_header_id|>"});
  texts.push_back(reserved(4));
  texts.push_back("<|eot_id|>");
  for (int i = 5; i < 251; ++i) texts.push_back(reserved(i));
  return texts;
}

std::vector<std::string> SpecialTexts(const BpeFamily& family) {
  if (family.name == kGpt2) return {"<|endoftext|>"};
  if (family.name == kQwen) return {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  return Llama3Specials();
}

}  // namespace

const BpeFamily* FamilyOfVocabulary(const std::vector<std::string>& tokens) {
  for (const BpeFamily& family : kFamilies) {
    if (tokens.size() >= family.base_tokens &&
        tokens[family.base_tokens - 1] == family.last_token) {
      return &family;
    }
  }
  return nullptr;
}

const BpeFamily* FamilyOfClass(std::string_view tokenizer_class) {
  if (tokenizer_class.ends_with("Fast")) tokenizer_class.remove_suffix(4);
  for (const BpeFamily& family : kFamilies) {
    if (!tokenizer_class.empty() && family.tokenizer_class == tokenizer_class) return &family;
  }
  return nullptr;
}

std::string FamilyNames() {
  std::string names;
  for (const BpeFamily& family : kFamilies) {
    names += names.empty() ? "" : ", ";
    names += family.name;
  }
  return names;
}

std::vector<SpecialToken> FamilySpecialTokens(const BpeFamily& family) {
  std::vector<SpecialToken> tokens;
  auto id = static_cast<TokenId>(family.base_tokens);
  for (std::string& text : SpecialTexts(family)) tokens.push_back({std::move(text), id++, true});
  return tokens;
}

}  // namespace prm
