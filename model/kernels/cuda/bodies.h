// Tensors to the arguments of kernels, for attention over kept keys and values. Internal to
// model/kernels; the bodies of the other ops are called where their CPU bodies are.
#pragma once

#include "model/kernels/cuda/plan.h"
#include "model/kernels/ops.h"

namespace prm::cuda {

// What the kernels read of a batch's runs, in device memory: each plan is made and copied once.
class DeviceRuns {
 public:
  explicit DeviceRuns(const std::vector<ops::KvRun>& runs) : runs_(runs) {}

  struct Keeping {
    at::Tensor memory;
    int count = 0;
  };
  const Keeping& KeepingOn(at::Device device);
  struct Attention {
    at::Tensor memory;  // rows, visits, splits, merges
    PrefixAttentionArgs args;
    int slots = 0;
  };
  const Attention& AttentionOn(at::Device device, ops::AttentionShape shape);

 private:
  // Of layers with and without a window.
  struct Key {
    int group, window;
    bool operator==(const Key&) const = default;
  };
  const std::vector<ops::KvRun>& runs_;
  Keeping keeping_;
  std::vector<std::pair<Key, Attention>> attention_;
};

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
