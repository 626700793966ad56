#include "train/adamw.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstring>
#include <map>

#include "data/error.h"
#include "model/files/safetensors.h"
#include "train/loss.h"

namespace prm {
namespace {

std::vector<at::Tensor> Pick(const std::vector<at::Tensor>& all,
                             const std::vector<size_t>& members) {
  std::vector<at::Tensor> picked;
  for (size_t i : members) picked.push_back(all[i]);
  return picked;
}

// Summed in float64 and in the tensors' order, so that it is the same in every run.
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
    throw Error(ErrorCode::kOutOfRange, StrCat("step ", steps_ + 1, ": the gradient norm is ", norm,
                                               "; ", kNotFiniteAdvice));
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

std::vector<std::pair<std::string, at::Tensor>> AdamW::State(const DecoderWeights& weights) const {
  const std::vector<at::Tensor> all = weights.Trained();
  std::vector<std::pair<std::string, at::Tensor>> state;
  for (size_t i = 0; i < all.size(); ++i) {
    state.emplace_back(StrCat("weight.", i), all[i]);
    state.emplace_back(StrCat("exp_avg.", i), mean_[i]);
    state.emplace_back(StrCat("exp_avg_sq.", i), square_[i]);
  }
  return state;
}

void AdamW::Save(const DecoderWeights& weights, const std::filesystem::path& file) const {
  const auto state = State(weights);
  std::vector<TensorHeader> headers;
  for (const auto& [name, t] : state) headers.push_back({name, DType::kFloat32, t.sizes().vec()});
  SafetensorsWriter writer(file, headers);
  for (const auto& [name, t] : state) {
    const at::Tensor values = t.to(at::kCPU).contiguous();
    writer.Add(name, {values.const_data_ptr<float>(), size_t(values.numel())});
  }
  writer.Finish();
}

void AdamW::Load(const std::filesystem::path& file, int64_t steps, DecoderWeights* weights) {
  const MappedFile mapped(file);
  std::map<std::string, TensorView> views;
  for (TensorView& view : ParseSafetensors(mapped)) {
    views.emplace(view.name, view);
  }
  for (auto& [name, t] : State(*weights)) {
    const auto view = views.find(name);
    if (view == views.end() || view->second.shape != t.sizes().vec() ||
        view->second.dtype != DType::kFloat32) {
      throw Error(ErrorCode::kDataLoss,
                  StrCat(file.string(), ": ", name, " does not fit the model being trained"));
    }
    at::Tensor values = at::empty(t.sizes(), at::kFloat);
    std::memcpy(values.data_ptr(), view->second.data, view->second.bytes);
    t.copy_(values);
  }
  mapped.CheckWhole();
  steps_ = steps;
}

}  // namespace prm
