#include "train/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/error.h"
#include "data/text_io.h"
#include "model/torch_error.h"

namespace prm {
namespace {

constexpr int kStateVersion = 2;  // of trainer.json and optimizer.safetensors

DecoderWeights MasterOf(LoadedModel* model, const ComputeTarget& target, uint64_t seed) {
  if (!model->weights.head_weight.defined()) InitializeHead(&model->weights, seed);
  model->weights.lm_head = at::Tensor();
  return ForCompute(model->weights, at::kFloat, target.device);
}

DecoderWeights ZerosLike(const DecoderWeights& weights) {
  return weights.Map([](const at::Tensor& t, bool) { return at::zeros_like(t); });
}

}  // namespace

Trainer::Trainer(LoadedModel model, std::vector<Example> examples, ComputeTarget target,
                 TrainerOptions options)
    : options_(std::move(options)),
      target_(target),
      config_(model.config),
      examples_(std::move(examples)),
      master_(MasterOf(&model, target, options_.seed)),
      grads_(ZerosLike(master_)),
      compute_(config_, ForCompute(master_, target.dtype, target.device)),
      optimizer_(master_, options_.adamw) {
  if (examples_.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "training: no trace with a labelled step");
  }
  for (const Example& example : examples_) lengths_.push_back(int64_t(example.tokens.ids.size()));
  total_tokens_ = options_.epochs * std::accumulate(lengths_.begin(), lengths_.end(), int64_t{0});
  if (options_.tokens > 0) total_tokens_ = std::min(total_tokens_, options_.tokens);
  StartEpoch();
}

void Trainer::StartEpoch() {
  plan_ = PlanEpoch(lengths_, options_.seed, epoch_, options_.batch_tokens, options_.micro_tokens);
  next_step_ = 0;
}

bool Trainer::Done() const { return tokens_seen_ >= total_tokens_ || epoch_ >= options_.epochs; }

double Trainer::Progress() const {
  return Done() ? 1.0 : double(tokens_seen_) / double(total_tokens_);
}

double Trainer::MicroBatch(const std::vector<size_t>& members, double scale) {
  std::vector<TraceTokens> traces;
  std::vector<StepTarget> targets;
  for (size_t i : members) {
    traces.push_back(examples_[i].tokens);
    targets.insert(targets.end(), examples_[i].targets.begin(), examples_[i].targets.end());
  }
  const PackedBatch batch = Pack(traces);
  Activations kept;
  const at::Tensor logits = compute_.StepLogits(batch, &kept).to(at::kCPU).contiguous();
  const LossResult loss = MarginalLoss({logits.const_data_ptr<float>(), size_t(logits.numel())},
                                       targets, options_.loss, scale);
  const at::Tensor grad =
      at::tensor(loss.grad_logits, at::kFloat).view(logits.sizes()).to(target_.device);
  compute_.Backward(batch, grad, std::move(kept), &grads_);
  return loss.weighted_loss;
}

StepReport Trainer::Step() {
  const StepPlan& plan = plan_[next_step_];
  double weight = 0.0;
  for (const auto& members : plan.micro_batches) {
    for (size_t i : members) {
      for (const StepTarget& t : examples_[i].targets) weight += TargetWeight(t, options_.loss);
    }
  }
  StepReport report;
  return WithTorchErrors(StrCat("training step ", steps() + 1), [&] {
    for (const auto& members : plan.micro_batches) {
      report.loss += MicroBatch(members, 1.0 / weight) / weight;
    }
    tokens_seen_ += plan.tokens;
    const double progress = double(tokens_seen_) / double(total_tokens_);
    const double factor = LearningRateFactor(progress, options_.warmup, options_.lr_floor);
    report.grad_norm = optimizer_.Step(&master_, &grads_, factor);
    RefreshComputeWeights();
    report.step = steps();
    report.tokens = tokens_seen_;
    report.lr = options_.adamw.lr * factor;
    if (++next_step_ == plan_.size()) {
      ++epoch_;
      StartEpoch();
    }
    return report;
  });
}

