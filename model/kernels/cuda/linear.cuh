// Products with weights whose results are the same in any batch: bfloat16 on tensor cores, float32
// for heads.
//
// Each result of a tile is one chain of m16n8k16 products over the inputs in rising order. The tile
// size decides which thread computes a result, never the order of its sum, so it may be chosen by
// the size of the batch. Inputs are not split among thread blocks.
// Source: tiles in shared memory, filled by asynchronous copies some steps ahead: NVIDIA, "CUTLASS:
// Efficient GEMM in CUDA", multistage pipelines; why batch invariance needs a fixed order of sums:
// He et al. 2025, "Defeating Nondeterminism in LLM Inference".
#pragma once

#include "model/kernels/cuda/device.cuh"
#include "model/kernels/cuda/launch.h"

namespace prm::cuda {

// A thread block computes Rows x Outputs results, each of its warps WarpRows x WarpOutputs.
template <int Rows, int Outputs, int WarpRows, int WarpOutputs, int Stages>
struct LinearTile {
  static constexpr int kRows = Rows, kOutputs = Outputs, kStages = Stages;
  static constexpr int kWarpRows = WarpRows, kWarpOutputs = WarpOutputs;
  static constexpr int kThreads = 32 * (Rows / WarpRows) * (Outputs / WarpOutputs);
  static constexpr int kDepth = 64;          // inputs per stage
  static constexpr int kPitch = kDepth + 8;  // eight neighbouring rows begin in different banks
  static constexpr int kStage = (Rows + Outputs) * kPitch;
  static constexpr int kBytes = 2 * Stages * kStage;
  static_assert(Rows % WarpRows == 0 && Outputs % WarpOutputs == 0 && kBytes <= 163 * 1024);
  static_assert(WarpRows % 16 == 0 && WarpOutputs % 16 == 0 && Stages >= 2);
};
// For many rows, some rows, and few rows. With few rows, reading the weights takes all the time:
// many stages keep many bytes in flight.
using LargeTile = LinearTile<128, 128, 64, 32, 3>;
using MediumTile = LinearTile<64, 64, 32, 32, 4>;
using SmallTile = LinearTile<32, 32, 16, 16, 8>;

// Copies inputs [begin, begin + kDepth) of `count` rows from `first` on; zeros past the ends.
template <class Tile>
PRM_DEVICE void CopyRows(const void* matrix, int64_t first, int64_t all, int64_t begin,
                         int64_t inputs, int count, uint16_t* to) {
  constexpr int kChunks = Tile::kDepth / 8;
  const uint16_t* from = static_cast<const uint16_t*>(matrix);
  for (int i = threadIdx.x; i < count * kChunks; i += Tile::kThreads) {
    const int64_t row = first + i / kChunks, input = begin + i % kChunks * 8;
    const bool wanted = row < all && input < inputs;
    CopyAsync16(to + i / kChunks * Tile::kPitch + i % kChunks * 8,
                from + (wanted ? row * inputs + input : 0), wanted);
  }
}

template <class Tile>
PRM_DEVICE void CopyStep(const LinearArgs& a, int64_t step, uint16_t* memory) {
  uint16_t* x = memory + step % Tile::kStages * Tile::kStage;
  const int64_t begin = step * Tile::kDepth;
  CopyRows<Tile>(a.x, int64_t(blockIdx.x) * Tile::kRows, a.rows, begin, a.inputs, Tile::kRows, x);
  CopyRows<Tile>(a.weight, int64_t(blockIdx.y) * Tile::kOutputs, a.outputs, begin, a.inputs,
                 Tile::kOutputs, x + Tile::kRows * Tile::kPitch);
}

// The sums of a thread: rows 16m + lane / 4 and 8 below, outputs 8n + 2(lane % 4), +1 of its warp,
// in the order of MultiplyAdd.
template <class Tile>
struct LinearSums {
  float at[Tile::kWarpRows / 16][Tile::kWarpOutputs / 8][4] = {};
};

template <class Tile>
PRM_DEVICE void MultiplyStep(const uint16_t* x, int row, int output, LinearSums<Tile>& sums) {
  constexpr int kPitch = Tile::kPitch, kM = Tile::kWarpRows / 16, kN = Tile::kWarpOutputs / 16;
  const int lane = threadIdx.x % 32;
  const uint16_t* left = x + (row + lane % 16) * kPitch + lane / 16 * 8;
  const uint16_t* right =
      x + (Tile::kRows + output + lane / 16 * 8 + lane % 8) * kPitch + lane / 8 % 2 * 8;
  PRM_UNROLL
  for (int k = 0; k < Tile::kDepth; k += 16) {
    uint32_t a[kM][4], b[kN][4];
    PRM_UNROLL
    for (int m = 0; m < kM; ++m) LoadMatrices(a[m], left + 16 * m * kPitch + k);
    PRM_UNROLL
    for (int n = 0; n < kN; ++n) LoadMatrices(b[n], right + 16 * n * kPitch + k);
    PRM_UNROLL
    for (int m = 0; m < kM; ++m) {
      PRM_UNROLL
      for (int n = 0; n < kN; ++n) {
        MultiplyAdd(sums.at[m][2 * n], a[m], b[n][0], b[n][1]);
        MultiplyAdd(sums.at[m][2 * n + 1], a[m], b[n][2], b[n][3]);
      }
    }
  }
}

PRM_DEVICE Vector<float, 2> BiasAt(const LinearArgs& a, int64_t output) {
  return a.bias != nullptr ? Load<2>(a.bias + output) : Vector<float, 2>{};
}

// Two neighbouring results of a row.
PRM_DEVICE void FinishPair(const LinearArgs& a, int64_t row, int64_t output, float y0, float y1) {
  const Vector<float, 2> bias = BiasAt(a, output);
  y0 += bias.at[0], y1 += bias.at[1];
  const int64_t at = row * a.outputs + output;
  if (a.result == LinearResult::kAdd) {
    float* sum = static_cast<float*>(a.out) + at;
    const Vector<float, 2> before = Load<2>(sum);
    Store<2>(sum, Vector<float, 2>{{before.at[0] + y0, before.at[1] + y1}});
  } else {
    *reinterpret_cast<uint32_t*>(static_cast<uint16_t*>(a.out) + at) = PackBf16(y0, y1);
  }
}

// Two neighbouring gates of a row, which start at `output` of the weight, and their ups.
PRM_DEVICE void FinishGlu(const LinearArgs& a, int64_t row, int64_t output, const float* gates,
                          const float* ups) {
  const Vector<float, 2> gate_bias = BiasAt(a, output), up_bias = BiasAt(a, output + kGluGroup);
  float y[2];
  PRM_UNROLL
  for (int i = 0; i < 2; ++i) {
    y[i] = GatedUnit(gates[i] + gate_bias.at[i], ups[i] + up_bias.at[i], a.gelu);
  }
  const int64_t channel = output / (2 * kGluGroup) * kGluGroup + output % kGluGroup;
  *reinterpret_cast<uint32_t*>(static_cast<uint16_t*>(a.out) + row * (a.outputs / 2) + channel) =
      PackBf16(y[0], y[1]);
}

// `row`, `output`: position of the warp's first result.
template <class Tile>
PRM_DEVICE void FinishTile(const LinearArgs& a, int64_t row, int64_t output,
                           const LinearSums<Tile>& sums) {
  const int lane = threadIdx.x % 32;
  PRM_UNROLL
  for (int m = 0; m < Tile::kWarpRows / 16; ++m) {
    PRM_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int64_t r = row + 16 * m + 8 * half + lane / 4;
      if (r >= a.rows) continue;
      PRM_UNROLL
      for (int n = 0; n < Tile::kWarpOutputs / 8; n += 2) {
        const int64_t first = output + 8 * n + lane % 4 * 2;
        const float *low = sums.at[m][n] + 2 * half, *high = sums.at[m][n + 1] + 2 * half;
        if (a.result == LinearResult::kGlu) {
          if (first < a.outputs) FinishGlu(a, r, first, low, high);
          continue;
        }
        if (first < a.outputs) FinishPair(a, r, first, low[0], low[1]);
        if (first + 8 < a.outputs) FinishPair(a, r, first + 8, high[0], high[1]);
      }
    }
  }
}

