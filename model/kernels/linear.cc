// Packed linear layers: packing, and products in float32 on any CPU. A tile of 4 rows of x meets
// half a panel at a time; sums run over inputs in rising order, so that an output is bitwise the
// same whatever shares its batch, on any threads.
#include "model/kernels/linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace prm::ops {
namespace {

using Result = LinearProduct::Result;

constexpr int kTileRows = 4, kHalf = kPanel / 2;

PRM_INLINE float Activate(float x, Activation activation) {
  return x * Sigmoid(activation == Activation::kSilu ? x : GeluInner(x));
}

PRM_INLINE void FinishRow(const LinearProduct& p, const float* y, int64_t row, int64_t n) {
  const int width = int(std::min<int64_t>(kPanel, p.outputs - n));
  float* out = static_cast<float*>(p.out) + row * p.stride;
  switch (p.result) {
    case Result::kStore:
#pragma omp simd
      for (int i = 0; i < width; ++i) out[n + i] = y[i] + p.bias[n + i];
      return;
    case Result::kAdd:
#pragma omp simd
      for (int i = 0; i < width; ++i) out[n + i] += y[i] + p.bias[n + i];
      return;
    case Result::kGlu:
#pragma omp simd
      for (int i = 0; i < width / 2; ++i) {
        out[n / 2 + i] =
            Activate(y[i] + p.bias[n + i], p.activation) * (y[kHalf + i] + p.bias[n + kHalf + i]);
      }
  }
}

PRM_INLINE void MultiplyTile(const LinearProduct& p, int64_t panel, int64_t row) {
  const float* x = static_cast<const float*>(p.x);
  const float* w = static_cast<const float*>(p.panels) + panel * p.inputs * kPanel;
  const float* rows[kTileRows];
  for (int m = 0; m < kTileRows; ++m) rows[m] = x + std::min(row + m, p.rows - 1) * p.inputs;
  float y[kTileRows][kPanel];
  for (int half = 0; half < kPanel; half += kHalf) {
    float sum[kTileRows][kHalf] = {};
    for (int64_t k = 0; k < p.inputs; ++k) {
      const float* b = w + k * kPanel + half;
      for (int m = 0; m < kTileRows; ++m) {
        const float a = rows[m][k];
#pragma omp simd
        for (int n = 0; n < kHalf; ++n) sum[m][n] += a * b[n];
      }
    }
    for (int m = 0; m < kTileRows; ++m) std::copy_n(sum[m], kHalf, y[m] + half);
  }
  for (int m = 0; m < kTileRows && row + m < p.rows; ++m) {
    FinishRow(p, y[m], row + m, panel * kPanel);
  }
}

PRM_SIMD void MultiplyPanels(const LinearProduct& p, int64_t begin, int64_t end) {
  for (int64_t panel = begin; panel < end; ++panel) {
    for (int64_t row = 0; row < p.rows; row += kTileRows) MultiplyTile(p, panel, row);
  }
}

// Rows of the weight for the outputs of a panel; -1: none.
std::array<int64_t, kPanel> RowsOfPanel(int64_t panel, int64_t outputs, bool gated) {
  std::array<int64_t, kPanel> rows;
  for (int n = 0; n < kPanel; ++n) {
    const int64_t channel = gated ? panel * kHalf + n % kHalf : panel * kPanel + n;
    const int64_t count = gated ? outputs / 2 : outputs;
    rows[size_t(n)] = channel >= count ? -1 : channel + (gated && n >= kHalf ? count : 0);
  }
  return rows;
}

void PackFloatPanel(const float* weight, int64_t inputs, const int64_t* row_of, float* panel) {
  for (int64_t k = 0; k < inputs; ++k) {
    for (int n = 0; n < kPanel; ++n) {
      panel[k * kPanel + n] = row_of[n] < 0 ? 0.0f : weight[row_of[n] * inputs + k];
    }
  }
}

bool IsBf16(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16; }

}  // namespace

void FloatProduct(const LinearProduct& p) {
  at::parallel_for(0, (p.outputs + kPanel - 1) / kPanel, 1,
                   [&](int64_t begin, int64_t end) { MultiplyPanels(p, begin, end); });
}

