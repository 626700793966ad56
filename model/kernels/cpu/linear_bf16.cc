// y = x W^T + b in bfloat16 on AVX512-BF16, for constant weights. W is packed once in the order in
// which it is read; the operation after the product runs on each tile while it is in the cache.
//
// W [N, K] becomes panels of 64 outputs, each [K/2, 64] words: word (p, n) holds W[n][2p] and
// W[n][2p+1]. A tile of 6 rows of x and 64 outputs fills 24 registers. A slice of a panel, up to
// kDepth inputs, stays in the second-level cache while all rows pass. Sums run over inputs in
// rising order, float32: an output is bitwise the same in any batch, on any number of threads.
//
// int8 panels are widened to the same words without rounding: in registers, tile by tile, for few
// rows, when reading the weights dominates; else once for all rows. The sums are equal either way;
// the scale is applied together with the bias.
//
// On AMX a tile has 32 rows (amx_tiles.h), and a panel is stored as tiles of 16 by 16 words; int8
// is widened first. The next slice is prefetched while one is multiplied. With many rows and
// inputs, each group of rows is multiplied with several panels in turn.
// Source: Goto & van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication", section 4.
#include <optional>

#include "model/kernels/cpu/amx_tiles.h"
#include "model/kernels/cpu/avx512_bf16.h"
#include "model/kernels/cpu/linear.h"
#include "model/ops/head.h"
#include "model/ops/packed_linear.h"

namespace prm::ops {

#if PRM_HAS_AVX512_BF16
namespace {

constexpr int64_t kDepth = 2048;    // inputs per slice, if a task has one panel
constexpr int64_t kWidenRows = 24;  // up to this many rows, each tile widens int8 itself

// x * sigmoid(a(x)), as in cpu_math.h.
template <Activation A>
inline __m512 Activate(__m512 x) {
  __m512 inner = x;
  if (A == Activation::kGeluTanh) {
    const __m512 cubic = _mm512_mul_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(kGeluCubic));
    inner = _mm512_mul_ps(_mm512_fmadd_ps(cubic, x, x), _mm512_set1_ps(kGeluScale));
  }
  const __m512 one = _mm512_set1_ps(1.0f);
  const __m512 e = Exp2(
      _mm512_min_ps(_mm512_mul_ps(inner, _mm512_set1_ps(-1.44269504f)), _mm512_set1_ps(126.0f)));
  return _mm512_div_ps(x, _mm512_add_ps(one, e));
}

inline __m512i RoundToBf16(__m512 low, __m512 high) {
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// Prefetches the output of an epilogue while the product before it is computed.
template <class T>
inline void PrefetchRows(const T* first, int64_t stride, int rows, int width) {
  constexpr int kLine = 64 / int(sizeof(T));
  for (int m = 0; m < rows; ++m) {
    for (int n = 0; n < width; n += kLine) {
      _mm_prefetch(reinterpret_cast<const char*>(first + m * stride + n), _MM_HINT_T0);
    }
  }
}

// Applied to sums of outputs from n on. A scale of 1 changes no bit.
struct ScaleAndShift {
  const float *scale, *bias;
  __m512 operator()(const float* sums, int64_t n) const {
    return _mm512_fmadd_ps(_mm512_load_ps(sums), _mm512_loadu_ps(scale + n),
                           _mm512_loadu_ps(bias + n));
  }
};

// Epilogues for a tile [rows, 64] float32: outputs [n, n + width) of rows [row, row + rows).
struct StoreRounded {
  BFloat16* out;
  ScaleAndShift finish;
  int64_t stride;
  void Prefetch(int64_t row, int rows, int64_t n, int width) const {
    PrefetchRows(out + row * stride + n, stride, rows, width);
  }
  void operator()(const float* tile, int64_t row, int rows, int64_t n, int width) const {
    for (int m = 0; m < rows; ++m) {
      for (int v = 0; v < kPanel; v += 2 * kLanes) {
        const __mmask32 mask =
            __mmask32(width - v >= 32 ? ~0u : (1u << std::max(0, width - v)) - 1);
        const float* y = tile + m * kPanel + v;
        _mm512_mask_storeu_epi16(out + (row + m) * stride + n + v, mask,
                                 RoundToBf16(finish(y, n + v), finish(y + kLanes, n + v + kLanes)));
      }
    }
  }
};

struct AddToSum {
  float* sum;
  ScaleAndShift finish;
  int64_t stride;
  void Prefetch(int64_t row, int rows, int64_t n, int width) const {
    PrefetchRows(sum + row * stride + n, stride, rows, width);
  }
  void operator()(const float* tile, int64_t row, int rows, int64_t n, int width) const {
    for (int m = 0; m < rows; ++m) {
      for (int v = 0; v < width; v += kLanes) {
        const __mmask16 mask = __mmask16(width - v >= 16 ? ~0u : (1u << (width - v)) - 1);
        float* to = sum + (row + m) * stride + n + v;
        const __m512 y = finish(tile + m * kPanel + v, n + v);
        _mm512_mask_storeu_ps(to, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), y));
      }
    }
  }
};

