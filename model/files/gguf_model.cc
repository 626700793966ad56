#include "model/files/gguf_model.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <limits>
#include <utility>

#include "data/error.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "data/tokenizers/bpe_vocabulary.h"
#include "data/tokenizers/sentencepiece_model.h"
#include "data/tokenizers/sentencepiece_tokenizer.h"
#include "model/config/config_json.h"
#include "model/config/rope.h"

namespace prm {
namespace {

// Typed access to the metadata, with errors that name the key.
class Metadata {
 public:
  Metadata(const GgufContents& contents, std::string_view where)
      : map_(contents.metadata), where_(where) {}

  template <class T>
  const T* Find(std::string_view key, std::string_view expected) const {
    const auto found = map_.find(key);
    if (found == map_.end()) return nullptr;
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) Fail(key, StrCat("has another type; expected ", expected));
    return value;
  }

  int Int(std::string_view key) const {
    const auto* value = Find<int64_t>(key, "an integer");
    if (value == nullptr) Fail(key, "is missing; expected an integer");
    return Narrow(key, *value);
  }
  std::optional<int> OptionalInt(std::string_view key) const {
    const auto* value = Find<int64_t>(key, "an integer");
    if (value == nullptr) return std::nullopt;
    return Narrow(key, *value);
  }
  double Double(std::string_view key, std::optional<double> fallback) const {
    const auto* value = Find<double>(key, "a number");
    if (value == nullptr && !fallback) Fail(key, "is missing; expected a number");
    return value ? *value : *fallback;
  }
  const std::vector<std::string>& Strings(std::string_view key) const {
    const auto* value = Find<std::vector<std::string>>(key, "an array of strings");
    if (value == nullptr) Fail(key, "is missing; expected an array of strings");
    return *value;
  }
  std::string String(std::string_view key, std::string_view fallback) const {
    const auto* value = Find<std::string>(key, "a string");
    return value ? *value : std::string(fallback);
  }
  bool Bool(std::string_view key, bool fallback) const {
    const auto* value = Find<bool>(key, "a boolean");
    return value ? *value : fallback;
  }

  [[noreturn]] void Fail(std::string_view key, const std::string& what) const {
    throw Error(ErrorCode::kInvalidArgument, StrCat(where_, ": key '", key, "' ", what));
  }
  [[noreturn]] void Unsupported(std::string_view key, std::string_view value,
                                std::string_view expected) const {
    throw Error(ErrorCode::kUnimplemented,
                StrCat(where_, ": ", key, " '", value, "' is not supported; expected ", expected));
  }

 private:
  int Narrow(std::string_view key, int64_t value) const {
    if (value < 0 || value > std::numeric_limits<int>::max()) {
      Fail(key, StrCat("is ", value, "; expected a value in [0, 2^31)"));
    }
    return static_cast<int>(value);
  }

