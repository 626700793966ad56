// Every decoder family with every head against transformers (tests/golden/families.py).
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "data/io/text_io.h"
#include "model/config/config_json.h"
#include "model/config/families.h"
#include "model/config/json_fields.h"
#include "model/config/scoring_json.h"
#include "model/decoder/checkpoint.h"
#include "tests/byte_tokenizer.h"
#include "tests/model/tiny_files.h"
#include "tests/source_dir.h"

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
  static const json golden = json::parse(ReadFile(SourceDir() / "tests/golden/families.json.xz"));
  return golden;
}

// As in the script: ids from the trace's number, reads at fixed places.
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

// The head called `name` of the golden file, with its own tensors.
struct GoldenHead {
  explicit GoldenHead(const std::string& name, int hidden_size) {
    const json& entry = Golden().at("heads").at(name);
    const json scoring = {{"format", {{"prompt", {"{problem}"}}, {"step", {"{step}"}}}},
                          {"head", entry.at("head")}};
    const ByteTokenizer tokenizer;
    const TokenNames names{tokenizer};
    head = ParseScoringFormat(JsonFields(scoring, name), &names).head;
    for (const auto& [tensor, shape] : entry.at("tensors").items()) {
      ExpectedTensor& t = tensors.emplace_back(ExpectedTensor{tensor, {}});
      for (const json& size : shape) t.shape.push_back(size == "D" ? hidden_size : size.get<int>());
    }
  }
  Head head;
  std::vector<ExpectedTensor> tensors;
};

struct GoldenModel {
  ModelConfig config;
  DecoderWeights weights;
  Head head;
};

// Writes the folder as transformers would, and loads it.
GoldenModel LoadGolden(const json& config_json, const std::string& head_name,
                       const fs::path& folder) {
  const ModelConfig config = ParseConfigJson(config_json.dump(), "config.json");
  const GoldenHead golden(head_name, config.hidden_size);
  fs::create_directories(folder);
  WriteText(folder / "config.json", config_json.dump());
  std::vector<ExpectedTensor> tensors = ExpectedTensors(config);
  tensors.insert(tensors.end(), golden.tensors.begin(), golden.tensors.end());
  std::vector<TensorHeader> headers;
  for (const ExpectedTensor& t : tensors) headers.push_back({t.name, {}, t.shape});
  SafetensorsWriter writer(folder / "model.safetensors", headers);
  for (const ExpectedTensor& t : tensors) {
    writer.Add(t.name, GoldenWeights(
                           t, t.name.find("norm") == std::string::npos ? 0.0 : config.norm_offset));
  }
  writer.Finish();
  const auto source = OpenWeights(folder, &golden.head);
  return {source->config(), LoadDecoderWeights(*source, {.head = &golden.head}), golden.head};
}

// Largest difference from the golden scores over the first batches: of p_correct, or of the labels'
// probabilities if the head has them.
double WorstDifference(const GoldenModel& model, const json& golden, size_t batches) {
  const Decoder decoder(model.config, model.weights);
  double worst = 0;
  size_t trace = 0;
  const auto all = GoldenBatches(model.config.vocab_size);
  for (size_t b = 0; b < std::min(batches, all.size()); ++b) {
    for (const TraceScores& scores : ScoreSteps(decoder, model.head, all[b])) {
      const json& expected = golden.at(trace++);
      EXPECT_EQ(scores.p_correct.size(), expected.size());
      for (size_t s = 0; s < expected.size(); ++s) {
        if (expected[s].is_number()) {
          EXPECT_TRUE(scores.label_probs.empty());
          worst = std::max(worst, std::abs(scores.p_correct[s] - expected[s].get<double>()));
          continue;
        }
        const LabelProbs& probs = scores.label_probs.at(s);
        EXPECT_NEAR(PCorrect(probs), scores.p_correct[s], 1e-6);
        for (size_t k = 0; k < probs.size(); ++k) {
          worst = std::max(worst, std::abs(probs[k] - expected[s][k].get<double>()));
        }
      }
    }
  }
  return worst;
}

constexpr size_t kAllBatches = 3, kTraces = 1 + 5 + 32;
constexpr double kFloat32Tolerance = 1e-5;
// For a model with random weights, which amplifies rounding. 0.023 on a CPU without bfloat16
// products, which sums in another order.
constexpr double kBFloat16Tolerance = 3e-2;

std::vector<std::string> NamesOf(const char* what) {
  std::vector<std::string> names;
  for (const auto& item : Golden().at(what).items()) names.push_back(item.key());
  return names;
}