// The first half of a panel are gates, the second the ups of the same channels.
template <Activation A>
struct StoreGated {
  BFloat16* out;
  ScaleAndShift finish;
  int64_t stride;
  void Prefetch(int64_t row, int rows, int64_t n, int width) const {
    PrefetchRows(out + row * stride + n / 2, stride, rows, width / 2);
  }
  void operator()(const float* tile, int64_t row, int rows, int64_t n, int width) const {
    const int64_t channel = n / 2;
    const __mmask32 mask = __mmask32(width >= kPanel ? ~0u : (1u << (width / 2)) - 1);
    for (int m = 0; m < rows; ++m) {
      __m512 y[2];
      for (int half = 0; half < 2; ++half) {
        const float* gate = tile + m * kPanel + half * kLanes;
        const int64_t at = n + half * kLanes;
        y[half] = _mm512_mul_ps(Activate<A>(finish(gate, at)),
                                finish(gate + kPanel / 2, at + kPanel / 2));
      }
      _mm512_mask_storeu_epi16(out + (row + m) * stride + channel, mask, RoundToBf16(y[0], y[1]));
    }
  }
};

// Words of inputs 2p and 2p + 1 of an int8 panel. An 8-bit integer is exact in bfloat16, the upper
// half of a float32.
struct Int8Columns {
  const int8_t* data;
  __m512bh operator()(int64_t p, int v) const {
    const int8_t* even = data + 2 * p * kPanel + v * kLanes;
    const __m512i low = _mm512_srli_epi32(Floats(even), 16);
    return (__m512bh)_mm512_or_si512(low, Floats(even + kPanel));
  }
  static __m512i Floats(const int8_t* x) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
    return _mm512_castps_si512(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)));
  }
};

constexpr int64_t kPair = 2 * kPanel;  // values per pair of inputs

// Tiles of 16 by 16 words ([pairs, columns]); the tiles of 16 pairs are adjacent.
struct TiledColumns {
  static constexpr int64_t kTile = 2 * kAmxTile * kAmxTile, kPairs = kAmxTile * kPair;
  const BFloat16* data;
  // Offset of the words of pair p, columns from n (a multiple of 16) on.
  static int64_t At(int64_t p, int n) {
    return p / kAmxTile * kPairs + n / kAmxTile * kTile + p % kAmxTile * 2 * kAmxTile;
  }
};

// Returns [pairs, 64] words, tiled or not, valid until the thread's next call.
const BFloat16* Widen(Int8Columns columns, int64_t pairs, bool tiled) {
  thread_local Scratch<BFloat16> scratch;
  BFloat16* words = scratch.Get(pairs * kPair);
  for (int64_t p = 0; p < pairs; ++p) {
    for (int n = 0; n < kPanel; n += kLanes) {
      const int64_t at = tiled ? TiledColumns::At(p, n) : p * kPair + 2 * n;
      _mm512_store_si512(words + at, (__m512i)columns(p, n / kLanes));
    }
  }
  return words;
}

// What a thread will read next, prefetched line by line while it multiplies.
struct Ahead {
  const char* at = nullptr;
  int64_t bytes = 0;
  int lines = 0;  // per step
  void operator()() {
    for (int i = 0; i < lines; ++i, at += 64) _mm_prefetch(at, _MM_HINT_T1);
  }
};