  const std::map<std::string, GgufValue, std::less<>>& map_;
  std::string_view where_;
};

// The architecture, the prefix of its keys.
std::string ReadArchitecture(const Metadata& metadata) {
  const std::string name = metadata.String("general.architecture", "");
  if (name != "llama" && name != "qwen2") {
    metadata.Unsupported("general.architecture", name, "'llama' or 'qwen2'");
  }
  const std::string key = name + ".expert_count";
  const int experts = metadata.OptionalInt(key).value_or(0);
  if (experts != 0) metadata.Unsupported(key, std::to_string(experts), "0");
  return name;
}

int HeadDim(const Metadata& metadata, const std::string& architecture, const ModelConfig& config) {
  if (config.num_heads == 0) metadata.Fail(architecture + ".attention.head_count", "is 0");
  const int head_dim = metadata.OptionalInt(architecture + ".attention.key_length")
                           .value_or(config.hidden_size / config.num_heads);
  for (const char* key : {".attention.value_length", ".rope.dimension_count"}) {
    const int value = metadata.OptionalInt(architecture + key).value_or(head_dim);
    if (value == head_dim) continue;
    metadata.Unsupported(architecture + key, std::to_string(value),
                         StrCat("the head size ", head_dim));
  }
  return head_dim;
}

int VocabSize(const Metadata& metadata, const std::string& architecture) {
  const std::string key = architecture + ".vocab_size";
  const auto* tokens =
      metadata.Find<std::vector<std::string>>("tokenizer.ggml.tokens", "an array of strings");
  if (tokens == nullptr) return metadata.Int(key);
  const int count = static_cast<int>(std::min<size_t>(tokens->size(), INT_MAX));
  const int declared = metadata.OptionalInt(key).value_or(count);
  if (declared != count) {
    metadata.Fail(key,
                  StrCat("is ", declared, ", but tokenizer.ggml.tokens has ", count, " tokens"));
  }
  return count;
}

// Whether `factors` match config's scaling, up to float32 rounding.
bool AreFactorsOf(const ModelConfig& config, std::span<const float> factors) {
  ModelConfig unscaled = config;
  unscaled.rope_scaling = {};
  const std::vector<float> from = RopeFrequencies(unscaled, 0), to = RopeFrequencies(config, 0);
  if (factors.size() != from.size()) return false;
  for (size_t i = 0; i < from.size(); ++i) {
    if (!(std::abs(from[i] / to[i] / factors[i] - 1) < 1e-4)) return false;
  }
  return true;
}

// The file stores the factors of llama3 scaling, not its parameters. Llama 3.1 to 3.3 differ only
// in `factor`, the divisor of the slowest angle.
RopeScaling ScalingOfFactors(const TensorView& tensor, ModelConfig config, std::string_view where) {
  std::vector<float> factors(size_t(*NumElements(tensor.shape)));
  ToFloat32(tensor, factors);
  if (AreFactorsOf(config, factors)) return {};
  config.rope_scaling = {.kind = RopeScaling::Kind::kLlama3,
                         .factor = *std::ranges::max_element(factors),
                         .original_max_positions = 8192};
  if (AreFactorsOf(config, factors)) return config.rope_scaling;
  throw Error(ErrorCode::kUnimplemented,
              StrCat(where, ": the frequencies of ", tensor.name, " are not supported; expected ",
                     "those of Llama 3.1 to 3.3"));
}

RopeScaling ReadScaling(const GgufContents& contents, const Metadata& metadata,
                        const std::string& architecture, const ModelConfig& config,
                        std::string_view where) {
  const auto factors = std::ranges::find(contents.tensors, kGgufRopeFactors, &TensorView::name);
  if (factors != contents.tensors.end()) return ScalingOfFactors(*factors, config, where);
  const std::string key = architecture + ".rope.scaling.";
  const std::string type = metadata.String(key + "type", "none");
  if (type == "none") return {};
  if (type != "linear") metadata.Unsupported(key + "type", type, "'none' or 'linear'");
  const double factor = metadata.Double(key + "factor", {});
  if (!(factor >= 1 && factor <= 1e6)) {
    metadata.Fail(key + "factor", StrCat("is ", factor, "; expected a value in [1, 1e6]"));
  }
  return {.kind = RopeScaling::Kind::kLinear, .factor = factor};
}

// Values of tokenizer.ggml.token_type.
enum TokenType : int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5 };

// The first is the default if the key is absent.
constexpr std::array kPreTokenizers = {
    GgufPreTokenizer{"gpt-2", PreTokenizer::kGpt2, false},
    GgufPreTokenizer{"smollm", PreTokenizer::kSmolLm2, false},
    GgufPreTokenizer{"qwen2", PreTokenizer::kQwen2, true},
    GgufPreTokenizer{"llama-bpe", PreTokenizer::kLlama3, false},
    GgufPreTokenizer{"default", PreTokenizer::kGpt2, false},
};

void SetPreTokenizer(const Metadata& metadata, BpeSpec* spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.pre";
  const std::string name = metadata.String(kKey, "default");
  const auto* found = std::ranges::find(kPreTokenizers, name, &GgufPreTokenizer::name);
  if (found == kPreTokenizers.end()) {
    metadata.Unsupported(kKey, name, "default, gpt-2, smollm, qwen2 or llama-bpe");
  }
  spec->split.kind = found->kind;
  if (found->nfc) spec->normalizer = {NormalizerStep{}};
  // As in Llama 3's tokenizer.json; the file does not store it.
  spec->ignore_merges = found->kind == PreTokenizer::kLlama3;
}

