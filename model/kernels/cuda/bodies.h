// Tensors to the arguments of kernels, for attention over kept keys and values. Internal to
// model/kernels; the bodies of the other ops are called where their CPU bodies are.
#pragma once

#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "model/kernels/cuda/plan.h"
#include "model/ops/attention.h"
#include "model/ops/prefix_attention.h"
#include "model/ops/rotary.h"

namespace prm::cuda {

// Arrays of int32 structs, or int64, one behind the other, so that they travel in one copy.
class Words {
 public:
  // Where the array begins.
  template <class T>
  size_t Add(const std::vector<T>& values) {
    static_assert(sizeof(T) % sizeof(int32_t) == 0);
    words_.resize((words_.size() + kAligned - 1) / kAligned * kAligned);
    const size_t at = words_.size(), count = values.size() * sizeof(T) / sizeof(int32_t);
    words_.resize(at + count);
    if (count > 0) std::memcpy(words_.data() + at, values.data(), count * sizeof(int32_t));
    return at;
  }
  at::Tensor On(at::Device device) const;
  const std::vector<int32_t>& words() const { return words_; }

 private:
  static constexpr size_t kAligned = 4;
  std::vector<int32_t> words_;
};

// Partial sums of attention over long contexts lie in memory of at most so many bytes; of one
// tile's in any case, which is 33 KB for each key/value head of 128 channels and 512 tokens of its
// context.
inline constexpr int64_t kPartialBytes = int64_t{256} << 20;
// Those of a slot: kTileRows rows of values and two statistics for each head, in float32.
constexpr int64_t SlotBytes(ops::AttentionShape s) {
  return int64_t(s.kv_heads) * kTileRows * (s.head_dim + 2) * int64_t(sizeof(float));
}

// What layers with the same plan have in common: some have a window, others none.
struct PlanKey {
  explicit PlanKey(ops::AttentionShape s)
      : group(s.heads / s.kv_heads),
        window(s.window),
        most_slots(int(kPartialBytes / SlotBytes(s))) {}
  bool operator==(const PlanKey&) const = default;
  PrefixPlan PlanFor(std::span<const ops::KvRun> runs) const {
    return PlanPrefixAttention(runs, group, window, most_slots);
  }
  int group, window, most_slots;
};

// What the kernels read of a batch's runs, in device memory: each plan is made and copied once.
class DeviceRuns {
 public:
  struct Keeping {
    at::Tensor memory;
    const KeptToken* kept = nullptr;
    int count = 0;
  };
  struct Attention {
    at::Tensor memory;
    PrefixAttentionArgs args;  // rows, visits, splits, merges
    std::vector<Launch> launches;
    int slots = 0;
  };
  using Attentions = std::vector<std::pair<PlanKey, Attention>>;

  explicit DeviceRuns(const std::vector<ops::KvRun>& runs) : runs_(runs) {}
  // Plans that were made before.
  DeviceRuns(Keeping keeping, Attentions attentions)
      : keeping_(std::move(keeping)), attentions_(std::move(attentions)) {}

  const Keeping& KeepingOn(at::Device device);
  const Attention& AttentionOn(at::Device device, ops::AttentionShape shape);

 private:
  std::span<const ops::KvRun> runs_;
  Keeping keeping_;
  Attentions attentions_;
};

// Where a plan's arrays begin.
struct PlanPlace {
  size_t rows, visits, splits, merges;
};
PlanPlace AddPlan(const PrefixPlan& plan, Words* words);
// Of the words in `memory`.
DeviceRuns::Attention AttentionAt(const at::Tensor& memory, const PlanPlace& place,
                                  const PrefixPlan& plan);
DeviceRuns::Keeping KeepingAt(const at::Tensor& memory, size_t place,
                              const std::vector<KeptToken>& kept);

bool HasPrefixAttention(ops::AttentionShape shape, at::ScalarType dtype, at::Device device);

// Whether the kernels multiply by such a weight [N, K]; gated: in the order of kGluGroup.
bool TakesLinear(const at::Tensor& weight, bool gated);
// out = x weight^T + bias and what follows (LinearArgs); bias may be undefined. Throws c10::Error
// where no kernels run on the device.
void Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
            LinearResult result, Activation activation, const at::Tensor& out);

// Turns queries and keys by `table` (null: not at all) and keeps keys and values.
void RotateAndKeep(const at::Tensor& qkv, const at::Tensor& positions,
                   const ops::RotaryTable* table, RotaryLayout layout, const ops::KvRuns& runs,
                   ops::AttentionShape shape, ops::KvBlocks* kv);
at::Tensor PrefixAttention(const at::Tensor& qkv, const ops::KvRuns& runs,
                           ops::AttentionShape shape, const ops::KvBlocks& kv);

}  // namespace prm::cuda
