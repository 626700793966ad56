#include "model/decoder_weights.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "data/error.h"
#include "data/trace.h"
#include "model/safetensors.h"

namespace prm {
namespace {

at::Tensor Read(const WeightSource& source, const std::string& name) {
  at::Tensor tensor = at::empty(source.shape(name), at::kFloat);
  source.ReadFloat32(name, {tensor.data_ptr<float>(), size_t(tensor.numel())});
  return tensor;
}

at::Tensor ReadStacked(const WeightSource& source, const std::vector<std::string>& names) {
  int64_t rows = 0;
  for (const std::string& name : names) rows += source.shape(name)[0];
  at::Tensor tensor = at::empty({rows, source.shape(names[0])[1]}, at::kFloat);
  int64_t row = 0;
  for (const std::string& name : names) {
    at::Tensor part = tensor.narrow(0, row, source.shape(name)[0]);
    source.ReadFloat32(name, {part.data_ptr<float>(), size_t(part.numel())});
    row += part.size(0);
  }
  return tensor;
}

std::string LayerName(int layer, const char* part) {
  return StrCat("model.layers.", layer, ".", part, ".weight");
}

// Calls f(name, tensor) for each tensor of a Hugging Face folder, in ExpectedTensors' order.
void ForEachNamed(const DecoderWeights& w, const ModelConfig& c,
                  const std::function<void(const std::string&, const at::Tensor&)>& f) {
  const int64_t q = int64_t(c.num_heads) * c.head_dim, kv = int64_t(c.num_kv_heads) * c.head_dim;
  f("model.embed_tokens.weight", w.embedding);
  for (int i = 0; i < c.num_layers; ++i) {
    const LayerWeights& layer = w.layers[i];
    f(LayerName(i, "input_layernorm"), layer.attention_norm);
    f(LayerName(i, "self_attn.q_proj"), layer.qkv.narrow(0, 0, q));
    f(LayerName(i, "self_attn.k_proj"), layer.qkv.narrow(0, q, kv));
    f(LayerName(i, "self_attn.v_proj"), layer.qkv.narrow(0, q + kv, kv));
    f(LayerName(i, "self_attn.o_proj"), layer.attention_out);
    f(LayerName(i, "post_attention_layernorm"), layer.mlp_norm);
    f(LayerName(i, "mlp.gate_proj"), layer.gate_up.narrow(0, 0, c.intermediate_size));
    f(LayerName(i, "mlp.up_proj"),
      layer.gate_up.narrow(0, c.intermediate_size, c.intermediate_size));
    f(LayerName(i, "mlp.down_proj"), layer.down);
  }
  f("model.norm.weight", w.final_norm);
  if (w.lm_head.defined()) f("lm_head.weight", w.lm_head);
  if (w.head_weight.defined()) f("score.weight", w.head_weight);
  if (w.head_bias.defined()) f("score.bias", w.head_bias);
}

}  // namespace

std::vector<at::Tensor> DecoderWeights::Trained() const {
  std::vector<at::Tensor> all = {embedding};
  for (const LayerWeights& l : layers) {
    all.insert(all.end(),
               {l.attention_norm, l.qkv, l.attention_out, l.mlp_norm, l.gate_up, l.down});
  }
  all.insert(all.end(), {final_norm, head_weight, head_bias});
  return all;
}

DecoderWeights DecoderWeights::Map(
    const std::function<at::Tensor(const at::Tensor&, bool)>& f) const {
  const auto apply = [&](const at::Tensor& t, bool in_matmul) {
    return t.defined() ? f(t, in_matmul) : at::Tensor();
  };
  DecoderWeights out;
  out.embedding = apply(embedding, false);
  for (const LayerWeights& l : layers) {
    out.layers.push_back({apply(l.attention_norm, false), apply(l.qkv, true),
                          apply(l.attention_out, true), apply(l.mlp_norm, false),
                          apply(l.gate_up, true), apply(l.down, true)});
  }
  out.final_norm = apply(final_norm, false);
  out.lm_head = apply(lm_head, false);
  out.head_weight = apply(head_weight, false);
  out.head_bias = apply(head_bias, false);
  return out;
}

DecoderWeights LoadDecoderWeights(const WeightSource& source, bool with_lm_head) {
  DecoderWeights w;
  w.embedding = Read(source, "model.embed_tokens.weight");
  for (int i = 0; i < source.config().num_layers; ++i) {
    const auto name = [i](const char* part) { return LayerName(i, part); };
    w.layers.push_back({Read(source, name("input_layernorm")),
                        ReadStacked(source, {name("self_attn.q_proj"), name("self_attn.k_proj"),
                                             name("self_attn.v_proj")}),
                        Read(source, name("self_attn.o_proj")),
                        Read(source, name("post_attention_layernorm")),
                        ReadStacked(source, {name("mlp.gate_proj"), name("mlp.up_proj")}),
                        Read(source, name("mlp.down_proj"))});
  }
  w.final_norm = Read(source, "model.norm.weight");
  if (with_lm_head && source.Has("lm_head.weight")) w.lm_head = Read(source, "lm_head.weight");
  if (source.Has("score.weight")) {
    w.head_weight = Read(source, "score.weight");
    w.head_bias =
        source.Has("score.bias") ? Read(source, "score.bias") : at::zeros({kNumLabels}, at::kFloat);
  }
  return w;
}

DecoderWeights ForCompute(const DecoderWeights& weights, at::ScalarType dtype, at::Device device) {
  return weights.Map([&](const at::Tensor& t, bool in_matmul) {
    return t.to(device, in_matmul ? dtype : t.scalar_type());
  });
}

void InitializeHead(DecoderWeights* weights, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  weights->head_weight =
      at::normal(0.0, 0.001, {kNumLabels, weights->embedding.size(1)}, generator, at::kFloat);
  weights->head_bias = at::zeros({kNumLabels}, at::kFloat);
}

void SaveDecoderWeights(const DecoderWeights& weights, const ModelConfig& config,
                        const std::filesystem::path& file) {
  std::vector<TensorHeader> headers;
  ForEachNamed(weights, config, [&](const std::string& name, const at::Tensor& t) {
    const DType dtype = t.scalar_type() == at::kBFloat16 ? DType::kBFloat16 : DType::kFloat32;
    headers.push_back({name, dtype, t.sizes().vec()});
  });
  SafetensorsWriter writer(file, headers);
  ForEachNamed(weights, config, [&](const std::string& name, const at::Tensor& t) {
    const at::Tensor values = t.to(at::kCPU, at::kFloat).contiguous();
    writer.Add(name, {values.const_data_ptr<float>(), size_t(values.numel())});
  });
  writer.Finish();
}

void ConvertToHalfLayout(DecoderWeights* weights, ModelConfig* config) {
  if (config->rotary_layout == RotaryLayout::kHalf) return;
  const int64_t heads = config->num_heads + config->num_kv_heads;
  for (LayerWeights& layer : weights->layers) {
    at::Tensor rotated = layer.qkv.narrow(0, 0, heads * config->head_dim);
    rotated.copy_(rotated.view({heads, config->head_dim / 2, 2, -1})
                      .transpose(1, 2)
                      .reshape({heads * config->head_dim, -1}));
  }
  config->rotary_layout = RotaryLayout::kHalf;
}

}  // namespace prm