// Grid [rows / kRows, outputs / kOutputs] rounded up, in an order in which neighbours share
// weights; kThreads threads, kBytes of dynamic shared memory.
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads) LinearKernel(const LinearArgs a) {
  PRM_DYNAMIC_SHARED(shared);
  uint16_t* memory = reinterpret_cast<uint16_t*>(shared);
  constexpr int kWarpsAcross = Tile::kOutputs / Tile::kWarpOutputs;
  const int warp = threadIdx.x / 32;
  const int row = warp / kWarpsAcross * Tile::kWarpRows;
  const int output = warp % kWarpsAcross * Tile::kWarpOutputs;
  const int64_t steps = (a.inputs + Tile::kDepth - 1) / Tile::kDepth;
  LinearSums<Tile> sums;
  for (int step = 0; step < Tile::kStages - 1; ++step) {
    if (step < steps) CopyStep<Tile>(a, step, memory);
    CommitCopies();  // empty past the last one, so that the number of groups stays the same
  }
  for (int64_t step = 0; step < steps; ++step) {
    WaitForCopies<Tile::kStages - 2>();
    __syncthreads();  // all copies have arrived; no thread still reads the stage filled next
    const int64_t next = step + Tile::kStages - 1;
    if (next < steps) CopyStep<Tile>(a, next, memory);
    CommitCopies();
    MultiplyStep<Tile>(memory + step % Tile::kStages * Tile::kStage, row, output, sums);
  }
  FinishTile(a, int64_t(blockIdx.x) * Tile::kRows + row,
             int64_t(blockIdx.y) * Tile::kOutputs + output, sums);
}

