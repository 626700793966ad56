// Flash attention (Dao et al. 2022, algorithm 1; Dao 2023, "FlashAttention-2", section 3) on
// AVX512-BF16. Blocks of 64 queries meet blocks of 64 keys; blocks above the diagonal are skipped,
// and on it whole tiles of registers.
//
// Scores are formed transposed, [keys, queries]: the softmax over keys then runs down a column, so
// that maximum, sum and log-sum-exp are vectors of 16 queries and nothing is summed across a
// register. A vdpbf16ps multiplies pairs of bfloat16, so an operand is stored in one of two packed
// forms, both [pairs, columns] of 32-bit words:
//   channel pairs: word (c, t) holds channels 2c and 2c+1 of token t; summed over channels
//   token pairs:   word (t, c) holds channel c of tokens 2t and 2t+1; summed over tokens
// Every sum has a fixed order within its trace and head: results do not depend on the threads or
// on the other traces of the batch.
#include "model/kernels/attention_bf16.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#pragma GCC push_options
// gcc warns of its own _mm512_undefined_epi32 (gcc bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")

namespace prm::ops {
namespace {

constexpr int kBlock = 64;      // queries or keys of a block
constexpr int kRows = 4;        // rows of a register tile
constexpr int kLanes = 16;      // floats of a register
constexpr int kMaxVectors = 4;  // registers of a tile's row

struct AlignedDelete {
  void operator()(void* p) const { ::operator delete(p, std::align_val_t(64)); }
};
// Grows, never shrinks: one a thread and use, so that the steady state allocates nothing.
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

int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

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

// Left operand of a product: the pair p of row m lies at data + m * row + 2-word pair * p.
struct Rows {
  const BFloat16* data;
  int64_t row, pair;
};

// out[m][n] (+)= sum over pairs p of a(m, p) . b(p, n), m < M rows, n < 16 V columns.
template <int M, int V>
inline void Tile(Rows a, const BFloat16* b, int64_t b_pair, int64_t pairs, float* out,
                 int64_t out_row, bool add) {
  __m512 sum[M][V];
  for (int m = 0; m < M; ++m) {
    for (int v = 0; v < V; ++v) {
      sum[m][v] = add ? _mm512_loadu_ps(out + m * out_row + kLanes * v) : _mm512_setzero_ps();
    }
  }
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh column[V];
    for (int v = 0; v < V; ++v) column[v] = (__m512bh)Load(b + p * b_pair + 2 * kLanes * v);
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
        Tile<M, 1>(a, b, b_pair, pairs, out, out_row, add);
        break;
      case 2:
        Tile<M, 2>(a, b, b_pair, pairs, out, out_row, add);
        break;
      case 3:
        Tile<M, 3>(a, b, b_pair, pairs, out, out_row, add);
        break;
      default:
        Tile<M, 4>(a, b, b_pair, pairs, out, out_row, add);
    }
    b += 2 * kLanes * kMaxVectors;
    out += kLanes * kMaxVectors;
  }
}

// Up to kRows rows of a product.
void Multiply(int rows, int vectors, Rows a, const BFloat16* b, int64_t b_pair, int64_t pairs,
              float* out, int64_t out_row, bool add) {
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

// 16 rows of 16 words, transposed in registers.
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

// Channel pairs of up to 64 tokens, [C/2, 64] words; absent tokens of the last 16 are zero.
void PackChannelPairs(const BFloat16* x, int64_t row, int tokens, int channels, BFloat16* packed) {
  for (int t = 0; t < tokens; t += kLanes) {
    for (int c = 0; c < channels; c += 2 * kLanes) {
      const int pairs = std::min(kLanes, (channels - c) / 2);
      const __mmask16 mask = __mmask16((1u << pairs) - 1);
      __m512i r[16];
      for (int i = 0; i < 16; ++i) {
        r[i] = t + i < tokens ? _mm512_maskz_loadu_epi32(mask, x + (t + i) * row + c)
                              : _mm512_setzero_si512();
      }
      Transpose16(r);
      for (int i = 0; i < pairs; ++i) {
        _mm512_storeu_si512(packed + (c / 2 + i) * 2 * kBlock + 2 * t, r[i]);
      }
    }
  }
}

// Token pairs, [ceil(tokens / 2), C] words; the partner of an odd last token is zero.
void PackTokenPairs(const BFloat16* x, int64_t row, int64_t tokens, int channels,
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

void StoreBf16(const float* x, __m512 factor, int channels, BFloat16* out) {
  for (int c = 0; c < channels; c += kLanes) {
    const __m512 y = _mm512_mul_ps(_mm512_loadu_ps(x + c), factor);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + c), (__m256i)_mm512_cvtneps_pbh(y));
  }
}

