// Flash attention (Dao et al. 2022, algorithm 1; Dao 2023, "FlashAttention-2", section 3) on
// AVX512-BF16, with blocks of 64 queries and 64 keys. Blocks above the diagonal are skipped; on the
// diagonal, whole register tiles are.
//
// Scores are computed transposed, [keys, queries]. The softmax over keys then runs down a column:
// maximum, sum and log-sum-exp are vectors of 16 queries, and nothing is summed across a register.
// Every sum has a fixed order within its trace and head, so results do not depend on the threads or
// on the other traces of the batch.
#include "model/kernels/cpu/attention_bf16.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/kernels/cpu/avx512_bf16.h"
#include "model/ops/attention.h"

#if PRM_HAS_AVX512_BF16

namespace prm::ops {
namespace {

// --- Forward -------------------------------------------------------------------------------------

// Lanes of vector v of the block's queries that may see key k of the same block.
inline __mmask16 SeesKey(int k, int v) {
  return __mmask16(0xffffu << std::clamp(k - kLanes * v, 0, kLanes));
}

// `diagonal`: the keys are those of the queries' own block.
void SoftmaxOfBlock(SoftmaxBlock& s, int keys, int vectors, float scale2, bool diagonal) {
  const __m512 scale = _mm512_set1_ps(scale2), none = _mm512_set1_ps(kHidden);
  int ends[kMaxVectors];
  for (int v = 0; v < vectors; ++v) ends[v] = diagonal ? std::min(keys, kLanes * (v + 1)) : keys;
  if (!diagonal) {
    return SoftmaxColumns(s, ends, vectors,
                          [&](int, int, __m512 x) { return _mm512_mul_ps(x, scale); });
  }
  SoftmaxColumns(s, ends, vectors, [&](int k, int v, __m512 x) {
    return _mm512_mask_mov_ps(none, SeesKey(k, v), _mm512_mul_ps(x, scale));
  });
}

struct ForwardScratch {
  Scratch<BFloat16> values, queries;
  Scratch<float> out;
  SoftmaxBlock softmax;
};

// One head, tokens [begin, end) of one trace, begin a multiple of 64. `qkv` and `out` start at the
// trace's first token, log_sum_exp at that token of this head.
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
    const BFloat16* first = qkv + q0 * l.row + int64_t(head) * C;
    PackChannelPairs([&](int t) { return first + t * l.row; }, nq, C, queries);
    std::fill_n(sums, kBlock * C, 0.0f);
    s.Reset();
    for (int64_t k0 = 0; k0 <= q0; k0 += kBlock) {
      const bool diagonal = k0 == q0;
      const int nk = diagonal ? nq : kBlock;
      for (int k = 0; k < nk; k += kRows) {
        const int v = diagonal ? k / kLanes : 0;
        Multiply(std::min(kRows, nk - k), vectors - v, {keys + (k0 + k) * l.row, l.row, 2},
                 queries + 2 * kLanes * v, 2 * kBlock, C / 2, s.scores + k * kBlock + kLanes * v,
                 kBlock, false);
      }
      SoftmaxOfBlock(s, nk, vectors, l.scale2, diagonal);
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
  // For one query head, in blocks of 64 tokens (channel pairs) or whole (token pairs).
  Scratch<BFloat16> query_channels, query_tokens, grad_channels, grad_tokens, key_tokens;
  Scratch<float> grad_query, grad_key, grad_value, dot, log_sum_exp;
  GradientBlock block;
};

// Computes weights and score gradients of `rows` keys from k on against a block's queries.
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
    PackChannelPairs([&](int i) { return qkv + (t + i) * l.row + at; }, n, C,
                     query_channels + t * C);
    PackChannelPairs([&](int i) { return grad_out + (t + i) * l.out_row + at; }, n, C,
                     grad_channels + t * C);
  }
  PackTokenPairs(qkv + at, l.row, tokens, C, s.query_tokens.Get(padded * C));
  PackTokenPairs(grad_out + at, l.out_row, tokens, C, s.grad_tokens.Get(padded * C));
  float* dot = s.dot.Get(padded);
  float* lse = s.log_sum_exp.Get(padded);
  std::copy_n(log_sum_exp, tokens, lse);
  // Missing queries get weight 2^-huge = 0.
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

// One key/value head of one trace of `tokens`; all pointers start at the trace's first token.
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

}  // namespace

bool HasBf16Attention(AttentionShape shape) {
  return CpuHasAvx512Bf16() && shape.head_dim % kLanes == 0;
}

void Bf16Attention(const BFloat16* qkv, const std::vector<int64_t>& offsets, AttentionShape shape,
                   BFloat16* out, float* log_sum_exp) {
  constexpr int64_t kQueries = 4 * kBlock;  // per item
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
  // Longest first, so that no thread is left working on a long one at the end.
  std::stable_sort(items.begin(), items.end(),
                   [](const Item& a, const Item& b) { return a.end > b.end; });
  const Layout layout(shape);
  ForEachItem(int64_t(items.size()), [&](int64_t i) {
    const Item& item = items[i];
    ForwardQueries(qkv + item.trace * layout.row, layout, item.head, item.begin, item.end,
                   out + item.trace * layout.out_row,
                   log_sum_exp ? log_sum_exp + item.head * offsets.back() + item.trace : nullptr,
                   OfThisThread<ForwardScratch>());
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
    const size_t b = traces[i / shape.kv_heads];
    const int64_t begin = offsets[b];
    BackwardHead(grad_out + begin * layout.out_row, qkv + begin * layout.row,
                 out + begin * layout.out_row, log_sum_exp + begin, offsets.back(), layout,
                 int(i % shape.kv_heads), offsets[b + 1] - begin, grad_qkv + begin * layout.row,
                 OfThisThread<BackwardScratch>());
  });
}

}  // namespace prm::ops

#else

namespace prm::ops {

bool HasBf16Attention(AttentionShape) { return false; }
void Bf16Attention(const BFloat16*, const std::vector<int64_t>&, AttentionShape, BFloat16*,
                   float*) {}
void Bf16AttentionBackward(const BFloat16*, const BFloat16*, const BFloat16*, const float*,
                           const std::vector<int64_t>&, AttentionShape, BFloat16*) {}

}  // namespace prm::ops
#endif
