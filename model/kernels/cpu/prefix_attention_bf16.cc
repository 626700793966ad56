// Attention over blocks of kept keys and values on AVX512-BF16. As in attention_bf16.cc, scores are
// transposed, [keys, lanes]; a lane is one query head of one token. All heads that share a
// key/value head are neighbouring lanes: a short run fills its registers, and a block of keys is
// read once for all of them. On AMX both products use its tiles.
#include <algorithm>
#include <cmath>
#include <optional>

#include "model/kernels/cpu/amx_tiles.h"
#include "model/kernels/cpu/avx512_bf16.h"
#include "model/kernels/cpu/prefix_attention.h"
#include "model/ops/attention.h"
#include "model/ops/prefix_attention.h"

#if PRM_HAS_AVX512_BF16

namespace prm::ops {
namespace {

static_assert(kBlock == kKvBlockTokens && kBlock == kLaneBlock);

// A block of lanes against the kept tokens of its trace.
class LaneBlock {
 public:
  LaneBlock(const PrefixLayout& layout, const QueryBlock& q) : l_(layout), q_(q) {
    lanes_ = int(q.end - q.begin) * l_.group;
    vectors_ = (lanes_ + kLanes - 1) / kLanes;
    for (int i = 0; i < kBlock; ++i) positions_[i] = int32_t(Position(std::min(i, lanes_ - 1)));
    // Decided by the shape only, so that sums do not depend on the batch.
    if (l_.channels % kAmxRows == 0 && HasAmxBf16()) amx_.emplace();
  }

  void Run(const BFloat16* qkv, const BFloat16* keys, const BFloat16* values, BFloat16* out);

 private:
  int64_t Position(int lane) const {
    return q_.run->position + q_.begin - q_.run->row + lane / l_.group;
  }
  // Number of keys of the block starting at `key` that some lane of vector v sees.
  int End(int64_t key, int v) const {
    return int(std::clamp<int64_t>(positions_[std::min(kLanes * v + kLanes, lanes_) - 1] + 1 - key,
                                   0, kBlock));
  }
  // Number of keys of the block that some of the 32 lanes from `lane` on sees.
  int EndOfLanes(int lane) const {
    return ends_[std::min(vectors_, (lane + kAmxRows) / kLanes) - 1];
  }
  void Scores(const BFloat16* keys, int64_t key);
  void ScoresOnAmx(const BFloat16* keys);
  void Softmax(int64_t key);
  void AddValues(const BFloat16* values, bool first);
  void AddValuesOnAmx(const BFloat16* values, bool first);
  const BFloat16* WholeTiles(const BFloat16* values) const;

  struct Buffers {
    Scratch<BFloat16> queries, values;
    Scratch<float> sums;
    alignas(64) BFloat16 rows[kAmxRows * kBlock];  // weights [lanes, keys]
    SoftmaxBlock softmax;
  };
  static Buffers& buffers() { return OfThisThread<Buffers>(); }

