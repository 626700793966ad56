// Shared by the AVX512-BF16 bodies: register tiles, packed operands, 2^x. Include it last: the rest
// of a file that tests PRM_HAS_AVX512_BF16 is compiled for these instructions.
//
// vdpbf16ps multiplies pairs of bfloat16, so an operand is stored in one of two packed forms, both
// [pairs, columns] of 32-bit words:
//   channel pairs: word (c, t) holds channels 2c and 2c+1 of token t; summed over channels
//   token pairs:   word (t, c) holds channel c of tokens 2t and 2t+1; summed over tokens
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define PRM_HAS_AVX512_BF16 1
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>

#include "model/kernels/cpu/cpu_math.h"
#include "model/kernels/cpu/for_each.h"
#include "model/ops/attention.h"

// gcc warns about its own _mm512_undefined_epi32 (gcc bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")

namespace prm::ops {
namespace {

inline bool CpuHasAvx512Bf16() {
  static const bool has = __builtin_cpu_supports("avx512bf16") &&
                          __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return has;
}

constexpr int kBlock = 64;      // queries or keys per block
constexpr int kRows = 4;        // rows per register tile
constexpr int kLanes = 16;      // floats per register
constexpr int kMaxVectors = 4;  // registers per row of a tile

struct AlignedDelete {
  void operator()(void* p) const { ::operator delete(p, std::align_val_t(64)); }
};
// Grows, never shrinks. One per thread and use, so the steady state allocates nothing.
template <class T>
class Scratch {
 public:
  T* Get(int64_t count) {
    if (count > capacity_) {
      data_.reset(static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(64))));
      capacity_ = count;
    }
    return data_.get();
  }
  T* data() const { return data_.get(); }

 private:
  std::unique_ptr<T, AlignedDelete> data_;
  int64_t capacity_ = 0;
};

// This thread's T, on the heap: a large thread_local would be taken from the stack of every thread
// of the process, and threads with small stacks could not start. T must be a type private to the
// caller.
template <class T>
T& OfThisThread() {
  thread_local const auto value = std::make_unique<T>();
  return *value;
}

inline int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

inline __m512i Load(const void* p) { return _mm512_loadu_si512(p); }

inline __m512i BroadcastPair(const BFloat16* p) {
  int pair;
  std::memcpy(&pair, p, sizeof pair);
  return _mm512_set1_epi32(pair);
}

// 16 bfloat16 in the low halves of 16 words.
inline __m512i ToBf16Words(__m512 x) {
  return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
}

// 2^x, relative error below 3e-7: the Taylor series on [-1/2, 1/2] and the exponent's shift.
inline __m512 Exp2(__m512 x) {
  x = _mm512_max_ps(x, _mm512_set1_ps(-200.0f));
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(1.5403530e-4f);
  for (const float c :
       {1.3333558e-3f, 9.6181291e-3f, 5.5504109e-2f, 2.4022651e-1f, 6.9314718e-1f, 1.0f}) {
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(c));
  }
  return _mm512_scalef_ps(p, n);
}

// Left operand of a product: pair p of row m is at data + m * row + p * pair.
struct Rows {
  const BFloat16* data;
  int64_t row, pair;
};

// Right operand: 16 columns of pair p, from column 16 v on.
struct Columns {
  const BFloat16* data;
  int64_t pair;
  __m512bh operator()(int64_t p, int v) const {
    return (__m512bh)Load(data + p * pair + 2 * kLanes * v);
  }
};

// out[m][n] (+)= sum over pairs p of a(m, p) . b(p, n), m < M rows, n < 16 V columns.
template <int M, int V, class Right>
inline void Tile(Rows a, const Right& b, int64_t pairs, float* out, int64_t out_row, bool add) {
  __m512 sum[M][V];
  for (int m = 0; m < M; ++m) {
    for (int v = 0; v < V; ++v) {
      sum[m][v] = add ? _mm512_loadu_ps(out + m * out_row + kLanes * v) : _mm512_setzero_ps();
    }
  }
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh column[V];
    for (int v = 0; v < V; ++v) column[v] = b(p, v);
    for (int m = 0; m < M; ++m) {
      const __m512bh left = (__m512bh)BroadcastPair(a.data + m * a.row + p * a.pair);
      for (int v = 0; v < V; ++v) sum[m][v] = _mm512_dpbf16_ps(sum[m][v], left, column[v]);
    }
  }
  for (int m = 0; m < M; ++m) {
    for (int v = 0; v < V; ++v) _mm512_storeu_ps(out + m * out_row + kLanes * v, sum[m][v]);
  }
}

