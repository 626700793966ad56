#include "model/decoder/checkpoint.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <utility>

#include "data/error.h"
#include "model/config/config_json.h"
#include "model/decoder/not_finite.h"
#include "model/decoder/torch_error.h"
#include "model/ops/head.h"
#include "model/ops/packed_linear.h"
#include "model/step_scorer.h"

namespace prm {

namespace {

// Scores one row of outputs; `step_labels` is empty if the head has other labels.
StepScore ScoreOf(std::span<const float> row, const Head& head,
                  std::span<const StepLabel> step_labels) {
  StepScore score;
  if (head.activation == Head::Activation::kSigmoid) {
    for (const float p : row) score.p_correct += p / float(row.size());
  } else {
    for (size_t k = 0; k < row.size(); ++k) {
      if (head.labels[k].starts_with("correct")) score.p_correct += row[k];
    }
  }
  score.p_correct = std::min(score.p_correct, 1.0f);
  if (step_labels.empty()) return score;
  score.label_probs.emplace();
  for (size_t k = 0; k < row.size(); ++k) (*score.label_probs)[size_t(step_labels[k])] += row[k];
  return score;
}

// Scores traces with an implicit reward model; log-ratios are summed in float64.
std::vector<TraceScores> ScoreImplicit(const Decoder& decoder, const Decoder& reference,
                                       double beta, std::span<const TraceTokens> traces) {
  // The token at t is predicted at t - 1.
  std::vector<TraceTokens> predictions;
  for (const TraceTokens& trace : traces) {
    TraceTokens& p = predictions.emplace_back(TraceTokens{trace.ids, {}, trace.steps_begin});
    const int32_t last = trace.step_reads.empty() ? -1 : trace.step_reads.back();
    for (int32_t t = std::max(trace.steps_begin, 1); t <= last; ++t) {
      p.step_reads.push_back(t - 1);
    }
  }
  const PackedBatch batch = Pack(predictions);
  const at::Tensor ratios = WithTorchErrors("scoring a batch", [&] {
    return (decoder.NextTokenLogProbs(batch) - reference.NextTokenLogProbs(batch))
        .to(at::kCPU)
        .contiguous();
  });
  const float* ratio = ratios.const_data_ptr<float>();
  std::vector<TraceScores> result(traces.size());
  for (size_t b = 0; b < traces.size(); ++b) {
    double sum = 0;
    int32_t t = std::max(traces[b].steps_begin, 1);
    for (const int32_t read : traces[b].step_reads) {
      for (; t <= read; ++t) sum += *ratio++;
      result[b].p_correct.push_back(float(1 / (1 + std::exp(-beta * sum))));
    }
  }
  return result;
}

void ReadModel(const std::filesystem::path& path, const WeightOptions& options, bool with_tokenizer,
               LoadedModel* model) {
  const std::unique_ptr<WeightSource> source = OpenWeights(path, options.head);
  model->config = source->config();
  if (options.head && options.head->outputs == Head::Outputs::kMean &&
      model->config.logit_softcap > 0) {
    throw Error(ErrorCode::kUnimplemented,
                StrCat(path.string(),
                       ": a head with outputs \"mean\" is not supported if logits are capped"));
  }
  if (with_tokenizer) model->tokenizer = source->tokenizer();
  model->weights = LoadDecoderWeights(*source, options);
  model->config.rotary_layout = RotaryLayout::kHalf;
  model->prepend_bos = source->prepend_bos();
}

}  // namespace

LoadedModel LoadModel(const std::filesystem::path& path, WeightOptions options, bool with_tokenizer,
                      bool verify) {
  LoadedModel model;
  FileSums sums;
  const std::filesystem::path prm_file = path / "prm.json";
  if (std::filesystem::is_directory(path) && std::filesystem::exists(prm_file)) {
    model.prm = ReadPrmJson(prm_file);
    if (options.head == nullptr) options.head = &model.prm->head;
    if (verify) sums = ModelFiles(*model.prm);
    if (model.prm->files.empty()) {
      std::fprintf(stderr, "note: %s: files %s\n", path.c_str(),
                   DescribeSums(*model.prm, verify).c_str());
    }
  }
  options.lm_head = options.lm_head || (options.head && options.head->implicit_beta);
  ReadVerified(path, sums, [&] { ReadModel(path, options, with_tokenizer, &model); });
  return model;
}

Decoder MakeDecoder(LoadedModel* model, const ComputeTarget& target) {
  const DecoderWeights weights = std::exchange(model->weights, {});
  return Decoder(model->config, ForCompute(weights, target.dtype, target.device));
}

Decoder LoadReference(const std::filesystem::path& folder, const ComputeTarget& target,
                      ops::WeightFormat format, const std::string& products) {
  LoadedModel model =
      LoadModel(folder,
                {.lm_head = true,
                 .dtype = target.dtype,
                 .embedding_as_stored = true,
                 .packing = target.device.is_cpu() ? Packing::kAsChosen : Packing::kNone,
                 .format = format,
                 .products = products},
                /*with_tokenizer=*/false);
  return MakeDecoder(&model, target);
}

ops::HeadActivation ActivationOf(const Head& head, const ModelConfig& config) {
  const bool softmax = head.activation == Head::Activation::kSoftmax;
  return {softmax ? ops::HeadActivation::kSoftmax : ops::HeadActivation::kSigmoid,
          head.ReadsLmHead() ? config.logit_softcap : 0};
}

std::vector<StepScore> ScoresOfOutputs(at::Tensor outputs, const Head& head) {
  outputs = outputs.to(at::kCPU).contiguous();
  const size_t width = size_t(outputs.size(1));
  const float* values = outputs.const_data_ptr<float>();
  const std::vector<StepLabel> step_labels = head.StepLabels();
  std::vector<StepScore> scores;
  for (int64_t s = 0; s < outputs.size(0); ++s) {
    scores.push_back(ScoreOf({values + size_t(s) * width, width}, head, step_labels));
  }
  return scores;
}

bool IsFinite(const StepScore& score) {
  const auto is_finite = [](float p) { return std::isfinite(p); };
  return is_finite(score.p_correct) &&
         (!score.label_probs || std::ranges::all_of(*score.label_probs, is_finite));
}

void CheckFinite(std::span<const TraceScores> scores) {
  for (size_t b = 0; b < scores.size(); ++b) {
    for (size_t s = 0; s < scores[b].size(); ++s) {
      if (IsFinite(scores[b].step(s))) continue;
      throw ScoreNotFinite(int(s), int(s),
                           scores.size() > 1 ? StrCat("trace ", b, " of the batch: ") : "");
    }
  }
}

std::vector<TraceScores> ScoreSteps(const Decoder& decoder, const Head& head,
                                    std::span<const TraceTokens> traces, const Decoder* reference) {
  if (traces.empty()) return {};
  if (head.implicit_beta) {
    if (reference == nullptr) throw Error(ErrorCode::kInternal, "an implicit PRM needs two models");
    return ScoreImplicit(decoder, *reference, *head.implicit_beta, traces);
  }
  const PackedBatch batch = Pack(traces);
  const std::vector<StepScore> scores = WithTorchErrors("scoring a batch", [&] {
    return ScoresOfOutputs(
        ops::Activate(decoder.StepLogits(batch), ActivationOf(head, decoder.config())), head);
  });
  std::vector<TraceScores> result(traces.size());
  for (size_t b = 0; b < traces.size(); ++b) {
    for (int64_t s = batch.read_offsets[b]; s < batch.read_offsets[b + 1]; ++s) {
      result[b].Add(scores[size_t(s)]);
    }
  }
  return result;
}

void WriteCheckpoint(const Decoder& decoder, const Tokenizer& tokenizer, CheckpointWriter* writer) {
  SaveDecoderWeights(decoder.weights(), decoder.config(), writer->folder() / "model.safetensors");
  writer->WriteFile("config.json", WriteConfigJson(decoder.config()));
  tokenizer.Save(writer->folder());
}

}  // namespace prm
