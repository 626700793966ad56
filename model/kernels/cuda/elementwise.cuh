// Kernels that make one pass over rows: RMSNorm with the residual, rotary positions with the write
// of keys and values, gated units, and the end of the decoder at the tokens that are read. float32
// accumulation. Contracts: model/ops.
#pragma once

#include "model/kernels/cuda/device.cuh"
#include "model/kernels/cuda/launch.h"

namespace prm::cuda {

// --- RMSNorm -------------------------------------------------------------------------------------

// residual + delta for N neighbours; delta may be null.
template <class Delta, int N>
PRM_DEVICE Vector<float, N> Sum(const float* residual, const Delta* delta, int64_t at) {
  Vector<float, N> x = Load<N>(residual + at);
  if (delta == nullptr) return x;
  const Vector<Delta, N> d = Load<N>(delta + at);
  PRM_UNROLL
  for (int i = 0; i < N; ++i) x.at[i] += ToFloat(d.at[i]);
  return x;
}

// Grid [rows], whole warps; width a multiple of N. Rereads its own, still cached, sums.
template <class Delta, class Out, int N>
__global__ void AddRmsNormKernel(const AddRmsNormArgs a) {
  const int64_t row = int64_t(blockIdx.x) * a.width;
  const Delta* delta = static_cast<const Delta*>(a.delta);
  float squares = 0.0f;
  for (int i = threadIdx.x * N; i < a.width; i += blockDim.x * N) {
    const Vector<float, N> x = Sum<Delta, N>(a.residual, delta, row + i);
    if (delta != nullptr) Store<N>(a.sum + row + i, x);
    PRM_UNROLL
    for (int j = 0; j < N; ++j) squares += x.at[j] * x.at[j];
  }
  const float rstd = 1.0f / sqrtf(BlockSum(squares) / float(a.width) + a.eps);
  if (threadIdx.x == 0) a.rstd[blockIdx.x] = rstd;
  const float* sum = delta != nullptr ? a.sum : a.residual;
  for (int i = threadIdx.x * N; i < a.width; i += blockDim.x * N) {
    const Vector<float, N> x = Load<N>(sum + row + i), weight = Load<N>(a.weight + i);
    Vector<Out, N> normed;
    PRM_UNROLL
    for (int j = 0; j < N; ++j) normed.at[j] = FromFloat<Out>(x.at[j] * rstd * weight.at[j]);
    Store<N>(static_cast<Out*>(a.normed) + row + i, normed);
  }
}

// --- rotary positions and keeping ----------------------------------------------------------------

inline constexpr int kPairs = 8;  // per thread at once

// Rotates pairs [begin, begin + kPairs) of the head at `from` by row `turn` of the table and writes
// them to `to`, which may equal `from`.
template <bool kInterleaved>
PRM_DEVICE void TurnPairs(const RotateAndKeepArgs& a, const uint16_t* from, int64_t turn, int begin,
                          uint16_t* to) {
  const int half = a.head_dim / 2;
  const int low = kInterleaved ? 2 * begin : begin;
  const int high = kInterleaved ? 2 * begin + kPairs : begin + half;
  Vector<uint16_t, kPairs> x = Load<kPairs>(from + low), y = Load<kPairs>(from + high);
  if (a.cos != nullptr) {
    const Vector<float, 4>* cos =
        reinterpret_cast<const Vector<float, 4>*>(a.cos + turn * half + begin);
    const Vector<float, 4>* sin =
        reinterpret_cast<const Vector<float, 4>*>(a.sin + turn * half + begin);
    PRM_UNROLL
    for (int i = 0; i < kPairs; ++i) {
      uint16_t& first = kInterleaved ? (i < 4 ? x.at[2 * i] : y.at[2 * i - 8]) : x.at[i];
      uint16_t& second = kInterleaved ? (i < 4 ? x.at[2 * i + 1] : y.at[2 * i - 7]) : y.at[i];
      const float u = ToFloat(Bf16{first}), v = ToFloat(Bf16{second});
      const float c = cos[i / 4].at[i % 4], s = sin[i / 4].at[i % 4];
      first = FromFloat<Bf16>(u * c - v * s).bits;
      second = FromFloat<Bf16>(v * c + u * s).bits;
    }
  }
  Store<kPairs>(to + low, x);
  Store<kPairs>(to + high, y);
}

// Offset of a slot of one head in the blocks, in elements.
PRM_DEVICE int64_t SlotOf(const RotateAndKeepArgs& a, int slot, int kv_head) {
  const int64_t block = int64_t(slot / kBlockTokens) * a.kv_heads + kv_head;
  return (block * kBlockTokens + slot % kBlockTokens) * a.head_dim;
}

// Stores values [at, at + 2 * kPairs) of a token. A value that is not finite is stored as zero, and
// the token's key, at `mark`, becomes NaN. Rows that see the token then become NaN; rows of the
// same tile that do not see it are unaffected.
PRM_DEVICE void KeepValues(const uint16_t* from, uint16_t* to, uint16_t* mark) {
  constexpr uint16_t kExponent = 0x7f80, kNotANumber = 0x7fff;
  PRM_UNROLL
  for (int half = 0; half < 2 * kPairs; half += kPairs) {
    Vector<uint16_t, kPairs> x = Load<kPairs>(from + half);
    PRM_UNROLL
    for (int i = 0; i < kPairs; ++i) {
      if ((x.at[i] & kExponent) != kExponent) continue;
      x.at[i] = 0;
      *mark = kNotANumber;
    }
    Store<kPairs>(to + half, x);
  }
}

// Grid [tokens + kept_count]. A thread block rotates the queries of one row, or fills one slot. The
// latter read keys and values of rows, which the former do not change, and slots that none fills.
template <bool kInterleaved>
__global__ void RotateAndKeepKernel(const RotateAndKeepArgs a) {
  const int C = a.head_dim, per_head = C / 2 / kPairs;
  const int64_t stride = int64_t(a.heads + 2 * a.kv_heads) * C;
  if (int(blockIdx.x) < a.tokens) {
    if (a.cos == nullptr) return;
    uint16_t* queries = a.qkv + blockIdx.x * stride;
    for (int i = threadIdx.x; i < a.heads * per_head; i += blockDim.x) {
      uint16_t* head = queries + i / per_head * C;
      TurnPairs<kInterleaved>(a, head, a.positions[blockIdx.x], i % per_head * kPairs, head);
    }
    return;
  }
  const KeptToken kept = a.kept[blockIdx.x - a.tokens];
  if (kept.slot < 0) return;
  for (int i = threadIdx.x; i < a.kv_heads * per_head; i += blockDim.x) {
    const int head = i / per_head, pair = i % per_head * kPairs;
    const int64_t to = SlotOf(a, kept.slot, head);
    if (kept.source >= 0) {
      const uint16_t* key = a.qkv + kept.source * stride + (a.heads + head) * C;
      const int64_t turn = a.cos != nullptr ? a.positions[kept.source] : 0;
      TurnPairs<kInterleaved>(a, key, turn, pair, a.keys + to);
      // The mark is one of the channels that this thread wrote.
      KeepValues(key + a.kv_heads * C + 2 * pair, a.values + to + 2 * pair,
                 a.keys + to + (kInterleaved ? 2 * pair : pair));
    } else {
      const int64_t from = SlotOf(a, -1 - kept.source, head);
      for (int at = 2 * pair; at <= 2 * pair + kPairs; at += kPairs) {
        Store<kPairs>(a.keys + to + at, Load<kPairs>(a.keys + from + at));
        Store<kPairs>(a.values + to + at, Load<kPairs>(a.values + from + at));
      }
    }
  }
}

// --- gated units ---------------------------------------------------------------------------------

// Any grid; width a multiple of N.
template <class T, int N>
__global__ void GluKernel(const GluArgs a) {
  const int64_t per_row = a.width / N;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < a.rows * per_row;
       i += int64_t(gridDim.x) * blockDim.x) {
    const int64_t row = i / per_row, at = i % per_row * N;
    const T* from = static_cast<const T*>(a.gate_up) + row * 2 * a.width + at;
    const Vector<T, N> gates = Load<N>(from), ups = Load<N>(from + a.width);
    Vector<T, N> out;
    PRM_UNROLL
    for (int j = 0; j < N; ++j) {
      out.at[j] = FromFloat<T>(GatedUnit(ToFloat(gates.at[j]), ToFloat(ups.at[j]), a.gelu));
    }
    Store<N>(static_cast<T*>(a.out) + row * a.width + at, out);
  }
}