std::string AsTestName(std::string_view text) {
  std::string name;
  for (const char c : text) name += std::isalnum(c) ? c : '_';
  return name;
}

// Tests of the families only use this head.
const std::string kFourLabels = "four labels";

class FamilyTest : public testing::TestWithParam<std::string> {
 protected:
  const json& scores(const std::string& head = kFourLabels) const {
    return Golden().at("cases").at(GetParam()).at("scores").at(head);
  }
  GoldenModel Load(const std::string& head = kFourLabels) {
    return LoadGolden(Golden().at("cases").at(GetParam()).at("config"), head,
                      folder_.path() / AsTestName(head));
  }
  TempFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(All, FamilyTest, testing::ValuesIn(NamesOf("cases")),
                         [](const auto& info) { return AsTestName(info.param); });

TEST_P(FamilyTest, ScoresOfEveryHeadEqualTransformers) {
  size_t heads = 0;
  for (const std::string& head : NamesOf("heads")) {
    SCOPED_TRACE(head);
    if (!Golden().at("cases").at(GetParam()).at("scores").contains(head)) continue;
    ++heads;
    GoldenModel model = Load(head);
    ASSERT_EQ(scores(head).size(), kTraces);
    EXPECT_LT(WorstDifference(model, scores(head), kAllBatches), kFloat32Tolerance);
    model.weights = ForCompute(model.weights, at::kBFloat16, at::kCPU);
    EXPECT_LT(WorstDifference(model, scores(head), kAllBatches), kBFloat16Tolerance);
  }
  EXPECT_GE(heads, 7u);
}

TEST_P(FamilyTest, ItsConfigurationAndWeightsRoundTrip) {
  const GoldenModel model = Load();
  EXPECT_EQ(ParseConfigJson(WriteConfigJson(model.config), "again"), model.config);
  const fs::path again = folder_.path() / "again";
  fs::create_directories(again);
  WriteText(again / "config.json", WriteConfigJson(model.config));
  SaveDecoderWeights(model.weights, model.config, again / "model.safetensors");
  const auto source = OpenWeights(again, &model.head);
  const auto before = model.weights.Trained(),
             after = LoadDecoderWeights(*source, {.head = &model.head}).Trained();
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(at::allclose(before[i], after[i], 0, 1e-6));
}

// A fault in any special feature of a family must change its scores.
TEST_P(FamilyTest, PlantedFaultsShow) {
  const GoldenModel model = Load();
  const auto worst = [&](const auto& plant) {
    GoldenModel faulty = model;
    faulty.weights = model.weights.Map([](const at::Tensor& t, bool) { return t.clone(); });
    plant(&faulty.config, &faulty.weights);
    return WorstDifference(faulty, scores(), 1);
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

// The same for heads: labels in another order, a bias or layer less, a token more.
TEST_P(FamilyTest, PlantedFaultsOfHeadsShow) {
  const auto expect_shown = [&](const std::string& head, const auto& plant) {
    GoldenModel model = Load(head);
    plant(&model);
    EXPECT_GT(WorstDifference(model, scores(head), 1), 5 * kFloat32Tolerance) << head;
  };
  const auto swap_labels = [](GoldenModel* m) { std::ranges::reverse(m->head.labels); };
  for (const char* head : {"four labels", "two layers", "three classes", "two tokens"}) {
    expect_shown(head, swap_labels);
  }
  const auto no_bias = [](GoldenModel* m) { m->weights.head_bias.zero_(); };
  for (const char* head : {"four labels", "two layers", "value", "ensemble"}) {
    expect_shown(head, no_bias);
  }
  expect_shown("two layers", [](GoldenModel* m) { m->weights.head_hidden[0].bias.zero_(); });
  expect_shown("sum of tokens", [](GoldenModel* m) { m->head.labels[2] = "wrong"; });
}

TEST(GoldenFamilies, AReadOneTokenTooEarlyShows) {
  const json& golden = Golden().at("cases").at("llama");
  TempFolder folder;
  const GoldenModel model = LoadGolden(golden.at("config"), kFourLabels, folder.path() / "m");
  auto batch = GoldenBatches(model.config.vocab_size)[0];
  for (TraceTokens& trace : batch) {
    for (int32_t& read : trace.step_reads) read = std::max(0, read - 1);
  }
  const auto scores = ScoreSteps(Decoder(model.config, model.weights), model.head, batch);
  const json& expected = golden.at("scores").at(kFourLabels)[4];
  EXPECT_GT(std::abs(scores[4].label_probs[2][0] - expected[2][0].get<double>()), 1e-3);
}

}  // namespace
}  // namespace prm
