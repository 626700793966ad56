// Converts tensors to kernel arguments for attention over kept keys and values. Internal to
// model/kernels. The bodies of the other ops are called next to their CPU bodies.
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

// Packs arrays of structs of int32 or int64 one after the other, to copy all at once.
class Words {
 public:
  // Returns the offset of the array, in words.
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

// Limit on the memory for partial sums of attention over long contexts, in bytes. One tile's sums
// are always allowed: 33 KB per key/value head of 128 channels and per 512 tokens of context.
inline constexpr int64_t kPartialBytes = int64_t{256} << 20;
// Bytes per slot: kTileRows rows of values and two statistics for each head, in float32.
constexpr int64_t SlotBytes(ops::AttentionShape s) {
  return int64_t(s.kv_heads) * kTileRows * (s.head_dim + 2) * int64_t(sizeof(float));
}

// What layers need in common to share a plan; for example, some have a window, others not.
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

// A batch's runs as the kernels read them, in device memory; each plan is made and copied once.
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
  // With plans made earlier.
  DeviceRuns(Keeping keeping, Attentions attentions)
      : keeping_(std::move(keeping)), attentions_(std::move(attentions)) {}

  const Keeping& KeepingOn(at::Device device);
  const Attention& AttentionOn(at::Device device, ops::AttentionShape shape);

 private:
  std::span<const ops::KvRun> runs_;
  Keeping keeping_;
  Attentions attentions_;
};

// Offsets of a plan's arrays, in words.
struct PlanPlace {
  size_t rows, visits, splits, merges;
};
PlanPlace AddPlan(const PrefixPlan& plan, Words* words);
// From the words in `memory`.
DeviceRuns::Attention AttentionAt(const at::Tensor& memory, const PlanPlace& place,
                                  const PrefixPlan& plan);
DeviceRuns::Keeping KeepingAt(const at::Tensor& memory, size_t place,
                              const std::vector<KeptToken>& kept);

bool HasPrefixAttention(ops::AttentionShape shape, at::ScalarType dtype, at::Device device);

// Whether the kernels can multiply by this weight [N, K]; gated: rows in groups of kGluGroup.
bool TakesLinear(const at::Tensor& weight, bool gated);
// out = x weight^T + bias, then the LinearResult; bias may be undefined. Throws c10::Error if no
// kernels run on the device.
void Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
            LinearResult result, Activation activation, const at::Tensor& out);

// Rotates queries and keys by `table` (null: no rotation) and stores keys and values.
void RotateAndKeep(const at::Tensor& qkv, const at::Tensor& positions,
                   const ops::RotaryTable* table, RotaryLayout layout, const ops::KvRuns& runs,
                   ops::AttentionShape shape, ops::KvBlocks* kv);
at::Tensor PrefixAttention(const at::Tensor& qkv, const ops::KvRuns& runs,
                           ops::AttentionShape shape, const ops::KvBlocks& kv);

}  // namespace prm::cuda
