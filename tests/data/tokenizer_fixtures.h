// What the tokenizer tests share: a small vocabulary, a folder that goes away, short calls.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "data/bpe_tokenizer.h"
#include "data/error.h"
#include "data/tokenizer.h"

namespace prm {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "prm_test_XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp " + name);
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path Write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::vector<TokenId> Ids(const Tokenizer& tokenizer, std::string_view text,
                                SpecialTokens special = SpecialTokens::kText) {
  std::vector<TokenId> ids;
  tokenizer.Encode(text, special, &ids);
  return ids;
}

// The message of the Error that `action` throws; "" where it throws none.
template <class Action>
std::string ErrorOf(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Ids 0..255 are the bytes; 256 "he", 257 "ll", 258 "hell", 259 "hello", 260 " w".
inline BpeSpec TinySpec() {
  BpeSpec spec;
  spec.where = "tiny";
  for (int byte = 0; byte < 256; ++byte) spec.tokens.emplace_back(1, static_cast<char>(byte));
  spec.tokens.insert(spec.tokens.end(), {"he", "ll", "hell", "hello", " w"});
  spec.merges = {{'h', 'e'}, {'l', 'l'}, {256, 257}, {258, 'o'}, {' ', 'w'}};
  spec.special_tokens = {
      {"<|end|>", 261, true}, {"<|end|>more", 262, true}, {"<tool>", 263, false}};
  spec.bos_id = 261;
  spec.eos_id = 262;
  return spec;
}

}  // namespace prm