// Lanes of vector v of the block's queries that may see key k of the same block.
inline __mmask16 SeesKey(int k, int v) {
  return __mmask16(0xffffu << std::clamp(k - kLanes * v, 0, kLanes));
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
  int64_t row, out_row;  // elements of a row of qkv and of out
  int64_t key, value;    // where keys and values begin in a row of qkv
  float scale, scale2;   // of the scores, to the bases e and 2
};

// --- Forward -------------------------------------------------------------------------------------

// The state of one block of queries: transposed scores, running maximum and sum to the base 2.
struct alignas(64) SoftmaxBlock {
  float scores[kBlock * kBlock];      // [keys, queries]
  BFloat16 weights[kBlock * kBlock];  // words (key pair, query)
  float max[kBlock], sum[kBlock], decay[kBlock];
};

// scores -> weights = 2^(scores scaled - max), with the new maximum; decay is what earlier sums and
// outputs are multiplied by. `diagonal`: the keys are those of the queries' own block.
void SoftmaxColumns(SoftmaxBlock& s, int keys, int vectors, float scale2, bool diagonal) {
  const __m512 scale = _mm512_set1_ps(scale2), none = _mm512_set1_ps(-1e30f);
  for (int v = 0; v < vectors; ++v) {
    const int end = diagonal ? std::min(keys, kLanes * (v + 1)) : keys;
    const auto score = [&](int k) {
      const __m512 x = _mm512_mul_ps(_mm512_load_ps(s.scores + k * kBlock + kLanes * v), scale);
      return diagonal ? _mm512_mask_mov_ps(none, SeesKey(k, v), x) : x;
    };
    const __m512 old_max = _mm512_load_ps(s.max + kLanes * v);
    __m512 max = old_max;
    for (int k = 0; k < end; ++k) max = _mm512_max_ps(max, score(k));
    const __m512 decay = Exp2(_mm512_sub_ps(old_max, max));
    __m512 sum = _mm512_mul_ps(_mm512_load_ps(s.sum + kLanes * v), decay);
    for (int k = 0; k < end; k += 2) {
      const __m512 even = Exp2(_mm512_sub_ps(score(k), max));
      const __m512 odd = k + 1 < end ? Exp2(_mm512_sub_ps(score(k + 1), max)) : _mm512_setzero_ps();
      sum = _mm512_add_ps(sum, _mm512_add_ps(even, odd));
      StorePair(s.weights + k * kBlock + 2 * kLanes * v, even, odd);
    }
    _mm512_store_ps(s.max + kLanes * v, max);
    _mm512_store_ps(s.sum + kLanes * v, sum);
    _mm512_store_ps(s.decay + kLanes * v, decay);
  }
}

void ScaleRows(float* x, const float* factors, int rows, int channels) {
  for (int q = 0; q < rows; ++q) {
    if (factors[q] == 1.0f) continue;
    const __m512 factor = _mm512_set1_ps(factors[q]);
    for (int c = 0; c < channels; c += kLanes) {
      float* p = x + q * channels + c;
      _mm512_store_ps(p, _mm512_mul_ps(_mm512_load_ps(p), factor));
    }
  }
}

struct ForwardScratch {
  Scratch<BFloat16> values, queries;
  Scratch<float> out;
  SoftmaxBlock softmax;
};

