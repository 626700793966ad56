#include "model/decoder/decoder_weights.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

#include "data/error.h"
#include "data/trace.h"
#include "model/files/mapped_file.h"
#include "model/files/safetensors.h"
#include "model/files/tensor_view.h"
#include "model/ops/head.h"
#include "model/ops/packed_linear.h"

namespace prm {
namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";

// The values of a stored tensor; borrows from the file unless it is quantised.
at::Tensor Stored(const TensorView& view) {
  const auto borrow = [&](at::ScalarType dtype) {
    return at::from_blob(const_cast<std::byte*>(view.data), view.shape, at::TensorOptions(dtype));
  };
  switch (view.dtype) {
    case DType::kFloat32:
      return borrow(at::kFloat);
    case DType::kFloat16:
      return borrow(at::kHalf);
    case DType::kBFloat16:
      return borrow(at::kBFloat16);
    default: {
      at::Tensor values = at::empty(view.shape, at::kFloat);
      ToFloat32(view, {values.data_ptr<float>(), size_t(values.numel())});
      return values;
    }
  }
}

// Each thread copies a range of rows, chunk by chunk. While it converts one chunk, the system reads
// the next.
void ReadInto(const TensorView& view, const at::Tensor& out) {
  constexpr int64_t kChunkBytes = 4 << 20;
  const at::Tensor stored = Stored(view);
  const int64_t rows = stored.size(0), row_bytes = int64_t(view.bytes) / std::max(rows, int64_t{1});
  const int64_t chunk = std::max<int64_t>(1, kChunkBytes / std::max(row_bytes, int64_t{1}));
  const auto bytes_of = [&](int64_t begin, int64_t end) {
    return std::span(view.data + begin * row_bytes, size_t((end - begin) * row_bytes));
  };
  at::parallel_for(0, rows, chunk, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += chunk) {
      const int64_t stop = std::min(row + chunk, end);
      PrefetchPages(bytes_of(stop, std::min(stop + chunk, end)));
      PopulatePages(bytes_of(row, stop));
      out.narrow(0, row, stop - row).copy_(stored.narrow(0, row, stop - row));
    }
  });
  ReleasePages({view.data, view.bytes});
}

at::Tensor Read(const WeightSource& source, const std::string& name,
                at::ScalarType dtype = at::kFloat) {
  const TensorView& view = source.View(name);
  at::Tensor tensor = at::empty(view.shape, dtype);
  ReadInto(view, tensor);
  return tensor;
}

at::Tensor ReadEmbedding(const WeightSource& source, bool as_stored) {
  const TensorView& view = source.View(kEmbedding);
  at::Tensor tensor = at::empty(view.shape, as_stored ? Stored(view).scalar_type() : at::kFloat);
  ReadInto(view, tensor);
  return tensor;
}

at::Tensor ReadPart(const WeightSource& source, LayerPart part, int layer, at::ScalarType dtype) {
  const std::vector<StoredTensor> stored = StoredAs(source.config(), part, layer);
  if (stored.empty()) return {};
  std::vector<int64_t> shape = stored[0].shape;
  for (size_t i = 1; i < stored.size(); ++i) shape[0] += stored[i].shape[0];
  at::Tensor tensor = at::empty(shape, IsNorm(part) ? at::kFloat : dtype);
  int64_t row = 0;
  for (const StoredTensor& s : stored) {
    ReadInto(source.View(s.name), tensor.narrow(0, row, s.shape[0]));
    row += s.shape[0];
  }
  return HasNormOffset(part) ? tensor.add_(source.config().norm_offset) : tensor;
}

// Reads only the rows of a language model's output layer whose logits the head uses.
at::Tensor ReadLmHead(const WeightSource& source, const Head& head) {
  const std::string name = source.config().tie_word_embeddings ? kEmbedding : "lm_head.weight";
  const TensorView& view = source.View(name);
  const at::Tensor stored = Stored(view);
  at::Tensor rows;
  if (head.outputs == Head::Outputs::kRows) {
    const at::Tensor ids = at::tensor(std::vector<int64_t>(head.rows.begin(), head.rows.end()));
    if (*std::ranges::max_element(head.rows) >= stored.size(0)) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat("the head reads row ", *std::ranges::max_element(head.rows), " of ", name,
                         ", which has ", stored.size(0)));
    }
    rows = stored.index_select(0, ids).to(at::kFloat);
  } else {
    rows = stored.mean(0, true, at::kFloat);
  }
  ReleasePages({view.data, view.bytes});
  return rows;
}

