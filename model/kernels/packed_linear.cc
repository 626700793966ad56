// Packed linear layers: packs weights into panels and picks the body that multiplies them.
#include "model/ops/packed_linear.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "model/kernels/cpu/amx_tiles.h"
#include "model/kernels/cpu/for_each.h"
#include "model/kernels/cpu/linear.h"
#include "model/kernels/cuda/bodies.h"
#include "model/ops/glu.h"

namespace prm::ops {
namespace {

using Result = LinearProduct::Result;

constexpr int kHalf = kPanel / 2;

// Rows of the weight that form the outputs of a panel; -1: none.
std::array<int64_t, kPanel> RowsOfPanel(int64_t panel, int64_t outputs, bool gated) {
  std::array<int64_t, kPanel> rows;
  for (int n = 0; n < kPanel; ++n) {
    const int64_t channel = gated ? panel * kHalf + n % kHalf : panel * kPanel + n;
    const int64_t count = gated ? outputs / 2 : outputs;
    rows[size_t(n)] = channel >= count ? -1 : channel + (gated && n >= kHalf ? count : 0);
  }
  return rows;
}

void PackPanel(const float* weight, int64_t inputs, const int64_t* row_of, float* panel) {
  for (int64_t k = 0; k < inputs; ++k) {
    for (int n = 0; n < kPanel; ++n) {
      panel[k * kPanel + n] = row_of[n] < 0 ? 0.0f : weight[row_of[n] * inputs + k];
    }
  }
}
void PackPanel(const BFloat16* weight, int64_t inputs, const int64_t* row_of, BFloat16* panel) {
  PackBf16Panel(weight, inputs, row_of, panel);
}

// `values` and `scale` point at the panel.
template <class T>
void PackRows(const T* weight, int64_t inputs, const int64_t* row_of, WeightFormat format,
              void* values, float* scale) {
  if (format == WeightFormat::kInt8) {
    PackInt8Panel(weight, inputs, row_of, static_cast<int8_t*>(values), scale);
  } else {
    PackPanel(weight, inputs, row_of, static_cast<T*>(values));
  }
}

bool IsBf16(at::ScalarType dtype) { return dtype == at::kBFloat16; }

double Seconds(const auto& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Alternates between the two, so that other load on the machine affects both alike.
CpuProductRates MeasureRates(at::ScalarType dtype) {
  constexpr int64_t kRows = 512, kInputs = 1024, kOutputs = 2048;
  constexpr double kGflop = 2e-9 * kRows * kInputs * kOutputs;
  constexpr int kRounds = 6;  // the first warms up threads and memory
  const at::Tensor x = at::ones({kRows, kInputs}, dtype), w = at::ones({kOutputs, kInputs}, dtype);
  const PackedLinear panels(w, {}, {});
  CpuProductRates best;
  for (int round = 0; round < kRounds; ++round) {
    best.panels = std::max(best.panels, kGflop / Seconds([&] { panels.Forward(x); }));
    best.libtorch = std::max(best.libtorch, kGflop / Seconds([&] { at::mm(x, w.t()); }));
  }
  return best;
}

bool TorchTakes(const at::Tensor& weight, WeightFormat format) {
  const bool fp8 = format == WeightFormat::kFp8;
  const bool fits =
      IsBf16(weight.scalar_type()) && weight.size(0) % 16 == 0 && weight.size(1) % 16 == 0;
  return format != WeightFormat::kAsStored && (!fp8 || fits);
}

// Reorders rows of gates [F], then ups [F], of a weight or a bias, into alternating groups.
at::Tensor InGluGroups(const at::Tensor& rows) {
  constexpr int64_t kGroup = cuda::kGluGroup;
  return rows.view({2, rows.size(0) / 2 / kGroup, kGroup, -1})
      .transpose(0, 1)
      .reshape(rows.sizes());
}

}  // namespace

bool PackedLinear::Takes(const at::Tensor& weight, const LinearOptions& options) {
  if (weight.dim() != 2 || (options.gated && weight.size(0) % 2 != 0)) return false;
  if (options.body == LinearBody::kTorch) return TorchTakes(weight, options.format);
  if (options.body == LinearBody::kCuda) {
    return options.format == WeightFormat::kAsStored && cuda::TakesLinear(weight, options.gated);
  }
  if (!weight.is_cpu() || options.format == WeightFormat::kFp8) return false;
  return IsBf16(weight.scalar_type()) ? HasBf16Product() && weight.size(1) % 2 == 0
                                      : weight.scalar_type() == at::kFloat;
}

const CpuProductRates& MeasureCpuProducts(at::ScalarType dtype) {
  if (IsBf16(dtype)) {
    static const CpuProductRates bfloat16 = MeasureRates(at::kBFloat16);
    return bfloat16;
  }
  static const CpuProductRates float32 = MeasureRates(at::kFloat);
  return float32;
}

bool HasBf16Panels() { return HasBf16Product(); }
bool HasBf16Tiles() { return HasBf16Product() && HasAmxBf16(); }

PackedLinear::PackedLinear(const at::Tensor& weight, const at::Tensor& bias,
                           const LinearOptions& options)
    : inputs_(weight.size(1)),
      outputs_(weight.size(0)),
      options_(options),
      dtype_(weight.scalar_type()) {
  TORCH_CHECK(Takes(weight, options), "linear: cannot pack ", weight.sizes());
  if (options.body == LinearBody::kPanels) {
    Pack(weight, bias);
    return;
  }
  if (options.body == LinearBody::kCuda) {
    values_ = options.gated ? InGluGroups(weight.contiguous()) : weight.contiguous();
    if (!bias.defined()) return;
    bias_ = bias.to(at::kFloat).contiguous();
    if (options.gated) bias_ = InGluGroups(bias_);
    return;
  }
  const QuantizedWeight quantized = QuantizeRows(weight, options.format);
  values_ = quantized.values;
  scale_ = quantized.scale;
  if (bias.defined()) bias_ = bias.to(dtype_);
}

void PackedLinear::Pack(const at::Tensor& weight, const at::Tensor& bias) {
  const int64_t panels = (outputs_ + kPanel - 1) / kPanel, size = kPanel * inputs_;
  const bool int8 = options_.format == WeightFormat::kInt8;
  values_ = at::empty({panels * size}, int8 ? at::kChar : dtype_);
  scale_ = at::ones({panels * kPanel}, at::kFloat);
  bias_ = at::zeros({panels * kPanel}, at::kFloat);
  const at::Tensor rows = weight.contiguous();
  const at::Tensor shift = bias.defined() ? bias.to(at::kFloat).contiguous() : bias;
  ForEachItem(panels, [&](int64_t panel) {
    const auto row_of = RowsOfPanel(panel, outputs_, options_.gated);
    const auto pack = [&]<class T>(const T* from) {
      auto* values = static_cast<std::byte*>(values_.data_ptr());
      PackRows(from, inputs_, row_of.data(), options_.format,
               values + panel * size * values_.element_size(),
               scale_.mutable_data_ptr<float>() + panel * kPanel);
    };
    IsBf16(dtype_) ? pack(static_cast<const BFloat16*>(rows.const_data_ptr()))
                   : pack(rows.const_data_ptr<float>());
    for (int n = 0; shift.defined() && n < kPanel; ++n) {
      if (row_of[size_t(n)] < 0) continue;
      bias_.mutable_data_ptr<float>()[panel * kPanel + n] =
          shift.const_data_ptr<float>()[row_of[size_t(n)]];
    }
  });
}

PackedLinear PackedLinear::To(at::Device device) const {
  TORCH_CHECK(device.is_cpu() || options_.body != LinearBody::kPanels,
              "linear: panels cannot move to ", device);
  PackedLinear moved = *this;
  for (at::Tensor* t : {&moved.values_, &moved.scale_, &moved.bias_}) {
    if (t->defined()) *t = t->to(device);
  }
  return moved;
}

int64_t PackedLinear::bytes() const {
  return int64_t(values_.nbytes() + (scale_.defined() ? scale_.nbytes() : 0));
}

void PackedLinear::CheckInput(const at::Tensor& x) const {
  TORCH_CHECK(x.device() == values_.device() && x.scalar_type() == dtype_ && x.dim() == 2 &&
                  x.size(1) == inputs_ && x.is_contiguous(),
              "linear: expected contiguous ", dtype_, " [T, ", inputs_, "] on ", values_.device(),
              ", got ", x.sizes(), " on ", x.device());
}

void PackedLinear::Multiply(const at::Tensor& x, LinearProduct product) const {
  CheckInput(x);
  product.x = x.const_data_ptr();
  product.panels = values_.const_data_ptr();
  product.int8 = options_.format == WeightFormat::kInt8;
  product.scale = scale_.const_data_ptr<float>();
  product.bias = bias_.const_data_ptr<float>();
  product.rows = x.size(0);
  product.inputs = inputs_;
  // In a last, partly filled panel the channels are the first of each half.
  const int64_t channels = outputs_ / 2;
  product.outputs = options_.gated ? channels / kHalf * kPanel + channels % kHalf * 2 : outputs_;
  if (product.rows == 0) return;
  IsBf16(dtype_) ? Bf16Product(product) : FloatProduct(product);
}

at::Tensor PackedLinear::ByTorch(const at::Tensor& x) const {
  TORCH_CHECK(x.scalar_type() == dtype_ && x.dim() == 2 && x.size(1) == inputs_,
              "linear: expected ", dtype_, " [T, ", inputs_, "], got ", x.sizes());
  return QuantizedProduct(x, {values_, scale_}, bias_);
}

at::Tensor PackedLinear::Forward(const at::Tensor& x) const {
  TORCH_CHECK(!options_.gated, "linear: gated layer; expected Glu");
  if (options_.body == LinearBody::kTorch) return ByTorch(x);
  at::Tensor out = at::empty({x.size(0), outputs_}, x.options());
  if (options_.body == LinearBody::kCuda) {
    CheckInput(x);
    cuda::Linear(x, values_, bias_, cuda::LinearResult::kStore, {}, out);
  } else {
    Multiply(x, {.out = out.data_ptr(), .stride = outputs_});
  }
  return out;
}

void PackedLinear::AddTo(const at::Tensor& x, at::Tensor* sum) const {
  TORCH_CHECK(!options_.gated && sum->scalar_type() == at::kFloat && sum->is_contiguous() &&
                  sum->sizes() == at::IntArrayRef({x.size(0), outputs_}),
              "linear: expected float32 [", x.size(0), ", ", outputs_, "], got ", sum->sizes());
  switch (options_.body) {
    case LinearBody::kTorch:
      sum->add_(ByTorch(x));
      return;
    case LinearBody::kCuda:
      CheckInput(x);
      return cuda::Linear(x, values_, bias_, cuda::LinearResult::kAdd, {}, *sum);
    case LinearBody::kPanels:
      Multiply(x, {.result = Result::kAdd, .out = sum->data_ptr(), .stride = outputs_});
  }
}

at::Tensor PackedLinear::Glu(const at::Tensor& x, Activation activation) const {
  TORCH_CHECK(options_.gated, "linear: layer is not gated");
  if (options_.body == LinearBody::kTorch) return ops::Glu(ByTorch(x), activation);
  at::Tensor out = at::empty({x.size(0), outputs_ / 2}, x.options());
  if (options_.body == LinearBody::kCuda) {
    CheckInput(x);
    cuda::Linear(x, values_, bias_, cuda::LinearResult::kGlu, activation, out);
  } else {
    Multiply(x, {.result = Result::kGlu,
                 .activation = activation,
                 .out = out.data_ptr(),
                 .stride = outputs_ / 2});
  }
  return out;
}

}  // namespace prm::ops