// One head of one trace's tokens [begin, end), begin a multiple of 64. `qkv` and `out` begin at the
// trace's first token; log_sum_exp at the head's and trace's.
void ForwardQueries(const BFloat16* qkv, const Layout& l, int head, int64_t begin, int64_t end,
                    BFloat16* out, float* log_sum_exp, ForwardScratch& scratch) {
  const int C = l.channels, kv_head = head / l.group;
  const BFloat16* keys = qkv + l.key + int64_t(kv_head) * C;
  BFloat16* values = scratch.values.Get(RoundUp(end, 2) * C);
  PackTokenPairs(qkv + l.value + int64_t(kv_head) * C, l.row, end, C, values);
  BFloat16* queries = scratch.queries.Get(int64_t(kBlock) * C);
  float* sums = scratch.out.Get(int64_t(kBlock) * C);
  SoftmaxBlock& s = scratch.softmax;
  for (int64_t q0 = begin; q0 < end; q0 += kBlock) {
    const int nq = int(std::min<int64_t>(kBlock, end - q0)), vectors = (nq + kLanes - 1) / kLanes;
    PackChannelPairs(qkv + q0 * l.row + int64_t(head) * C, l.row, nq, C, queries);
    std::fill_n(sums, kBlock * C, 0.0f);
    std::fill_n(s.max, kBlock, -1e30f);
    std::fill_n(s.sum, kBlock, 0.0f);
    for (int64_t k0 = 0; k0 <= q0; k0 += kBlock) {
      const bool diagonal = k0 == q0;
      const int nk = diagonal ? nq : kBlock;
      for (int k = 0; k < nk; k += kRows) {
        const int v = diagonal ? k / kLanes : 0;
        Multiply(std::min(kRows, nk - k), vectors - v, {keys + (k0 + k) * l.row, l.row, 2},
                 queries + 2 * kLanes * v, 2 * kBlock, C / 2, s.scores + k * kBlock + kLanes * v,
                 kBlock, false);
      }
      SoftmaxColumns(s, nk, vectors, l.scale2, diagonal);
      if (k0 > 0) ScaleRows(sums, s.decay, nq, C);
      for (int q = 0; q < nq; q += kRows) {
        const int rows = std::min(kRows, nq - q), seen = diagonal ? q + rows : nk;
        Multiply(rows, C / kLanes, {s.weights + 2 * q, 2, 2 * kBlock}, values + k0 * C, 2 * C,
                 (seen + 1) / 2, sums + q * C, C, true);
      }
    }
    for (int q = 0; q < nq; ++q) {
      StoreBf16(sums + q * C, _mm512_set1_ps(1.0f / s.sum[q]), C,
                out + (q0 + q) * l.out_row + int64_t(head) * C);
      if (log_sum_exp) log_sum_exp[q0 + q] = s.max[q] + std::log2(s.sum[q]);
    }
  }
}

// --- Backward ------------------------------------------------------------------------------------

struct alignas(64) GradientBlock {
  float scores[kRows * kBlock], grads[kRows * kBlock];  // [keys, queries] of four keys
  BFloat16 weights[kBlock * kBlock];                    // [keys, queries]
  BFloat16 score_grads[kBlock * kBlock];                // [keys, queries]
  BFloat16 score_grad_words[kBlock * kBlock];           // words (key pair, query)
};

struct BackwardScratch {
  // Of one query head, by blocks of 64 tokens (channel pairs) or whole (token pairs).
  Scratch<BFloat16> query_channels, query_tokens, grad_channels, grad_tokens, key_tokens;
  Scratch<float> grad_query, grad_key, grad_value, dot, log_sum_exp;
  GradientBlock block;
};

