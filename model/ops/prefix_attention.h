// Attention over kept keys and values.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/ops/attention.h"
#include "model/ops/rotary.h"

namespace prm::cuda {
class DeviceRuns;
}

namespace prm::ops {

// Source: Kwon et al. 2023, "PagedAttention", section 4.1; blocks of keys under a running softmax
// as in Dao et al. 2022, "FlashAttention", algorithm 1. Blocks begin at multiples of kKvBlockTokens
// of a trace and every sum over keys runs in their order, so that on the CPU a token's result is
// bitwise the same whatever shares its batch and however its trace was cut into runs.
inline constexpr int kKvBlockTokens = 64;

// Which body keeps and reads them; each has its own order within a block.
enum class KvBody {
  kAvx512Bf16,  // bfloat16, head size a multiple of 16
  kPortable,    // float32 and bfloat16 on any CPU
  kCuda,        // bfloat16 on a GPU, head sizes of cuda/launch.h; the order of kTorch
  kTorch,       // any device: the reference
};
// The fastest for these.
KvBody ChooseKvBody(AttentionShape shape, at::ScalarType dtype, at::Device device);
// Its name, and why it is kTorch on a GPU.
std::string DescribeAttention(AttentionShape shape, at::ScalarType dtype, at::Device device);

// Keys and values of one layer, [N, K, kKvBlockTokens * C] each: block n of key/value head k.
struct KvBlocks {
  at::Tensor keys, values;
  KvBody body = KvBody::kTorch;
};
// Zeros; pages of memory are taken when they are first written.
KvBlocks MakeKvBlocks(int64_t blocks, AttentionShape shape, at::ScalarType dtype, at::Device device,
                      KvBody body);

// Rows [row, row + count) of a batch: tokens of one trace from `position` on, whose keys and values
// lie in `blocks`: token t in block t / kKvBlockTokens.
struct KvRun {
  int64_t row = 0, count = 0, position = 0;
  std::vector<int32_t> blocks;  // of all tokens up to the run's last
  bool keeps = true;            // false: they are there already and stay as they are
  int32_t copy_from = -1;  // a block that the run's first one is a copy of before it is written
};
// The runs of a batch. What the body of a device reads of them is made where it is first needed,
// for all layers of a model. One thread at a time.
class KvRuns {
 public:
  KvRuns(std::vector<KvRun> list) : list_(std::move(list)) {}  // NOLINT: they are what they hold
  // The body's made before.
  KvRuns(std::vector<KvRun> list, std::shared_ptr<cuda::DeviceRuns> device)
      : list_(std::move(list)), device_(std::move(device)) {}
  KvRuns(const KvRuns&) = delete;
  const std::vector<KvRun>& list() const { return list_; }
  cuda::DeviceRuns& device() const;  // for bodies

 private:
  const std::vector<KvRun> list_;
  mutable std::shared_ptr<cuda::DeviceRuns> device_;
};

// Writes the keys and values of qkv [T, (H + 2K)*C] where runs keep them, in the order of the runs.
void KeepKeysAndValues(const at::Tensor& qkv, const KvRuns& runs, AttentionShape shape,
                       KvBlocks* kv);
// ApplyRotary to the queries and keys of qkv, then KeepKeysAndValues: one pass where the body has
// one. The queries of qkv are turned in place; its keys may be, too.
void RotateAndKeep(at::Tensor& qkv, const at::Tensor& positions, const RotaryTable& table,
                   RotaryLayout layout, const KvRuns& runs, AttentionShape shape, KvBlocks* kv);
// [T, H*C]: each row attends to the tokens of its trace up to itself, by shape.window.
at::Tensor PrefixAttention(const at::Tensor& qkv, const KvRuns& runs, AttentionShape shape,
                           const KvBlocks& kv);

}  // namespace prm::ops
