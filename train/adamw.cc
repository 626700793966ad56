#include "train/adamw.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstring>

#include "data/error.h"
#include "model/safetensors.h"

namespace prm {
namespace {

std::vector<at::Tensor> Pick(const std::vector<at::Tensor>& all,
                             const std::vector<size_t>& members) {
  std::vector<at::Tensor> picked;
  for (size_t i : members) picked.push_back(all[i]);
  return picked;
}

// In float64 and in the tensors' order, so that it is the same in every run.
double GlobalNorm(const std::vector<at::Tensor>& grads) {
  double square = 0.0;
  for (const at::Tensor& norm : at::_foreach_norm(grads)) {
    square += std::pow(norm.item<double>(), 2);
  }
  return std::sqrt(square);
}

}  // namespace

AdamW::AdamW(const DecoderWeights& weights, AdamWOptions options) : options_(options) {
  const std::vector<at::Tensor> all = weights.Trained();
  groups_ = {{{}, options_.lr, options_.weight_decay},
             {{}, options_.lr, 0.0},
             {{}, options_.head_lr, 0.0}};
  for (size_t i = 0; i < all.size(); ++i) {
    mean_.push_back(at::zeros_like(all[i]));
    square_.push_back(at::zeros_like(all[i]));
    const bool is_head = i + 2 >= all.size();
    const bool is_linear = all[i].dim() == 2 && i > 0;
    groups_[is_head ? 2 : (is_linear ? 0 : 1)].members.push_back(i);
  }
}

double AdamW::Step(DecoderWeights* weights, DecoderWeights* grads, double lr_factor) {
  const std::vector<at::Tensor> all = weights->Trained(), all_grads = grads->Trained();
  const double norm = GlobalNorm(all_grads);
  if (!std::isfinite(norm)) {
    throw Error(ErrorCode::kOutOfRange,
                StrCat("step ", steps_ + 1, ": the gradient norm is ", norm,
                       "; lower the learning rate or look at the data of this step"));
  }
  ++steps_;
  const double shrink = options_.clip > 0 && norm > options_.clip ? norm / options_.clip : 1.0;
  const at::Tensor grad_scale = at::full({}, shrink, all[0].options());
  const at::Tensor step = at::full({}, double(steps_), all[0].options());
  for (const Group& group : groups_) {
    const std::vector<at::Tensor> steps(group.members.size(), step);
    at::_fused_adamw_(Pick(all, group.members), Pick(all_grads, group.members),
                      Pick(mean_, group.members), Pick(square_, group.members), {}, steps,
                      group.lr * lr_factor, options_.beta1, options_.beta2, group.weight_decay,
                      options_.eps, /*amsgrad=*/false, /*maximize=*/false, grad_scale);
  }
  at::_foreach_zero_(all_grads);
  return norm;
}

void AdamW::Save(const std::filesystem::path& file) const {
  std::vector<TensorHeader> headers;
  const auto for_each = [&](const auto& f) {
    for (size_t i = 0; i < mean_.size(); ++i) {
      f(StrCat("exp_avg.", i), mean_[i]);
      f(StrCat("exp_avg_sq.", i), square_[i]);
    }
  };
  for_each([&](const std::string& name, const at::Tensor& t) {
    headers.push_back({name, DType::kFloat32, t.sizes().vec()});
  });
  SafetensorsWriter writer(file, headers);
  for_each([&](const std::string& name, const at::Tensor& t) {
    const at::Tensor values = t.to(at::kCPU).contiguous();
    writer.Add(name, {values.const_data_ptr<float>(), size_t(values.numel())});
  });
  writer.Finish();
}

void AdamW::Load(const std::filesystem::path& file, int64_t steps) {
  const MappedFile mapped(file);
  for (const TensorView& view : ParseSafetensors(mapped.bytes(), file.string())) {
    const size_t dot = view.name.find('.');
    const bool is_mean = view.name.starts_with("exp_avg.");
    const size_t index =
        dot == std::string::npos ? mean_.size() : std::stoul(view.name.substr(dot + 1));
    if (index >= mean_.size() || view.shape != mean_[index].sizes().vec()) {
      throw Error(ErrorCode::kDataLoss,
                  StrCat(file.string(), ": ", view.name, " does not fit the model being trained"));
    }
    at::Tensor values = at::empty(view.shape, at::kFloat);
    std::memcpy(values.data_ptr(), view.data, view.bytes);
    (is_mean ? mean_ : square_)[index].copy_(values);
  }
  steps_ = steps;
}

}  // namespace prm
