// Attention of tiles of queries over blocks of kept keys and values, in bfloat16 on tensor cores. A
// thread block takes one split of one tile for one key/value head; each of its four warps takes 16
// rows. The next block is copied while this one is computed. Sums over keys run in order of
// position, and a block that a row does not see changes none of its bits. So a row's result depends
// only on its own trace, not on who shares its tile.
//
// Source: Dao 2023, "FlashAttention-2", sections 3.1 and 3.3; the merge: Dao et al. 2023,
// "Flash-Decoding for long-context inference"; shared blocks read once for all branches: Juravsky
// et al. 2024, "Hydragen", section 3.2.
#pragma once

#include "model/kernels/cuda/device.cuh"
#include "model/kernels/cuda/launch.h"

namespace prm::cuda {

inline constexpr int kAttentionThreads = 128;
inline constexpr float kNoScore = -1e30f;  // below all scores; finite, so that differences are

// Shared memory for head size C, in bfloat16 elements. Rows are padded by 16 bytes, so that eight
// neighbours begin in different banks.
template <int C>
struct AttentionMemory {
  static constexpr int kRow = C + 8;
  static constexpr int kBlock = kBlockTokens * kRow;
  static constexpr int kStages = C > 128 ? 1 : 2;  // of keys and values; sm_80 has 163 KB
  static constexpr int kBytes = 2 * (kTileRows * kRow + 2 * kStages * kBlock);
  static_assert(C % 16 == 0 && kBytes <= 163 * 1024);