void ReadHead(const WeightSource& source, const Head& head, DecoderWeights* w) {
  if (head.implicit_beta) return;
  if (head.ReadsLmHead()) {
    w->head_weight = ReadLmHead(source, head);
    w->head_bias = at::zeros({w->head_weight.size(0)});
    return;
  }
  for (const std::string& name : head.layers) {
    const at::Tensor weight = Read(source, name + ".weight");
    const at::Tensor bias =
        source.Has(name + ".bias")
            ? Read(source, name + ".bias")
            : at::zeros(weight.dim() == 3 ? std::vector{weight.size(0), weight.size(2)}
                                          : std::vector{weight.size(0)});
    w->head_hidden.push_back({weight, bias});
  }
  w->head_weight = w->head_hidden.back().weight;
  w->head_bias = w->head_hidden.back().bias;
  w->head_hidden.pop_back();
}

void PrefetchLayer(const WeightSource& source, int layer) {
  if (layer >= source.config().num_layers) return;
  for (const LayerPart part : kLayerParts) {
    for (const StoredTensor& stored : StoredAs(source.config(), part, layer)) {
      const TensorView& view = source.View(stored.name);
      PrefetchPages({view.data, view.bytes});
    }
  }
}

LayerWeights ReadLayer(const WeightSource& source, int i, at::ScalarType dtype) {
  LayerWeights layer;
  for (const LayerPart part : kLayerParts) layer[part] = ReadPart(source, part, i, dtype);
  if (source.config().rotary_layout == RotaryLayout::kInterleaved) {
    ConvertToHalfLayout(source.config(), &layer);
  }
  return layer;
}

ops::LinearBody BodyOf(Packing packing) {
  switch (packing) {
    case Packing::kNone:
      return ops::LinearBody::kTorch;
    case Packing::kAllCuda:
      return ops::LinearBody::kCuda;
    default:
      return ops::LinearBody::kPanels;
  }
}

bool PacksHead(Packing packing) { return packing == Packing::kAll || packing == Packing::kAllCuda; }

// Throws if the matrix cannot be packed with these options.
void CheckTaken(const at::Tensor& weight, const ops::LinearOptions& options) {
  if (ops::PackedLinear::Takes(weight, options)) return;
  const std::string got = StrCat(c10::toString(weight.scalar_type()), " [", weight.size(0), ", ",
                                 weight.size(1), "] on ", weight.device().str());
  if (options.format == ops::WeightFormat::kFp8) {
    throw Error(
        ErrorCode::kUnimplemented,
        StrCat("fp8 weights: no products for ", got,
               "; expected bfloat16, sizes that are multiples of 16, and option device cuda"));
  }
  if (options.body == ops::LinearBody::kCuda) {
    throw Error(ErrorCode::kUnimplemented,
                StrCat("batch-invariant scores: no CUDA products for ", got,
                       "; expected bfloat16 weights as stored, sizes that are multiples of 16"));
  }
  throw Error(
      ErrorCode::kUnimplemented,
      StrCat(options.format == ops::WeightFormat::kInt8 ? "int8 weights" : "batch-invariant scores",
             ": no products for ", got,
             " here; expected float32 on a CPU, or bfloat16 with AVX512-BF16"));
}

void PackLayer(Packing packing, ops::WeightFormat format, LayerWeights* layer) {
  using enum LayerPart;
  constexpr std::pair<LayerPart, LayerPart> kProducts[] = {{kQkv, kQkvBias},
                                                           {kAttentionOut, kAttentionOutBias},
                                                           {kGateUp, kGateUpBias},
                                                           {kDown, kDownBias}};
  const bool as_stored = format == ops::WeightFormat::kAsStored;
  if (packing == Packing::kNone && as_stored) return;
  // Freed together at the end: the buffer pool would reuse a large one for the next small one.
  std::vector<at::Tensor> replaced;
  for (const auto& [part, bias] : kProducts) {
    at::Tensor& weight = (*layer)[part];
    const ops::LinearOptions options{
        .gated = part == kGateUp, .format = format, .body = BodyOf(packing)};
    if (packing == Packing::kAsChosen && as_stored && !ops::PackedLinear::Takes(weight)) continue;
    CheckTaken(weight, options);
    layer->packed[size_t(part)].emplace(weight, (*layer)[bias], options);
    replaced.push_back(std::exchange(weight, {}));
  }
}

// The head's layers are much smaller than the rest, so the originals are kept, too.
void PackHead(ops::LinearBody body, DecoderWeights* w) {
  const ops::LinearOptions options{.body = body};
  std::vector<HeadLayer> layers = w->head_hidden;
  layers.push_back({w->head_weight, w->head_bias});
  for (const HeadLayer& layer : layers) {
    std::vector<ops::PackedLinear>& members = w->packed_head.emplace_back();
    if (layer.weight.dim() == 2) {
      members.emplace_back(layer.weight, layer.bias, options);
      continue;
    }
    for (int64_t e = 0; e < layer.weight.size(0); ++e) {
      members.emplace_back(layer.weight[e].t(), layer.bias[e], options);
    }
  }
}