std::vector<SpecialToken> SpecialTokensOf(const Metadata& metadata,
                                          const std::vector<std::string>& tokens) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  const auto* types = metadata.Find<std::vector<int64_t>>(kKey, "an array of integers");
  std::vector<SpecialToken> special;
  if (types == nullptr) return special;
  if (types->size() != tokens.size()) {
    metadata.Fail(kKey, StrCat("has ", types->size(), " values for ", tokens.size(), " tokens"));
  }
  for (size_t id = 0; id < tokens.size(); ++id) {
    const int64_t type = (*types)[id];
    if (type != kControl && type != kUserDefined && type != kUnknown) continue;
    special.push_back({tokens[id], static_cast<TokenId>(id), type != kUserDefined});
  }
  return special;
}

// Values of tokenizer.ggml.model.
constexpr std::string_view kTokenizerModel = "tokenizer.ggml.model";
constexpr std::string_view kBpeModel = "gpt2", kSentencePieceModel = "llama";

std::shared_ptr<const Tokenizer> SentencePieceOf(const Metadata& metadata,
                                                 const std::vector<std::string>& tokens,
                                                 std::string_view where) {
  constexpr std::string_view kScores = "tokenizer.ggml.scores";
  constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
  const auto* scores = metadata.Find<std::vector<double>>(kScores, "an array of numbers");
  const auto* types = metadata.Find<std::vector<int64_t>>(kTypes, "an array of integers");
  if (!scores || scores->size() != tokens.size()) metadata.Fail(kScores, "needs one per token");
  if (!types || types->size() != tokens.size()) metadata.Fail(kTypes, "needs one per token");
  TokenizerParts parts;
  parts.model = TokenizerParts::Model::kSentencePieceBpe;
  parts.space_prefix = metadata.Bool("tokenizer.ggml.add_space_prefix", true);
  for (size_t id = 0; id < tokens.size(); ++id) {
    const int64_t type = std::clamp<int64_t>((*types)[id], 1, 6);
    parts.tokens.push_back({tokens[id], TokenizerParts::Kind(type), float((*scores)[id])});
  }
  TokenizerConfig names;
  const auto name = [&](std::string_view key) -> std::optional<std::string> {
    const auto id = metadata.OptionalInt(key);
    if (id && size_t(*id) >= tokens.size()) metadata.Fail(key, StrCat("is ", *id, ", not a token"));
    return id ? std::optional(tokens[size_t(*id)]) : std::nullopt;
  };
  names.bos_token = name("tokenizer.ggml.bos_token_id");
  names.eos_token = name("tokenizer.ggml.eos_token_id");
  return MakeSentencePieceTokenizer(FormatSentencePieceModel(parts), names, where);
}

struct NamePair {
  std::string_view gguf;
  std::string_view hugging_face;
};
constexpr std::array kModelNames = {
    NamePair{"token_embd.weight", "model.embed_tokens.weight"},
    NamePair{"output_norm.weight", "model.norm.weight"},
    NamePair{"output.weight", "lm_head.weight"},
};
constexpr std::array kLayerNames = {
    NamePair{"attn_norm.weight", "input_layernorm.weight"},
    NamePair{"attn_q.weight", "self_attn.q_proj.weight"},
    NamePair{"attn_k.weight", "self_attn.k_proj.weight"},
    NamePair{"attn_v.weight", "self_attn.v_proj.weight"},
    NamePair{"attn_q.bias", "self_attn.q_proj.bias"},
    NamePair{"attn_k.bias", "self_attn.k_proj.bias"},
    NamePair{"attn_v.bias", "self_attn.v_proj.bias"},
    NamePair{"attn_output.weight", "self_attn.o_proj.weight"},
    NamePair{"ffn_norm.weight", "post_attention_layernorm.weight"},
    NamePair{"ffn_gate.weight", "mlp.gate_proj.weight"},
    NamePair{"ffn_up.weight", "mlp.up_proj.weight"},
    NamePair{"ffn_down.weight", "mlp.down_proj.weight"},
};

using NameMember = std::string_view NamePair::*;

// Finds the pair whose member `from` is the name, and returns its member `to`.
std::optional<std::string> Renamed(std::string_view name, NameMember from,
                                   std::string_view layer_prefix, NameMember to,
                                   std::string_view new_prefix) {
  const auto* found = std::ranges::find(kModelNames, name, from);
  if (found != kModelNames.end()) return std::string(found->*to);
  if (!name.starts_with(layer_prefix)) return std::nullopt;
  const std::string_view rest = name.substr(layer_prefix.size());
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view layer = rest.substr(0, dot);
  const bool digits = !layer.empty() && layer.size() <= 6 &&
                      std::ranges::all_of(layer, [](char c) { return c >= '0' && c <= '9'; });
  const auto* part = std::ranges::find(kLayerNames, rest.substr(dot + 1), from);
  if (!digits || part == kLayerNames.end()) return std::nullopt;
  return StrCat(new_prefix, layer, ".", part->*to);
}

}  // namespace