  unsigned char* base;
  PRM_DEVICE uint16_t* queries() const { return reinterpret_cast<uint16_t*>(base); }
  PRM_DEVICE uint16_t* keys(int stage) const {
    return queries() + kTileRows * kRow + 2 * (stage % kStages) * kBlock;
  }
  PRM_DEVICE uint16_t* values(int stage) const { return keys(stage) + kBlock; }
};

// The state of a thread's two rows, 16 * warp + lane / 4 and 8 below, carried from block to block.
template <int C>
struct RowSums {
  float values[C / 8][4] = {};  // channels 8n + 2(lane % 4), +1 of the first row, then the second
  float max[2] = {kNoScore, kNoScore};
  float weights[2] = {};  // over this thread's keys
};

template <int C>
PRM_DEVICE void CopyQueries(const PrefixAttentionArgs& a, const TileRow* rows, int kv_head,
                            AttentionMemory<C> memory) {
  constexpr int kChunks = C / 8;
  const int64_t stride = int64_t(a.heads + 2 * a.kv_heads) * C;
  const int first_head = kv_head * (a.heads / a.kv_heads);
  for (int i = threadIdx.x; i < kTileRows * kChunks; i += kAttentionThreads) {
    const TileRow row = rows[i / kChunks];
    const bool wanted = row.row >= 0;
    const int64_t from = wanted ? row.row * stride + (first_head + row.head) * C : 0;
    CopyAsync16(memory.queries() + i / kChunks * memory.kRow + i % kChunks * 8,
                a.qkv + from + i % kChunks * 8, wanted);
  }
}

// Missing tokens become zeros, since NaN * 0 is NaN for whatever the block contains there.
template <int C>
PRM_DEVICE void CopyBlock(const uint16_t* from, int count, uint16_t* to) {
  constexpr int kChunks = C / 8;
  for (int i = threadIdx.x; i < kBlockTokens * kChunks; i += kAttentionThreads) {
    const int token = i / kChunks;
    CopyAsync16(to + token * AttentionMemory<C>::kRow + i % kChunks * 8, from + i * 8,
                token < count);
  }
}

template <int C>
PRM_DEVICE void CopyVisit(const PrefixAttentionArgs& a, int visit, int kv_head, int stage,
                          AttentionMemory<C> memory) {
  const KeyVisit v = a.visits[visit];
  const int64_t from = (int64_t(v.block) * a.kv_heads + kv_head) * kBlockTokens * C;
  CopyBlock<C>(a.keys + from, v.count, memory.keys(stage));
  CopyBlock<C>(a.values + from, v.count, memory.values(stage));
}

// scores[n] of keys 8n .. 8n + 7, in the order of MultiplyAdd.
template <int C>
PRM_DEVICE void Scores(const uint16_t* queries, const uint16_t* keys, float (&scores)[8][4]) {
  constexpr int kRow = AttentionMemory<C>::kRow;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const uint16_t* query = queries + (16 * warp + lane % 16) * kRow + lane / 16 * 8;
  const uint16_t* key = keys + (lane / 16 * 8 + lane % 8) * kRow + lane / 8 % 2 * 8;
  PRM_UNROLL
  for (int c = 0; c < C; c += 16) {
    uint32_t x[4];
    LoadMatrices(x, query + c);
    PRM_UNROLL
    for (int n = 0; n < 4; ++n) {
      uint32_t y[4];
      LoadMatrices(y, key + 16 * n * kRow + c);
      MultiplyAdd(scores[2 * n], x, y[0], y[1]);
      MultiplyAdd(scores[2 * n + 1], x, y[2], y[3]);
    }
  }
}

// Keys [first, last] of a visit that row `index` of the tile sees; none if last < first.
struct KeyRange {
  int first, last;
};
PRM_DEVICE KeyRange SeenKeys(const KeyVisit& visit, int index, int position, int window) {
  if (index < visit.row_begin || index >= visit.row_end) return {0, -1};
  const int last = position - visit.position;
  return {window > 0 ? last - window + 1 : 0, last < visit.count ? last : visit.count - 1};
}

// Scores to weights, with the new running maximum; earlier sums are scaled down to it.
template <int C>
PRM_DEVICE void Weigh(const PrefixAttentionArgs& a, const KeyRange (&seen)[2],
                      float (&scores)[8][4], RowSums<C>& sums) {
  const int key = threadIdx.x % 4 * 2;
  PRM_UNROLL
  for (int half = 0; half < 2; ++half) {
    const auto sees = [&](int n, int i) {
      return 8 * n + key + i >= seen[half].first && 8 * n + key + i <= seen[half].last;
    };
    float max = sums.max[half];
    PRM_UNROLL
    for (int n = 0; n < 8; ++n) {
      PRM_UNROLL
      for (int i = 0; i < 2; ++i) {
        float& score = scores[n][2 * half + i];
        score *= a.scale;
        if (a.softcap > 0) score = a.softcap * Tanh(score / a.softcap);
        score *= kLog2E;
        if (sees(n, i)) max = fmaxf(max, score);
      }
    }
    max = fmaxf(max, ShuffleXor(max, 1));
    max = fmaxf(max, ShuffleXor(max, 2));
    const float decay = Exp2(sums.max[half] - max);
    sums.max[half] = max;
    sums.weights[half] *= decay;
    PRM_UNROLL
    for (int n = 0; n < 8; ++n) {
      PRM_UNROLL
      for (int i = 0; i < 2; ++i) {
        float& score = scores[n][2 * half + i];
        score = sees(n, i) ? Exp2(score - max) : 0.0f;
        sums.weights[half] += score;
      }
    }
    PRM_UNROLL
    for (int n = 0; n < C / 8; ++n) {
      sums.values[n][2 * half] *= decay;
      sums.values[n][2 * half + 1] *= decay;
    }
  }
}

template <int C>
PRM_DEVICE void AddValues(const float (&weights)[8][4], const uint16_t* values, RowSums<C>& sums) {
  constexpr int kRow = AttentionMemory<C>::kRow;
  const int lane = threadIdx.x % 32;
  const uint16_t* value = values + lane % 16 * kRow + lane / 16 * 8;
  PRM_UNROLL
  for (int k = 0; k < 4; ++k) {  // 16 keys each
    const auto& w = weights;
    const uint32_t x[4] = {PackBf16(w[2 * k][0], w[2 * k][1]), PackBf16(w[2 * k][2], w[2 * k][3]),
                           PackBf16(w[2 * k + 1][0], w[2 * k + 1][1]),
                           PackBf16(w[2 * k + 1][2], w[2 * k + 1][3])};
    PRM_UNROLL
    for (int n = 0; n < C / 16; ++n) {
      uint32_t y[4];
      LoadMatricesTransposed(y, value + 16 * k * kRow + 16 * n);
      MultiplyAdd(sums.values[2 * n], x, y[0], y[1]);
      MultiplyAdd(sums.values[2 * n + 1], x, y[2], y[3]);
    }
  }
}

// Writes a row's result, or its sums for the merge. `half`: the thread's first or second row.
template <int C>
PRM_DEVICE void WriteRow(const PrefixAttentionArgs& a, const Split& split, int kv_head, int index,
                         int half, const RowSums<C>& sums) {
  float weight = sums.weights[half];
  weight += ShuffleXor(weight, 1);
  weight += ShuffleXor(weight, 2);
  const TileRow row = a.rows[int64_t(split.tile) * kTileRows + index];
  if (row.row < 0) return;
  const int channel = threadIdx.x % 4 * 2;
  if (split.slot < 0) {
    const int head = kv_head * (a.heads / a.kv_heads) + row.head;
    uint16_t* out = a.out + (int64_t(row.row) * a.heads + head) * C + channel;
    PRM_UNROLL
    for (int n = 0; n < C / 8; ++n) {
      *reinterpret_cast<uint32_t*>(out + 8 * n) =
          PackBf16(sums.values[n][2 * half] / weight, sums.values[n][2 * half + 1] / weight);
    }
    return;
  }
  const int64_t at = (int64_t(split.slot) * a.kv_heads + kv_head) * kTileRows + index;
  PRM_UNROLL
  for (int n = 0; n < C / 8; ++n) {
    Store<2>(a.sums + at * C + 8 * n + channel,
             Vector<float, 2>{{sums.values[n][2 * half], sums.values[n][2 * half + 1]}});
  }
  if (channel == 0) Store<2>(a.stats + 2 * at, Vector<float, 2>{{sums.max[half], weight}});
}

// Grid [splits, K], kAttentionThreads threads, AttentionMemory<C>::kBytes of dynamic shared memory.
template <int C>
__global__ void __launch_bounds__(kAttentionThreads)
    PrefixAttentionKernel(const PrefixAttentionArgs a) {
  PRM_DYNAMIC_SHARED(shared);
  const AttentionMemory<C> memory{shared};
  constexpr bool kAhead = AttentionMemory<C>::kStages > 1;
  const Split split = a.splits[blockIdx.x];
  if (split.visit_begin == split.visit_end) return;
  const int kv_head = blockIdx.y, index = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
  const TileRow* rows = a.rows + int64_t(split.tile) * kTileRows;
  const int positions[2] = {rows[index].position, rows[index + 8].position};
  RowSums<C> sums;

  CopyQueries(a, rows, kv_head, memory);
  if (kAhead) CopyVisit(a, split.visit_begin, kv_head, 0, memory);
  CommitCopies();
  for (int visit = split.visit_begin; visit < split.visit_end; ++visit) {
    const int stage = visit - split.visit_begin;
    const int next = kAhead ? visit + 1 : visit;
    if (next < split.visit_end) CopyVisit(a, next, kv_head, next - split.visit_begin, memory);
    CommitCopies();  // empty past the last one, so that the number of groups stays the same
    WaitForCopies<kAhead ? 1 : 0>();
    __syncthreads();  // the copies of all threads have arrived
    const KeyVisit v = a.visits[visit];
    const int warp_row = threadIdx.x / 32 * 16;
    if (v.row_begin < warp_row + 16 && v.row_end > warp_row) {
      const KeyRange seen[2] = {SeenKeys(v, index, positions[0], a.window),
                                SeenKeys(v, index + 8, positions[1], a.window)};
      float scores[8][4] = {};
      Scores<C>(memory.queries(), memory.keys(stage), scores);
      Weigh(a, seen, scores, sums);
      AddValues(scores, memory.values(stage), sums);
    }
    __syncthreads();  // before its memory is overwritten
  }
  WriteRow(a, split, kv_head, index, 0, sums);
  WriteRow(a, split, kv_head, index + 8, 1, sums);
}

// Adds up the splits of a tile in order of position; each warp takes one row at a time. Grid
// [merges, K], kAttentionThreads threads.
template <int C>
__global__ void __launch_bounds__(kAttentionThreads)
    MergeSplitsKernel(const PrefixAttentionArgs a) {
  const Merge merge = a.merges[blockIdx.x];
  if (merge.slot_begin == merge.slot_end) return;
  const int kv_head = blockIdx.y, lane = threadIdx.x % 32;
  const int64_t stride = int64_t(a.kv_heads) * kTileRows;  // rows between slots
  for (int index = threadIdx.x / 32; index < kTileRows; index += kAttentionThreads / 32) {
    const TileRow row = a.rows[int64_t(merge.tile) * kTileRows + index];
    if (row.row < 0) continue;
    const int64_t begin = int64_t(merge.slot_begin) * stride + kv_head * kTileRows + index;
    const int64_t end = int64_t(merge.slot_end) * stride;
    float max = kNoScore, sums[(C + 31) / 32] = {}, weights = 0.0f;
    for (int64_t at = begin; at < end; at += stride) max = fmaxf(max, a.stats[2 * at]);
    for (int64_t at = begin; at < end; at += stride) {
      const float decay = Exp2(a.stats[2 * at] - max);
      weights += decay * a.stats[2 * at + 1];
      for (int c = lane; c < C; c += 32) sums[c / 32] += decay * a.sums[at * C + c];
    }
    const int head = kv_head * (a.heads / a.kv_heads) + row.head;
    uint16_t* out = a.out + (int64_t(row.row) * a.heads + head) * C;
    for (int c = lane; c < C; c += 32) out[c] = FromFloat<Bf16>(sums[c / 32] / weights).bits;
  }
}

}  // namespace prm::cuda
