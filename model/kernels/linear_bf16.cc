// y = x W^T + b in bfloat16 on AVX512-BF16, for weights that are multiplied again and again: packed
// once into the order in which they are read, with what follows the product done on each tile while
// it is in the cache.
//
// W [N, K] becomes panels of 64 outputs, each [K/2, 64] words: word (p, n) holds W[n][2p] and
// W[n][2p+1]. A tile of 6 rows of x and 64 outputs lies in 24 registers; a panel's part of up to
// kDepth inputs stays in the second-level cache while all rows pass. Sums run over inputs in rising
// order, float32: an output is bitwise the same whatever shares its batch, on any threads.
// Source: Goto & van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication", section 4.
#include <ATen/ATen.h>

#include "model/kernels/avx512_bf16.h"
#include "model/kernels/ops.h"

namespace prm::ops {

#if PRM_HAS_AVX512_BF16
namespace {

constexpr int kPanel = 64;        // outputs
constexpr int kTileRows = 6;      // of x
constexpr int64_t kDepth = 2048;  // inputs

// x * sigmoid(a(x)), as in glu.cc.
template <Activation A>
inline __m512 Activate(__m512 x) {
  __m512 inner = x;
  if (A == Activation::kGeluTanh) {
    const __m512 cubic = _mm512_mul_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(0.044715f));
    inner = _mm512_mul_ps(_mm512_fmadd_ps(cubic, x, x), _mm512_set1_ps(1.5957691216f));
  }
  const __m512 one = _mm512_set1_ps(1.0f);
  const __m512 e = Exp2(
      _mm512_min_ps(_mm512_mul_ps(inner, _mm512_set1_ps(-1.44269504f)), _mm512_set1_ps(126.0f)));
  return _mm512_div_ps(x, _mm512_add_ps(one, e));
}

inline __m512i RoundToBf16(__m512 low, __m512 high) {
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// Fetches what an epilogue will write, while the product before it is computed.
template <class T>
inline void PrefetchRows(const T* first, int64_t stride, int rows, int width) {
  constexpr int kLine = 64 / int(sizeof(T));
  for (int m = 0; m < rows; ++m) {
    for (int n = 0; n < width; n += kLine) {
      _mm_prefetch(reinterpret_cast<const char*>(first + m * stride + n), _MM_HINT_T0);
    }
  }
}

// What becomes of a tile [rows, 64] float32 of outputs [n, n + width) of rows [row, row + rows).
struct StoreRounded {
  BFloat16* out;
  const float* bias;
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
        const __m512 low = _mm512_add_ps(_mm512_load_ps(y), _mm512_loadu_ps(bias + n + v));
        const __m512 high =
            _mm512_add_ps(_mm512_load_ps(y + kLanes), _mm512_loadu_ps(bias + n + v + kLanes));
        _mm512_mask_storeu_epi16(out + (row + m) * stride + n + v, mask, RoundToBf16(low, high));
      }
    }
  }
};

struct AddToSum {
  float* sum;
  const float* bias;
  int64_t stride;
  void Prefetch(int64_t row, int rows, int64_t n, int width) const {
    PrefetchRows(sum + row * stride + n, stride, rows, width);
  }
  void operator()(const float* tile, int64_t row, int rows, int64_t n, int width) const {
    for (int m = 0; m < rows; ++m) {
      for (int v = 0; v < width; v += kLanes) {
        const __mmask16 mask = __mmask16(width - v >= 16 ? ~0u : (1u << (width - v)) - 1);
        float* to = sum + (row + m) * stride + n + v;
        const __m512 y =
            _mm512_add_ps(_mm512_load_ps(tile + m * kPanel + v), _mm512_loadu_ps(bias + n + v));
        _mm512_mask_storeu_ps(to, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), y));
      }
    }
  }
};

// A panel's first half are gates, its second the ups of the same channels.
template <Activation A>
struct StoreGated {
  BFloat16* out;
  const float* bias;
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
        const float* shift = bias + n + half * kLanes;
        y[half] = _mm512_mul_ps(
            Activate<A>(_mm512_add_ps(_mm512_load_ps(gate), _mm512_loadu_ps(shift))),
            _mm512_add_ps(_mm512_load_ps(gate + kPanel / 2), _mm512_loadu_ps(shift + kPanel / 2)));
      }
      _mm512_mask_storeu_epi16(out + (row + m) * stride + channel, mask, RoundToBf16(y[0], y[1]));
    }
  }
};

