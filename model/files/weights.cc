#include "model/files/weights.h"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "data/error.h"
#include "data/tokenizers/load_tokenizer.h"
#include "data/trace.h"
#include "model/config/config_json.h"
#include "model/config/families.h"
#include "model/files/gguf.h"
#include "model/files/gguf_model.h"
#include "model/files/mapped_file.h"
#include "model/files/safetensors.h"
#include "model/files/tensor_view.h"
#include "model/files/tokenizer_files.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using TensorMap = std::map<std::string, TensorView>;

constexpr size_t kListedTensors = 8;
constexpr std::string_view kLmHead = "lm_head.weight";
constexpr std::string_view kEmbedding = "model.embed_tokens.weight";

// The contents of either kind of file.
struct Opened {
  ModelConfig config;
  TensorMap tensors;
  std::shared_ptr<const void> storage;  // the tensors borrow from it
  std::function<void()> check_whole;
  std::function<std::shared_ptr<const Tokenizer>()> open_tokenizer;
  bool prepend_bos = false;
};

class FileWeights final : public WeightSource {
 public:
  FileWeights(Opened opened, std::vector<std::string> names)
      : opened_(std::move(opened)), names_(std::move(names)) {}

  const ModelConfig& config() const override { return opened_.config; }
  std::vector<std::string> names() const override { return names_; }
  bool Has(const std::string& name) const override { return opened_.tensors.contains(name); }
  const TensorView& View(const std::string& name) const override {
    const auto found = opened_.tensors.find(name);
    if (found == opened_.tensors.end()) {
      throw Error(ErrorCode::kNotFound, StrCat("there is no tensor ", name));
    }
    return found->second;
  }
  void CheckWhole() const override { opened_.check_whole(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override {
    std::call_once(tokenizer_once_, [&] { tokenizer_ = opened_.open_tokenizer(); });
    return tokenizer_;
  }
  bool prepend_bos() const override { return opened_.prepend_bos; }

 private:
  const Opened opened_;
  const std::vector<std::string> names_;
  mutable std::once_flag tokenizer_once_;
  mutable std::shared_ptr<const Tokenizer> tokenizer_;
};

// "a, b and 12 more"
std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kListedTensors); ++i) {
    text += (i > 0 ? ", " : "") + names[i];
  }
  if (names.size() > kListedTensors) {
    text += StrCat(" and ", names.size() - kListedTensors, " more");
  }
  return text;
}

// Buffers computable from the configuration, and a tied output layer stored again.
bool IsHarmless(const std::string& name, const ModelConfig& config) {
  return name.ends_with(".rotary_emb.inv_freq") || (config.tie_word_embeddings && name == kLmHead);
}

struct Mismatch {
  std::vector<std::string> missing, wrong, extra;
};

void CheckTensor(const ExpectedTensor& expected, const TensorMap& tensors, Mismatch* mismatch) {
  const auto found = tensors.find(expected.name);
  if (found == tensors.end()) {
    if (expected.required) mismatch->missing.push_back(expected.name);
    return;
  }
  const TensorView& tensor = found->second;
  if (tensor.shape != expected.shape) {
    mismatch->wrong.push_back(StrCat(expected.name, " ", ShapeString(tensor.shape), " instead of ",
                                     ShapeString(expected.shape)));
  } else if (tensor.dtype == DType::kInt64) {
    mismatch->wrong.push_back(StrCat(expected.name, " of type I64 instead of a float type"));
  }
}

// The tensors of the head's layers. The sizes between layers are taken from the file.
std::vector<ExpectedTensor> HeadTensors(const Head& head, const Opened& opened) {
  std::vector<ExpectedTensor> tensors;
  int64_t width = opened.config.hidden_size;
  if (head.ReadsLmHead()) return tensors;
  for (const std::string& layer : head.layers) {
    const bool is_last = &layer == &head.layers.back();
    const auto found = opened.tensors.find(layer + ".weight");
    const std::vector<int64_t> stored =
        found == opened.tensors.end() ? std::vector<int64_t>() : found->second.shape;
    if (stored.size() == 3) {  // an ensemble
      const int64_t out = is_last ? 1 : stored[2];
      tensors.push_back({layer + ".weight", {stored[0], width, out}});
      tensors.push_back({layer + ".bias", {stored[0], out}, false});
      width = out;
    } else {
      int64_t out = stored.empty() ? 1 : stored[0];
      if (is_last && !head.labels.empty()) out = int64_t(head.labels.size());
      tensors.push_back({layer + ".weight", {out, width}});
      tensors.push_back({layer + ".bias", {out}, false});
      width = out;
    }
  }
  return tensors;
}

// The tensors that this model's files must have.
std::vector<ExpectedTensor> Expected(const Opened& opened, const Head* head) {
  std::vector<ExpectedTensor> tensors = ExpectedTensors(opened.config);
  if (head == nullptr) return tensors;
  const bool reads_lm_head = head->ReadsLmHead() || head->implicit_beta;
  for (ExpectedTensor& tensor : tensors) {
    if (tensor.name == kLmHead) tensor.required = reads_lm_head;
  }
  std::ranges::copy(HeadTensors(*head, opened), std::back_inserter(tensors));
  return tensors;
}