template <int M>
void TileRow(int vectors, Rows a, const BFloat16* b, int64_t b_pair, int64_t pairs, float* out,
             int64_t out_row, bool add) {
  for (; vectors > 0; vectors -= kMaxVectors) {
    switch (std::min(vectors, kMaxVectors)) {
      case 1:
        Tile<M, 1>(a, Columns{b, b_pair}, pairs, out, out_row, add);
        break;
      case 2:
        Tile<M, 2>(a, Columns{b, b_pair}, pairs, out, out_row, add);
        break;
      case 3:
        Tile<M, 3>(a, Columns{b, b_pair}, pairs, out, out_row, add);
        break;
      default:
        Tile<M, 4>(a, Columns{b, b_pair}, pairs, out, out_row, add);
    }
    b += 2 * kLanes * kMaxVectors;
    out += kLanes * kMaxVectors;
  }
}

// A product of up to kRows rows.
inline void Multiply(int rows, int vectors, Rows a, const BFloat16* b, int64_t b_pair,
                     int64_t pairs, float* out, int64_t out_row, bool add) {
  switch (rows) {
    case 1:
      return TileRow<1>(vectors, a, b, b_pair, pairs, out, out_row, add);
    case 2:
      return TileRow<2>(vectors, a, b, b_pair, pairs, out, out_row, add);
    case 3:
      return TileRow<3>(vectors, a, b, b_pair, pairs, out, out_row, add);
    default:
      return TileRow<4>(vectors, a, b, b_pair, pairs, out, out_row, add);
  }
}

// Transposes 16 rows of 16 words in registers.
inline void Transpose16(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; ++j) {
      r[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
      r[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

// Packs the channel pairs of up to 64 tokens, row(t) [C], as [C/2, 64] words. Missing tokens among
// the last 16 become zeros.
template <class Row>
inline void PackChannelPairs(const Row& row, int tokens, int channels, BFloat16* packed) {
  for (int t = 0; t < tokens; t += kLanes) {
    for (int c = 0; c < channels; c += 2 * kLanes) {
      const int pairs = std::min(kLanes, (channels - c) / 2);
      const __mmask16 mask = __mmask16((1u << pairs) - 1);
      __m512i r[16];
      for (int i = 0; i < 16; ++i) {
        r[i] = t + i < tokens ? _mm512_maskz_loadu_epi32(mask, row(t + i) + c)
                              : _mm512_setzero_si512();
      }
      Transpose16(r);
      for (int i = 0; i < pairs; ++i) {
        _mm512_storeu_si512(packed + (c / 2 + i) * 2 * kBlock + 2 * t, r[i]);
      }
    }
  }
}

// Packs token pairs as [ceil(tokens / 2), C] words; the partner of an odd last token is zero.
inline void PackTokenPairs(const BFloat16* x, int64_t row, int64_t tokens, int channels,
                           BFloat16* packed) {
  for (int64_t t = 0; t < tokens; t += 2) {
    for (int c = 0; c < channels; c += kLanes) {
      const auto load = [&](int64_t token) {
        return _mm512_cvtepu16_epi32(
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + token * row + c)));
      };
      const __m512i odd = t + 1 < tokens ? load(t + 1) : _mm512_setzero_si512();
      _mm512_storeu_si512(packed + t * channels + 2 * c,
                          _mm512_or_si512(load(t), _mm512_slli_epi32(odd, 16)));
    }
  }
}

inline void StoreBf16(const float* x, __m512 factor, int channels, BFloat16* out) {
  for (int c = 0; c < channels; c += kLanes) {
    const __m512 y = _mm512_mul_ps(_mm512_loadu_ps(x + c), factor);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + c), (__m256i)_mm512_cvtneps_pbh(y));
  }
}