// Weights and the gradient of the scores of `rows` keys from k on against a block's queries.
void ScoreGradients(GradientBlock& b, int k, int rows, int first_vector, int vectors,
                    const float* log_sum_exp, const float* dot, const Layout& l, bool diagonal) {
  const __m512 scale2 = _mm512_set1_ps(l.scale2), scale = _mm512_set1_ps(l.scale);
  for (int v = first_vector; v < vectors; ++v) {
    const __m512 lse = _mm512_loadu_ps(log_sum_exp + kLanes * v);
    const __m512 shift = _mm512_loadu_ps(dot + kLanes * v);
    __m512 grads[kRows + 1];
    grads[rows] = _mm512_setzero_ps();  // the partner of an odd last key
    for (int r = 0; r < rows; ++r) {
      const int at = r * kBlock + kLanes * v, to = (k + r) * kBlock + kLanes * v;
      __m512 p = Exp2(_mm512_fmsub_ps(_mm512_load_ps(b.scores + at), scale2, lse));
      if (diagonal) p = _mm512_maskz_mov_ps(SeesKey(k + r, v), p);
      grads[r] = _mm512_mul_ps(_mm512_mul_ps(p, scale),
                               _mm512_sub_ps(_mm512_load_ps(b.grads + at), shift));
      _mm256_store_si256(reinterpret_cast<__m256i*>(b.weights + to),
                         (__m256i)_mm512_cvtneps_pbh(p));
      _mm256_store_si256(reinterpret_cast<__m256i*>(b.score_grads + to),
                         (__m256i)_mm512_cvtneps_pbh(grads[r]));
    }
    for (int r = 0; r < rows; r += 2) {
      StorePair(b.score_grad_words + (k + r) * kBlock + 2 * kLanes * v, grads[r], grads[r + 1]);
    }
  }
}

// Packs one query head of a trace and its output's gradient; dot[t] = sum_c grad_out * out.
void PackQueryHead(const BFloat16* grad_out, const BFloat16* qkv, const BFloat16* out,
                   const float* log_sum_exp, const Layout& l, int head, int64_t tokens,
                   BackwardScratch& s) {
  const int C = l.channels;
  const int64_t padded = RoundUp(tokens, kBlock), at = int64_t(head) * C;
  BFloat16* query_channels = s.query_channels.Get(padded * C);
  BFloat16* grad_channels = s.grad_channels.Get(padded * C);
  for (int64_t t = 0; t < tokens; t += kBlock) {
    const int n = int(std::min<int64_t>(kBlock, tokens - t));
    PackChannelPairs(qkv + t * l.row + at, l.row, n, C, query_channels + t * C);
    PackChannelPairs(grad_out + t * l.out_row + at, l.out_row, n, C, grad_channels + t * C);
  }
  PackTokenPairs(qkv + at, l.row, tokens, C, s.query_tokens.Get(padded * C));
  PackTokenPairs(grad_out + at, l.out_row, tokens, C, s.grad_tokens.Get(padded * C));
  float* dot = s.dot.Get(padded);
  float* lse = s.log_sum_exp.Get(padded);
  std::copy_n(log_sum_exp, tokens, lse);
  // Absent queries get weight 2^-huge = 0.
  std::fill(lse + tokens, lse + padded, 1e30f);
  std::fill(dot + tokens, dot + padded, 0.0f);
  for (int64_t t = 0; t < tokens; ++t) {
    const BFloat16 *g = grad_out + t * l.out_row + at, *o = out + t * l.out_row + at;
    __m512 sum = _mm512_setzero_ps();
    for (int c = 0; c < C; c += 2 * kLanes) {
      const __mmask32 mask = C - c >= 2 * kLanes ? 0xffffffffu : 0xffffu;
      sum = _mm512_dpbf16_ps(sum, (__m512bh)_mm512_maskz_loadu_epi16(mask, g + c),
                             (__m512bh)_mm512_maskz_loadu_epi16(mask, o + c));
    }
    dot[t] = _mm512_reduce_add_ps(sum);
  }
}

