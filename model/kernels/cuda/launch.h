// The interface between the program and the module of CUDA kernels, libprm_cuda.so: plain structs
// of pointers into device memory and a table of launchers. Includes neither LibTorch nor CUDA, so
// the kernels compile fast and the program links no CUDA library.
#pragma once

#include <cstdint>

namespace prm::cuda {

// --- attention over kept keys and values ---------------------------------------------------------
// Queries of one key/value head's group are multiplied with blocks of keys in tiles of kTileRows
// rows; a row is one query head of one token. Source: Dao 2023, "FlashAttention-2", section 3.1;
// keys split over thread blocks as in Dao et al. 2023, "Flash-Decoding".
inline constexpr int kTileRows = 64;
inline constexpr int kBlockTokens = 64;  // ops::kKvBlockTokens
// Keys are always split at multiples of this many blocks of a trace, so that how a row is summed
// depends only on its position.
inline constexpr int kSplitBlocks = 8;

// The head sizes that the kernels are compiled for.
constexpr bool TakesHeadSize(int head_dim) {
  return head_dim == 64 || head_dim == 80 || head_dim == 96 || head_dim == 128 || head_dim == 256;
}

struct TileRow {
  int32_t row = -1;  // of the batch; -1: unused row of the tile
  int32_t head = 0;  // index in its group
  int32_t position = 0;
};
// A block of keys seen by rows [row_begin, row_end) of a tile and by no others.
struct KeyVisit {
  int32_t block = 0;
  int32_t position = 0;  // of its first token
  int32_t count = 0;     // valid tokens
  int32_t row_begin = 0, row_end = 0;
};
// Visits [visit_begin, visit_end) of a tile, in order of position. An empty range does nothing.
struct Split {
  int32_t tile = 0;
  int32_t visit_begin = 0, visit_end = 0;
  int32_t slot = -1;  // receives the sums; -1: the tile's only split, which writes the result
};
// Slots [slot_begin, slot_end) add up to a tile's result. An empty range does nothing.
struct Merge {
  int32_t tile = 0;
  int32_t slot_begin = 0, slot_end = 0;
};

// H query heads, K key/value heads, C channels; bfloat16 except for the partial sums.
struct PrefixAttentionArgs {
  const uint16_t* qkv = nullptr;     // [T, (H + 2K)*C]; only the queries are read
  const uint16_t* keys = nullptr;    // [N, K, kBlockTokens, C]
  const uint16_t* values = nullptr;  // as the keys
  uint16_t* out = nullptr;           // [T, H*C]
  float* sums = nullptr;          // [slots, K, kTileRows, C]: values weighted by exp2(score - max)
  float* stats = nullptr;         // [slots, K, kTileRows, 2]: max, sum of the weights
  const TileRow* rows = nullptr;  // [tiles, kTileRows]
  const KeyVisit* visits = nullptr;
  const Split* splits = nullptr;
  const Merge* merges = nullptr;
  int split_count = 0, merge_count = 0;
  int heads = 0, kv_heads = 0, head_dim = 0;
  int window = 0;     // 0: none
  float scale = 0;    // multiplies scores
  float softcap = 0;  // 0: none
};

// --- rotary positions and keeping ----------------------------------------------------------------
// Slot `slot` = block * kBlockTokens + token gets row `source` of the batch, or a copy of slot -1 -
// source if source is negative. Slot -1: does nothing.
struct KeptToken {
  int32_t source = 0, slot = -1;
};
// Rotates the queries of each row in place, and writes rotated keys and values to their blocks;
// keys in qkv stay unchanged. No rotation if cos is null. A token with values that are not finite
// makes the rows that see it NaN, and no others.
struct RotateAndKeepArgs {
  uint16_t* qkv = nullptr;  // [T, (H + 2K)*C] bfloat16
  uint16_t* keys = nullptr;
  uint16_t* values = nullptr;
  const KeptToken* kept = nullptr;
  const int64_t* positions = nullptr;          // [T] rows of the table
  const float *cos = nullptr, *sin = nullptr;  // [P, C/2]
  bool interleaved = false;                    // RotaryLayout::kInterleaved
  int tokens = 0, kept_count = 0;
  int heads = 0, kv_heads = 0, head_dim = 0;  // head_dim a multiple of 16
};

// --- by rows -------------------------------------------------------------------------------------
struct AddRmsNormArgs {
  const float* residual = nullptr;  // [T, D]
  const void* delta = nullptr;      // [T, D]; null: none
  const float* weight = nullptr;    // [D]
  float* sum = nullptr;             // [T, D]; may be null if delta is null
  void* normed = nullptr;           // [T, D]
  float* rstd = nullptr;            // [T]
  int rows = 0, width = 0;
  float eps = 0;
  bool delta_bf16 = false, normed_bf16 = false;
};
struct GluArgs {
  const void* gate_up = nullptr;  // [T, 2F]
  void* out = nullptr;            // [T, F]
  int64_t rows = 0, width = 0;    // T, F
  bool gelu = false, bf16 = false;
};
enum class HeadActivation : int32_t { kNone, kSoftmax, kSigmoid };
inline constexpr int kMaxHeadOutputs = 64, kMaxHeadWidth = 8192;
// The last norm, the head's linear layer and its activation.
struct ReadHeadArgs {
  const float* residual = nullptr;        // [S, D]
  const void* delta = nullptr;            // [S, D]; null: none
  const float* norm = nullptr;            // [D]
  const float* weight = nullptr;          // [outputs, D]
  const float* bias = nullptr;            // [outputs]
  float* out = nullptr;                   // [S, outputs]
  int reads = 0, width = 0, outputs = 0;  // width <= kMaxHeadWidth, outputs <= kMaxHeadOutputs
  float eps = 0;
  bool delta_bf16 = false;
  float softcap = 0;  // on the logits; 0: none
  HeadActivation activation = HeadActivation::kNone;
};

// --- linear layers in a fixed order --------------------------------------------------------------
enum class LinearResult : int32_t {
  kStore,  // out = y
  kAdd,    // float32 out += y
  kGlu,    // out = activation(gate) * up
};
// For kGlu, rows of gates and ups alternate in groups of this many.
inline constexpr int kGluGroup = 8;
// y = x weight^T + bias. Every value of y is one chain of sums over the inputs in rising order,
// whatever the number of rows and whatever tile computes it.
struct LinearArgs {
  const void* x = nullptr;                    // [T, K]
  const void* weight = nullptr;               // [N, K]
  const float* bias = nullptr;                // [N]; null: none
  void* out = nullptr;                        // [T, N]; kGlu: [T, N/2]; kAdd: float32
  int64_t rows = 0, inputs = 0, outputs = 0;  // T, K, N
  // true: x, weight and out are bfloat16, K a multiple of 8 and N of 8 (16 for kGlu), x and weight
  // aligned to 16 bytes. false: float32, no kGlu.
  bool bf16 = false;
  bool gelu = false;
  LinearResult result = LinearResult::kStore;
};

// --- the module ----------------------------------------------------------------------------------
// Each launcher enqueues its kernels on `stream` (a cudaStream_t of the current device) and returns
// null or CUDA's error text. Pointers must stay valid until the stream has run the kernels. Any
// thread.
struct KernelTable {
  int version = 0;
  // Returns null, or why the kernels do not run on the current device.
  const char* (*why_not)() = nullptr;
  const char* (*prefix_attention)(const PrefixAttentionArgs&, void* stream) = nullptr;
  const char* (*rotate_and_keep)(const RotateAndKeepArgs&, void* stream) = nullptr;
  const char* (*add_rms_norm)(const AddRmsNormArgs&, void* stream) = nullptr;
  const char* (*glu)(const GluArgs&, void* stream) = nullptr;
  const char* (*read_head)(const ReadHeadArgs&, void* stream) = nullptr;
  const char* (*linear)(const LinearArgs&, void* stream) = nullptr;
};
// Version of the structs above; a module of another version is not used.
inline constexpr int kKernelTableVersion = 3;
// The module's only symbol: const KernelTable* PrmCudaKernels().
inline constexpr char kKernelTableSymbol[] = "PrmCudaKernels";

}  // namespace prm::cuda