// Keeps only the expected tensors in `opened->tensors`; returns their names in order.
std::vector<std::string> CheckTensors(Opened* opened, const Head* head, const std::string& where) {
  TensorMap used;
  Mismatch mismatch;
  std::vector<std::string> names;
  for (const ExpectedTensor& expected : Expected(*opened, head)) {
    CheckTensor(expected, opened->tensors, &mismatch);
    auto node = opened->tensors.extract(expected.name);
    if (node.empty()) continue;
    used.insert(std::move(node));
    names.push_back(expected.name);
  }
  for (const auto& [name, tensor] : opened->tensors) {
    const bool known =
        IsHarmless(name, opened->config) ||
        (head != nullptr && std::ranges::any_of(head->unused, [&](const auto& begin) {
           return name.starts_with(begin);
         }));
    if (!known) mismatch.extra.push_back(name);
  }
  std::string text;
  if (!mismatch.missing.empty()) text += "; missing: " + Listed(mismatch.missing);
  if (!mismatch.wrong.empty()) text += "; wrong: " + Listed(mismatch.wrong);
  if (!mismatch.extra.empty()) text += "; not part of the model: " + Listed(mismatch.extra);
  if (!text.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(where, ": the tensors do not match its configuration", text));
  }
  opened->tensors = std::move(used);
  return names;
}

struct GgufStorage {
  explicit GgufStorage(const fs::path& path)
      : file(path), contents(ParseGguf(file.bytes(), path.string())) {}
  MappedFile file;
  GgufContents contents;
};

Opened OpenGguf(const fs::path& path) {
  const auto storage = std::make_shared<const GgufStorage>(path);
  const std::string where = path.string();
  Opened opened;
  opened.config = GgufConfig(storage->contents, where);
  for (TensorView tensor : storage->contents.tensors) {
    tensor.name = HuggingFaceName(tensor.name).value_or(tensor.name);
    const std::string name = tensor.name;
    if (name == kGgufRopeFactors) continue;  // already in the configuration
    if (!opened.tensors.emplace(name, std::move(tensor)).second) {
      throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": tensor ", name, " appears twice"));
    }
  }
  opened.prepend_bos = GgufPrependsBos(storage->contents, where);
  opened.open_tokenizer = [storage, where] { return GgufTokenizer(storage->contents, where); };
  opened.check_whole = [file = &storage->file] { file->CheckWhole(); };
  opened.storage = storage;
  return opened;
}

Opened OpenFolder(const fs::path& folder) {
  Opened opened;
  opened.config = ReadConfigJson(folder / "config.json");
  const auto storage = std::make_shared<const SafetensorsFolder>(folder);
  for (const auto& [name, tensor] : storage->tensors()) {
    // The prefix that value-head wrappers put before the names of the wrapped model.
    constexpr std::string_view kWrapper = "pretrained_model.";
    const bool wrapped = name.starts_with(kWrapper);
    opened.tensors.emplace(wrapped ? name.substr(kWrapper.size()) : name, tensor);
  }
  opened.prepend_bos = FolderPrependsBos(folder);
  opened.open_tokenizer = [folder] { return LoadTokenizer(folder); };
  opened.check_whole = [files = storage.get()] { files->CheckWhole(); };
  opened.storage = storage;
  return opened;
}

}  // namespace

std::vector<ExpectedTensor> ExpectedTensors(const ModelConfig& config) {
  const int64_t width = config.hidden_size;
  const int64_t vocab = config.vocab_size;
  std::vector<ExpectedTensor> tensors;
  tensors.push_back({std::string(kEmbedding), {vocab, width}});
  for (int layer = 0; layer < config.num_layers; ++layer) {
    for (const LayerPart part : kLayerParts) {
      for (StoredTensor& stored : StoredAs(config, part, layer)) {
        tensors.push_back({std::move(stored.name), std::move(stored.shape)});
      }
    }
  }
  tensors.push_back({"model.norm.weight", {width}});
  if (!config.tie_word_embeddings) tensors.push_back({std::string(kLmHead), {vocab, width}});
  return tensors;
}

std::unique_ptr<WeightSource> OpenWeights(const fs::path& path, const Head* head) {
  if (!fs::exists(path)) {
    throw Error(ErrorCode::kNotFound,
                StrCat("no model at '", path.string(), "'; expected a .gguf file or a folder with ",
                       "config.json and model.safetensors"));
  }
  if (!fs::is_directory(path) && path.extension() != ".gguf") {
    throw Error(
        ErrorCode::kInvalidArgument,
        StrCat("'", path.string(), "' is not a model; expected a .gguf file or a folder with ",
               "config.json and model.safetensors"));
  }
  Opened opened = fs::is_directory(path) ? OpenFolder(path) : OpenGguf(path);
  std::vector<std::string> names = CheckTensors(&opened, head, path.string());
  return std::make_unique<FileWeights>(std::move(opened), std::move(names));
}

}  // namespace prm
