// Packed linear layers: float32 products on any CPU, a tile of 4 rows of x times half a panel. Sums
// run over inputs in rising order: an output is bitwise the same in any batch, on any number of
// threads. An int8 panel is widened once for all rows.
#include "model/kernels/cpu/linear.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/kernels/cpu/for_each.h"
#include "model/ops/head.h"
#include "model/ops/packed_linear.h"

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
      for (int i = 0; i < width; ++i) out[n + i] = y[i] * p.scale[n + i] + p.bias[n + i];
      return;
    case Result::kAdd:
#pragma omp simd
      for (int i = 0; i < width; ++i) out[n + i] += y[i] * p.scale[n + i] + p.bias[n + i];
      return;
    case Result::kGlu:
#pragma omp simd
      for (int i = 0; i < width / 2; ++i) {
        const float gate = y[i] * p.scale[n + i] + p.bias[n + i];
        const float up = y[kHalf + i] * p.scale[n + kHalf + i] + p.bias[n + kHalf + i];
        out[n / 2 + i] = Activate(gate, p.activation) * up;
      }
  }
}

// `w`: the panel.
PRM_INLINE void MultiplyTile(const LinearProduct& p, const float* w, int64_t panel, int64_t row) {
  const float* x = static_cast<const float*>(p.x);
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

// Grows, never shrinks; one per thread, so the steady state allocates nothing.
float* WidenedPanel(int64_t count) {
  thread_local std::vector<float> widened;
  if (int64_t(widened.size()) < count) widened.resize(size_t(count));
  return widened.data();
}

PRM_SIMD void MultiplyPanels(const LinearProduct& p, int64_t begin, int64_t end) {
  const int64_t count = p.inputs * kPanel;
  for (int64_t panel = begin; panel < end; ++panel) {
    const float* w = static_cast<const float*>(p.panels) + panel * count;
    if (p.int8) {
      const int8_t* narrow = static_cast<const int8_t*>(p.panels) + panel * count;
      float* widened = WidenedPanel(count);
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) widened[i] = float(narrow[i]);
      w = widened;
    }
    for (int64_t row = 0; row < p.rows; row += kTileRows) MultiplyTile(p, w, panel, row);
  }
}

}  // namespace

void FloatProduct(const LinearProduct& p) {
  ForEachBlock((p.outputs + kPanel - 1) / kPanel, 1,
               [&](int64_t begin, int64_t end) { MultiplyPanels(p, begin, end); });
}

}  // namespace prm::ops
