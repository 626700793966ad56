#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "data/error.h"
#include "data/io/file_error.h"
#include "data/io/temporary.h"
#include "model/config/families.h"
#include "model/config/rope.h"
#include "model/exchange/export.h"
#include "model/files/gguf_model.h"
#include "model/files/gguf_writer.h"
#include "model/files/mapped_file.h"
#include "model/files/prm_json.h"
#include "model/files/synced_file.h"
#include "model/files/weights.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using Kind = RopeScaling::Kind;
using Model = TokenizerParts::Model;

constexpr size_t kChunkBytes = 1 << 20;

[[noreturn]] void Unsupported(const std::string& what, std::string_view expected) {
  throw Error(ErrorCode::kUnimplemented,
              StrCat("GGUF: ", what, " is not supported; expected ", expected));
}

std::string GgufArchitectureOf(const ModelConfig& config) {
  const std::string& type = config.model_type;
  if (type != "llama" && type != "mistral" && type != "qwen2") {
    Unsupported(StrCat("model_type \"", type, "\""), "llama, mistral or qwen2");
  }
  const bool is_llama = type != "qwen2";
  if (is_llama && (config.qkv_bias || config.mlp_bias)) {
    Unsupported("a llama with attention_bias or mlp_bias", "linear layers without bias");
  }
  if (config.activation != Activation::kSilu) Unsupported("another activation", "silu");
  if (!is_llama && config.rotary_layout == RotaryLayout::kInterleaved) {
    Unsupported("qwen2 with the rotary layout \"interleaved\"", "\"half\"");
  }
  return is_llama ? "llama" : "qwen2";
}

// --- metadata ------------------------------------------------------------------------------------

// llama.cpp attends to all tokens, which equals a sliding window up to the window's length.
int ContextLength(const ModelConfig& config) {
  int length = config.max_position_embeddings;
  for (int layer = 0; layer < config.num_layers; ++layer) {
    if (config.window(layer) > 0) length = std::min(length, config.window(layer));
  }
  return length;
}

// The specification's code for the type of most matrices.
uint32_t FileType(DType matrices) {
  if (matrices == DType::kFloat16) return 1;
  return matrices == DType::kBFloat16 ? 32 : 0;
}

GgufMetadata ModelMetadata(const ModelConfig& c, const std::string& architecture,
                           const std::string& name, DType matrices) {
  GgufMetadata out = {{"general.architecture", architecture},
                      {"general.name", name},
                      {"general.file_type", FileType(matrices)}};
  const auto add = [&](const char* key, auto value) {
    out.emplace_back(StrCat(architecture, ".", key), value);
  };
  add("context_length", uint32_t(ContextLength(c)));
  add("embedding_length", uint32_t(c.hidden_size));
  add("block_count", uint32_t(c.num_layers));
  add("feed_forward_length", uint32_t(c.intermediate_size));
  add("attention.head_count", uint32_t(c.num_heads));
  add("attention.head_count_kv", uint32_t(c.num_kv_heads));
  add("attention.key_length", uint32_t(c.head_dim));
  add("attention.value_length", uint32_t(c.head_dim));
  add("attention.layer_norm_rms_epsilon", float(c.rms_norm_eps));
  add("rope.freq_base", float(c.rope_theta));
  add("rope.dimension_count", uint32_t(c.head_dim));
  add("vocab_size", uint32_t(c.vocab_size));
  switch (c.rope_scaling.kind) {
    case Kind::kNone:
    case Kind::kLlama3:  // stored as a tensor
      break;
    case Kind::kLinear:
      add("rope.scaling.type", std::string("linear"));
      add("rope.scaling.factor", float(c.rope_scaling.factor));
      break;
    case Kind::kDynamic:
      Unsupported("rope scaling of type dynamic", "linear or llama3");
    case Kind::kYarn:
      Unsupported("rope scaling of type yarn", "linear or llama3");
  }
  return out;
}

std::string PreTokenizerOf(const TokenizerParts& parts) {
  for (const GgufPreTokenizer& known : GgufPreTokenizers()) {
    if (parts.splitter != PreTokenizerName(known.kind)) continue;
    const bool llama3 = known.kind == PreTokenizer::kLlama3;
    if (parts.nfc != known.nfc || parts.ignore_merges != llama3 || parts.space_prefix) break;
    return std::string(known.name);
  }
  Unsupported(StrCat("a tokenizer that splits by ", parts.splitter, parts.nfc ? ", after NFC" : "",
                     parts.ignore_merges ? ", taking whole words first" : "",
                     parts.space_prefix ? ", with a space before a text" : ""),
              "that of GPT-2, SmolLM2, Qwen2 or Llama 3");
}