void TileOf(int rows, Rows x, const BFloat16* panel, int64_t pairs, float* out, bool add) {
  constexpr int64_t kPair = 2 * kPanel;
  switch (rows) {
    case 1:
      return Tile<1, 4>(x, panel, kPair, pairs, out, kPanel, add);
    case 2:
      return Tile<2, 4>(x, panel, kPair, pairs, out, kPanel, add);
    case 3:
      return Tile<3, 4>(x, panel, kPair, pairs, out, kPanel, add);
    case 4:
      return Tile<4, 4>(x, panel, kPair, pairs, out, kPanel, add);
    case 5:
      return Tile<5, 4>(x, panel, kPair, pairs, out, kPanel, add);
    default:
      return Tile<6, 4>(x, panel, kPair, pairs, out, kPanel, add);
  }
}

struct Product {
  const BFloat16* x;       // [T, K]
  const BFloat16* panels;  // [N/64, K/2, 64] words
  int64_t rows, inputs, outputs;
};

template <class Epilogue>
void MultiplyPanel(const Product& p, int64_t panel, int64_t begin, int64_t end,
                   const Epilogue& epilogue) {
  thread_local Scratch<float> scratch;
  const bool deep = p.inputs > kDepth;
  float* sums = scratch.Get((deep ? end - begin : kTileRows) * kPanel);
  const int width = int(std::min<int64_t>(kPanel, p.outputs - panel * kPanel));
  for (int64_t k = 0; k < p.inputs; k += kDepth) {
    const int64_t depth = std::min(kDepth, p.inputs - k);
    const BFloat16* part = p.panels + (panel * p.inputs + k) * kPanel;
    for (int64_t row = begin; row < end; row += kTileRows) {
      const int rows = int(std::min<int64_t>(kTileRows, end - row));
      float* tile = deep ? sums + (row - begin) * kPanel : sums;
      if (k + depth == p.inputs) epilogue.Prefetch(row, rows, panel * kPanel, width);
      TileOf(rows, {p.x + row * p.inputs + k, p.inputs, 2}, part, depth / 2, tile, k > 0);
      if (k + depth == p.inputs) epilogue(tile, row, rows, panel * kPanel, width);
    }
  }
}

template <class Epilogue>
void Multiply(const Product& p, const Epilogue& epilogue) {
  constexpr int64_t kChunkRows = 510;  // whole tiles
  const int64_t panels = (p.outputs + kPanel - 1) / kPanel;
  const int64_t chunks = std::max<int64_t>(1, (p.rows + kChunkRows - 1) / kChunkRows);
  ForEachItem(panels * chunks, [&](int64_t i) {
    const int64_t begin = i / panels * kChunkRows;
    MultiplyPanel(p, i % panels, begin, std::min(p.rows, begin + kChunkRows), epilogue);
  });
}

// Row of the weight for output n of the panels; -1: none.
int64_t SourceRow(int64_t n, int64_t outputs, bool gated) {
  if (!gated) return n < outputs ? n : -1;
  const int64_t half = kPanel / 2, in_panel = n % kPanel;
  const int64_t channel = n / kPanel * half + in_panel % half;
  if (channel >= outputs / 2) return -1;
  return in_panel < half ? channel : outputs / 2 + channel;
}

// [K/2, 64] words of the rows source(0..63) of the weight.
template <class Source>
void PackPanel(const BFloat16* weight, int64_t inputs, const Source& source, BFloat16* panel) {
  for (int n = 0; n < kPanel; n += kLanes) {
    for (int64_t k = 0; k < inputs; k += 2 * kLanes) {
      const int pairs = int(std::min<int64_t>(kLanes, (inputs - k) / 2));
      const __mmask16 mask = __mmask16((1u << pairs) - 1);
      __m512i r[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        const int64_t row = source(n + i);
        r[i] = row < 0 ? _mm512_setzero_si512()
                       : _mm512_maskz_loadu_epi32(mask, weight + row * inputs + k);
      }
      Transpose16(r);
      for (int i = 0; i < pairs; ++i) {
        _mm512_storeu_si512(panel + (k / 2 + i) * 2 * kPanel + 2 * n, r[i]);
      }
    }
  }
}

}  // namespace

bool PackedLinear::Takes(const at::Tensor& weight) {
  static const bool slow_for_this = __builtin_cpu_supports("amx-bf16");
  return CpuHasAvx512Bf16() && !slow_for_this && weight.is_cpu() &&
         weight.scalar_type() == at::kBFloat16 && weight.dim() == 2 && weight.size(1) % 2 == 0;
}

