// The StepScorer on LibTorch: a checkpoint folder opened for scoring.
#include <ATen/ATen.h>
#include <c10/core/StreamGuard.h>

#include <algorithm>
#include <ranges>
#include <sstream>
#include <thread>

#include "data/error.h"
#include "model/config/families.h"
#include "model/decoder/checkpoint.h"
#include "model/decoder/compute_target.h"
#include "model/decoder/torch_error.h"
#include "model/ops/attention.h"
#include "model/ops/describe.h"
#include "model/ops/packed_linear.h"
#include "model/ops/prefix_attention.h"
#include "model/scoring/prefix_scoring.h"
#include "model/scoring/self_test.h"
#include "model/step_scorer.h"

namespace prm {
namespace {

class TorchStepScorer : public StepScorer {
 public:
  TorchStepScorer(Decoder decoder, std::shared_ptr<const Tokenizer> tokenizer,
                  ScoringFormat scoring, ModelDescription description,
                  std::optional<Decoder> reference, PrefixCacheOptions cache,
                  std::vector<int> cores)
      : cores_(std::move(cores)),
        decoder_(std::move(decoder)),
        reference_(std::move(reference)),
        tokenizer_(std::move(tokenizer)),
        scoring_(std::move(scoring)),
        description_(std::move(description)) {
    description_.reuses_prefixes = cache.bytes > 0 && !reference_;
    if (description_.reuses_prefixes) prefixes_.emplace(decoder_, scoring_.head, cache);
    stream_ = NewComputeStream(decoder_.weights().embedding.device());
  }

  std::vector<TraceScores> Score(std::span<const TraceTokens> traces) override {
    for (size_t b = 0; b < traces.size(); ++b) CheckTrace(traces[b], b);
    Pin();
    const c10::OptionalStreamGuard on(stream_);
    const auto is_whole = [&](const TraceTokens& trace) { return !ReusesPrefixOf(trace); };
    if (std::ranges::none_of(traces, is_whole)) return prefixes_->Score(traces);
    if (std::ranges::all_of(traces, is_whole)) return ScoreWhole(traces);
    std::vector<TraceScores> scored;
    for (const TraceTokens& trace : traces) {
      const auto score = is_whole(trace) ? ScoreWhole({&trace, 1}) : prefixes_->Score({&trace, 1});
      scored.push_back(score[0]);
    }
    return scored;
  }
  int64_t TokensToCompute(const TraceTokens& trace) const override {
    return ReusesPrefixOf(trace) ? prefixes_->TokensToCompute(trace) : int64_t(trace.ids.size());
  }
  bool ReusesPrefixOf(const TraceTokens& trace) const override {
    return prefixes_ && PrefixScorer::Takes(decoder_.config(), trace);
  }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  const ScoringFormat& scoring() const override { return scoring_; }
  const ModelDescription& description() const override { return description_; }

 private:
  // LibTorch's compute threads belong to the calling thread.
  void Pin() {
    if (cores_.empty() || pinned_ == std::this_thread::get_id()) return;
    PinThreads(cores_);
    pinned_ = std::this_thread::get_id();
  }

