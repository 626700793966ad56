// Every decoder family against transformers (tests/golden/families.py).
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "model/checkpoint.h"
#include "model/families.h"
#include "tests/model/tiny_files.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

uint64_t SplitMix64(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

uint64_t Fnv1a(std::string_view text) {
  uint64_t value = 0xCBF29CE484222325u;
  for (const char c : text) value = (value ^ uint8_t(c)) * 0x100000001B3u;
  return value;
}

std::vector<float> GoldenWeights(const ExpectedTensor& tensor, double norm_offset) {
  std::vector<float> values(size_t(*NumElements(tensor.shape)));
  const bool is_norm = tensor.name.find("norm") != std::string::npos;
  const double spread = tensor.name == "model.embed_tokens.weight" ? 1.0
                        : tensor.shape.size() == 1                 ? 0.2
                                                   : std::sqrt(3.0 / double(tensor.shape.back()));
  for (size_t i = 0; i < values.size(); ++i) {
    const double unit = double(SplitMix64(Fnv1a(tensor.name), i) >> 40) / (1 << 23) - 1;
    values[i] = float(is_norm ? 1 + 0.3 * unit - norm_offset : spread * unit);
  }
  return values;
}

const json& Golden() {
  static const json golden =
      json::parse(ReadText(fs::path(PRM_SOURCE_DIR) / "tests/golden/families.json"));
  return golden;
}

// As in the script: ids by the trace's number, reads at fixed places.
std::vector<std::vector<TraceTokens>> GoldenBatches(int vocab_size) {
  std::vector<std::vector<TraceTokens>> batches;
  uint64_t number = 0;
  for (const json& lengths : Golden().at("batches")) {
    std::vector<TraceTokens>& batch = batches.emplace_back();
    for (const json& length : lengths) {
      TraceTokens& trace = batch.emplace_back();
      const int32_t n = length.get<int32_t>();
      for (int32_t t = 0; t < n; ++t) {
        trace.ids.push_back(TokenId(SplitMix64(number, uint64_t(t)) % uint64_t(vocab_size)));
      }
      const std::set<int32_t> reads = {n - 1, n / 2, n / 5};
      trace.step_reads.assign(reads.begin(), reads.end());
      ++number;
    }
  }
  return batches;
}

// Writes the folder as transformers would have, and loads it.
LoadedModel LoadGolden(const json& config_json, const fs::path& folder) {
  const ModelConfig config = ParseConfigJson(config_json.dump(), "config.json");
  fs::create_directories(folder);
  WriteText(folder / "config.json", config_json.dump());
  const std::vector<ExpectedTensor> tensors = ExpectedTensors(config);
  std::vector<TensorHeader> headers;
  for (const ExpectedTensor& t : tensors) headers.push_back({t.name, {}, t.shape});
  SafetensorsWriter writer(folder / "model.safetensors", headers);
  for (const ExpectedTensor& t : tensors) {
    writer.Add(t.name, GoldenWeights(
                           t, t.name.find("norm") == std::string::npos ? 0.0 : config.norm_offset));
  }
  writer.Finish();
  const auto source = OpenWeights(folder);
  return {source->config(), LoadDecoderWeights(*source, false), nullptr, std::nullopt, false};
}

// Largest difference of a label's probability from the golden one, over the first batches.
double WorstDifference(const Decoder& decoder, const json& scores, size_t batches) {
  double worst = 0;
  size_t trace = 0;
  const auto all = GoldenBatches(decoder.config().vocab_size);
  for (size_t b = 0; b < std::min(batches, all.size()); ++b) {
    for (const auto& steps : StepProbabilities(decoder, all[b])) {
      const json& expected = scores.at(trace++);
      EXPECT_EQ(steps.size(), expected.size());
      for (size_t s = 0; s < steps.size(); ++s) {
        for (size_t k = 0; k < steps[s].size(); ++k) {
          worst = std::max(worst, std::abs(steps[s][k] - expected[s][k].get<double>()));
        }
      }
    }
  }
  return worst;
}

constexpr size_t kAllBatches = 3, kTraces = 1 + 5 + 32;
constexpr double kFloat32Tolerance = 1e-5, kBFloat16Tolerance = 2e-2;

class FamilyTest : public testing::TestWithParam<std::string> {
 protected:
  const json& scores() const { return Golden().at("cases").at(GetParam()).at("scores"); }
  const json& config() const { return Golden().at("cases").at(GetParam()).at("config"); }
  LoadedModel Load() { return LoadGolden(config(), folder_.path() / "model"); }
  TempFolder folder_;
};

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const auto& item : Golden().at("cases").items()) names.push_back(item.key());
  return names;
}

