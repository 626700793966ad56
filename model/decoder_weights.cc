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

at::Tensor ReadPart(const WeightSource& source, LayerPart part, int layer) {
  const std::vector<StoredTensor> stored = StoredAs(source.config(), part, layer);
  if (stored.empty()) return {};
  std::vector<int64_t> shape = stored[0].shape;
  for (size_t i = 1; i < stored.size(); ++i) shape[0] += stored[i].shape[0];
  at::Tensor tensor = at::empty(shape, at::kFloat);
  int64_t row = 0;
  for (const StoredTensor& s : stored) {
    at::Tensor rows = tensor.narrow(0, row, s.shape[0]);
    source.ReadFloat32(s.name, {rows.data_ptr<float>(), size_t(rows.numel())});
    row += s.shape[0];
  }
  return HasNormOffset(part) ? tensor.add_(source.config().norm_offset) : tensor;
}

// Calls f(name, tensor) for each tensor of a Hugging Face folder, in ExpectedTensors' order.
void ForEachNamed(const DecoderWeights& w, const ModelConfig& c,
                  const std::function<void(const std::string&, const at::Tensor&)>& f) {
  f("model.embed_tokens.weight", w.embedding);
  for (int i = 0; i < c.num_layers; ++i) {
    for (const LayerPart part : kLayerParts) {
      int64_t row = 0;
      for (const StoredTensor& stored : StoredAs(c, part, i)) {
        const at::Tensor rows = w.layers[size_t(i)][part].narrow(0, row, stored.shape[0]);
        f(stored.name, HasNormOffset(part) && c.norm_offset != 0 ? rows - c.norm_offset : rows);
        row += stored.shape[0];
      }
    }
  }
  f("model.norm.weight", c.norm_offset != 0 ? w.final_norm - c.norm_offset : w.final_norm);
  if (w.lm_head.defined()) f("lm_head.weight", w.lm_head);
  if (w.head_weight.defined()) f("score.weight", w.head_weight);
  if (w.head_bias.defined()) f("score.bias", w.head_bias);
}

}  // namespace

std::vector<at::Tensor> DecoderWeights::Trained() const {
  std::vector<at::Tensor> all = {embedding};
  for (const LayerWeights& l : layers) {
    for (const LayerPart part : kLayerParts) {
      if (l[part].defined()) all.push_back(l[part]);
    }
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
    LayerWeights& mapped = out.layers.emplace_back();
    for (const LayerPart part : kLayerParts) mapped[part] = apply(l[part], !IsNorm(part));
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
    LayerWeights& layer = w.layers.emplace_back();
    for (const LayerPart part : kLayerParts) layer[part] = ReadPart(source, part, i);
  }
  w.final_norm = Read(source, "model.norm.weight").add_(source.config().norm_offset);
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
    at::Tensor rotated = layer[LayerPart::kQkv].narrow(0, 0, heads * config->head_dim);
    rotated.copy_(rotated.view({heads, config->head_dim / 2, 2, -1})
                      .transpose(1, 2)
                      .reshape({heads * config->head_dim, -1}));
  }
  config->rotary_layout = RotaryLayout::kHalf;
}

}  // namespace prm