PackedLinear::PackedLinear(const at::Tensor& weight, const at::Tensor& bias, bool gated)
    : inputs_(weight.size(1)), outputs_(weight.size(0)), gated_(gated) {
  TORCH_CHECK(Takes(weight) && (!gated || outputs_ % 2 == 0), "linear: cannot pack ",
              weight.sizes());
  // Panels of gates and ups need not end where the channels do.
  const int64_t channels = gated ? 2 * RoundUp(outputs_ / 2, kPanel / 2) : outputs_;
  const int64_t padded = RoundUp(channels, kPanel);
  panels_ = at::empty({padded * inputs_}, weight.options());
  bias_ = at::zeros({padded}, weight.options().dtype(at::kFloat));
  const at::Tensor rows = weight.contiguous();
  const auto* from = static_cast<const BFloat16*>(rows.const_data_ptr());
  auto* to = static_cast<BFloat16*>(panels_.data_ptr());
  at::parallel_for(0, padded / kPanel, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const auto source = [&](int n) { return SourceRow(panel * kPanel + n, outputs_, gated); };
      PackPanel(from, inputs_, source, to + panel * inputs_ * kPanel);
    }
  });
  if (!bias.defined()) return;
  const at::Tensor values = bias.to(at::kFloat).contiguous();
  for (int64_t n = 0; n < padded; ++n) {
    const int64_t row = SourceRow(n, outputs_, gated);
    if (row >= 0) bias_.mutable_data_ptr<float>()[n] = values.const_data_ptr<float>()[row];
  }
}

namespace {

Product ProductOf(const at::Tensor& x, const at::Tensor& panels, int64_t inputs) {
  TORCH_CHECK(x.is_cpu() && x.scalar_type() == at::kBFloat16 && x.dim() == 2 &&
                  x.size(1) == inputs && x.is_contiguous(),
              "linear: expected contiguous bfloat16 [T, ", inputs, "], got ", x.sizes());
  return {static_cast<const BFloat16*>(x.const_data_ptr()),
          static_cast<const BFloat16*>(panels.const_data_ptr()), x.size(0), inputs,
          panels.numel() / inputs};
}

}  // namespace

at::Tensor PackedLinear::Forward(const at::Tensor& x) const {
  TORCH_CHECK(!gated_, "linear: a gated one");
  Product product = ProductOf(x, panels_, inputs_);
  product.outputs = outputs_;
  at::Tensor out = at::empty({x.size(0), outputs_}, x.options());
  Multiply(product, StoreRounded{static_cast<BFloat16*>(out.data_ptr()),
                                 bias_.const_data_ptr<float>(), outputs_});
  return out;
}

void PackedLinear::AddTo(const at::Tensor& x, at::Tensor* sum) const {
  TORCH_CHECK(!gated_ && sum->scalar_type() == at::kFloat && sum->is_contiguous() &&
                  sum->sizes() == at::IntArrayRef({x.size(0), outputs_}),
              "linear: expected float32 [", x.size(0), ", ", outputs_, "], got ", sum->sizes());
  Product product = ProductOf(x, panels_, inputs_);
  product.outputs = outputs_;
  Multiply(product,
           AddToSum{sum->mutable_data_ptr<float>(), bias_.const_data_ptr<float>(), outputs_});
}

at::Tensor PackedLinear::Glu(const at::Tensor& x, Activation activation) const {
  TORCH_CHECK(gated_, "linear: not a gated one");
  Product product = ProductOf(x, panels_, inputs_);
  const int64_t channels = outputs_ / 2;
  // Of the padded panels: the last one's missing channels are cut by its width.
  product.outputs = channels / (kPanel / 2) * kPanel + channels % (kPanel / 2) * 2;
  at::Tensor out = at::empty({x.size(0), channels}, x.options());
  auto* data = static_cast<BFloat16*>(out.data_ptr());
  const float* bias = bias_.const_data_ptr<float>();
  if (activation == Activation::kSilu) {
    Multiply(product, StoreGated<Activation::kSilu>{data, bias, channels});
  } else {
    Multiply(product, StoreGated<Activation::kGeluTanh>{data, bias, channels});
  }
  return out;
}

#else

bool PackedLinear::Takes(const at::Tensor&) { return false; }
PackedLinear::PackedLinear(const at::Tensor&, const at::Tensor&, bool) {
  TORCH_CHECK(false, "linear: this CPU does not multiply bfloat16");
}
at::Tensor PackedLinear::Forward(const at::Tensor&) const { return {}; }
void PackedLinear::AddTo(const at::Tensor&, at::Tensor*) const {}
at::Tensor PackedLinear::Glu(const at::Tensor&, Activation) const { return {}; }

#endif

}  // namespace prm::ops
