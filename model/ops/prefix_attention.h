// Attention over keys and values that are kept between batches.
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
// as in Dao et al. 2022, "FlashAttention", algorithm 1. Blocks start at multiples of kKvBlockTokens
// within a trace, and sums over keys run in that order. So on the CPU a token's result is bitwise
// the same in any batch and however its trace is cut into runs.
inline constexpr int kKvBlockTokens = 64;

// Which body stores and reads the blocks; each has its own order within a block.
enum class KvBody {
  kAvx512Bf16,  // bfloat16, head size a multiple of 16
  kPortable,    // float32 and bfloat16 on any CPU
  kCuda,        // bfloat16 on a GPU, head sizes of cuda/launch.h; order of kTorch
  kTorch,       // any device: the reference
};
// Returns the fastest body for these.
KvBody ChooseKvBody(AttentionShape shape, at::ScalarType dtype, at::Device device);
// Returns the body's name and, on a GPU, the reason if it is kTorch.
std::string DescribeAttention(AttentionShape shape, at::ScalarType dtype, at::Device device);

// Keys and values of one layer, [N, K, kKvBlockTokens * C] each: block n of key/value head k.
struct KvBlocks {
  at::Tensor keys, values;
  KvBody body = KvBody::kTorch;
};
// Allocates zeros. The system commits memory pages only when they are first written.
KvBlocks MakeKvBlocks(int64_t blocks, AttentionShape shape, at::ScalarType dtype, at::Device device,
                      KvBody body);

// Rows [row, row + count) of a batch: tokens of one trace from `position` on. Token t's key and
// value are stored in block blocks[t / kKvBlockTokens].
struct KvRun {
  int64_t row = 0, count = 0, position = 0;
  std::vector<int32_t> blocks;  // of all tokens up to the run's last
  bool keeps = true;            // false: keys and values are already stored and not rewritten
  int32_t copy_from = -1;       // >= 0: a block copied to the run's first one before it is written
};
// The runs of a batch. The device copy is built on first use and shared by all layers. One thread
// at a time.
class KvRuns {
 public:
  KvRuns(std::vector<KvRun> list) : list_(std::move(list)) {}  // NOLINT: implicit by intent
  // With a device copy made earlier.
  KvRuns(std::vector<KvRun> list, std::shared_ptr<cuda::DeviceRuns> device)
      : list_(std::move(list)), device_(std::move(device)) {}
  KvRuns(const KvRuns&) = delete;
  const std::vector<KvRun>& list() const { return list_; }
  cuda::DeviceRuns& device() const;  // for bodies

 private:
  const std::vector<KvRun> list_;
  mutable std::shared_ptr<cuda::DeviceRuns> device_;
};

// Writes the keys and values of qkv [T, (H + 2K)*C] to the blocks of the runs, in order of runs.
void KeepKeysAndValues(const at::Tensor& qkv, const KvRuns& runs, AttentionShape shape,
                       KvBlocks* kv);
// ApplyRotary on the queries and keys of qkv, then KeepKeysAndValues; in one pass if the body has
// one. Rotates the queries of qkv in place, and possibly its keys.
void RotateAndKeep(at::Tensor& qkv, const at::Tensor& positions, const RotaryTable& table,
                   RotaryLayout layout, const KvRuns& runs, AttentionShape shape, KvBlocks* kv);
// Returns [T, H*C]. Each row attends to the tokens of its trace up to itself, within shape.window.
at::Tensor PrefixAttention(const at::Tensor& qkv, const KvRuns& runs, AttentionShape shape,
                           const KvBlocks& kv);

}  // namespace prm::ops