void CheckTokenizer(const TokenizerParts& parts, int vocab_size) {
  if (!parts.beyond.empty()) {
    Unsupported(StrCat("a tokenizer with ", parts.beyond), "one that GGUF can describe");
  }
  if (parts.model == Model::kCharacterBpe) {
    Unsupported("BPE over characters, as of a tokenizer.json converted from SentencePiece,",
                "its tokenizer.model beside it");
  }
  if (parts.model == Model::kSentencePieceUnigram) Unsupported("a unigram tokenizer", "BPE");
  if (parts.tokens.size() > size_t(vocab_size)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("GGUF: the tokenizer has ", parts.tokens.size(),
                       " tokens; expected at most vocab_size ", vocab_size));
  }
}

// Ids beyond the tokenizer's, which the embedding has, become unused tokens.
void AddTokens(TokenizerParts parts, int vocab_size, GgufMetadata* out) {
  std::set<std::string> texts;
  for (const TokenizerParts::Token& token : parts.tokens) texts.insert(token.text);
  parts.tokens.resize(size_t(vocab_size));
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<int32_t> types;
  for (TokenizerParts::Token& token : parts.tokens) {
    if (token.text.empty()) {
      token = {StrCat("[PAD", tokens.size(), "]"), TokenizerParts::Kind::kUnused};
      while (!texts.insert(token.text).second) token.text += "_";
    }
    tokens.push_back(std::move(token.text));
    scores.push_back(token.score);
    types.push_back(int32_t(token.kind));
  }
  out->emplace_back("tokenizer.ggml.tokens", std::move(tokens));
  out->emplace_back("tokenizer.ggml.token_type", std::move(types));
  if (parts.model == Model::kSentencePieceBpe) {
    out->emplace_back("tokenizer.ggml.scores", std::move(scores));
  } else {
    out->emplace_back("tokenizer.ggml.merges", std::move(parts.merges));
  }
}

void AddTokenizer(const WeightSource& source, GgufMetadata* out) {
  const std::shared_ptr<const Tokenizer> tokenizer = source.tokenizer();
  const TokenizerParts parts = tokenizer->Parts();
  CheckTokenizer(parts, source.config().vocab_size);
  const bool is_sentencepiece = parts.model == Model::kSentencePieceBpe;
  out->emplace_back("tokenizer.ggml.model", std::string(is_sentencepiece ? "llama" : "gpt2"));
  out->emplace_back("tokenizer.ggml.pre",
                    is_sentencepiece ? std::string("default") : PreTokenizerOf(parts));
  if (const auto id = tokenizer->bos_id()) {
    out->emplace_back("tokenizer.ggml.bos_token_id", uint32_t(*id));
  }
  if (const auto id = tokenizer->eos_id()) {
    out->emplace_back("tokenizer.ggml.eos_token_id", uint32_t(*id));
  }
  const auto unknown =
      std::ranges::find(parts.tokens, TokenizerParts::Kind::kUnknown, &TokenizerParts::Token::kind);
  if (unknown != parts.tokens.end()) {
    out->emplace_back("tokenizer.ggml.unknown_token_id", uint32_t(unknown - parts.tokens.begin()));
  }
  out->emplace_back("tokenizer.ggml.add_bos_token", source.prepend_bos());
  out->emplace_back("tokenizer.ggml.add_eos_token", false);
  if (is_sentencepiece) out->emplace_back("tokenizer.ggml.add_space_prefix", parts.space_prefix);
  AddTokens(parts, source.config().vocab_size, out);
}

// --- tensors -------------------------------------------------------------------------------------

// Row of a query or key matrix in GGUF's llama layout (pairs (2i, 2i+1) of a head), for row `row`
// of Hugging Face's (pairs (i, i + C/2)).
int64_t HalfLayoutRow(int64_t row, int64_t channels) {
  const int64_t head = row / channels, channel = row % channels;
  return head * channels + channel % 2 * (channels / 2) + channel / 2;
}

bool IsRotated(const std::string& name) {
  return name.ends_with(".q_proj.weight") || name.ends_with(".k_proj.weight");
}

class TensorCopier {
 public:
  TensorCopier(const WeightSource& source, std::optional<DType> matrices)
      : source_(source), matrices_(matrices) {
    const ModelConfig& config = source.config();
    reorders_ = config.model_type != "qwen2" && config.rotary_layout == RotaryLayout::kHalf;
    for (const std::string& name : source.names()) {
      if (GgufName(name)) names_.push_back(name);
    }
  }

  // Dtype of the layers' matrices.
  DType matrix_dtype() const { return DTypeOf(source_.View(FirstMatrix())); }

  std::vector<TensorHeader> Headers() const {
    std::vector<TensorHeader> headers;
    if (!rope_factors().empty()) {
      headers.push_back({std::string(kGgufRopeFactors), {}, {int64_t(rope_factors().size())}});
    }
    for (const std::string& name : names_) {
      const TensorView& view = source_.View(name);
      headers.push_back({*GgufName(name), DTypeOf(view), view.shape});
    }
    return headers;
  }