ModelConfig GgufConfig(const GgufContents& contents, std::string_view where) {
  const Metadata metadata(contents, where);
  const std::string architecture = ReadArchitecture(metadata);
  const auto key = [&](const char* name) { return StrCat(architecture, ".", name); };
  ModelConfig config;
  config.model_type = architecture;
  config.hidden_size = metadata.Int(key("embedding_length"));
  config.intermediate_size = metadata.Int(key("feed_forward_length"));
  config.num_layers = metadata.Int(key("block_count"));
  config.num_heads = metadata.Int(key("attention.head_count"));
  config.num_kv_heads =
      metadata.OptionalInt(key("attention.head_count_kv")).value_or(config.num_heads);
  config.head_dim = HeadDim(metadata, architecture, config);
  config.vocab_size = VocabSize(metadata, architecture);
  config.max_position_embeddings = metadata.Int(key("context_length"));
  config.rms_norm_eps = metadata.Double(key("attention.layer_norm_rms_epsilon"), {});
  config.rope_theta = metadata.Double(key("rope.freq_base"), ModelConfig{}.rope_theta);
  config.qkv_bias = architecture == "qwen2";
  config.tie_word_embeddings = std::ranges::find(contents.tensors, "output.weight",
                                                 &TensorView::name) == contents.tensors.end();
  config.rotary_layout = architecture == "llama" ? RotaryLayout::kInterleaved : RotaryLayout::kHalf;
  config.bos_token_id = metadata.OptionalInt("tokenizer.ggml.bos_token_id");
  config.eos_token_id = metadata.OptionalInt("tokenizer.ggml.eos_token_id");
  CheckConfig(config, where);
  config.rope_scaling = ReadScaling(contents, metadata, architecture, config, where);
  CheckConfig(config, where);
  return config;
}

bool GgufPrependsBos(const GgufContents& contents, std::string_view where) {
  const Metadata metadata(contents, where);
  const bool is_sentencepiece = metadata.String(kTokenizerModel, "") == kSentencePieceModel;
  return metadata.Bool("tokenizer.ggml.add_bos_token", is_sentencepiece);
}

std::shared_ptr<const Tokenizer> GgufTokenizer(const GgufContents& contents,
                                               std::string_view where) {
  const Metadata metadata(contents, where);
  const std::string model = metadata.String(kTokenizerModel, "");
  if (model != kBpeModel && model != kSentencePieceModel) {
    metadata.Unsupported(kTokenizerModel, model, "'gpt2' or 'llama'");
  }
  const auto& tokens = metadata.Strings("tokenizer.ggml.tokens");
  if (tokens.size() > static_cast<size_t>(kMaxTokenId)) {
    metadata.Fail("tokenizer.ggml.tokens",
                  StrCat("has ", tokens.size(), " tokens; expected at most ", kMaxTokenId));
  }
  if (model == kSentencePieceModel) return SentencePieceOf(metadata, tokens, where);
  const auto& merges = metadata.Strings("tokenizer.ggml.merges");
  BpeSpec spec;
  spec.where = std::string(where);
  SetPreTokenizer(metadata, &spec);
  spec.special_tokens = SpecialTokensOf(metadata, tokens);
  SetByteLevelVocabulary(tokens, merges, &spec);
  spec.bos_id = metadata.OptionalInt("tokenizer.ggml.bos_token_id");
  spec.eos_id = metadata.OptionalInt("tokenizer.ggml.eos_token_id");
  return MakeBpeTokenizer(std::move(spec));
}

std::optional<std::string> HuggingFaceName(std::string_view gguf_name) {
  return Renamed(gguf_name, &NamePair::gguf, "blk.", &NamePair::hugging_face, "model.layers.");
}

std::optional<std::string> GgufName(std::string_view hugging_face_name) {
  return Renamed(hugging_face_name, &NamePair::hugging_face, "model.layers.", &NamePair::gguf,
                 "blk.");
}

std::span<const GgufPreTokenizer> GgufPreTokenizers() { return kPreTokenizers; }

}  // namespace prm
