// The StepScorer on LibTorch: a checkpoint folder opened for scoring.
#include <ATen/ATen.h>

#include <algorithm>

#include "data/error.h"
#include "model/checkpoint.h"
#include "model/compute_target.h"
#include "model/prefix_scoring.h"
#include "model/step_scorer.h"
#include "model/torch_error.h"

namespace prm {
namespace {

class TorchStepScorer : public StepScorer {
 public:
  TorchStepScorer(Decoder decoder, std::shared_ptr<const Tokenizer> tokenizer,
                  ScoringFormat scoring, ModelDescription description,
                  std::optional<Decoder> reference, int64_t cache_bytes)
      : decoder_(std::move(decoder)),
        reference_(std::move(reference)),
        tokenizer_(std::move(tokenizer)),
        scoring_(std::move(scoring)),
        description_(std::move(description)) {
    description_.reuses_prefixes = cache_bytes > 0 && !reference_;
    if (description_.reuses_prefixes) {
      prefixes_.emplace(decoder_, scoring_.head, PrefixCacheOptions{.bytes = cache_bytes});
    }
  }

  std::vector<TraceScore> Score(std::span<const TraceTokens> traces) override {
    for (size_t b = 0; b < traces.size(); ++b) CheckTrace(traces[b], b);
    const auto is_whole = [&](const TraceTokens& trace) { return !ReusesPrefixOf(trace); };
    if (std::ranges::none_of(traces, is_whole)) return prefixes_->Score(traces);
    if (std::ranges::all_of(traces, is_whole)) return ScoreWhole(traces);
    std::vector<TraceScore> scored;
    for (const TraceTokens& trace : traces) {
      const auto score = is_whole(trace) ? ScoreWhole({&trace, 1}) : prefixes_->Score({&trace, 1});
      scored.push_back(score[0]);
    }
    return scored;
  }
  int64_t TokensToCompute(const TraceTokens& trace) const override {
    return ReusesPrefixOf(trace) ? prefixes_->TokensToCompute(trace) : int64_t(trace.ids.size());
  }
  // Beyond its context, a dynamic rope scaling turns all keys of a trace by the trace's length.
  bool ReusesPrefixOf(const TraceTokens& trace) const override {
    const ModelConfig& config = decoder_.config();
    return prefixes_ && (config.rope_scaling.kind != RopeScaling::Kind::kDynamic ||
                         int64_t(trace.ids.size()) <= config.max_position_embeddings);
  }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  const ScoringFormat& scoring() const override { return scoring_; }
  const ModelDescription& description() const override { return description_; }

 private:
  std::vector<TraceScore> ScoreWhole(std::span<const TraceTokens> traces) const {
    std::vector<StepScores> scores =
        ScoreSteps(decoder_, scoring_.head, traces, reference_ ? &*reference_ : nullptr);
    std::vector<TraceScore> scored;
    for (size_t b = 0; b < traces.size(); ++b) {
      scored.push_back({std::move(scores[b]), int64_t(traces[b].ids.size()), 0});
    }
    return scored;
  }

  void CheckTrace(const TraceTokens& trace, size_t index) const {
    const auto refuse = [&](const std::string& why) {
      throw Error(ErrorCode::kInvalidArgument, StrCat("trace ", index, " of the batch: ", why));
    };
    if (trace.ids.empty()) refuse("no tokens");
    if (int64_t(trace.ids.size()) > description_.max_tokens) {
      refuse(
          StrCat(trace.ids.size(), " tokens, the model takes at most ", description_.max_tokens));
    }
    for (TokenId id : trace.ids) {
      if (id < 0 || id >= description_.vocab_size) {
        refuse(StrCat("token id ", id, " outside [0, ", description_.vocab_size, ")"));
      }
    }
    int32_t previous = -1;
    for (int32_t read : trace.step_reads) {
      if (read <= previous || read >= int32_t(trace.ids.size())) {
        refuse(StrCat("step read ", read, " after ", previous, " of ", trace.ids.size(), " ids"));
      }
      previous = read;
    }
  }