// Calls f(name, tensor) for each tensor of a Hugging Face folder, in ExpectedTensors' order.
void ForEachNamed(const DecoderWeights& w, const ModelConfig& c,
                  const std::function<void(const std::string&, const at::Tensor&)>& f) {
  f(kEmbedding, w.embedding);
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
  for (const HeadLayer& layer : head_hidden) all.insert(all.end(), {layer.weight, layer.bias});
  return all;
}

int64_t DecoderWeights::num_parameters() const {
  int64_t count = 0;
  for (const at::Tensor& t : Trained()) count += t.numel();
  for (const LayerWeights& layer : layers) {
    for (const auto& packed : layer.packed) count += packed ? packed->numel() : 0;
  }
  return count;
}

DecoderWeights DecoderWeights::Map(
    const std::function<at::Tensor(const at::Tensor&, bool)>& f) const {
  const auto apply = [&](const at::Tensor& t, bool in_matmul) {
    return t.defined() ? f(t, in_matmul) : at::Tensor();
  };
  DecoderWeights out;
  out.format = format;
  out.products = products;
  out.embedding = apply(embedding, false);
  for (const LayerWeights& l : layers) {
    LayerWeights& mapped = out.layers.emplace_back();
    for (const LayerPart part : kLayerParts) mapped[part] = apply(l[part], !IsNorm(part));
    mapped.packed = l.packed;
  }
  out.final_norm = apply(final_norm, false);
  out.lm_head = apply(lm_head, false);
  for (const HeadLayer& layer : head_hidden) {
    out.head_hidden.push_back({apply(layer.weight, false), apply(layer.bias, false)});
  }
  out.head_weight = apply(head_weight, false);
  out.head_bias = apply(head_bias, false);
  out.packed_head = packed_head;
  return out;
}

DecoderWeights LoadDecoderWeights(const WeightSource& source, const WeightOptions& options) {
  DecoderWeights w;
  w.format = options.format;
  Packing packing = options.packing;
  if (packing == Packing::kAsChosen && w.format == ops::WeightFormat::kAsStored) {
    const ModelConfig& c = source.config();
    w.products = ChooseProducts(options.products, options.dtype,
                                int64_t{2} * c.intermediate_size * c.hidden_size);
    if (!w.products.panels) packing = Packing::kNone;
  }
  if (options.head) ReadHead(source, *options.head, &w);
  w.embedding = ReadEmbedding(source, options.embedding_as_stored);
  for (int i = 0; i < source.config().num_layers; ++i) {
    w.layers.push_back(ReadLayer(source, i, options.dtype));
    if (packing == Packing::kNone && w.format == ops::WeightFormat::kAsStored) continue;
    PrefetchLayer(source, i + 1);
    PackLayer(packing, w.format, &w.layers.back());
  }
  if (PacksHead(packing) && w.head_weight.defined()) PackHead(BodyOf(packing), &w);
  w.final_norm = Read(source, "model.norm.weight").add_(source.config().norm_offset);
  if (options.lm_head && source.Has("lm_head.weight")) {
    w.lm_head = Read(source, "lm_head.weight", options.dtype);
  }
  source.CheckWhole();
  return w;
}

void PackWeights(Packing packing, DecoderWeights* weights, ops::WeightFormat format) {
  weights->format = format;
  for (LayerWeights& layer : weights->layers) PackLayer(packing, format, &layer);
  if (PacksHead(packing)) PackHead(BodyOf(packing), weights);
}

DecoderWeights ForCompute(const DecoderWeights& weights, at::ScalarType dtype, at::Device device) {
  DecoderWeights out = weights.Map([&](const at::Tensor& t, bool in_matmul) {
    return t.to(device, in_matmul ? dtype : t.scalar_type());
  });
  for (LayerWeights& layer : out.layers) {
    for (auto& packed : layer.packed) {
      if (packed) packed = packed->To(device);
    }
  }
  for (auto& members : out.packed_head) {
    for (ops::PackedLinear& member : members) member = member.To(device);
  }
  return out;
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

void ConvertToHalfLayout(const ModelConfig& config, LayerWeights* layer) {
  const int64_t heads = config.num_heads + config.num_kv_heads, channels = config.head_dim;
  at::Tensor rotated = (*layer)[LayerPart::kQkv].narrow(0, 0, heads * channels);
  rotated.copy_(
      rotated.view({heads, channels / 2, 2, -1}).transpose(1, 2).reshape({heads * channels, -1}));
}

}  // namespace prm
