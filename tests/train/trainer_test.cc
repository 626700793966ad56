#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <filesystem>
#include <limits>
#include <random>

#include "data/error.h"
#include "model/config/config_json.h"
#include "tests/byte_tokenizer.h"
#include "tests/error_of.h"
#include "tests/model/reference_decoder.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// Steps whose label follows from their last token: learnable in a few dozen updates.
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
  trainer.SaveState(&writer, {.best_metric = 0.5, .loss_average = 0.1});
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
  const TrainerState state = second.Resume(folder / "last");
  EXPECT_EQ(state.best_metric, 0.5);
  EXPECT_EQ(state.loss_average, 0.1);
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

TEST(Trainer, ResumingNamesEachOptionThatIsAnotherNow) {
  const TempFolder folder;
  Trainer first(Model(), Examples(40), kCpu, Options());
  first.Step();
  SaveTo(first, folder / "last");
  const auto says = [&](int examples, const TrainerOptions& options,
                        const nlohmann::ordered_json& run_options =
                            nlohmann::ordered_json::object()) {
    Trainer again(LoadFrom(folder / "last"), Examples(examples), kCpu, options);
    return MessageOf([&] { again.Resume(folder / "last", run_options); },
                     ErrorCode::kFailedPrecondition);
  };
  TrainerOptions options = Options();
  options.seed = 9;
  options.tokens = 8000;
  EXPECT_THAT(says(40, options),
              EndsWith("options: tokens: 0 then, 8000 now; seed: 1 then, 9 now"));
  options = Options();
  options.loss.class_weights[2] += 1;
  EXPECT_THAT(says(40, options),
              EndsWith("class_weights: [1.0,1.0,2.0,2.0] then, [1.0,1.0,3.0,2.0] now"));
  EXPECT_THAT(says(41, Options()), ContainsRegex("options: examples: 40 .* then, 41 .* now$"));
  EXPECT_THAT(says(40, Options(), {{"soft", true}}),
              EndsWith("options: soft: none then, true now"));
}

TEST(Trainer, ResumingRefusesAStateThatCannotBeByFileAndField) {
  const TempFolder folder;
  Trainer first(Model(), Examples(40), kCpu, Options());
  for (int i = 0; i < 3; ++i) first.Step();
  SaveTo(first, folder / "last");
  const std::filesystem::path file = folder / "last" / "trainer.json";
  const auto saved = nlohmann::ordered_json::parse(ReadText(file));
  const auto refuse = [&](const std::string& field, const nlohmann::ordered_json& value) {
    auto state = saved;
    state[field] = value;
    if (value == "missing") state.erase(field);
    WriteText(file, state.dump());
    Trainer again(LoadFrom(folder / "last"), Examples(40), kCpu, Options());
    EXPECT_THAT(MessageOf([&] { again.Resume(folder / "last"); }),
                AllOf(HasSubstr(file.string()), HasSubstr("'" + field + "'")))
        << value;
    EXPECT_EQ(again.steps(), 0);
  };
  for (const char* field :
       {"version", "optimizer_steps", "epoch", "next_step", "tokens_seen", "best_metric",
        "loss_average", "evaluation_due", "options", "machine"}) {
    refuse(field, "missing");
    refuse(field, {1, 2});
    refuse(field, "1");
  }
  for (const auto& value : {nlohmann::ordered_json(-5), {1000000000}, {0.5}, {1e18}, {nullptr}}) {
    for (const char* field : {"optimizer_steps", "epoch", "next_step", "tokens_seen"}) {
      refuse(field, value.is_array() ? value[0] : value);
    }
  }
  refuse("tokens_seen", first.tokens_seen() + 1);
  refuse("optimizer_steps", 2);
  refuse("another", 1);
  WriteText(file, saved.dump());
  Trainer again(LoadFrom(folder / "last"), Examples(40), kCpu, Options());
  again.Resume(folder / "last");
  EXPECT_EQ(again.steps(), 3);
}

TEST(Trainer, ALossThatIsNotFiniteNamesItsStepAndLeavesTheWeights) {
  LoadedModel model = Model();
  model.weights.final_norm[0] = std::numeric_limits<float>::infinity();
  Trainer trainer(std::move(model), Examples(40), kCpu, Options());
  const auto before = AllWeights(trainer);
  EXPECT_THAT(MessageOf([&] { trainer.Step(); }, ErrorCode::kOutOfRange),
              AllOf(HasSubstr("step 1: the loss is"), HasSubstr("nan")));
  EXPECT_TRUE(before == AllWeights(trainer));
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
