#include "data/tokenizers/load_tokenizer.h"

#include <optional>
#include <string>
#include <vector>

#include "data/error.h"
#include "data/io/text_io.h"
#include "data/tokenizers/bpe_files.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "data/tokenizers/sentencepiece_tokenizer.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

// `folder`/`name`, also with .xz or .gz; nullopt if none exists.
std::optional<fs::path> FindFile(const fs::path& folder, const std::string& name) {
  for (const char* ending : {"", ".xz", ".gz"}) {
    fs::path path = folder / (name + ending);
    if (fs::exists(path)) return path;
  }
  return std::nullopt;
}

// The text of tokenizer_config.json in `folder`, "" if there is none.
std::string ReadConfig(const fs::path& folder) {
  const std::optional<fs::path> path = FindFile(folder, "tokenizer_config.json");
  return path ? ReadFile(*path) : "";
}

std::string WithoutCompression(const fs::path& path) {
  const std::string ending = path.extension().string();
  return ending == ".xz" || ending == ".gz" ? path.stem().string() : path.filename().string();
}

std::shared_ptr<const Tokenizer> LoadVocabAndMerges(const fs::path& folder) {
  const std::optional<fs::path> vocab = FindFile(folder, "vocab.json");
  const std::optional<fs::path> merges = FindFile(folder, "merges.txt");
  if (!vocab || !merges) {
    throw Error(ErrorCode::kNotFound,
                StrCat(folder.string(), ": no ", vocab ? "merges.txt" : "vocab.json",
                       "; vocab.json and merges.txt belong together"));
  }
  return MakeBpeTokenizer(ParseVocabAndMerges(ReadFile(*vocab), ReadFile(*merges),
                                              ReadConfig(folder), vocab->string()));
}

// A serialized model begins with its first piece, which is field 1.
bool LooksLikeSentencePiece(std::string_view bytes) { return bytes.starts_with('\n'); }

std::shared_ptr<const Tokenizer> LoadFile(const fs::path& path) {
  const fs::path folder = path.parent_path();
  const std::string name = WithoutCompression(path);
  if (name == "vocab.json" || name == "merges.txt") return LoadVocabAndMerges(folder);
  std::string bytes = ReadFile(path);
  if (LooksLikeSentencePiece(bytes)) {
    const TokenizerConfig config =
        ParseTokenizerConfig(ReadConfig(folder), (folder / "tokenizer_config.json").string());
    return MakeSentencePieceTokenizer(std::move(bytes), config, path.string());
  }
  if (bytes.starts_with('{')) {
    return MakeBpeTokenizer(ParseTokenizerJson(bytes, ReadConfig(folder), path.string()));
  }
  if (LooksLikeTiktokenRanks(bytes))
    return MakeBpeTokenizer(ParseTiktokenRanks(bytes, path.string()));
  throw Error(ErrorCode::kUnimplemented,
              StrCat(path.string(), ": neither tokenizer.json, vocab.json with merges.txt, a ",
                     "tiktoken rank file nor a SentencePiece model"));
}

std::optional<fs::path> FindRankFile(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (WithoutCompression(entry.path()).ends_with(".tiktoken")) found.push_back(entry.path());
  }
  if (found.size() > 1) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(folder.string(), ": ", found.size(), " rank files; name one of them"));
  }
  return found.empty() ? std::nullopt : std::optional(found[0]);
}

// A SentencePiece model takes precedence: a tokenizer.json next to it is only its conversion.
std::shared_ptr<const Tokenizer> LoadFolder(const fs::path& folder) {
  const std::optional<fs::path> model = FindFile(folder, "tokenizer.model");
  const std::optional<fs::path> json = FindFile(folder, "tokenizer.json");
  if (model && (!json || LooksLikeSentencePiece(ReadFile(*model)))) return LoadFile(*model);
  if (json) return LoadFile(*json);
  if (FindFile(folder, "vocab.json")) return LoadVocabAndMerges(folder);
  if (const std::optional<fs::path> ranks = FindRankFile(folder)) return LoadFile(*ranks);
  throw Error(ErrorCode::kNotFound,
              StrCat(folder.string(), ": no tokenizer.json, vocab.json with merges.txt, ",
                     "*.tiktoken or tokenizer.model"));
}

}  // namespace

std::shared_ptr<const Tokenizer> LoadTokenizer(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? LoadFolder(path) : LoadFile(path);
}

}  // namespace prm