// One key block against one query block: adds to the gradients of both.
void BackwardBlock(const BFloat16* qkv, const Layout& l, int kv_head, int64_t tokens, int64_t k0,
                   int64_t q0, BackwardScratch& s) {
  const int C = l.channels, channel_vectors = C / kLanes;
  const int nk = int(std::min<int64_t>(kBlock, tokens - k0));
  const int nq = int(std::min<int64_t>(kBlock, tokens - q0));
  const int vectors = (nq + kLanes - 1) / kLanes;
  const bool diagonal = k0 == q0;
  const BFloat16* key = qkv + k0 * l.row + l.key + int64_t(kv_head) * C;
  const BFloat16* value = qkv + k0 * l.row + l.value + int64_t(kv_head) * C;
  GradientBlock& b = s.block;
  for (int k = 0; k < nk; k += kRows) {
    const int rows = std::min(kRows, nk - k), v = diagonal ? k / kLanes : 0;
    const int64_t columns = q0 * C + 2 * kLanes * v;
    Multiply(rows, vectors - v, {key + k * l.row, l.row, 2}, s.query_channels.data() + columns,
             2 * kBlock, C / 2, b.scores + kLanes * v, kBlock, false);
    Multiply(rows, vectors - v, {value + k * l.row, l.row, 2}, s.grad_channels.data() + columns,
             2 * kBlock, C / 2, b.grads + kLanes * v, kBlock, false);
    ScoreGradients(b, k, rows, v, vectors, s.log_sum_exp.data() + q0, s.dot.data() + q0, l,
                   diagonal);
  }
  for (int k = 0; k < nk; k += kRows) {
    const int rows = std::min(kRows, nk - k);
    const int first = diagonal ? k / 2 : 0, pairs = (nq + 1) / 2 - first;
    const int64_t from = k * kBlock + 2 * first, tokens_from = (q0 + 2 * first) * C;
    Multiply(rows, channel_vectors, {b.weights + from, kBlock, 2},
             s.grad_tokens.data() + tokens_from, 2 * C, pairs, s.grad_value.data() + (k0 + k) * C,
             C, true);
    Multiply(rows, channel_vectors, {b.score_grads + from, kBlock, 2},
             s.query_tokens.data() + tokens_from, 2 * C, pairs, s.grad_key.data() + (k0 + k) * C, C,
             true);
  }
  for (int q = 0; q < nq; q += kRows) {
    const int rows = std::min(kRows, nq - q), seen = diagonal ? q + rows : nk;
    Multiply(rows, channel_vectors, {b.score_grad_words + 2 * q, 2, 2 * kBlock},
             s.key_tokens.data() + k0 * C, 2 * C, (seen + 1) / 2,
             s.grad_query.data() + (q0 + q) * C, C, true);
  }
}

void StoreRows(const float* x, int64_t rows, int channels, BFloat16* out, int64_t out_row) {
  for (int64_t t = 0; t < rows; ++t) {
    StoreBf16(x + t * channels, _mm512_set1_ps(1.0f), channels, out + t * out_row);
  }
}

// One key/value head of one trace of `tokens`; all pointers begin at the trace's first token.
void BackwardHead(const BFloat16* grad_out, const BFloat16* qkv, const BFloat16* out,
                  const float* log_sum_exp, int64_t log_sum_exp_row, const Layout& l, int kv_head,
                  int64_t tokens, BFloat16* grad_qkv, BackwardScratch& s) {
  const int C = l.channels;
  const int64_t at = int64_t(kv_head) * C, padded = RoundUp(tokens, kBlock);
  PackTokenPairs(qkv + l.key + at, l.row, tokens, C, s.key_tokens.Get(padded * C));
  std::fill_n(s.grad_key.Get(padded * C), tokens * C, 0.0f);
  std::fill_n(s.grad_value.Get(padded * C), tokens * C, 0.0f);
  for (int head = kv_head * l.group; head < (kv_head + 1) * l.group; ++head) {
    PackQueryHead(grad_out, qkv, out, log_sum_exp + head * log_sum_exp_row, l, head, tokens, s);
    std::fill_n(s.grad_query.Get(padded * C), tokens * C, 0.0f);
    for (int64_t k0 = 0; k0 < tokens; k0 += kBlock) {
      for (int64_t q0 = k0; q0 < tokens; q0 += kBlock) {
        BackwardBlock(qkv, l, kv_head, tokens, k0, q0, s);
      }
    }
    StoreRows(s.grad_query.data(), tokens, C, grad_qkv + int64_t(head) * C, l.row);
  }
  StoreRows(s.grad_key.data(), tokens, C, grad_qkv + l.key + at, l.row);
  StoreRows(s.grad_value.data(), tokens, C, grad_qkv + l.value + at, l.row);
}