  void WriteTo(GgufWriter* writer) const {
    const std::vector<float> factors = rope_factors();
    if (!factors.empty()) {
      writer->Add(std::string(kGgufRopeFactors), std::as_bytes(std::span(factors)));
    }
    for (const std::string& name : names_) Copy(name, writer);
  }

 private:
  std::string FirstMatrix() const { return "model.layers.0.self_attn.q_proj.weight"; }
  DType DTypeOf(const TensorView& view) const {
    return view.shape.size() == 1 ? DType::kFloat32 : matrices_.value_or(view.dtype);
  }

  // The divisors of the frequencies under llama3 scaling; empty for no scaling.
  std::vector<float> rope_factors() const {
    ModelConfig config = source_.config();
    if (config.rope_scaling.kind != Kind::kLlama3) return {};
    const std::vector<float> scaled = RopeFrequencies(config, 0);
    config.rope_scaling = {};
    std::vector<float> factors = RopeFrequencies(config, 0);
    for (size_t i = 0; i < factors.size(); ++i) factors[i] /= scaled[i];
    return factors;
  }

  void Copy(const std::string& name, GgufWriter* writer) const try {
    const TensorView& view = source_.View(name);
    const int64_t columns = view.shape.back();
    const int64_t rows = *NumElements(view.shape) / columns;
    const size_t row_bytes = view.bytes / size_t(rows);
    const bool reorders = reorders_ && IsRotated(name);
    std::vector<float> values(static_cast<size_t>(columns));
    std::vector<std::byte> chunk;
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t from = reorders ? HalfLayoutRow(r, source_.config().head_dim) : r;
      const std::byte* data = view.data + size_t(from) * row_bytes;
      if (DTypeOf(view) == view.dtype) {
        chunk.insert(chunk.end(), data, data + row_bytes);
      } else {
        ToFloat32({name, view.dtype, {columns}, data, row_bytes}, values);
        AppendValues(values, DTypeOf(view), &chunk);
      }
      if (chunk.size() < kChunkBytes && r + 1 < rows) continue;
      writer->Add(*GgufName(name), chunk);
      chunk.clear();
    }
    ReleasePages({view.data, view.bytes});
  } catch (const Error& error) {
    throw Error(error.code(), StrCat("tensor ", name, ": ", error.what()));
  }

  const WeightSource& source_;
  std::optional<DType> matrices_;
  bool reorders_ = false;
  std::vector<std::string> names_;
};

// --- the file ------------------------------------------------------------------------------------

fs::path TemporaryName(const fs::path& target) {
  if (target.has_parent_path()) fs::create_directories(target.parent_path());
  if (fs::is_directory(target)) throw FileError("write", target, EISDIR);
  fs::path name = target;
  name += StrCat(".tmp-", getpid());
  return name;
}

std::string Omissions(const WeightSource& source, bool has_head) {
  const ModelConfig& config = source.config();
  std::string text;
  if (has_head) text += "the step head is not in the file: GGUF holds only the backbone\n";
  if (!config.tie_word_embeddings && !source.Has("lm_head.weight")) {
    text += "the model has no output layer: the file gives hidden states, not text\n";
  }
  if (const int length = ContextLength(config); length < config.max_position_embeddings) {
    text += StrCat("the context is the sliding window of ", length,
                   " tokens: GGUF has no window for this architecture\n");
  }
  return text;
}

void WriteGguf(const WeightSource& source, const std::string& name, std::optional<DType> matrices,
               const fs::path& file) {
  const std::string architecture = GgufArchitectureOf(source.config());
  const TensorCopier tensors(source, matrices);
  GgufMetadata metadata =
      ModelMetadata(source.config(), architecture, name, tensors.matrix_dtype());
  AddTokenizer(source, &metadata);
  GgufWriter writer(file, metadata, tensors.Headers());
  tensors.WriteTo(&writer);
  source.CheckWhole();
  writer.Finish();
}

}  // namespace

std::string ExportGguf(const fs::path& model, const fs::path& out, std::optional<DType> matrices,
                       bool verify) try {
  if (!fs::is_directory(model)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("'", model.string(), "' is not a folder; expected one with config.json and ",
                       "model.safetensors"));
  }
  std::optional<PrmJson> prm;
  if (fs::exists(model / "prm.json")) prm = ReadPrmJson(model / "prm.json");
  const fs::path path = TemporaryName(out);
  Temporary file(path, [&] { SyncedFile created(path); });
  std::string omissions;
  ReadVerified(model, verify && prm ? ModelFiles(*prm) : FileSums(), [&] {
    const auto source = OpenWeights(model, prm ? &prm->head : nullptr);
    WriteGguf(*source, fs::canonical(model).filename().string(), matrices, path);
    omissions = Omissions(*source, prm.has_value());
  });
  file.Commit([&] { fs::rename(path, out); });
  return omissions;
} catch (const fs::filesystem_error& error) {
  throw FileError("write", error.path1(), error.code().value());
}

}  // namespace prm
