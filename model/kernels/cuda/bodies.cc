#include "model/kernels/cuda/bodies.h"

#include <ATen/ATen.h>

#include <cmath>

#include "model/kernels/cuda/module.h"

namespace prm::cuda {
namespace {

// Arrays of int32 structs one behind the other, so that they travel in one copy.
struct Words {
  template <class T>
  size_t Add(const std::vector<T>& values) {
    static_assert(sizeof(T) % sizeof(int32_t) == 0 && alignof(T) == alignof(int32_t));
    const size_t at = words.size();
    const auto* begin = reinterpret_cast<const int32_t*>(values.data());
    words.insert(words.end(), begin, begin + values.size() * sizeof(T) / sizeof(int32_t));
    return at;
  }
  at::Tensor On(at::Device device) {
    const at::Tensor host = at::from_blob(words.data(), {int64_t(words.size())}, at::kInt);
    return host.to(device, at::kInt, /*non_blocking=*/false, /*copy=*/true);
  }
  std::vector<int32_t> words;
};

template <class T>
T* Data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}
template <class T>
const T* At(const at::Tensor& words, size_t offset) {
  return reinterpret_cast<const T*>(words.const_data_ptr<int32_t>() + offset);
}

}  // namespace

const DeviceRuns::Keeping& DeviceRuns::KeepingOn(at::Device device) {
  if (!keeping_.memory.defined()) {
    const std::vector<KeptToken> kept = PlanKeeping(runs_);
    Words words;
    words.Add(kept);
    keeping_ = {words.On(device), int(kept.size())};
  }
  return keeping_;
}

const DeviceRuns::Attention& DeviceRuns::AttentionOn(at::Device device, ops::AttentionShape shape) {
  const Key key{shape.heads / shape.kv_heads, shape.window};
  for (const auto& [made, attention] : attention_) {
    if (made == key) return attention;
  }
  const PrefixPlan plan = PlanPrefixAttention(runs_, key.group, key.window);
  Words words;
  const size_t rows = words.Add(plan.rows), visits = words.Add(plan.visits),
               splits = words.Add(plan.splits), merges = words.Add(plan.merges);
  Attention attention{.memory = words.On(device), .args = {}, .slots = plan.slots};
  attention.args.rows = At<TileRow>(attention.memory, rows);
  attention.args.visits = At<KeyVisit>(attention.memory, visits);
  attention.args.splits = At<Split>(attention.memory, splits);
  attention.args.merges = At<Merge>(attention.memory, merges);
  attention.args.split_count = int(plan.splits.size());
  attention.args.merge_count = int(plan.merges.size());
  return attention_.emplace_back(key, std::move(attention)).second;
}

bool HasPrefixAttention(ops::AttentionShape shape, at::ScalarType dtype, at::Device device) {
  return dtype == at::kBFloat16 && TakesHeadSize(shape.head_dim) && Kernels(device) != nullptr;
}

bool TakesLinear(const at::Tensor& weight, bool gated) {
  if (weight.scalar_type() == at::kFloat) return !gated;
  return weight.scalar_type() == at::kBFloat16 && weight.size(1) % 8 == 0 &&
         weight.size(0) % (gated ? 2 * kGluGroup : 8) == 0;
}

void Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
            LinearResult result, Activation activation, const at::Tensor& out) {
  const KernelTable* kernels = Kernels(x.device());
  TORCH_CHECK(kernels, "linear: no CUDA kernels on ", x.device());
  const LinearArgs args{.x = x.const_data_ptr(),
                        .weight = weight.const_data_ptr(),
                        .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                        .out = out.mutable_data_ptr(),
                        .rows = x.size(0),
                        .inputs = x.size(1),
                        .outputs = weight.size(0),
                        .bf16 = x.scalar_type() == at::kBFloat16,
                        .gelu = activation == Activation::kGeluTanh,
                        .result = result};
  LaunchOn(x.device(), [&](void* stream) { return kernels->linear(args, stream); });
}

void RotateAndKeep(const at::Tensor& qkv, const at::Tensor& positions,
                   const ops::RotaryTable* table, RotaryLayout layout, const ops::KvRuns& runs,
                   ops::AttentionShape shape, ops::KvBlocks* kv) {
  const DeviceRuns::Keeping& keeping = runs.device().KeepingOn(qkv.device());
  RotateAndKeepArgs args{.qkv = Data<uint16_t>(qkv),
                         .keys = Data<uint16_t>(kv->keys),
                         .values = Data<uint16_t>(kv->values),
                         .kept = At<KeptToken>(keeping.memory, 0),
                         .interleaved = layout == RotaryLayout::kInterleaved,
                         .tokens = int(qkv.size(0)),
                         .kept_count = keeping.count,
                         .heads = shape.heads,
                         .kv_heads = shape.kv_heads,
                         .head_dim = shape.head_dim};
  if (table) {
    args.positions = positions.const_data_ptr<int64_t>();
    args.cos = table->cos.const_data_ptr<float>();
    args.sin = table->sin.const_data_ptr<float>();
  }
  LaunchOn(qkv.device(),
           [&](void* stream) { return Kernels(qkv.device())->rotate_and_keep(args, stream); });
}

at::Tensor PrefixAttention(const at::Tensor& qkv, const ops::KvRuns& runs,
                           ops::AttentionShape shape, const ops::KvBlocks& kv) {
  const DeviceRuns::Attention& planned = runs.device().AttentionOn(qkv.device(), shape);
  const at::Tensor out =
      at::empty({qkv.size(0), int64_t(shape.heads) * shape.head_dim}, qkv.options());
  // Rows of partial results and their statistics behind them.
  const int64_t rows = int64_t(planned.slots) * shape.kv_heads * kTileRows;
  const at::Tensor partial =
      at::empty({rows * (shape.head_dim + 2)}, qkv.options().dtype(at::kFloat));
  PrefixAttentionArgs args = planned.args;
  args.qkv = Data<uint16_t>(qkv);
  args.keys = Data<uint16_t>(kv.keys);
  args.values = Data<uint16_t>(kv.values);
  args.out = Data<uint16_t>(out);
  args.sums = Data<float>(partial);
  args.stats = args.sums + rows * shape.head_dim;
  args.heads = shape.heads, args.kv_heads = shape.kv_heads, args.head_dim = shape.head_dim;
  args.window = shape.window;
  args.scale = shape.scale > 0 ? float(shape.scale) : 1.0f / std::sqrt(float(shape.head_dim));
  args.softcap = float(shape.softcap);
  LaunchOn(qkv.device(),
           [&](void* stream) { return Kernels(qkv.device())->prefix_attention(args, stream); });
  return out;
}

}  // namespace prm::cuda