template <class Right>
void TileOf(int rows, Rows x, const Right& panel, int64_t pairs, float* out, bool add) {
  switch (rows) {
    case 1:
      return Tile<1, 4>(x, panel, pairs, out, kPanel, add);
    case 2:
      return Tile<2, 4>(x, panel, pairs, out, kPanel, add);
    case 3:
      return Tile<3, 4>(x, panel, pairs, out, kPanel, add);
    case 4:
      return Tile<4, 4>(x, panel, pairs, out, kPanel, add);
    case 5:
      return Tile<5, 4>(x, panel, pairs, out, kPanel, add);
    default:
      return Tile<6, 4>(x, panel, pairs, out, kPanel, add);
  }
}

// Rows of x per tile, for either unit. Tile computes their sums [rows, 64].
struct Avx512Rows {
  static constexpr int kRows = 6;
  template <class Right>
  static void Tile(int rows, Rows x, const Right& panel, int64_t pairs, float* out, bool add,
                   Ahead&) {
    TileOf(rows, x, panel, pairs, out, add);
  }
};

struct AmxRows {
  static constexpr int kRows = kAmxRows;
  // Reads and writes all 32 rows, or the first 16 if there are no more.
  static void Tile(int rows, Rows x, TiledColumns panel, int64_t pairs, float* out, bool add,
                   Ahead& ahead) {
    const bool top_only = rows <= kAmxTile;
    AmxProduct<AmxUnit, BFloat16>(
        {x.data, x.row}, {panel.data, 2 * kAmxTile, TiledColumns::kPairs, TiledColumns::kTile},
        pairs, kPanel, top_only, {out, kPanel}, add, ahead);
  }
};

// Decided by the weight only, so that sums do not depend on the batch.
bool UsesAmx(int64_t inputs) { return inputs % (2 * kAmxTile) == 0 && HasAmxBf16(); }

// x [T, K]. On AMX, rows after the last full 32 are read from a copy padded with zeros.
struct Input {
  const BFloat16* x;
  int64_t inputs;
  int64_t copied;  // rows from here on are in the copy
  const BFloat16* copy;

  // The copy is valid until the thread's next call; other threads may read it.
  static Input Of(const LinearProduct& p) {
    Input input{static_cast<const BFloat16*>(p.x), p.inputs, p.rows, nullptr};
    if (!UsesAmx(p.inputs) || p.rows % kAmxTile == 0) return input;
    thread_local Scratch<BFloat16> scratch;
    BFloat16* copy = scratch.Get(kAmxRows * p.inputs);
    input.copied = p.rows / kAmxRows * kAmxRows;
    input.copy = copy;
    const size_t row = size_t(p.inputs) * sizeof(BFloat16), rows = size_t(p.rows - input.copied);
    std::memcpy(static_cast<void*>(copy), input.x + input.copied * p.inputs, rows * row);
    std::memset(static_cast<void*>(copy + int64_t(rows) * p.inputs), 0, (kAmxRows - rows) * row);
    return input;
  }

  Rows At(int64_t row, int64_t k) const {
    const BFloat16* from = row < copied ? x + row * inputs : copy + (row - copied) * inputs;
    return {from + k, inputs, 2};
  }
};

// Inputs [k, k + depth) of a panel for rows [begin, end); sums are kept if more inputs follow.
struct Part {
  int64_t panel, begin, end, k, depth;
  float* sums;
};

template <class Unit, class Right, class Epilogue>
void MultiplyPart(const LinearProduct& p, const Input& input, const Part& part, const Right& right,
                  Ahead ahead, const Epilogue& epilogue) {
  const int64_t n = part.panel * kPanel;
  const int width = int(std::min<int64_t>(kPanel, p.outputs - n));
  const bool last = part.k + part.depth == p.inputs, keep = part.k > 0 || !last;
  // Products of 32 rows, 32 inputs and 32 outputs.
  const int64_t steps = RoundUp(part.end - part.begin, kAmxRows) / kAmxRows * part.depth / 16;
  ahead.lines = int((ahead.bytes / 64 + steps - 1) / steps);
  for (int64_t row = part.begin; row < part.end; row += Unit::kRows) {
    const int rows = int(std::min<int64_t>(Unit::kRows, part.end - row));
    float* tile = keep ? part.sums + (row - part.begin) * kPanel : part.sums;
    if (last) epilogue.Prefetch(row, rows, n, width);
    Unit::Tile(rows, input.At(row, part.k), right, part.depth / 2, tile, part.k > 0, ahead);
    if (last) epilogue(tile, row, rows, n, width);
  }
}