// --- float32 -------------------------------------------------------------------------------------

inline constexpr int kDotThreads = 128, kDotRows = 8;

// Grid [outputs / 4, rows / kDotRows] rounded up: a warp takes one output of kDotRows rows. Sums
// run in the order of ReadHeadKernel.
__global__ void __launch_bounds__(kDotThreads) LinearFloatKernel(const LinearArgs a) {
  const int64_t output = int64_t(blockIdx.x) * (kDotThreads / 32) + threadIdx.x / 32;
  if (output >= a.outputs) return;  // for all of a warp
  const int64_t first = int64_t(blockIdx.y) * kDotRows;
  const float* weight = static_cast<const float*>(a.weight) + output * a.inputs;
  const float* x[kDotRows];
  PRM_UNROLL
  for (int r = 0; r < kDotRows; ++r) {  // rows beyond the last repeat it
    const int64_t row = first + r < a.rows ? first + r : a.rows - 1;
    x[r] = static_cast<const float*>(a.x) + row * a.inputs;
  }
  float sums[kDotRows] = {};
  for (int64_t i = threadIdx.x % 32; i < a.inputs; i += 32) {
    const float w = weight[i];
    PRM_UNROLL
    for (int r = 0; r < kDotRows; ++r) sums[r] += x[r][i] * w;
  }
  PRM_UNROLL
  for (int r = 0; r < kDotRows; ++r) {
    const float y = WarpSum(sums[r]) + (a.bias != nullptr ? a.bias[output] : 0.0f);
    if (threadIdx.x % 32 != 0 || first + r >= a.rows) continue;
    float* out = static_cast<float*>(a.out) + (first + r) * a.outputs + output;
    *out = a.result == LinearResult::kAdd ? *out + y : y;
  }
}

}  // namespace prm::cuda
