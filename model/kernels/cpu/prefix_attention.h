// The CPU bodies of attention over kept keys and values. Internal to model/kernels.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "model/kernels/cpu/cpu_math.h"
#include "model/ops/attention.h"
#include "model/ops/prefix_attention.h"
#include "model/ops/rotary.h"

namespace prm::ops {

// Up to kLaneBlock / group tokens of a run (at least one). A lane is one query head of one token;
// the query heads of one key/value head's group are neighbouring lanes.
struct QueryBlock {
  const KvRun* run;
  int kv_head;
  int64_t begin, end;  // rows
};

struct PrefixLayout {
  explicit PrefixLayout(AttentionShape s)
      : shape(s),
        channels(s.head_dim),
        group(s.heads / s.kv_heads),
        row(int64_t(s.heads + 2 * s.kv_heads) * s.head_dim),
        out_row(int64_t(s.heads) * s.head_dim),
        scale(s.scale > 0 ? float(s.scale) : 1.0f / std::sqrt(float(s.head_dim))) {}
  // The first key that `position` sees.
  int64_t FirstKey(int64_t position) const {
    return shape.window > 0 ? std::max<int64_t>(0, position - shape.window + 1) : 0;
  }
  // Offset of `block` of one head, in elements.
  int64_t Block(int32_t block, int kv_head) const {
    return (int64_t(block) * shape.kv_heads + kv_head) * kKvBlockTokens * channels;
  }
  AttentionShape shape;
  int channels, group;
  int64_t row, out_row;  // elements per row of qkv and of out
  float scale;           // multiplies scores
};

// Throws c10::Error if arguments of ApplyRotary do not fit (rotary.cc).
void CheckRotary(const at::Tensor& x, const at::Tensor& positions, const RotaryTable& table,
                 int heads, int head_dim);

// Keys of a block are [kKvBlockTokens, C], values token pairs (avx512_bf16.h).
bool HasBf16PrefixAttention(AttentionShape shape);
void Bf16PrefixAttention(const BFloat16* qkv, const std::vector<QueryBlock>& queries,
                         AttentionShape shape, const BFloat16* keys, const BFloat16* values,
                         BFloat16* out);
inline constexpr int kLaneBlock = 64;  // of this body

}  // namespace prm::ops