// How a product is cut into tasks.
struct Tiling {
  int64_t panels = 0, group = 1;  // total; per task
  int64_t chunks = 1, rows = 0;   // of rows; rows per chunk
  int64_t depth = kDepth;         // inputs at a time
};

// One task: panels [first, last) for rows [begin, end), `depth` inputs at a time.
struct Task {
  int64_t first, last, begin, end, depth;
};

// What this thread reads after panel `panel` at input k.
Ahead AheadOf(const LinearProduct& p, const Task& task, int64_t panel, int64_t k) {
  if (++panel == task.last) {
    panel = task.first;
    k += task.depth;
  }
  if (k >= p.inputs) {
    // The task that this thread will probably take next.
    panel += (task.last - task.first) * at::get_num_threads();
    k = 0;
  }
  if (panel * kPanel >= p.outputs) return {};
  const auto* next = static_cast<const BFloat16*>(p.panels) + (panel * p.inputs + k) * kPanel;
  return {reinterpret_cast<const char*>(next),
          std::min(task.depth, p.inputs - k) * kPanel * int64_t(sizeof(BFloat16))};
}

template <class Epilogue>
void MultiplyTask(const LinearProduct& p, const Input& input, const Task& task,
                  const Epilogue& epilogue) {
  thread_local Scratch<float> scratch;
  const int64_t sums_of_panel =
      RoundUp(p.inputs > task.depth ? task.end - task.begin : 1, kAmxRows) * kPanel;
  float* sums = scratch.Get((task.last - task.first) * sums_of_panel);
  std::optional<AmxTiles> amx;
  if (UsesAmx(p.inputs)) amx.emplace();
  const auto multiply = [&](const Part& part, const BFloat16* words, Ahead ahead) {
    amx ? MultiplyPart<AmxRows>(p, input, part, TiledColumns{words}, ahead, epilogue)
        : MultiplyPart<Avx512Rows>(p, input, part, Columns{words, kPair}, ahead, epilogue);
  };
  const auto multiply_at = [&](int64_t panel, int64_t k) {
    const Part part{panel,
                    task.begin,
                    task.end,
                    k,
                    std::min(task.depth, p.inputs - k),
                    sums + (panel - task.first) * sums_of_panel};
    const int64_t at = (panel * p.inputs + k) * kPanel;
    if (!p.int8) {
      const auto* words = static_cast<const BFloat16*>(p.panels);
      return multiply(part, words + at, amx ? AheadOf(p, task, panel, k) : Ahead{});
    }
    const Int8Columns columns{static_cast<const int8_t*>(p.panels) + at};
    if (!amx && task.end - task.begin <= kWidenRows) {
      MultiplyPart<Avx512Rows>(p, input, part, columns, {}, epilogue);
    } else {
      multiply(part, Widen(columns, part.depth / 2, amx.has_value()), {});
    }
  };
  for (int64_t k = 0; k < p.inputs; k += task.depth) {
    for (int64_t panel = task.first; panel < task.last; ++panel) multiply_at(panel, k);
  }
}