  const PrefixLayout& l_;
  const QueryBlock& q_;
  std::optional<AmxTiles> amx_;
  int lanes_, vectors_;
  int ends_[kMaxVectors] = {};
  alignas(64) int32_t positions_[kBlock];
  BFloat16* queries_ = nullptr;  // channel pairs
  float* sums_ = nullptr;        // [lanes, C]
};

void LaneBlock::Scores(const BFloat16* keys, int64_t key) {
  SoftmaxBlock& s = buffers().softmax;
  const int C = l_.channels;
  for (int v = 0; v < vectors_; ++v) ends_[v] = End(key, v);
  if (amx_) return ScoresOnAmx(keys);
  const int count = ends_[vectors_ - 1];
  for (int k = 0, v = 0; k < count; k += kRows) {
    while (ends_[v] <= k) ++v;
    Multiply(std::min(kRows, count - k), vectors_ - v, {keys + k * C, C, 2},
             queries_ + 2 * kLanes * v, 2 * kBlock, C / 2, s.scores + k * kBlock + kLanes * v,
             kBlock, false);
  }
}

void LaneBlock::Softmax(int64_t key) {
  const AttentionShape& shape = l_.shape;
  const __m512 hidden = _mm512_set1_ps(kHidden);
  // Weights are powers of 2.
  const __m512 scale = _mm512_set1_ps(l_.scale * 1.44269504f);
  const auto scaled = [&](int, int, __m512 x) { return _mm512_mul_ps(x, scale); };
  const bool sees_all =
      positions_[0] >= key + kBlock - 1 && l_.FirstKey(positions_[lanes_ - 1]) <= key;
  SoftmaxBlock& s = buffers().softmax;
  if (sees_all && shape.softcap == 0) return SoftmaxColumns(s, ends_, vectors_, scaled);
  const float cap = float(shape.softcap);
  const auto capped = [&](__m512 x) {
    if (cap == 0) return _mm512_mul_ps(x, scale);
    // tanh(y) = 1 - 2 / (e^2y + 1)
    const __m512 y = _mm512_mul_ps(x, _mm512_set1_ps(2 * 1.44269504f * l_.scale / cap));
    const __m512 one = _mm512_set1_ps(1), e = Exp2(_mm512_min_ps(y, _mm512_set1_ps(120)));
    const __m512 tanh = _mm512_sub_ps(one, _mm512_div_ps(_mm512_set1_ps(2), _mm512_add_ps(e, one)));
    return _mm512_mul_ps(tanh, _mm512_set1_ps(cap * 1.44269504f));
  };
  const __m512i window = _mm512_set1_epi32(shape.window > 0 ? shape.window : INT32_MAX);
  SoftmaxColumns(s, ends_, vectors_, [&](int k, int v, __m512 x) {
    const __m512i distance = _mm512_sub_epi32(_mm512_load_si512(positions_ + kLanes * v),
                                              _mm512_set1_epi32(int32_t(key) + k));
    const __mmask16 sees = _mm512_cmpge_epi32_mask(distance, _mm512_setzero_si512()) &
                           _mm512_cmplt_epi32_mask(distance, window);
    return _mm512_mask_mov_ps(hidden, sees, capped(x));
  });
}

void LaneBlock::ScoresOnAmx(const BFloat16* keys) {
  SoftmaxBlock& s = buffers().softmax;
  const int C = l_.channels;
  for (int lane = 0; lane < lanes_; lane += kAmxRows) {
    const int end = EndOfLanes(lane);
    for (int k = 0; k < end; k += kAmxRows) {
      AmxProduct<AmxUnit, BFloat16>(
          {keys + k * C, C}, {queries_ + 2 * lane, 2 * kBlock, 2 * kAmxTile * kBlock, 2 * kAmxTile},
          C / 2, kAmxRows, end - k <= kAmxTile, {s.scores + k * kBlock + lane, kBlock}, false,
          [] {});
    }
  }
}

// Zero-pads the last tile of the block's values: unseen slots may hold another trace or NaN.
const BFloat16* LaneBlock::WholeTiles(const BFloat16* values) const {
  const int end = ends_[vectors_ - 1], C = l_.channels;
  const int whole = amx_ ? int(RoundUp(end, 2 * kAmxTile)) : int(RoundUp(end, 2));
  if (whole == end) return values;
  BFloat16* copy = buffers().values.Get(int64_t{kBlock} * C);
  std::memcpy(copy, values, sizeof(BFloat16) * size_t(RoundUp(end, 2) * C));
  std::fill(copy + RoundUp(end, 2) * C, copy + whole * C, BFloat16{});
  for (int c = 0; end % 2 != 0 && c < C; ++c) copy[(end - 1) * C + 2 * c + 1] = BFloat16{};
  return copy;
}

void LaneBlock::AddValues(const BFloat16* values, bool first) {
  values = WholeTiles(values);
  if (amx_) return AddValuesOnAmx(values, first);
  const SoftmaxBlock& s = buffers().softmax;
  const int C = l_.channels;
  for (int q = 0; q < lanes_; q += kRows) {
    const int pairs = (ends_[q / kLanes] + 1) / 2;
    Multiply(std::min(kRows, lanes_ - q), C / kLanes, {s.weights + 2 * q, 2, 2 * kBlock}, values,
             2 * C, pairs, sums_ + q * C, C, !first);
  }
}

void LaneBlock::AddValuesOnAmx(const BFloat16* values, bool first) {
  Buffers& b = buffers();
  const int C = l_.channels;
  for (int lane = 0; lane < lanes_; lane += kAmxRows) {
    const int keys = int(RoundUp(EndOfLanes(lane), 2 * kAmxTile));
    for (int v = lane / kLanes; v < std::min(vectors_, (lane + kAmxRows) / kLanes); ++v) {
      for (int k = 0; k < keys; k += 2 * kLanes) {
        __m512i r[kLanes];
        for (int i = 0; i < kLanes; ++i) {
          const int key = k + 2 * i;
          r[i] = key < ends_[v] ? Load(b.softmax.weights + key * kBlock + 2 * kLanes * v)
                                : _mm512_setzero_si512();
        }
        Transpose16(r);
        BFloat16* to = b.rows + (v * kLanes - lane) * kBlock + k;
        for (int i = 0; i < kLanes; ++i) _mm512_store_si512(to + i * kBlock, r[i]);
      }
    }
    AmxProduct<AmxUnit, BFloat16>({b.rows, kBlock}, {values, 2 * C, 2 * kAmxTile * C, 2 * kAmxTile},
                                  keys / 2, C, lanes_ - lane <= kAmxTile, {sums_ + lane * C, C},
                                  !first, [] {});
  }
}

void LaneBlock::Run(const BFloat16* qkv, const BFloat16* keys, const BFloat16* values,
                    BFloat16* out) {
  Buffers& b = buffers();
  const int C = l_.channels, first_head = q_.kv_head * l_.group;
  queries_ = b.queries.Get(int64_t{kBlock} * C);
  sums_ = b.sums.Get(int64_t{kBlock} * C);
  const auto row_of = [&](int lane) {
    return std::pair(q_.begin + lane / l_.group, int64_t(first_head + lane % l_.group) * C);
  };
  PackChannelPairs(
      [&](int lane) {
        const auto [row, channel] = row_of(lane);
        return qkv + row * l_.row + channel;
      },
      lanes_, C, queries_);
  b.softmax.Reset();
  const int64_t last = positions_[lanes_ - 1], first = l_.FirstKey(positions_[0]) / kBlock * kBlock;
  for (int64_t key = first; key <= last; key += kBlock) {
    const int64_t block = l_.Block(q_.run->blocks[size_t(key / kBlock)], q_.kv_head);
    Scores(keys + block, key);
    Softmax(key);
    if (key > first) ScaleRows(sums_, b.softmax.decay, lanes_, C);
    AddValues(values + block, key == first);
  }
  for (int lane = 0; lane < lanes_; ++lane) {
    const auto [row, channel] = row_of(lane);
    StoreBf16(sums_ + lane * C, _mm512_set1_ps(1.0f / b.softmax.sum[lane]), C,
              out + row * l_.out_row + channel);
  }
}

}  // namespace

bool HasBf16PrefixAttention(AttentionShape shape) {
  return CpuHasAvx512Bf16() && shape.head_dim % kLanes == 0 &&
         shape.heads / shape.kv_heads <= kLaneBlock;
}

void Bf16PrefixAttention(const BFloat16* qkv, const std::vector<QueryBlock>& queries,
                         AttentionShape shape, const BFloat16* keys, const BFloat16* values,
                         BFloat16* out) {
  const PrefixLayout layout(shape);
  ForEachItem(int64_t(queries.size()), [&](int64_t i) {
    LaneBlock(layout, queries[size_t(i)]).Run(qkv, keys, values, out);
  });
}

}  // namespace prm::ops

#else

namespace prm::ops {

bool HasBf16PrefixAttention(AttentionShape) { return false; }
void Bf16PrefixAttention(const BFloat16*, const std::vector<QueryBlock>&, AttentionShape,
                         const BFloat16*, const BFloat16*, BFloat16*) {}

}  // namespace prm::ops
#endif