// --- the end of the decoder ----------------------------------------------------------------------

// By the first warp: turns logits [outputs] into the head's outputs.
PRM_DEVICE void Activate(const ReadHeadArgs& a, const float* logits, float* out) {
  const int lane = threadIdx.x;
  float max = -1e30f, sum = 0.0f;
  for (int i = lane; i < a.outputs; i += 32) max = fmaxf(max, logits[i]);
  max = WarpMax(max);
  for (int i = lane; i < a.outputs; i += 32) sum += Exp2(kLog2E * (logits[i] - max));
  sum = WarpSum(sum);
  for (int i = lane; i < a.outputs; i += 32) {
    out[i] = a.activation == HeadActivation::kSoftmax   ? Exp2(kLog2E * (logits[i] - max)) / sum
             : a.activation == HeadActivation::kSigmoid ? Sigmoid(logits[i])
                                                        : logits[i];
  }
}

// Grid [reads], whole warps; each warp takes one output at a time.
template <class Delta>
__global__ void ReadHeadKernel(const ReadHeadArgs a) {
  __shared__ float normed[kMaxHeadWidth];
  __shared__ float logits[kMaxHeadOutputs];
  const int64_t row = int64_t(blockIdx.x) * a.width;
  float squares = 0.0f;
  for (int i = threadIdx.x; i < a.width; i += blockDim.x) {
    const float x = Sum<Delta, 1>(a.residual, static_cast<const Delta*>(a.delta), row + i).at[0];
    normed[i] = x;
    squares += x * x;
  }
  const float rstd = 1.0f / sqrtf(BlockSum(squares) / float(a.width) + a.eps);
  for (int i = threadIdx.x; i < a.width; i += blockDim.x) normed[i] *= rstd * a.norm[i];
  __syncthreads();
  for (int out = threadIdx.x / 32; out < a.outputs; out += blockDim.x / 32) {
    float sum = 0.0f;
    const float* weight = a.weight + int64_t(out) * a.width;
    for (int i = threadIdx.x % 32; i < a.width; i += 32) sum += normed[i] * weight[i];
    sum = WarpSum(sum);
    sum += a.bias[out];
    if (a.softcap > 0) sum = a.softcap * Tanh(sum / a.softcap);
    if (threadIdx.x % 32 == 0) logits[out] = sum;
  }
  __syncthreads();
  if (threadIdx.x < 32) Activate(a, logits, a.out + int64_t(blockIdx.x) * a.outputs);
}

}  // namespace prm::cuda