// Threads take items in order as they become free: traces differ too much for equal shares.
template <class Body>
void ForEachItem(int64_t items, const Body& body) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), items), 1, [&](int64_t, int64_t) {
    for (int64_t i = next++; i < items; i = next++) body(i);
  });
}

}  // namespace

bool HasBf16Attention(AttentionShape shape) {
  static const bool cpu = __builtin_cpu_supports("avx512bf16") &&
                          __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return cpu && shape.head_dim % kLanes == 0;
}

void Bf16Attention(const BFloat16* qkv, const std::vector<int64_t>& offsets, AttentionShape shape,
                   BFloat16* out, float* log_sum_exp) {
  constexpr int64_t kQueries = 4 * kBlock;  // of an item
  struct Item {
    int64_t trace, begin, end;
    int head;
  };
  std::vector<Item> items;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    const int64_t tokens = offsets[b + 1] - offsets[b];
    for (int64_t q = 0; q < tokens; q += kQueries) {
      for (int h = 0; h < shape.heads; ++h) {
        items.push_back({offsets[b], q, std::min(q + kQueries, tokens), h});
      }
    }
  }
  // The long ones first, so that no thread is left alone with one at the end.
  std::stable_sort(items.begin(), items.end(),
                   [](const Item& a, const Item& b) { return a.end > b.end; });
  const Layout layout(shape);
  ForEachItem(int64_t(items.size()), [&](int64_t i) {
    thread_local ForwardScratch scratch;
    const Item& item = items[i];
    ForwardQueries(qkv + item.trace * layout.row, layout, item.head, item.begin, item.end,
                   out + item.trace * layout.out_row,
                   log_sum_exp ? log_sum_exp + item.head * offsets.back() + item.trace : nullptr,
                   scratch);
  });
}

void Bf16AttentionBackward(const BFloat16* grad_out, const BFloat16* qkv, const BFloat16* out,
                           const float* log_sum_exp, const std::vector<int64_t>& offsets,
                           AttentionShape shape, BFloat16* grad_qkv) {
  const Layout layout(shape);
  std::vector<size_t> traces(offsets.size() - 1);
  std::iota(traces.begin(), traces.end(), size_t(0));
  std::stable_sort(traces.begin(), traces.end(), [&](size_t a, size_t b) {
    return offsets[a + 1] - offsets[a] > offsets[b + 1] - offsets[b];
  });
  ForEachItem(int64_t(traces.size()) * shape.kv_heads, [&](int64_t i) {
    thread_local BackwardScratch scratch;
    const size_t b = traces[i / shape.kv_heads];
    const int64_t begin = offsets[b];
    BackwardHead(grad_out + begin * layout.out_row, qkv + begin * layout.row,
                 out + begin * layout.out_row, log_sum_exp + begin, offsets.back(), layout,
                 int(i % shape.kv_heads), offsets[b + 1] - begin, grad_qkv + begin * layout.row,
                 scratch);
  });
}

}  // namespace prm::ops
#pragma GCC pop_options

#else

namespace prm::ops {

bool HasBf16Attention(AttentionShape) { return false; }
void Bf16Attention(const BFloat16*, const std::vector<int64_t>&, AttentionShape, BFloat16*,
                   float*) {}
void Bf16AttentionBackward(const BFloat16*, const BFloat16*, const BFloat16*, const float*,
                           const std::vector<int64_t>&, AttentionShape, BFloat16*) {}

}  // namespace prm::ops
#endif
