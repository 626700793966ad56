// Picks the kernel and grid for the arguments: the launchers of KernelTable. Compiled by nvcc into
// libprm_cuda.so, and with the emulation into the tests.
#pragma once

#include <algorithm>

#include "model/kernels/cuda/elementwise.cuh"
#include "model/kernels/cuda/linear.cuh"
#include "model/kernels/cuda/prefix_attention.cuh"

namespace prm::cuda {

struct Grid {
  int64_t x = 1, y = 1;
};
// Enqueues the kernel on the stream with `bytes` of dynamic shared memory. Returns null or the
// error text. Defined by the including file.
template <class Args>
const char* Start(void (*kernel)(Args), Grid grid, int threads, int bytes, void* stream,
                  const Args& args);

namespace launch {

inline constexpr int kThreads = 128;

inline int64_t Parts(int64_t count, int64_t each) { return (count + each - 1) / each; }

template <int C>
const char* AttentionOf(const PrefixAttentionArgs& a, void* stream) {
  const char* error = Start(PrefixAttentionKernel<C>, {a.split_count, a.kv_heads},
                            kAttentionThreads, AttentionMemory<C>::kBytes, stream, a);
  if (error != nullptr || a.merge_count == 0) return error;
  return Start(MergeSplitsKernel<C>, {a.merge_count, a.kv_heads}, kAttentionThreads, 0, stream, a);
}

inline const char* PrefixAttention(const PrefixAttentionArgs& a, void* stream) {
  if (a.split_count == 0) return nullptr;
  switch (a.head_dim) {
    case 64:
      return AttentionOf<64>(a, stream);
    case 80:
      return AttentionOf<80>(a, stream);
    case 96:
      return AttentionOf<96>(a, stream);
    case 128:
      return AttentionOf<128>(a, stream);
    case 256:
      return AttentionOf<256>(a, stream);
    default:
      return "no attention kernel for this head size";
  }
}

inline const char* RotateAndKeep(const RotateAndKeepArgs& a, void* stream) {
  const int64_t blocks = int64_t(a.tokens) + a.kept_count;
  if (blocks == 0) return nullptr;
  const auto kernel = a.interleaved ? RotateAndKeepKernel<true> : RotateAndKeepKernel<false>;
  return Start(kernel, {blocks}, kThreads, 0, stream, a);
}

// Whether contiguous rows of this width can be read four values at a time from each pointer.
template <class... Pointers>
bool InFours(int64_t width, const Pointers*... pointers) {
  const auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  return width % 4 == 0 && (aligned(pointers) && ...);
}

template <class Delta, class Out>
const char* RmsNormOf(const AddRmsNormArgs& a, void* stream) {
  // One thread per four channels, whole warps.
  const int threads = std::clamp((a.width / 4 + 31) / 32 * 32, 32, 512);
  const bool fours = InFours(a.width, a.residual, a.delta, a.weight, a.sum, a.normed);
  const auto kernel = fours ? AddRmsNormKernel<Delta, Out, 4> : AddRmsNormKernel<Delta, Out, 1>;
  return Start(kernel, {a.rows}, threads, 0, stream, a);
}

inline const char* AddRmsNorm(const AddRmsNormArgs& a, void* stream) {
  if (a.rows == 0) return nullptr;
  const auto launch = a.delta_bf16
                          ? (a.normed_bf16 ? RmsNormOf<Bf16, Bf16> : RmsNormOf<Bf16, float>)
                          : (a.normed_bf16 ? RmsNormOf<float, Bf16> : RmsNormOf<float, float>);
  return launch(a, stream);
}

template <class T, int N>
const char* GluOf(const GluArgs& a, void* stream) {
  constexpr int64_t kMostBlocks = 4096;  // each loops over the rest
  const int64_t blocks = std::min(kMostBlocks, Parts(a.rows * (a.width / N), kThreads));
  return Start(GluKernel<T, N>, {blocks}, kThreads, 0, stream, a);
}

inline const char* Glu(const GluArgs& a, void* stream) {
  if (a.rows == 0 || a.width == 0) return nullptr;
  const bool eights = InFours(a.width, a.gate_up, a.out) && a.width % 8 == 0;
  const auto launch = a.bf16 ? (eights ? GluOf<Bf16, 8> : GluOf<Bf16, 1>)
                             : (eights ? GluOf<float, 4> : GluOf<float, 1>);
  return launch(a, stream);
}

inline const char* ReadHead(const ReadHeadArgs& a, void* stream) {
  if (a.reads == 0) return nullptr;
  const auto kernel = a.delta_bf16 ? ReadHeadKernel<Bf16> : ReadHeadKernel<float>;
  return Start(kernel, {a.reads}, 256, 0, stream, a);
}

template <class Tile>
Grid GridOf(const LinearArgs& a) {
  return {Parts(a.rows, Tile::kRows), Parts(a.outputs, Tile::kOutputs)};
}
template <class Tile>
const char* LinearOf(const LinearArgs& a, void* stream) {
  return Start(LinearKernel<Tile>, GridOf<Tile>(a), Tile::kThreads, Tile::kBytes, stream, a);
}

enum class TileSize { kSmall, kMedium, kLarge };
// The largest tiles that keep most multiprocessors busy; all sizes give the same bits.
inline TileSize ChooseTile(const LinearArgs& a) {
  constexpr int64_t kFull = 108;  // multiprocessors of an A100; an H100 has 132
  const auto fills = [](Grid grid) { return grid.x * grid.y >= kFull; };
  if (fills(GridOf<LargeTile>(a))) return TileSize::kLarge;
  return fills(GridOf<MediumTile>(a)) ? TileSize::kMedium : TileSize::kSmall;
}

inline const char* Linear(const LinearArgs& a, void* stream) {
  if (a.rows == 0 || a.outputs == 0) return nullptr;
  if (!a.bf16) {
    if (a.result == LinearResult::kGlu) return "no gated float32 product";
    const Grid grid{Parts(a.outputs, kDotThreads / 32), Parts(a.rows, kDotRows)};
    return Start(LinearFloatKernel, grid, kDotThreads, 0, stream, a);
  }
  const int64_t multiple = a.result == LinearResult::kGlu ? 2 * kGluGroup : 8;
  if (a.inputs % 8 != 0 || a.outputs % multiple != 0) return "no bfloat16 product for this size";
  switch (ChooseTile(a)) {
    case TileSize::kLarge:
      return LinearOf<LargeTile>(a, stream);
    case TileSize::kMedium:
      return LinearOf<MediumTile>(a, stream);
    default:
      return LinearOf<SmallTile>(a, stream);
  }
}

}  // namespace launch

// All except why_not.
inline KernelTable Launchers() {
  return {.version = kKernelTableVersion,
          .why_not = nullptr,
          .prefix_attention = launch::PrefixAttention,
          .rotate_and_keep = launch::RotateAndKeep,
          .add_rms_norm = launch::AddRmsNorm,
          .glu = launch::Glu,
          .read_head = launch::ReadHead,
          .linear = launch::Linear};
}

}  // namespace prm::cuda
