#include "train/trainer.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <filesystem>
#include <random>

#include "data/error.h"
#include "tests/byte_tokenizer.h"
#include "tests/model/reference_decoder.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

// Steps whose label can be read off their last token: learnable in a few dozen updates.
std::vector<Example> Examples(int count) {
  std::mt19937 random(7);
  std::vector<Example> examples;
  for (int i = 0; i < count; ++i) {
    Example e;
    for (int s = 0; s < 3; ++s) {
      const int label = int(random() % 4);
      for (int k = 0; k < 3; ++k) e.tokens.ids.push_back(TokenId(10 + random() % 30));
      e.tokens.ids.push_back(label);
      e.tokens.step_reads.push_back(int32_t(e.tokens.ids.size()) - 1);
      e.targets.push_back({LabelSet(StepLabel(label)), {}});
    }
    examples.push_back(e);
  }
  return examples;
}

LoadedModel Model() {
  return {TinyDecoderConfig(), RandomWeights(TinyDecoderConfig(), 11),
          std::make_shared<ByteTokenizer>(), std::nullopt, false};
}

TrainerOptions Options() {
  TrainerOptions o;
  o.epochs = 2;
  o.batch_tokens = 96;
  o.micro_tokens = 40;
  o.adamw.lr = 3e-3;
  o.adamw.head_lr = 1e-2;
  return o;
}

const ComputeTarget kCpu{torch::kCPU, torch::kFloat};

std::vector<float> AllWeights(const Trainer& trainer) {
  std::vector<float> all;
  for (const auto& t : trainer.master().Trained()) {
    const auto flat = t.contiguous();
    all.insert(all.end(), flat.const_data_ptr<float>(),
               flat.const_data_ptr<float>() + flat.numel());
  }
  return all;
}

void SaveTo(const Trainer& trainer, const std::filesystem::path& folder) {
  CheckpointWriter writer(folder);
  SaveDecoderWeights(trainer.Exported().weights(), TinyDecoderConfig(),
                     writer.folder() / "model.safetensors");
  writer.WriteFile("config.json", WriteConfigJson(TinyDecoderConfig()));
  trainer.SaveState(&writer, 0.5);
  writer.Commit();
}

LoadedModel LoadFrom(const std::filesystem::path& folder) {
  const Head head;
  const auto source = OpenWeights(folder, &head);
  return {source->config(), LoadDecoderWeights(*source, {.head = &head}),
          std::make_shared<ByteTokenizer>(), std::nullopt, false};
}

TEST(Trainer, LearnsLabelsThatTheTokensGiveAway) {
  TrainerOptions options = Options();
  options.epochs = 12;
  Trainer trainer(Model(), Examples(60), kCpu, options);
  const double first = trainer.Step().loss;
  double last = first;
  while (!trainer.Done()) last = trainer.Step().loss;
  EXPECT_LT(last, 0.5 * first);
  EXPECT_EQ(trainer.tokens_seen(), trainer.total_tokens());
}

class TrainerDtypes : public testing::TestWithParam<torch::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(Both, TrainerDtypes, testing::Values(torch::kFloat, torch::kBFloat16));

TEST_P(TrainerDtypes, ResumingEqualsNeverHavingStoppedBitForBit) {
  const ComputeTarget target{torch::kCPU, GetParam()};
  Trainer whole(Model(), Examples(40), target, Options());
  while (!whole.Done()) whole.Step();

  const TempFolder folder;
  Trainer first(Model(), Examples(40), target, Options());
  for (int i = 0; i < 3; ++i) first.Step();
  SaveTo(first, folder / "last");
  Trainer second(LoadFrom(folder / "last"), Examples(40), target, Options());
  EXPECT_EQ(second.Resume(folder / "last"), 0.5);
  EXPECT_EQ(second.steps(), 3);
  while (!second.Done()) second.Step();
  EXPECT_EQ(AllWeights(whole), AllWeights(second));
}

TEST(Trainer, TheCheckpointHoldsTheRoundedWeightsThatWereTrained) {
  Trainer trainer(Model(), Examples(40), {torch::kCPU, torch::kBFloat16}, Options());
  trainer.Step();
  TempFolder folder;
  SaveTo(trainer, folder.path() / "last");
  const LoadedModel loaded = LoadFrom(folder.path() / "last");
  const DecoderWeights trained = trainer.Exported().weights();
  EXPECT_EQ(trained.layers[1][LayerPart::kQkv].scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(loaded.weights.layers[1][LayerPart::kQkv].equal(
      trained.layers[1][LayerPart::kQkv].to(torch::kFloat)));
  EXPECT_FALSE(
      loaded.weights.layers[1][LayerPart::kQkv].equal(trainer.master().layers[1][LayerPart::kQkv]));
  EXPECT_TRUE(loaded.weights.head_weight.equal(trainer.master().head_weight));
}

TEST(Trainer, ResumingRefusesOtherDataOrOptions) {
  const TempFolder folder;
  Trainer first(Model(), Examples(40), kCpu, Options());
  first.Step();
  SaveTo(first, folder / "last");
  Trainer other_data(LoadFrom(folder / "last"), Examples(41), kCpu, Options());
  EXPECT_THROW(other_data.Resume(folder / "last"), Error);
  TrainerOptions options = Options();
  options.seed = 9;
  Trainer other_seed(LoadFrom(folder / "last"), Examples(40), kCpu, options);
  EXPECT_THROW(other_seed.Resume(folder / "last"), Error);
  options = Options();
  options.loss.class_weights[2] += 1;
  Trainer other_weights(LoadFrom(folder / "last"), Examples(40), kCpu, options);
  EXPECT_THROW(other_weights.Resume(folder / "last"), Error);
}

TEST(Trainer, ResumingRefusesATruncatedState) {
  const TempFolder folder;
  Trainer first(Model(), Examples(40), kCpu, Options());
  first.Step();
  SaveTo(first, folder / "last");
  std::filesystem::resize_file(folder / "last" / "optimizer.safetensors", 1000);
  Trainer again(LoadFrom(folder / "last"), Examples(40), kCpu, Options());
  EXPECT_THROW(again.Resume(folder / "last"), Error);
}

TEST(Trainer, MicroBatchesOfAStepDoNotChangeIt) {
  TrainerOptions split = Options(), whole = Options();
  whole.micro_tokens = 96;
  Trainer a(Model(), Examples(40), kCpu, split), b(Model(), Examples(40), kCpu, whole);
  const StepReport ra = a.Step(), rb = b.Step();
  EXPECT_NEAR(ra.loss, rb.loss, 1e-5);
  EXPECT_NEAR(ra.grad_norm, rb.grad_norm, 1e-4 * rb.grad_norm);
}

TEST(Trainer, ExportTakesTheClassWeightsOutOfTheBias) {
  TrainerOptions options = Options();
  options.loss.class_weights = {1.0f, 1.0f, 2.0f, 4.0f};
  const Trainer trainer(Model(), Examples(4), kCpu, options);
  const auto exported = trainer.Exported().weights().head_bias;
  const auto raw = RandomWeights(TinyDecoderConfig(), 11).head_bias;
  EXPECT_NEAR((raw[2] - exported[2]).item<float>(), std::log(2.0), 1e-6);
  EXPECT_NEAR((raw[3] - exported[3]).item<float>(), std::log(4.0), 1e-6);
  EXPECT_EQ((raw[0] - exported[0]).item<float>(), 0.0f);
}

TEST(Trainer, RefusesDataWithoutAnyExample) {
  EXPECT_THROW(Trainer(Model(), {}, kCpu, Options()), Error);
}

}  // namespace
}  // namespace prm