std::string TestName(const testing::TestParamInfo<std::string>& info) {
  std::string name;
  for (const char c : info.param) name += std::isalnum(c) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, FamilyTest, testing::ValuesIn(CaseNames()), TestName);

TEST_P(FamilyTest, ScoresEqualTransformers) {
  LoadedModel model = Load();
  const Decoder exact(model.config, model.weights);
  ASSERT_EQ(scores().size(), kTraces);
  EXPECT_LT(WorstDifference(exact, scores(), kAllBatches), kFloat32Tolerance);
  const Decoder rounded(model.config, ForCompute(model.weights, at::kBFloat16, at::kCPU));
  EXPECT_LT(WorstDifference(rounded, scores(), kAllBatches), kBFloat16Tolerance);
}

TEST_P(FamilyTest, ItsConfigurationAndWeightsRoundTrip) {
  LoadedModel model = Load();
  EXPECT_EQ(ParseConfigJson(WriteConfigJson(model.config), "again"), model.config);
  const fs::path again = folder_.path() / "again";
  fs::create_directories(again);
  WriteText(again / "config.json", WriteConfigJson(model.config));
  SaveDecoderWeights(model.weights, model.config, again / "model.safetensors");
  const auto source = OpenWeights(again);
  const auto before = model.weights.Trained(), after = LoadDecoderWeights(*source, false).Trained();
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(at::allclose(before[i], after[i], 0, 1e-6));
}

// A fault in what makes a family what it is must show in its scores.
TEST_P(FamilyTest, PlantedFaultsShow) {
  const LoadedModel model = Load();
  const auto worst = [&](const auto& plant) {
    LoadedModel faulty{model.config,
                       model.weights.Map([](const at::Tensor& t, bool) { return t.clone(); }),
                       nullptr, std::nullopt, false};
    plant(&faulty.config, &faulty.weights);
    return WorstDifference(Decoder(faulty.config, faulty.weights), scores(), 1);
  };
  const auto expect_shown = [&](const char* fault, const auto& plant) {
    EXPECT_GT(worst(plant), 5 * kFloat32Tolerance) << fault;
  };
  expect_shown("rotary layout", [](ModelConfig* c, DecoderWeights*) {
    c->rotary_layout = RotaryLayout::kInterleaved;
  });
  expect_shown("label order",
               [](ModelConfig*, DecoderWeights* w) { w->head_weight = w->head_weight.flip(0); });
  const ModelConfig& c = model.config;
  const auto expect_part_shown = [&](const char* fault, bool has, LayerPart part, double value) {
    if (!has) return;
    expect_shown(fault, [&](ModelConfig*, DecoderWeights* w) { w->layers[1][part].fill_(value); });
  };
  expect_part_shown("no query, key and value bias", c.qkv_bias, LayerPart::kQkvBias, 0);
  expect_part_shown("no feed-forward bias", c.mlp_bias, LayerPart::kDownBias, 0);
  expect_part_shown("no query norm weight", c.qk_norm, LayerPart::kQueryNorm, 1);
  expect_part_shown("no norm behind the block", c.post_norms, LayerPart::kMlpPostNorm, 1);
  if (!c.sliding_window.empty()) {
    expect_shown("a window too wide by one", [](ModelConfig* f, DecoderWeights*) {
      for (int& window : f->sliding_window) window += window > 0;
    });
  }
  if (c.attention_softcap > 0) {
    expect_shown("no cap", [](ModelConfig* f, DecoderWeights*) { f->attention_softcap = 0; });
  }
  if (c.rope_scaling.kind != RopeScaling::Kind::kNone) {
    expect_shown("no rope scaling",
                 [](ModelConfig* f, DecoderWeights*) { f->rope_scaling.factor *= 1.1; });
  }
}

}  // namespace
}  // namespace prm