  std::vector<TraceScores> ScoreWhole(std::span<const TraceTokens> traces) const {
    std::vector<TraceScores> scores =
        ScoreSteps(decoder_, scoring_.head, traces, reference_ ? &*reference_ : nullptr);
    CheckFinite(scores);
    for (size_t b = 0; b < traces.size(); ++b) {
      scores[b].tokens_computed = int64_t(traces[b].ids.size());
    }
    return scores;
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

  const std::vector<int> cores_;  // for its threads; empty: any
  std::thread::id pinned_;        // the thread whose threads are pinned
  Decoder decoder_;
  std::optional<Decoder> reference_;  // for an implicit PRM
  std::shared_ptr<const Tokenizer> tokenizer_;
  ScoringFormat scoring_;
  ModelDescription description_;
  std::optional<PrefixScorer> prefixes_;
  std::optional<c10::Stream> stream_;  // on a GPU: scorers do not wait for each other
};

// One scorer's share of its device's memory.
PrefixCacheOptions CacheOf(const ScorerOptions& options, at::Device device, int64_t scorers) {
  PrefixCacheOptions cache{.graphs = options.cuda_graphs};
  if (options.cache_bytes) {
    cache.bytes = *options.cache_bytes;
    return cache;
  }
  const int64_t free = FreeMemoryBytes(device);
  cache.bytes = (device.is_cuda() ? free / 5 * 4 : free / 4) / scorers;
  return cache;
}

// Where each scorer runs and, on CPUs with pinned threads, on which cores.
struct Placement {
  std::vector<ComputeTarget> targets;
  std::vector<std::vector<int>> cores;
};

Placement PlaceScorers(const ScorerOptions& options) {
  std::vector<std::string> devices;
  std::istringstream list(options.device);
  for (std::string device; std::getline(list, device, ',');) devices.push_back(device);
  if (devices.empty()) devices.push_back(options.device);
  const std::vector<int> cores = AllowedCores();
  const int count = int(devices.size());
  const int threads =
      options.threads > 0 || count == 1 ? options.threads : std::max(1, int(cores.size()) / count);
  Placement placement;
  const Products products = options.weights == WeightFormatName(ops::WeightFormat::kInt8)
                                ? Products::kInt8Scoring
                                : Products::kScoring;
  for (const std::string& device : devices) {
    if (placement.targets.empty()) {
      placement.targets.push_back(ChooseComputeTarget(device, options.dtype, threads, products));
      continue;
    }
    // Measured once: all must score alike.
    const ComputeTarget& first = placement.targets[0];
    const std::string why = first.why;
    placement.targets.push_back(
        ChooseComputeTarget(device, DtypeName(first.dtype), threads, products));
    placement.targets.back().why = why;
    if (placement.targets.back().device.type() != placement.targets[0].device.type()) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat("devices ", options.device, ": expected CPUs or GPUs, not both"));
    }
  }
  placement.cores.resize(devices.size());
  if (!options.pin_threads || !placement.targets[0].device.is_cpu()) return placement;
  const size_t each = threads > 0 ? size_t(threads) : cores.size();
  if (each * devices.size() > cores.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("pinned threads: ", each * devices.size(), " threads on ", cores.size(),
                       " cores; expected one core per thread"));
  }
  for (size_t i = 0; i < devices.size(); ++i) {
    placement.cores[i].assign(cores.begin() + int64_t(i * each),
                              cores.begin() + int64_t((i + 1) * each));
  }
  return placement;
}

Packing PackingFor(const ScorerOptions& options, const ComputeTarget& target) {
  if (!target.device.is_cpu()) {
    return options.batch_invariant ? Packing::kAllCuda : Packing::kNone;
  }
  return options.batch_invariant ? Packing::kAll : Packing::kAsChosen;
}

// Only a CPU with weights as stored has a choice.
void CheckProducts(const ScorerOptions& options, const ComputeTarget& target,
                   ops::WeightFormat format) {
  if (options.products == "auto") return;
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("products ", options.products, ": ", why));
  };
  if (!target.device.is_cpu()) refuse("on a CPU only; on a GPU expected auto");
  if (options.products != "libtorch") return;
  if (options.batch_invariant) refuse("batch-invariant scores need the panels");
  if (format != ops::WeightFormat::kAsStored) {
    refuse(StrCat(WeightFormatName(format), " weights need the panels"));
  }
}

std::string ProductsOf(const LoadedModel& model, const ComputeTarget& target) {
  const bool packed = model.weights.layers[0].packed[size_t(LayerPart::kQkv)].has_value();
  if (target.device.is_cpu()) return packed ? "panels" : "libtorch";
  return packed && model.weights.format == ops::WeightFormat::kAsStored ? "cuda" : "libtorch";
}