  Decoder decoder_;
  std::optional<Decoder> reference_;  // of an implicit PRM
  std::shared_ptr<const Tokenizer> tokenizer_;
  ScoringFormat scoring_;
  ModelDescription description_;
  std::optional<PrefixScorer> prefixes_;
};

int64_t CacheBytes(const ScorerOptions& options, at::Device device) {
  if (options.cache_bytes != ScorerOptions::kAutoCache) return options.cache_bytes;
  return device.is_cuda() ? FreeMemoryBytes(device) / 5 * 4 : FreeMemoryBytes(device) / 4;
}

Packing PackingFor(const ScorerOptions& options, const ComputeTarget& target) {
  if (!target.device.is_cpu()) return Packing::kNone;
  return options.batch_invariant ? Packing::kAll : Packing::kWherePays;
}

ModelDescription Describe(const std::filesystem::path& folder, const LoadedModel& model,
                          const ComputeTarget& target) {
  ModelDescription d;
  d.name = std::filesystem::absolute(folder).lexically_normal().filename().string();
  if (d.name.empty()) d.name = folder.parent_path().filename().string();
  d.architecture = model.config.architecture();
  d.parameters = model.weights.num_parameters();
  d.dtype = DtypeName(target.dtype);
  d.weights = WeightFormatName(model.weights.format);
  d.device = target.device.str();
  d.vocab_size = model.config.vocab_size;
  d.max_tokens = model.prm->max_tokens;
  d.threshold = model.prm->threshold;
  d.label_policy = LabelPolicyString(model.prm->label_policy);
  d.base_model = model.prm->base_model;
  for (const DataSource& source : model.prm->training_data) {
    d.training_data += StrCat(d.training_data.empty() ? "" : ", ", source.name, " (sha256 ",
                              source.sha256.substr(0, 12), ")");
  }
  return d;
}

void CheckBatchInvariance(const LoadedModel& model, const std::string& folder,
                          const ScorerOptions& options, const ComputeTarget& target) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::kUnimplemented, StrCat(folder, ": batch-invariant scores: ", why));
  };
  if (model.prm->head.implicit_beta) refuse("not of an implicit reward model");
  if (model.config.rope_scaling.kind == RopeScaling::Kind::kDynamic) {
    refuse("not with a dynamic rope scaling");
  }
  if (options.cache_bytes == 0)
    refuse("they need the prefix cache; expected --cache-bytes above 0");
  if (!target.device.is_cpu()) refuse("not on " + target.device.str() + "; expected --device cpu");
}

}  // namespace

std::unique_ptr<StepScorer> LoadStepScorer(const std::string& folder,
                                           const ScorerOptions& options) {
  const ComputeTarget target = ChooseComputeTarget(options.device, options.dtype, options.threads);
  const ops::WeightFormat format = ChooseWeightFormat(options.weights, target);
  return WithTorchErrors("loading " + folder, [&]() -> std::unique_ptr<StepScorer> {
    LoadedModel model = LoadModel(folder, {.dtype = target.dtype,
                                           .embedding_as_stored = true,
                                           .packing = PackingFor(options, target),
                                           .format = format});
    if (!model.prm) {
      throw Error(ErrorCode::kFailedPrecondition,
                  StrCat(folder,
                         ": no prm.json: not a PRM checkpoint (prm train makes one from a "
                         "backbone)"));
    }
    if (options.batch_invariant) CheckBatchInvariance(model, folder, options, target);
    const ModelDescription description = Describe(folder, model, target);
    Decoder decoder = MakeDecoder(&model, target);
    std::optional<Decoder> reference;
    if (model.prm->head.implicit_beta) {
      reference = LoadReference(std::filesystem::path(folder) / "reference", target, format);
    }
    if (options.self_test) {
      CheckSelfTests(decoder, *model.prm, folder, reference ? &*reference : nullptr);
    }
    return std::make_unique<TorchStepScorer>(std::move(decoder), model.tokenizer, *model.prm,
                                             description, std::move(reference),
                                             CacheBytes(options, target.device));
  });
}

}  // namespace prm