void Trainer::RefreshComputeWeights() {
  const std::vector<at::Tensor> from = master_.Trained(), to = compute_.weights().Trained();
  for (size_t i = 0; i < from.size(); ++i) {
    if (!to[i].is_same(from[i])) to[i].detach().copy_(from[i]);
  }
}

Decoder Trainer::Exported() const {
  DecoderWeights weights = compute_.weights();
  weights.head_bias = weights.head_bias.clone();
  for (int k = 0; k < kNumLabels; ++k) {
    weights.head_bias[k] -= std::log(options_.loss.class_weights[k]);
  }
  return Decoder(config_, std::move(weights));
}

std::string Trainer::Fingerprint() const {
  uint64_t hash = 1469598103934665603ull;  // FNV-1a over all ids and targets
  const auto mix = [&](uint64_t value) { hash = (hash ^ value) * 1099511628211ull; };
  for (const Example& example : examples_) {
    for (TokenId id : example.tokens.ids) mix(uint64_t(id));
    for (const StepTarget& t : example.targets) {
      mix(t.labels.bits());
      if (t.soft) mix(std::bit_cast<uint32_t>(*t.soft));
    }
  }
  std::string weights;
  for (const double w : options_.loss.class_weights)
    weights += StrCat(weights.empty() ? "" : ",", w);
  return StrCat("seed=", options_.seed, " epochs=", options_.epochs, " tokens=", options_.tokens,
                " batch_tokens=", options_.batch_tokens, " micro_tokens=", options_.micro_tokens,
                " lr=", options_.adamw.lr, " head_lr=", options_.adamw.head_lr,
                " weight_decay=", options_.adamw.weight_decay, " clip=", options_.adamw.clip,
                " warmup=", options_.warmup, " lr_floor=", options_.lr_floor,
                " class_weights=", weights, " dtype=", DtypeName(target_.dtype),
                " examples=", examples_.size(), " data=", hash);
}

void Trainer::SaveState(CheckpointWriter* writer, std::optional<double> best_metric) const {
  optimizer_.Save(master_, writer->folder() / "optimizer.safetensors");
  nlohmann::json state = {{"version", kStateVersion},   {"fingerprint", Fingerprint()},
                          {"optimizer_steps", steps()}, {"epoch", epoch_},
                          {"next_step", next_step_},    {"tokens_seen", tokens_seen_},
                          {"best_metric", nullptr}};
  if (best_metric) state["best_metric"] = *best_metric;
  writer->WriteFile("trainer.json", state.dump(1) + "\n");
}

std::optional<double> Trainer::Resume(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "trainer.json";
  std::optional<double> best;
  try {
    const nlohmann::json state = nlohmann::json::parse(ReadFile(file));
    if (state.at("version") != kStateVersion) {
      throw Error(ErrorCode::kFailedPrecondition,
                  StrCat(file.string(), ": version: ", state.at("version").dump(), ", expected ",
                         kStateVersion));
    }
    const std::string fingerprint = state.at("fingerprint");
    if (fingerprint != Fingerprint()) {
      throw Error(ErrorCode::kFailedPrecondition,
                  StrCat(file.string(), ": the run was started with \"", fingerprint,
                         "\", not with \"", Fingerprint(), "\""));
    }
    epoch_ = state.at("epoch");
    tokens_seen_ = state.at("tokens_seen");
    if (!state.at("best_metric").is_null()) best = state.at("best_metric").get<double>();
    StartEpoch();
    next_step_ = state.at("next_step");
    if (next_step_ >= plan_.size()) {
      throw Error(ErrorCode::kDataLoss, StrCat(file.string(), ": next_step: ", next_step_, " of ",
                                               plan_.size(), " steps"));
    }
    optimizer_.Load(folder / "optimizer.safetensors", state.at("optimizer_steps"), &master_);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kDataLoss, StrCat(file.string(), ": ", error.what()));
  }
  RefreshComputeWeights();
  return best;
}

}  // namespace prm