// Names the code in use for row-wise passes, attention and linear layers.
std::string DescribeBodies(const LoadedModel& model, const ScorerOptions& options,
                           const ComputeTarget& target) {
  const ModelConfig& c = model.config;
  const bool keeps = options.cache_bytes != 0 && !model.prm->head.implicit_beta;
  const std::string attention =
      keeps ? ops::DescribeAttention({c.num_heads, c.num_kv_heads, c.head_dim}, target.dtype,
                                     target.device)
            : "of whole traces";
  const bool packed = model.weights.layers[0].packed[size_t(LayerPart::kQkv)].has_value();
  const bool narrow = model.weights.format != ops::WeightFormat::kAsStored;
  const std::string products = !packed                  ? "LibTorch"
                               : target.device.is_cpu() ? "packed CPU panels"
                               : narrow                 ? "LibTorch, narrow weights"
                                                        : "CUDA kernels with a fixed order of sums";
  return StrCat(ops::DescribeKernels(target.device), "; attention: ", attention,
                "; products: ", products);
}

ModelDescription Describe(const std::filesystem::path& folder, const LoadedModel& model,
                          const ScorerOptions& options, const ComputeTarget& target) {
  ModelDescription d;
  d.name = std::filesystem::absolute(folder).lexically_normal().filename().string();
  if (d.name.empty()) d.name = folder.parent_path().filename().string();
  d.architecture = ArchitectureOf(model.config);
  d.parameters = model.weights.num_parameters();
  d.dtype = DtypeName(target.dtype);
  d.why_dtype = target.why;
  d.weights = WeightFormatName(model.weights.format);
  d.device = target.device.str();
  d.kernels = DescribeBodies(model, options, target);
  d.products = ProductsOf(model, target);
  d.why_products = model.weights.products.why;
  d.vocab_size = model.config.vocab_size;
  d.max_tokens = model.prm->max_tokens;
  d.threshold = model.prm->threshold;
  d.label_policy = LabelPolicyString(model.prm->label_policy);
  d.base_model = model.prm->base_model;
  d.files = DescribeSums(*model.prm, options.verify);
  for (const DataSource& source : model.prm->training_data) {
    d.training_data += StrCat(d.training_data.empty() ? "" : ", ", source.name, " (sha256 ",
                              source.sha256.substr(0, 12), ")");
  }
  return d;
}

[[noreturn]] void RefuseBatchInvariance(const std::string& folder, const std::string& why) {
  throw Error(ErrorCode::kUnimplemented, StrCat(folder, ": batch-invariant scores: ", why));
}

// Checked before weights are read: on a GPU every product and sum must be one of our kernels.
void CheckBatchInvariantTarget(const std::string& folder, ops::WeightFormat format,
                               const ComputeTarget& target) {
  if (target.device.is_cpu()) return;
  const std::string on = " on " + target.device.str(),
                    kernels = ops::DescribeKernels(target.device);
  if (kernels != "CUDA") RefuseBatchInvariance(folder, "not by " + kernels + on);
  if (target.dtype != c10::kBFloat16) {
    RefuseBatchInvariance(folder, "not in float32" + on + "; expected option dtype bfloat16");
  }
  if (format != ops::WeightFormat::kAsStored) {
    RefuseBatchInvariance(folder, StrCat("not with ", WeightFormatName(format), " weights", on,
                                         "; expected option weights as-stored"));
  }
}

void CheckBatchInvariance(const LoadedModel& model, const std::string& folder,
                          const ScorerOptions& options, const ComputeTarget& target) {
  const auto refuse = [&](const std::string& why) { RefuseBatchInvariance(folder, why); };
  if (model.prm->head.implicit_beta) refuse("not for an implicit reward model");
  if (model.config.rope_scaling.kind == RopeScaling::Kind::kDynamic) {
    refuse("not with a dynamic rope scaling");
  }
  if (options.cache_bytes == 0)
    refuse("they need the prefix cache; expected option cache_bytes above 0");
  if (target.device.is_cpu()) return;
  const ops::AttentionShape shape{.heads = model.config.num_heads,
                                  .kv_heads = model.config.num_kv_heads,
                                  .head_dim = model.config.head_dim};
  if (ops::ChooseKvBody(shape, target.dtype, target.device) != ops::KvBody::kCuda) {
    refuse(StrCat("no attention kernel for heads of ", shape.head_dim, " channels on ",
                  target.device.str()));
  }
}