bool PackedLinear::Takes(const at::Tensor& weight) {
  if (!weight.is_cpu() || weight.dim() != 2) return false;
  return IsBf16(weight) ? HasBf16Product() && weight.size(1) % 2 == 0
                        : weight.scalar_type() == at::kFloat;
}

bool PackedLinear::Pays(const at::Tensor& weight) {
  return Takes(weight) && IsBf16(weight) && Bf16ProductPays();
}

PackedLinear::PackedLinear(const at::Tensor& weight, const at::Tensor& bias, bool gated)
    : inputs_(weight.size(1)), outputs_(weight.size(0)), gated_(gated) {
  TORCH_CHECK(Takes(weight) && (!gated || outputs_ % 2 == 0), "linear: cannot pack ",
              weight.sizes());
  const int64_t panels = (outputs_ + kPanel - 1) / kPanel;
  panels_ = at::empty({panels * kPanel * inputs_}, weight.options());
  bias_ = at::zeros({panels * kPanel}, weight.options().dtype(at::kFloat));
  const at::Tensor rows = weight.contiguous();
  const at::Tensor shift = bias.defined() ? bias.to(at::kFloat).contiguous() : bias;
  at::parallel_for(0, panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const auto row_of = RowsOfPanel(panel, outputs_, gated);
      const int64_t at = panel * kPanel * inputs_;
      if (IsBf16(weight)) {
        PackBf16Panel(static_cast<const BFloat16*>(rows.const_data_ptr()), inputs_, row_of.data(),
                      static_cast<BFloat16*>(panels_.data_ptr()) + at);
      } else {
        PackFloatPanel(rows.const_data_ptr<float>(), inputs_, row_of.data(),
                       panels_.mutable_data_ptr<float>() + at);
      }
      for (int n = 0; shift.defined() && n < kPanel; ++n) {
        if (row_of[size_t(n)] < 0) continue;
        bias_.mutable_data_ptr<float>()[panel * kPanel + n] =
            shift.const_data_ptr<float>()[row_of[size_t(n)]];
      }
    }
  });
}

void PackedLinear::Multiply(const at::Tensor& x, LinearProduct product) const {
  TORCH_CHECK(x.is_cpu() && x.scalar_type() == panels_.scalar_type() && x.dim() == 2 &&
                  x.size(1) == inputs_ && x.is_contiguous(),
              "linear: expected contiguous ", panels_.scalar_type(), " [T, ", inputs_, "], got ",
              x.sizes());
  product.x = x.const_data_ptr();
  product.panels = panels_.const_data_ptr();
  product.bias = bias_.const_data_ptr<float>();
  product.rows = x.size(0);
  product.inputs = inputs_;
  // The channels of a last panel that is not full are the first of each of its halves.
  const int64_t channels = outputs_ / 2;
  product.outputs = gated_ ? channels / kHalf * kPanel + channels % kHalf * 2 : outputs_;
  if (product.rows == 0) return;
  IsBf16(panels_) ? Bf16Product(product) : FloatProduct(product);
}

at::Tensor PackedLinear::Forward(const at::Tensor& x) const {
  TORCH_CHECK(!gated_, "linear: a gated one");
  at::Tensor out = at::empty({x.size(0), outputs_}, x.options());
  Multiply(x, {.out = out.data_ptr(), .stride = outputs_});
  return out;
}

void PackedLinear::AddTo(const at::Tensor& x, at::Tensor* sum) const {
  TORCH_CHECK(!gated_ && sum->scalar_type() == at::kFloat && sum->is_contiguous() &&
                  sum->sizes() == at::IntArrayRef({x.size(0), outputs_}),
              "linear: expected float32 [", x.size(0), ", ", outputs_, "], got ", sum->sizes());
  Multiply(x, {.result = Result::kAdd, .out = sum->data_ptr(), .stride = outputs_});
}

at::Tensor PackedLinear::Glu(const at::Tensor& x, Activation activation) const {
  TORCH_CHECK(gated_, "linear: not a gated one");
  at::Tensor out = at::empty({x.size(0), outputs_ / 2}, x.options());
  Multiply(x, {.result = Result::kGlu,
               .activation = activation,
               .out = out.data_ptr(),
               .stride = outputs_ / 2});
  return out;
}

}  // namespace prm::ops
