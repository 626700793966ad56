#include "model/kernels/cuda/bodies.h"

#include <ATen/ATen.h>

#include <cmath>

#include "model/kernels/cuda/module.h"
#include "model/ops/attention.h"
#include "model/ops/prefix_attention.h"
#include "model/ops/rotary.h"

namespace prm::cuda {
namespace {

template <class T>
T* Data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}
template <class T>
const T* At(const at::Tensor& words, size_t offset) {
  return reinterpret_cast<const T*>(words.const_data_ptr<int32_t>() + offset);
}

}  // namespace

at::Tensor Words::On(at::Device device) const {
  const at::Tensor host =
      at::from_blob(const_cast<int32_t*>(words_.data()), {int64_t(words_.size())}, at::kInt);
  return host.to(device, at::kInt, /*non_blocking=*/false, /*copy=*/true);
}

PlanPlace AddPlan(const PrefixPlan& plan, Words* words) {
  return {words->Add(plan.rows), words->Add(plan.visits), words->Add(plan.splits),
          words->Add(plan.merges)};
}

DeviceRuns::Attention AttentionAt(const at::Tensor& memory, const PlanPlace& place,
                                  const PrefixPlan& plan) {
  DeviceRuns::Attention attention{
      .memory = memory, .args = {}, .launches = plan.launches, .slots = plan.slots};
  attention.args.rows = At<TileRow>(memory, place.rows);
  attention.args.visits = At<KeyVisit>(memory, place.visits);
  attention.args.splits = At<Split>(memory, place.splits);
  attention.args.merges = At<Merge>(memory, place.merges);
  return attention;
}

DeviceRuns::Keeping KeepingAt(const at::Tensor& memory, size_t place,
                              const std::vector<KeptToken>& kept) {
  return {memory, At<KeptToken>(memory, place), int(kept.size())};
}

const DeviceRuns::Keeping& DeviceRuns::KeepingOn(at::Device device) {
  if (!keeping_.memory.defined()) {
    const std::vector<KeptToken> kept = PlanKeeping(runs_);
    Words words;
    const size_t place = words.Add(kept);
    keeping_ = KeepingAt(words.On(device), place, kept);
  }
  return keeping_;
}

const DeviceRuns::Attention& DeviceRuns::AttentionOn(at::Device device, ops::AttentionShape shape) {
  const PlanKey key(shape);
  for (const auto& [made, attention] : attentions_) {
    if (made == key) return attention;
  }
  const PrefixPlan plan = key.PlanFor(runs_);
  Words words;
  const PlanPlace place = AddPlan(plan, &words);
  return attentions_.emplace_back(key, AttentionAt(words.On(device), place, plan)).second;
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
                         .kept = keeping.kept,
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
  // Rows of partial results, followed by their statistics.
  const int64_t rows = int64_t(planned.slots) * shape.kv_heads * kTileRows;
  const at::Tensor partial = at::empty({planned.slots * SlotBytes(shape) / int64_t(sizeof(float))},
                                       qkv.options().dtype(at::kFloat));
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
  for (const Launch& launch : planned.launches) {
    args.splits = planned.args.splits + launch.split_begin;
    args.merges = planned.args.merges + launch.merge_begin;
    args.split_count = launch.split_end - launch.split_begin;
    args.merge_count = launch.merge_end - launch.merge_begin;
    LaunchOn(qkv.device(),
             [&](void* stream) { return Kernels(qkv.device())->prefix_attention(args, stream); });
  }
  return out;
}

}  // namespace prm::cuda
