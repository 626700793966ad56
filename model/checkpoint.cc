#include "model/checkpoint.h"

#include <ATen/ATen.h>

#include <cmath>

#include "data/error.h"
#include "model/torch_error.h"

namespace prm {

LoadedModel LoadModel(const std::filesystem::path& path, bool with_lm_head) {
  const std::unique_ptr<WeightSource> source = OpenWeights(path);
  LoadedModel model{source->config(), LoadDecoderWeights(*source, with_lm_head),
                    source->tokenizer(), std::nullopt, source->prepend_bos()};
  ConvertToHalfLayout(&model.weights, &model.config);
  const std::filesystem::path prm_file = path / "prm.json";
  if (std::filesystem::is_directory(path) && std::filesystem::exists(prm_file)) {
    model.prm = ReadPrmJson(prm_file);
    if (!model.weights.head_weight.defined()) {
      throw Error(ErrorCode::kDataLoss,
                  StrCat(path.string(), ": prm.json is there but the weights lack score.weight"));
    }
  }
  return model;
}

std::vector<std::vector<LabelProbs>> StepProbabilities(const Decoder& decoder,
                                                       std::span<const TraceTokens> traces) {
  if (traces.empty()) return {};
  const PackedBatch batch = Pack(traces);
  const at::Tensor probs = WithTorchErrors("scoring a batch", [&] {
    return decoder.StepLogits(batch).softmax(-1).to(at::kCPU).contiguous();
  });
  const auto* rows = reinterpret_cast<const LabelProbs*>(probs.const_data_ptr<float>());
  std::vector<std::vector<LabelProbs>> result;
  for (size_t b = 0; b < traces.size(); ++b) {
    result.emplace_back(rows + batch.read_offsets[b], rows + batch.read_offsets[b + 1]);
  }
  return result;
}

void WriteCheckpoint(const Decoder& decoder, const Tokenizer& tokenizer, const PrmJson& prm,
                     CheckpointWriter* writer) {
  SaveDecoderWeights(decoder.weights(), decoder.config(), writer->folder() / "model.safetensors");
  writer->WriteFile("config.json", WriteConfigJson(decoder.config()));
  tokenizer.Save(writer->folder());
  writer->WriteFile("prm.json", WritePrmJson(prm));
}

double CheckSelfTests(const Decoder& decoder, const PrmJson& prm, const std::string& where) {
  const bool exact = decoder.weights().layers[0][LayerPart::kQkv].scalar_type() == at::kFloat;
  const double tolerance = exact ? 1e-4 : 2e-2;
  double worst = 0.0;
  for (size_t t = 0; t < prm.self_tests.size(); ++t) {
    const SelfTest& test = prm.self_tests[t];
    const auto probs = StepProbabilities(decoder, {&test.tokens, 1});
    for (size_t s = 0; s < test.label_probs.size(); ++s) {
      for (int k = 0; k < kNumLabels; ++k) {
        const double difference = std::abs(probs[0][s][k] - test.label_probs[s][k]);
        worst = std::max(worst, difference);
        if (!(difference <= tolerance)) {
          throw Error(
              ErrorCode::kDataLoss,
              StrCat(where, ": self-test ", t, ", step ", s, ": P(", kLabelNames[k], ") is ",
                     probs[0][s][k], ", expected ", test.label_probs[s][k], " within ", tolerance));
        }
      }
    }
  }
  return worst;
}

}  // namespace prm
