// Stores keys and values in blocks, and computes attention over them.
// CPU, bfloat16: prefix_attention_bf16.cc if the CPU multiplies bfloat16.
// CPU otherwise: four queries at a time against a block of keys stored [C, tokens], so that a
// register holds neighbouring keys. Sums over channels and keys in rising order, float32.
// CUDA, bfloat16: cuda/prefix_attention.cuh.
// Elsewhere: gathers the blocks of a trace; one masked product per trace.
#include "model/ops/prefix_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "model/kernels/cpu/for_each.h"
#include "model/kernels/cpu/prefix_attention.h"
#include "model/kernels/cuda/bodies.h"
#include "model/ops/attention.h"
#include "model/ops/rotary.h"

namespace prm::ops {
namespace {

constexpr int kTokens = kKvBlockTokens;

void CheckQkv(const at::Tensor& qkv, const std::vector<KvRun>& runs, AttentionShape shape,
              const KvBlocks& kv) {
  const int64_t width = int64_t(shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  TORCH_CHECK(qkv.dim() == 2 && qkv.size(1) == width && qkv.is_contiguous(),
              "attention: expected contiguous qkv [T, ", width, "], got ", qkv.sizes());
  TORCH_CHECK(kv.keys.dim() == 3 && kv.keys.size(1) == shape.kv_heads &&
                  kv.keys.size(2) == int64_t(kTokens) * shape.head_dim &&
                  kv.keys.scalar_type() == qkv.scalar_type(),
              "attention: blocks ", kv.keys.sizes(), " do not fit");
  for (const KvRun& run : runs) {
    TORCH_CHECK(run.count > 0 && run.row >= 0 && run.row + run.count <= qkv.size(0) &&
                    int64_t(run.blocks.size()) * kTokens >= run.position + run.count,
                "attention: a run of ", run.count, " rows from ", run.row, " at position ",
                run.position, " with ", run.blocks.size(), " blocks of a batch of ", qkv.size(0));
  }
}

// --- keeping -------------------------------------------------------------------------------------

// Stores the keys, or values, of one head. place(t, c): offset of channel c of token t in a block.
template <class T, class Place>
void KeepOfHead(const T* qkv, int64_t channel, const std::vector<KvRun>& runs,
                const PrefixLayout& l, int kv_head, const Place& place, T* kept) {
  const int C = l.channels;
  for (const KvRun& run : runs) {
    if (!run.keeps) continue;
    if (run.copy_from >= 0) {
      const int32_t to = run.blocks[size_t(run.position / kTokens)];
      std::memcpy(kept + l.Block(to, kv_head), kept + l.Block(run.copy_from, kv_head),
                  sizeof(T) * size_t(kTokens * C));
    }
    for (int64_t i = 0; i < run.count; ++i) {
      const int64_t position = run.position + i;
      const T* row = qkv + (run.row + i) * l.row + channel;
      T* block = kept + l.Block(run.blocks[size_t(position / kTokens)], kv_head);
      const int t = int(position % kTokens);
      for (int c = 0; c < C; ++c) block[place(t, c)] = row[c];
    }
  }
}

template <class T>
void KeepOnCpu(const at::Tensor& qkv, const std::vector<KvRun>& runs, AttentionShape shape,
               KvBlocks* kv) {
  const PrefixLayout l(shape);
  const int C = shape.head_dim, K = shape.kv_heads;
  const T* rows = static_cast<const T*>(qkv.const_data_ptr());
  const auto by_token = [C](int t, int c) { return int64_t(t) * C + c; };
  const auto by_channel = [](int t, int c) { return int64_t(c) * kTokens + t; };
  const auto by_pair = [C](int t, int c) { return 2 * (int64_t{t} / 2 * C + c) + t % 2; };
  const auto keep = [&](int head, int64_t channel, const at::Tensor& kept, const auto& place) {
    KeepOfHead(rows, channel + int64_t(head) * C, runs, l, head, place,
               static_cast<T*>(kept.data_ptr()));
  };
  // Each head takes the runs in order, so a copy comes after what it copies.
  ForEachItem(2 * K, [&](int64_t i) {
    const int head = int(i / 2);
    const int64_t key = l.out_row, value = key + int64_t(K) * C;
    if (i % 2 == 0) {
      kv->body == KvBody::kPortable ? keep(head, key, kv->keys, by_channel)
                                    : keep(head, key, kv->keys, by_token);
    } else {
      kv->body == KvBody::kAvx512Bf16 ? keep(head, value, kv->values, by_pair)
                                      : keep(head, value, kv->values, by_token);
    }
  });
}

void KeepByTorch(const at::Tensor& qkv, const std::vector<KvRun>& runs, AttentionShape shape,
                 KvBlocks* kv) {
  const int64_t K = shape.kv_heads, C = shape.head_dim, heads = shape.heads;
  // [N, tokens, K, C]
  const auto by_token = [&](const at::Tensor& x) { return x.view({-1, K, kTokens, C}); };
  for (const KvRun& run : runs) {
    if (!run.keeps) continue;
    if (run.copy_from >= 0) {
      const int64_t to = run.blocks[size_t(run.position / kTokens)];
      for (at::Tensor* x : {&kv->keys, &kv->values})
        x->select(0, to).copy_(x->select(0, run.copy_from));
    }
    std::vector<int64_t> blocks, slots;
    for (int64_t t = run.position; t < run.position + run.count; ++t) {
      blocks.push_back(run.blocks[size_t(t / kTokens)]);
      slots.push_back(t % kTokens);
    }
    const at::Tensor n = at::tensor(blocks, at::kLong).to(qkv.device()),
                     t = at::tensor(slots, at::kLong).to(qkv.device());
    const at::Tensor rows = qkv.narrow(0, run.row, run.count).view({run.count, heads + 2 * K, C});
    by_token(kv->keys).transpose(1, 2).index_put_({n, t}, rows.narrow(1, heads, K));
    by_token(kv->values).transpose(1, 2).index_put_({n, t}, rows.narrow(1, heads + K, K));
  }
}

// --- the reference -------------------------------------------------------------------------------

at::Tensor AttendByTorch(const at::Tensor& qkv, const KvRun& run, AttentionShape shape,
                         const KvBlocks& kv) {
  const int64_t K = shape.kv_heads, C = shape.head_dim, end = run.position + run.count,
                group = shape.heads / K;
  const PrefixLayout layout(shape);
  std::vector<int64_t> ids(run.blocks.begin(), run.blocks.end());
  const at::Tensor blocks = at::tensor(ids, at::kLong).to(qkv.device());
  // [K, 1, tokens, C]
  const auto gather = [&](const at::Tensor& x) {
    return x.index_select(0, blocks)
        .view({-1, K, kTokens, C})
        .transpose(0, 1)
        .reshape({K, 1, -1, C})
        .narrow(2, 0, end)
        .to(at::kFloat);
  };
  const at::Tensor query = qkv.narrow(0, run.row, run.count)
                               .narrow(1, 0, shape.heads * C)
                               .view({run.count, K, group, C})
                               .permute({1, 2, 0, 3})
                               .to(at::kFloat);
  at::Tensor scores = at::matmul(query, gather(kv.keys).transpose(2, 3)) * layout.scale;
  if (shape.softcap > 0) scores = (scores / shape.softcap).tanh() * shape.softcap;
  const auto options = at::TensorOptions().dtype(at::kLong).device(qkv.device());
  const at::Tensor distance =
      at::arange(run.position, end, options).unsqueeze(1) - at::arange(end, options).unsqueeze(0);
  const int64_t window = shape.window > 0 ? shape.window : end;
  scores = scores.masked_fill(at::logical_or(distance.lt(0), distance.ge(window)), -INFINITY);
  return at::matmul(scores.softmax(-1), gather(kv.values))
      .permute({2, 0, 1, 3})
      .reshape({run.count, shape.heads * C})
      .to(qkv.scalar_type());
}

// --- any CPU -------------------------------------------------------------------------------------

constexpr int kQueries = 4;  // per tile

// The state of a tile of queries, carried from block to block.
struct alignas(64) Tile {
  float scores[kQueries][kTokens];
  float max[kQueries], sum[kQueries], decay[kQueries];
};

template <class T>
PRM_INLINE void TileScores(const T* const* queries, const T* keys, int channels, Tile& tile) {
  for (int begin = 0; begin < kTokens; begin += 16) {
    float sum[kQueries][16] = {};
    for (int c = 0; c < channels; ++c) {
      const T* key = keys + int64_t(c) * kTokens + begin;
      for (int q = 0; q < kQueries; ++q) {
        const float x = ToFloat(queries[q][c]);
#pragma omp simd
        for (int k = 0; k < 16; ++k) sum[q][k] += x * ToFloat(key[k]);
      }
    }
    for (int q = 0; q < kQueries; ++q) std::copy_n(sum[q], 16, tile.scores[q] + begin);
  }
}

// Scores to weights; keys outside [first, last] of the block get weight 0.
PRM_INLINE void TileSoftmax(Tile& tile, int q, int first, int last, float scale, float softcap) {
  float* x = tile.scores[q];
  if (softcap > 0) {
    const float inner = scale / softcap;
    for (int k = 0; k < kTokens; ++k) x[k] = softcap * std::tanh(x[k] * inner);
  } else {
#pragma omp simd
    for (int k = 0; k < kTokens; ++k) x[k] *= scale;
  }
  float max = tile.max[q];
  for (int k = first; k <= last; ++k) max = std::max(max, x[k]);
  float sum = 0;
#pragma omp simd
  for (int k = 0; k < kTokens; ++k) x[k] = k >= first && k <= last ? Exp(x[k] - max) : 0.0f;
  for (int k = 0; k < kTokens; ++k) sum += x[k];
  tile.decay[q] = tile.max[q] == max ? 1.0f : Exp(tile.max[q] - max);
  tile.sum[q] = tile.sum[q] * tile.decay[q] + sum;
  tile.max[q] = max;
}

template <class T>
PRM_INLINE void TileValues(const Tile& tile, const T* values, int channels, int last, float* sums) {
  for (int q = 0; q < kQueries; ++q) {
    for (int c = 0; c < channels; ++c) sums[q * channels + c] *= tile.decay[q];
  }
  for (int k = 0; k <= last; ++k) {
    const T* value = values + int64_t(k) * channels;
    for (int q = 0; q < kQueries; ++q) {
      const float weight = tile.scores[q][k];
      float* sum = sums + int64_t{q} * channels;
#pragma omp simd
      for (int c = 0; c < channels; ++c) sum[c] += weight * ToFloat(value[c]);
    }
  }
}

// Lanes [lane, lane + kQueries) of a block of queries; lanes beyond its end repeat the last one.
template <class T>
PRM_INLINE void AttendTile(const T* qkv, const QueryBlock& b, int lane, const PrefixLayout& l,
                           const T* keys, const T* values, float* sums, T* out) {
  const int C = l.channels, lanes = int(b.end - b.begin) * l.group;
  Tile tile;
  const T* queries[kQueries];
  int64_t positions[kQueries];
  int64_t rows[kQueries], channels[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    const int i = std::min(lane + q, lanes - 1);
    rows[q] = b.begin + i / l.group;
    channels[q] = int64_t(b.kv_head * l.group + i % l.group) * C;
    queries[q] = qkv + rows[q] * l.row + channels[q];
    positions[q] = b.run->position + rows[q] - b.run->row;
    tile.max[q] = -1e30f;
    tile.sum[q] = 0;
  }
  std::fill_n(sums, kQueries * C, 0.0f);
  const int64_t last = positions[kQueries - 1];
  for (int64_t key = l.FirstKey(positions[0]) / kTokens * kTokens; key <= last; key += kTokens) {
    const int64_t block = l.Block(b.run->blocks[size_t(key / kTokens)], b.kv_head);
    TileScores(queries, keys + block, C, tile);
    for (int q = 0; q < kQueries; ++q) {
      const int64_t from = std::max<int64_t>(0, l.FirstKey(positions[q]) - key);
      const int64_t to = std::min<int64_t>(kTokens - 1, positions[q] - key);
      TileSoftmax(tile, q, int(from), int(to), l.scale, float(l.shape.softcap));
    }
    TileValues(tile, values + block, C, int(std::min<int64_t>(kTokens - 1, last - key)), sums);
  }
  for (int q = 0; q < kQueries && lane + q < lanes; ++q) {
    T* to = out + rows[q] * l.out_row + channels[q];
    for (int c = 0; c < C; ++c) to[c] = FromFloat<T>(sums[q * C + c] / tile.sum[q]);
  }
}

template <class T>
struct PortableArgs {
  const T *qkv, *keys, *values;
  const std::vector<QueryBlock>* queries;
  const PrefixLayout* layout;
  T* out;
};

template <class T>
PRM_INLINE void AttendBlocks(const PortableArgs<T>& a, int64_t begin, int64_t end) {
  std::vector<float> sums(size_t(kQueries) * size_t(a.layout->channels));
  for (int64_t i = begin; i < end; ++i) {
    const QueryBlock& block = (*a.queries)[size_t(i)];
    const int lanes = int(block.end - block.begin) * a.layout->group;
    for (int lane = 0; lane < lanes; lane += kQueries) {
      AttendTile(a.qkv, block, lane, *a.layout, a.keys, a.values, sums.data(), a.out);
    }
  }
}
PRM_SIMD void AttendF32(const PortableArgs<float>& a, int64_t b, int64_t e) {
  AttendBlocks(a, b, e);
}
PRM_SIMD void AttendBf16(const PortableArgs<BFloat16>& a, int64_t b, int64_t e) {
  AttendBlocks(a, b, e);
}

// Blocks of at most kLaneBlock lanes, but at least one token. Longest first, so that no thread is
// left working on a long one at the end.
std::vector<QueryBlock> QueryBlocks(const std::vector<KvRun>& runs, AttentionShape shape) {
  const int64_t tokens = std::max(1, kLaneBlock / (shape.heads / shape.kv_heads));
  std::vector<QueryBlock> blocks;
  for (const KvRun& run : runs) {
    for (int64_t begin = run.row; begin < run.row + run.count; begin += tokens) {
      for (int head = 0; head < shape.kv_heads; ++head) {
        blocks.push_back({&run, head, begin, std::min(begin + tokens, run.row + run.count)});
      }
    }
  }
  const auto last = [](const QueryBlock& b) { return b.run->position + b.end - b.run->row; };
  std::stable_sort(blocks.begin(), blocks.end(),
                   [&](const QueryBlock& a, const QueryBlock& b) { return last(a) > last(b); });
  return blocks;
}

}  // namespace

KvBody ChooseKvBody(AttentionShape shape, at::ScalarType dtype, at::Device device) {
  if (cuda::HasPrefixAttention(shape, dtype, device)) return KvBody::kCuda;
  if (!device.is_cpu()) return KvBody::kTorch;
  if (dtype == at::kBFloat16 && HasBf16PrefixAttention(shape)) return KvBody::kAvx512Bf16;
  return dtype == at::kBFloat16 || dtype == at::kFloat ? KvBody::kPortable : KvBody::kTorch;
}

std::string DescribeAttention(AttentionShape shape, at::ScalarType dtype, at::Device device) {
  switch (ChooseKvBody(shape, dtype, device)) {
    case KvBody::kCuda:
      return "CUDA kernel";
    case KvBody::kAvx512Bf16:
      return "AVX512-BF16 kernel";
    case KvBody::kPortable:
      return "portable CPU loops";
    case KvBody::kTorch:
      break;
  }
  std::string why;
  if (device.is_cuda() && dtype != at::kBFloat16) {
    why = ", since the CUDA kernel is bfloat16 only";
  } else if (device.is_cuda() && !cuda::TakesHeadSize(shape.head_dim)) {
    why = ", since no CUDA kernel has heads of " + std::to_string(shape.head_dim) + " channels";
  }
  return "LibTorch's operators, gathering in float32" + why;
}

KvBlocks MakeKvBlocks(int64_t blocks, AttentionShape shape, at::ScalarType dtype, at::Device device,
                      KvBody body) {
  const std::vector<int64_t> sizes = {blocks, shape.kv_heads, int64_t(kTokens) * shape.head_dim};
  const auto options = at::TensorOptions().dtype(dtype).device(device);
  if (!device.is_cpu()) return {at::zeros(sizes, options), at::zeros(sizes, options), body};
  // calloc: the system provides large memory as zeros that take no page before they are written.
  const auto make = [&] {
    const size_t count = size_t(blocks * sizes[1] * sizes[2]);
    void* data = std::calloc(count, at::elementSize(dtype));
    TORCH_CHECK(data != nullptr, "no memory for ", count * at::elementSize(dtype),
                " bytes of keys or values");
    return at::from_blob(
        data, sizes, [](void* p) { std::free(p); }, options);
  };
  return {make(), make(), body};
}

cuda::DeviceRuns& KvRuns::device() const {
  if (!device_) device_ = std::make_shared<cuda::DeviceRuns>(list_);
  return *device_;
}

void KeepKeysAndValues(const at::Tensor& qkv, const KvRuns& kv_runs, AttentionShape shape,
                       KvBlocks* kv) {
  const std::vector<KvRun>& runs = kv_runs.list();
  CheckQkv(qkv, runs, shape, *kv);
  if (kv->body == KvBody::kCuda) {
    return cuda::RotateAndKeep(qkv, {}, nullptr, RotaryLayout::kHalf, kv_runs, shape, kv);
  }
  if (!qkv.is_cpu()) return KeepByTorch(qkv, runs, shape, kv);
  if (qkv.scalar_type() == at::kFloat) return KeepOnCpu<float>(qkv, runs, shape, kv);
  TORCH_CHECK(qkv.element_size() == 2, "attention: unexpected dtype ", qkv.scalar_type());
  KeepOnCpu<BFloat16>(qkv, runs, shape, kv);
}

void RotateAndKeep(at::Tensor& qkv, const at::Tensor& positions, const RotaryTable& table,
                   RotaryLayout layout, const KvRuns& runs, AttentionShape shape, KvBlocks* kv) {
  if (kv->body == KvBody::kCuda) {
    CheckQkv(qkv, runs.list(), shape, *kv);
    CheckRotary(qkv, positions, table, shape.heads + shape.kv_heads, shape.head_dim);
    return cuda::RotateAndKeep(qkv, positions, &table, layout, runs, shape, kv);
  }
  ApplyRotary(qkv, positions, table, shape.heads + shape.kv_heads, shape.head_dim, layout,
              /*inverse=*/false);
  KeepKeysAndValues(qkv, runs, shape, kv);
}

at::Tensor PrefixAttention(const at::Tensor& qkv, const KvRuns& kv_runs, AttentionShape shape,
                           const KvBlocks& kv) {
  const std::vector<KvRun>& runs = kv_runs.list();
  CheckQkv(qkv, runs, shape, kv);
  if (kv.body == KvBody::kCuda) return cuda::PrefixAttention(qkv, kv_runs, shape, kv);
  at::Tensor out = at::empty({qkv.size(0), int64_t(shape.heads) * shape.head_dim}, qkv.options());
  if (kv.body == KvBody::kTorch) {
    for (const KvRun& run : runs) {
      out.narrow(0, run.row, run.count).copy_(AttendByTorch(qkv, run, shape, kv));
    }
    return out;
  }
  const std::vector<QueryBlock> queries = QueryBlocks(runs, shape);
  const auto run = [&]<class T>(const T* x, const auto& body) {
    const PrefixLayout layout(shape);
    const PortableArgs<T> args{x,
                               static_cast<const T*>(kv.keys.const_data_ptr()),
                               static_cast<const T*>(kv.values.const_data_ptr()),
                               &queries,
                               &layout,
                               static_cast<T*>(out.data_ptr())};
    ForEachBlock(int64_t(queries.size()), 1, [&](int64_t b, int64_t e) { body(args, b, e); });
  };
  if (kv.body == KvBody::kAvx512Bf16) {
    Bf16PrefixAttention(static_cast<const BFloat16*>(qkv.const_data_ptr()), queries, shape,
                        static_cast<const BFloat16*>(kv.keys.const_data_ptr()),
                        static_cast<const BFloat16*>(kv.values.const_data_ptr()),
                        static_cast<BFloat16*>(out.data_ptr()));
  } else if (qkv.scalar_type() == at::kFloat) {
    run(qkv.const_data_ptr<float>(), AttendF32);
  } else {
    run(static_cast<const BFloat16*>(qkv.const_data_ptr()), AttendBf16);
  }
  return out;
}

}  // namespace prm::ops