// Shared by the scorers of one device.
struct Decoders {
  at::Device device;
  Decoder decoder;
  std::optional<Decoder> reference;
};

Decoders MakeDecoders(const std::string& folder, const LoadedModel& model,
                      const ScorerOptions& options, ops::WeightFormat format,
                      const ComputeTarget& target) {
  Decoders made{target.device,
                Decoder(model.config, ForCompute(model.weights, target.dtype, target.device)),
                std::nullopt};
  if (model.prm->head.implicit_beta) {
    made.reference = LoadReference(std::filesystem::path(folder) / "reference", target, format,
                                   options.products);
  }
  if (!options.self_test) return made;
  if (made.reference || options.cache_bytes == 0) {
    CheckSelfTests(made.decoder, *model.prm, folder, made.reference ? &*made.reference : nullptr);
  } else {
    CheckServedSelfTests(made.decoder, *model.prm, folder,
                         {.graphs = options.cuda_graphs, .bitwise = options.batch_invariant});
  }
  return made;
}

void CheckIsCheckpoint(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / "prm.json")) return;
  if (!std::filesystem::exists(folder)) {
    throw Error(ErrorCode::kNotFound, StrCat(folder.string(), ": no such folder"));
  }
  throw Error(ErrorCode::kFailedPrecondition,
              StrCat(folder.string(),
                     ": no prm.json: not a PRM checkpoint (prm train makes one from a backbone)"));
}

}  // namespace

std::vector<std::unique_ptr<StepScorer>> LoadStepScorers(const std::string& folder,
                                                         const ScorerOptions& options) {
  const Placement placement = PlaceScorers(options);
  const ComputeTarget& first = placement.targets[0];
  const ops::WeightFormat format = ChooseWeightFormat(options.weights, first);
  CheckProducts(options, first, format);
  return WithTorchErrors("loading " + folder, [&] {
    if (options.batch_invariant) CheckBatchInvariantTarget(folder, format, first);
    CheckIsCheckpoint(folder);
    LoadedModel model = LoadModel(folder,
                                  {.dtype = first.dtype,
                                   .embedding_as_stored = true,
                                   .packing = PackingFor(options, first),
                                   .format = format,
                                   .products = options.products},
                                  /*with_tokenizer=*/true, options.verify);
    if (options.batch_invariant) CheckBatchInvariance(model, folder, options, first);
    std::vector<Decoders> loaded;
    std::vector<std::unique_ptr<StepScorer>> scorers;
    for (size_t i = 0; i < placement.targets.size(); ++i) {
      const ComputeTarget& target = placement.targets[i];
      auto on = std::ranges::find(loaded, target.device, &Decoders::device);
      if (on == loaded.end()) {
        on = loaded.insert(on, MakeDecoders(folder, model, options, format, target));
      }
      scorers.push_back(std::make_unique<TorchStepScorer>(
          on->decoder, model.tokenizer, *model.prm, Describe(folder, model, options, target),
          on->reference,
          CacheOf(options, target.device,
                  std::ranges::count(placement.targets, target.device, &ComputeTarget::device)),
          placement.cores[i]));
    }
    return scorers;
  });
}

std::unique_ptr<StepScorer> LoadStepScorer(const std::string& folder,
                                           const ScorerOptions& options) {
  if (options.device.find(',') != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("device: expected one, got the list \"", options.device, "\""));
  }
  return std::move(LoadStepScorers(folder, options)[0]);
}

}  // namespace prm
