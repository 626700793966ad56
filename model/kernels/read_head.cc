// The last norm, a head with one linear layer, and its activation.
#include <ATen/ATen.h>

#include "model/kernels/cuda/module.h"
#include "model/ops/head.h"
#include "model/ops/rms_norm.h"

namespace prm::ops {

at::Tensor Activate(const at::Tensor& logits, HeadActivation activation) {
  const double cap = activation.softcap;
  const at::Tensor x = cap > 0 ? (logits / cap).tanh() * cap : logits;
  if (activation.kind == HeadActivation::kNone) return x;
  return activation.kind == HeadActivation::kSoftmax ? x.softmax(-1) : x.sigmoid();
}

at::Tensor ReadHead(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& norm,
                    double eps, const at::Tensor& weight, const at::Tensor& bias,
                    HeadActivation activation) {
  TORCH_CHECK(weight.dim() == 2 && weight.size(1) == residual.size(1) && bias.dim() == 1 &&
                  bias.size(0) == weight.size(0),
              "head: weight ", weight.sizes(), " and bias ", bias.sizes(), " do not match rows ",
              residual.sizes());
  const auto fits = [](const at::Tensor& x) {
    return x.is_contiguous() && x.scalar_type() == at::kFloat;
  };
  const bool delta_bf16 = delta.defined() && delta.scalar_type() == at::kBFloat16;
  const cuda::KernelTable* on_cuda = cuda::Kernels(residual.device());
  if (!on_cuda || weight.size(1) > cuda::kMaxHeadWidth || weight.size(0) > cuda::kMaxHeadOutputs ||
      !fits(residual) || !fits(norm) || !fits(weight) || !fits(bias) ||
      (delta.defined() && !(delta.is_contiguous() && (delta_bf16 || fits(delta))))) {
    const at::Tensor hidden = AddRmsNorm(residual, delta, norm, eps, at::kFloat).normed;
    return Activate(at::addmm(bias, hidden, weight.t()), activation);
  }
  const at::Tensor out = at::empty({residual.size(0), weight.size(0)}, residual.options());
  const cuda::ReadHeadArgs args{.residual = residual.const_data_ptr<float>(),
                                .delta = delta.defined() ? delta.const_data_ptr() : nullptr,
                                .norm = norm.const_data_ptr<float>(),
                                .weight = weight.const_data_ptr<float>(),
                                .bias = bias.const_data_ptr<float>(),
                                .out = out.mutable_data_ptr<float>(),
                                .reads = int(out.size(0)),
                                .width = int(weight.size(1)),
                                .outputs = int(weight.size(0)),
                                .eps = float(eps),
                                .delta_bf16 = delta_bf16,
                                .softcap = float(activation.softcap),
                                .activation = cuda::HeadActivation(activation.kind)};
  cuda::LaunchOn(residual.device(), [&](void* stream) { return on_cuda->read_head(args, stream); });
  return out;
}

}  // namespace prm::ops
