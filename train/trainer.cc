#include "train/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "data/error.h"
#include "data/text/hash.h"
#include "model/decoder/torch_error.h"

namespace prm {
namespace {

DecoderWeights MasterOf(LoadedModel* model, const ComputeTarget& target, uint64_t seed) {
  if (!model->weights.head_weight.defined()) InitializeHead(&model->weights, seed);
  model->weights.lm_head = at::Tensor();
  return ForCompute(model->weights, at::kFloat, target.device);
}

DecoderWeights ZerosLike(const DecoderWeights& weights) {
  return weights.Map([](const at::Tensor& t, bool) { return at::zeros_like(t); });
}

}  // namespace

Trainer::Trainer(LoadedModel model, std::vector<Example> examples, const ComputeTarget& target,
                 TrainerOptions options)
    : options_(options),
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
    if (!std::isfinite(report.loss)) {
      throw Error(ErrorCode::kOutOfRange, StrCat("step ", steps() + 1, ": the loss is ",
                                                 report.loss, "; ", kNotFiniteAdvice));
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

nlohmann::ordered_json Trainer::Options() const {
  Fnv1a hash;  // over all ids and targets
  for (const Example& example : examples_) {
    for (TokenId id : example.tokens.ids) hash.Mix(uint64_t(id));
    for (const StepTarget& t : example.targets) {
      hash.Mix(t.labels.bits());
      if (t.soft) hash.Mix(std::bit_cast<uint32_t>(*t.soft));
    }
  }
  return {{"epochs", options_.epochs},
          {"tokens", options_.tokens},
          {"batch_tokens", options_.batch_tokens},
          {"micro_tokens", options_.micro_tokens},
          {"lr", options_.adamw.lr},
          {"head_lr", options_.adamw.head_lr},
          {"weight_decay", options_.adamw.weight_decay},
          {"clip", options_.adamw.clip},
          {"warmup", options_.warmup},
          {"lr_floor", options_.lr_floor},
          {"class_weights", options_.loss.class_weights},
          {"seed", options_.seed},
          {"dtype", DtypeName(target_.dtype)},
          {"examples", StrCat(examples_.size(), " (hash ", std::hex, hash.value(), ")")}};
}

void Trainer::SaveState(CheckpointWriter* writer, TrainerState run) const {
  optimizer_.Save(master_, writer->folder() / "optimizer.safetensors");
  run.optimizer_steps = steps();
  run.epoch = epoch_;
  run.next_step = int64_t(next_step_);
  run.tokens_seen = tokens_seen_;
  nlohmann::ordered_json options = Options();
  options.update(run.options);
  run.options = std::move(options);
  writer->WriteFile("trainer.json", WriteTrainerState(run));
}

// All counts follow from the position in the plan, which follows from options and data.
void Trainer::CheckPosition(const TrainerState& saved, const std::filesystem::path& file) const {
  const auto expect = [&](const char* field, int64_t value, int64_t min, int64_t max) {
    if (value >= min && value <= max) return;
    throw Error(ErrorCode::kDataLoss,
                StrCat(file.string(), ": field '", field, "' is ", value, "; expected ",
                       min == max ? "" : StrCat(min, " to "), max));
  };
  expect("epoch", saved.epoch, 0, options_.epochs);
  int64_t steps = 0, tokens = 0;
  for (int epoch = 0;; ++epoch) {
    const auto plan =
        PlanEpoch(lengths_, options_.seed, epoch, options_.batch_tokens, options_.micro_tokens);
    const bool last = epoch == saved.epoch;
    const bool done = epoch == options_.epochs;
    if (last) expect("next_step", saved.next_step, 0, done ? 0 : int64_t(plan.size()) - 1);
    const int64_t count = last ? saved.next_step : int64_t(plan.size());
    steps += count;
    for (int64_t i = 0; i < count; ++i) tokens += plan[size_t(i)].tokens;
    if (last) break;
  }
  expect("optimizer_steps", saved.optimizer_steps, steps, steps);
  expect("tokens_seen", saved.tokens_seen, tokens, tokens);
}

TrainerState Trainer::Resume(const std::filesystem::path& folder,
                             const nlohmann::ordered_json& run_options) {
  const std::filesystem::path file = folder / "trainer.json";
  TrainerState saved = ReadTrainerState(file);
  nlohmann::ordered_json options = Options();
  options.update(run_options);
  if (const std::string changes = OptionChanges(saved.options, options); !changes.empty()) {
    throw Error(ErrorCode::kFailedPrecondition,
                StrCat(file.string(), ": the run was started with other options: ", changes));
  }
  CheckPosition(saved, file);
  optimizer_.Load(folder / "optimizer.safetensors", saved.optimizer_steps, &master_);
  epoch_ = int(saved.epoch);
  StartEpoch();
  next_step_ = size_t(saved.next_step);
  tokens_seen_ = saved.tokens_seen;
  RefreshComputeWeights();
  return saved;
}

}  // namespace prm