// Words (key pair, query): rows k and k+1 of a column of 16 queries.
inline void StorePair(BFloat16* words, __m512 even, __m512 odd) {
  _mm512_storeu_si512(words,
                      _mm512_or_si512(ToBf16Words(even), _mm512_slli_epi32(ToBf16Words(odd), 16)));
}

struct Layout {
  explicit Layout(AttentionShape s)
      : channels(s.head_dim),
        group(s.heads / s.kv_heads),
        row(int64_t(s.heads + 2 * s.kv_heads) * s.head_dim),
        out_row(int64_t(s.heads) * s.head_dim),
        key(out_row),
        value(out_row + int64_t(s.kv_heads) * s.head_dim),
        scale(s.scale > 0 ? float(s.scale) : 1.0f / std::sqrt(float(s.head_dim))),
        scale2(scale * 1.44269504f) {}
  int channels, group;
  int64_t row, out_row;  // elements per row of qkv and of out
  int64_t key, value;    // offsets of keys and values in a row of qkv
  float scale, scale2;   // multiply scores for bases e and 2
};

// The score of a key that its query must not see; its weight is 0.
constexpr float kHidden = -1e30f;

// The state of one block of queries: transposed scores, running maximum and sum, base 2.
struct alignas(64) SoftmaxBlock {
  float scores[kBlock * kBlock];      // [keys, queries]
  BFloat16 weights[kBlock * kBlock];  // words (key pair, query)
  float max[kBlock], sum[kBlock], decay[kBlock];

  void Reset() {
    std::fill_n(max, kBlock, kHidden);
    std::fill_n(sum, kBlock, 0.0f);
  }
};

// scores -> weights = 2^(score(k, v, scores) - max) of the first ends[v] keys of vector v, with the
// new maximum. Earlier sums and outputs must be multiplied by decay.
template <class Score>
inline void SoftmaxColumns(SoftmaxBlock& s, const int* ends, int vectors, const Score& score) {
  for (int v = 0; v < vectors; ++v) {
    const int end = ends[v];
    const auto at = [&](int k) {
      return score(k, v, _mm512_load_ps(s.scores + k * kBlock + kLanes * v));
    };
    const __m512 old_max = _mm512_load_ps(s.max + kLanes * v);
    __m512 max = old_max;
    for (int k = 0; k < end; ++k) max = _mm512_max_ps(max, at(k));
    const __m512 decay = Exp2(_mm512_sub_ps(old_max, max));
    __m512 sum = _mm512_mul_ps(_mm512_load_ps(s.sum + kLanes * v), decay);
    for (int k = 0; k < end; k += 2) {
      const __m512 even = Exp2(_mm512_sub_ps(at(k), max));
      const __m512 odd = k + 1 < end ? Exp2(_mm512_sub_ps(at(k + 1), max)) : _mm512_setzero_ps();
      sum = _mm512_add_ps(sum, _mm512_add_ps(even, odd));
      StorePair(s.weights + k * kBlock + 2 * kLanes * v, even, odd);
    }
    _mm512_store_ps(s.max + kLanes * v, max);
    _mm512_store_ps(s.sum + kLanes * v, sum);
    _mm512_store_ps(s.decay + kLanes * v, decay);
  }
}

inline void ScaleRows(float* x, const float* factors, int rows, int channels) {
  for (int q = 0; q < rows; ++q) {
    if (factors[q] == 1.0f) continue;
    const __m512 factor = _mm512_set1_ps(factors[q]);
    for (int c = 0; c < channels; c += kLanes) {
      float* p = x + q * channels + c;
      _mm512_store_ps(p, _mm512_mul_ps(_mm512_load_ps(p), factor));
    }
  }
}

}  // namespace
}  // namespace prm::ops
#else
#define PRM_HAS_AVX512_BF16 0
#endif
