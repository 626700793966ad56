#include "model/gguf_model.h"

#include <algorithm>
#include <array>
#include <climits>
#include <limits>
#include <utility>

#include "data/bpe_tokenizer.h"
#include "data/error.h"

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

void CheckArchitecture(const Metadata& metadata) {
  const std::string name = metadata.String("general.architecture", "");
  if (name != "llama") metadata.Unsupported("general.architecture", name, "'llama'");
  const std::string scaling = metadata.String("llama.rope.scaling.type", "none");
  if (scaling != "none") metadata.Unsupported("llama.rope.scaling.type", scaling, "'none'");
  const int experts = metadata.OptionalInt("llama.expert_count").value_or(0);
  if (experts != 0) metadata.Unsupported("llama.expert_count", std::to_string(experts), "0");
}

int HeadDim(const Metadata& metadata, const ModelConfig& config) {
  if (config.num_heads == 0) metadata.Fail("llama.attention.head_count", "is 0");
  const int head_dim = metadata.OptionalInt("llama.attention.key_length")
                           .value_or(config.hidden_size / config.num_heads);
  for (const std::string_view key :
       {"llama.attention.value_length", "llama.rope.dimension_count"}) {
    const int value = metadata.OptionalInt(key).value_or(head_dim);
    if (value == head_dim) continue;
    metadata.Unsupported(key, std::to_string(value), StrCat("the head size ", head_dim));
  }
  return head_dim;
}

int VocabSize(const Metadata& metadata) {
  const auto* tokens =
      metadata.Find<std::vector<std::string>>("tokenizer.ggml.tokens", "an array of strings");
  if (tokens == nullptr) return metadata.Int("llama.vocab_size");
  const int count = static_cast<int>(std::min<size_t>(tokens->size(), INT_MAX));
  const int declared = metadata.OptionalInt("llama.vocab_size").value_or(count);
  if (declared != count) {
    metadata.Fail("llama.vocab_size",
                  StrCat("is ", declared, ", but tokenizer.ggml.tokens has ", count, " tokens"));
  }
  return count;
}

// Numbers of tokenizer.ggml.token_type.
enum TokenType : int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5 };

// Names of tokenizer.ggml.pre, and how each splits text; without the key it is GPT-2's.
struct NamedPreTokenizer {
  std::string_view name;
  PreTokenizer kind;
  bool nfc;
};
constexpr std::array kPreTokenizers = {
    NamedPreTokenizer{"default", PreTokenizer::kGpt2, false},
    NamedPreTokenizer{"gpt-2", PreTokenizer::kGpt2, false},
    NamedPreTokenizer{"smollm", PreTokenizer::kSmolLm2, false},
    NamedPreTokenizer{"qwen2", PreTokenizer::kQwen2, true},
    NamedPreTokenizer{"llama-bpe", PreTokenizer::kLlama3, false},
};

void SetPreTokenizer(const Metadata& metadata, BpeSpec* spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.pre";
  const std::string name = metadata.String(kKey, "default");
  const auto* found = std::ranges::find(kPreTokenizers, name, &NamedPreTokenizer::name);
  if (found == kPreTokenizers.end()) {
    metadata.Unsupported(kKey, name, "default, gpt-2, smollm, qwen2 or llama-bpe");
  }
  spec->split.kind = found->kind;
  if (found->nfc) spec->normalizer = {NormalizerStep{}};
  // As in Llama 3's tokenizer.json, which the file does not carry.
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
    NamePair{"attn_output.weight", "self_attn.o_proj.weight"},
    NamePair{"ffn_norm.weight", "post_attention_layernorm.weight"},
    NamePair{"ffn_gate.weight", "mlp.gate_proj.weight"},
    NamePair{"ffn_up.weight", "mlp.up_proj.weight"},
    NamePair{"ffn_down.weight", "mlp.down_proj.weight"},
};

}  // namespace

ModelConfig GgufConfig(const GgufContents& contents, std::string_view where) {
  const Metadata metadata(contents, where);
  CheckArchitecture(metadata);
  ModelConfig config;
  config.hidden_size = metadata.Int("llama.embedding_length");
  config.intermediate_size = metadata.Int("llama.feed_forward_length");
  config.num_layers = metadata.Int("llama.block_count");
  config.num_heads = metadata.Int("llama.attention.head_count");
  config.num_kv_heads =
      metadata.OptionalInt("llama.attention.head_count_kv").value_or(config.num_heads);
  config.head_dim = HeadDim(metadata, config);
  config.vocab_size = VocabSize(metadata);
  config.max_position_embeddings = metadata.Int("llama.context_length");
  config.rms_norm_eps = metadata.Double("llama.attention.layer_norm_rms_epsilon", {});
  config.rope_theta = metadata.Double("llama.rope.freq_base", ModelConfig{}.rope_theta);
  config.tie_word_embeddings = std::ranges::find(contents.tensors, "output.weight",
                                                 &TensorView::name) == contents.tensors.end();
  config.rotary_layout = RotaryLayout::kInterleaved;
  config.bos_token_id = metadata.OptionalInt("tokenizer.ggml.bos_token_id");
  config.eos_token_id = metadata.OptionalInt("tokenizer.ggml.eos_token_id");
  CheckConfig(config, where);
  return config;
}

bool GgufPrependsBos(const GgufContents& contents, std::string_view where) {
  return Metadata(contents, where).Bool("tokenizer.ggml.add_bos_token", false);
}

std::shared_ptr<const Tokenizer> GgufTokenizer(const GgufContents& contents,
                                               std::string_view where) {
  const Metadata metadata(contents, where);
  const std::string model = metadata.String("tokenizer.ggml.model", "");
  if (model != "gpt2") metadata.Unsupported("tokenizer.ggml.model", model, "'gpt2'");
  const auto& tokens = metadata.Strings("tokenizer.ggml.tokens");
  const auto& merges = metadata.Strings("tokenizer.ggml.merges");
  if (tokens.size() > static_cast<size_t>(kMaxTokenId)) {
    metadata.Fail("tokenizer.ggml.tokens",
                  StrCat("has ", tokens.size(), " tokens; expected at most ", kMaxTokenId));
  }
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
  const auto* found = std::ranges::find(kModelNames, gguf_name, &NamePair::gguf);
  if (found != kModelNames.end()) return std::string(found->hugging_face);
  constexpr std::string_view kPrefix = "blk.";
  if (!gguf_name.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = gguf_name.substr(kPrefix.size());
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view layer = rest.substr(0, dot);
  const bool digits = !layer.empty() && layer.size() <= 6 &&
                      std::ranges::all_of(layer, [](char c) { return c >= '0' && c <= '9'; });
  const auto* part = std::ranges::find(kLayerNames, rest.substr(dot + 1), &NamePair::gguf);
  if (!digits || part == kLayerNames.end()) return std::nullopt;
  return StrCat("model.layers.", layer, ".", part->hugging_face);
}

}  // namespace prm