// If x [rows, K] exceeds the second-level cache, AMX would wait for it. Then a task has several
// panels whose sums fit the cache and takes fewer inputs at a time: x is read once for all of them.
Tiling TilingOf(const LinearProduct& p) {
  constexpr int64_t kChunkRows = 516, kGroupDepth = 512;
  constexpr int64_t kCachedInputs = 1 << 19, kCachedSums = 1 << 18;  // values; 1 MB each
  const bool amx = UsesAmx(p.inputs);
  Tiling tiling{.panels = (p.outputs + kPanel - 1) / kPanel};
  // Chunks of equal size: a last one of few rows would read all panels just for them.
  tiling.chunks = std::max<int64_t>(1, (p.rows + kChunkRows - 1) / kChunkRows);
  tiling.rows = RoundUp((p.rows + tiling.chunks - 1) / tiling.chunks,
                        amx ? AmxRows::kRows : Avx512Rows::kRows);
  if (!amx || tiling.rows * p.inputs <= kCachedInputs) return tiling;
  // Several tasks per thread, so that none waits long for another.
  const int64_t most = std::max<int64_t>(1, kCachedSums / (tiling.rows * kPanel)),
                tasks = 4 * at::get_num_threads(),
                groups = std::max((tiling.panels + most - 1) / most,
                                  (tasks + tiling.chunks - 1) / tiling.chunks);
  tiling.group = (tiling.panels + groups - 1) / groups;
  if (tiling.group > 1) tiling.depth = kGroupDepth;
  return tiling;
}

template <class Epilogue>
void Multiply(const LinearProduct& p, const Epilogue& epilogue) {
  const Tiling tiling = TilingOf(p);
  const int64_t groups = (tiling.panels + tiling.group - 1) / tiling.group;
  const Input input = Input::Of(p);
  ForEachItem(groups * tiling.chunks, [&](int64_t i) {
    const int64_t panel = i % groups * tiling.group, row = i / groups * tiling.rows;
    const Task task{panel, std::min(tiling.panels, panel + tiling.group), row,
                    std::min(p.rows, row + tiling.rows), tiling.depth};
    if (task.begin < task.end) MultiplyTask(p, input, task, epilogue);
  });
}

}  // namespace

void PackBf16Panel(const BFloat16* weight, int64_t inputs, const int64_t* row_of, BFloat16* panel) {
  constexpr int64_t kAhead = 8 * 2 * kLanes;
  const bool tiled = UsesAmx(inputs);
  for (int n = 0; n < kPanel; n += kLanes) {
    for (int64_t k = 0; k < inputs; k += 2 * kLanes) {
      const int pairs = int(std::min<int64_t>(kLanes, (inputs - k) / 2));
      const __mmask16 mask = __mmask16((1u << pairs) - 1);
      __m512i r[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        const int64_t row = row_of[n + i];
        if (row < 0) {
          r[i] = _mm512_setzero_si512();
          continue;
        }
        const BFloat16* from = weight + row * inputs + k;
        r[i] = _mm512_maskz_loadu_epi32(mask, from);
        // Sixteen rows at once are more streams than the hardware prefetcher follows.
        _mm_prefetch(reinterpret_cast<const char*>(from + kAhead), _MM_HINT_T0);
      }
      Transpose16(r);
      for (int i = 0; i < pairs; ++i) {
        const int64_t p = k / 2 + i, at = tiled ? TiledColumns::At(p, n) : p * kPair + 2 * n;
        // Whole lines that are not read soon bypass the cache.
        _mm512_stream_si512(reinterpret_cast<__m512i*>(panel + at), r[i]);
      }
    }
  }
  _mm_sfence();
}

bool HasBf16Product() { return CpuHasAvx512Bf16(); }

void Bf16Product(const LinearProduct& p) {
  auto* rounded = static_cast<BFloat16*>(p.out);
  const ScaleAndShift finish{p.scale, p.bias};
  switch (p.result) {
    case LinearProduct::Result::kStore:
      return Multiply(p, StoreRounded{rounded, finish, p.stride});
    case LinearProduct::Result::kAdd:
      return Multiply(p, AddToSum{static_cast<float*>(p.out), finish, p.stride});
    case LinearProduct::Result::kGlu:
      return p.activation == Activation::kSilu
                 ? Multiply(p, StoreGated<Activation::kSilu>{rounded, finish, p.stride})
                 : Multiply(p, StoreGated<Activation::kGeluTanh>{rounded, finish, p.stride});
  }
}

#else

bool HasBf16Product() { return false; }
void Bf16Product(const LinearProduct&) {}
void PackBf16Panel(const BFloat16*, int64_t, const int64_t*, BFloat16*) {}

#endif

}  // namespace prm::ops
