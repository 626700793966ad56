#include "model/decoder/decoder_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "model/ops/packed_linear.h"
#include "tests/model/tiny_files.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

class StoredDtypeTest : public testing::TestWithParam<std::pair<DType, at::ScalarType>> {
 protected:
  // A tiny model's folder with all tensors in `dtype`.
  fs::path Write(DType dtype) {
    const fs::path folder = folder_.path() / std::string(DTypeName(dtype));
    WriteTinyFolder(folder, TinyConfig(), TinyTensors(TinyConfig()), 3, dtype);
    return folder;
  }
  TempFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(All, StoredDtypeTest,
                         testing::Values(std::pair(DType::kFloat32, at::kFloat),
                                         std::pair(DType::kFloat16, at::kHalf),
                                         std::pair(DType::kBFloat16, at::kBFloat16)),
                         [](const auto& info) { return std::string(DTypeName(info.param.first)); });

TEST_P(StoredDtypeTest, ValuesAreTheFilesRoundedAtMostOnce) {
  const auto [stored, dtype] = GetParam();
  const auto whole_source = OpenWeights(Write(DType::kFloat32));
  const auto source = OpenWeights(Write(stored));
  const DecoderWeights whole = LoadDecoderWeights(*whole_source, {});
  const DecoderWeights exact = LoadDecoderWeights(*source, {});
  const DecoderWeights scoring =
      LoadDecoderWeights(*source, {.dtype = at::kBFloat16, .embedding_as_stored = true});
  EXPECT_EQ(scoring.embedding.scalar_type(), dtype);
  EXPECT_TRUE(scoring.embedding.equal(whole.embedding.to(dtype)));
  EXPECT_TRUE(exact.embedding.equal(whole.embedding.to(dtype).to(at::kFloat)));
  for (size_t l = 0; l < whole.layers.size(); ++l) {
    for (const LayerPart part : kLayerParts) {
      const at::Tensor& value = whole.layers[l][part];
      ASSERT_EQ(value.defined(), scoring.layers[l][part].defined());
      if (!value.defined()) continue;
      const at::Tensor in_file = value.to(dtype);
      EXPECT_TRUE(exact.layers[l][part].equal(in_file.to(at::kFloat)));
      EXPECT_TRUE(
          scoring.layers[l][part].equal(in_file.to(IsNorm(part) ? at::kFloat : at::kBFloat16)));
    }
  }
}

TEST_P(StoredDtypeTest, LoadingTwiceFromOneSourceGivesTheSame) {
  const auto source = OpenWeights(Write(GetParam().first));
  const DecoderWeights first = LoadDecoderWeights(*source, {});
  const DecoderWeights second = LoadDecoderWeights(*source, {});  // pages were given back
  EXPECT_TRUE(first.embedding.equal(second.embedding));
  EXPECT_TRUE(first.final_norm.equal(second.final_norm));
}

TEST_P(StoredDtypeTest, AFileThatIsCutBeforeItsWeightsAreReadIsRefused) {
  const auto path = Write(GetParam().first);
  const auto source = OpenWeights(path);
  const auto size = std::filesystem::file_size(path / "model.safetensors");
  std::filesystem::resize_file(path / "model.safetensors", size - 1);
  EXPECT_THAT(MessageOf([&] { LoadDecoderWeights(*source, {}); }, ErrorCode::kDataLoss),
              testing::HasSubstr("model.safetensors: became shorter"));
}

TEST(GgufTest, AFileThatIsCutBeforeItsWeightsAreReadIsRefused) {
  const TempFolder folder;
  const auto path = folder / "tiny.gguf";
  std::filesystem::copy_file(SourceDir() / "tests/fuzz/seeds/gguf/llama_v3", path);
  for (const size_t left : {std::filesystem::file_size(path) - 1, size_t{0}}) {
    const auto source = OpenWeights(path);
    std::filesystem::resize_file(path, left);
    EXPECT_THAT(MessageOf([&] { LoadDecoderWeights(*source, {}); }, ErrorCode::kDataLoss),
                testing::HasSubstr("tiny.gguf: became shorter"));
    std::filesystem::copy_file(SourceDir() / "tests/fuzz/seeds/gguf/llama_v3", path,
                               std::filesystem::copy_options::overwrite_existing);
  }
}

constexpr LayerPart kMatrices[] = {LayerPart::kQkv, LayerPart::kAttentionOut, LayerPart::kGateUp,
                                   LayerPart::kDown};

ModelConfig WiderConfig() {
  ModelConfig config = TinyConfig();
  config.hidden_size = 256;
  config.intermediate_size = 512;
  config.head_dim = 64;
  return config;
}

class NarrowWeights : public testing::Test {
 protected:
  NarrowWeights() {
    WriteTinyFolder(folder_.path(), config_, TinyTensors(config_), 3, DType::kBFloat16);
    source_ = OpenWeights(folder_.path());
  }
  DecoderWeights Load(Packing packing, ops::WeightFormat format, at::ScalarType dtype) {
    return LoadDecoderWeights(*source_, {.dtype = dtype, .packing = packing, .format = format});
  }

  const ModelConfig config_ = WiderConfig();
  TempFolder folder_;
  std::unique_ptr<WeightSource> source_;
};

TEST_F(NarrowWeights, Int8MatricesTakeAQuarterOfFloat32AndAreAllThatIsNarrow) {
  const DecoderWeights stored = Load(Packing::kAll, ops::WeightFormat::kAsStored, at::kFloat);
  const DecoderWeights int8 = Load(Packing::kAsChosen, ops::WeightFormat::kInt8, at::kFloat);
  EXPECT_EQ(int8.format, ops::WeightFormat::kInt8);
  EXPECT_EQ(int8.num_parameters(), stored.num_parameters());
  EXPECT_TRUE(int8.embedding.equal(stored.embedding));
  for (size_t l = 0; l < int8.layers.size(); ++l) {
    for (const LayerPart part : kMatrices) {
      ASSERT_TRUE(int8.layers[l].packed[size_t(part)]);
      EXPECT_FALSE(int8.layers[l][part].defined()) << "held twice";
      const int64_t bytes = int8.layers[l].packed[size_t(part)]->bytes();
      EXPECT_NEAR(double(stored.layers[l].packed[size_t(part)]->bytes()) / double(bytes), 4, 0.1);
    }
    EXPECT_TRUE(int8.layers[l][LayerPart::kMlpNorm].equal(stored.layers[l][LayerPart::kMlpNorm]));
  }
}

TEST_F(NarrowWeights, EveryBodyGivesTheSameProducts) {
  const at::Tensor x = at::randn({7, config_.hidden_size});
  const DecoderWeights panels = Load(Packing::kAsChosen, ops::WeightFormat::kInt8, at::kFloat);
  const DecoderWeights torch =
      ForCompute(Load(Packing::kNone, ops::WeightFormat::kInt8, at::kFloat), at::kFloat, at::kCPU);
  for (size_t l = 0; l < panels.layers.size(); ++l) {
    const auto product = [&](const DecoderWeights& w, LayerPart part) {
      const ops::PackedLinear& linear = *w.layers[l].packed[size_t(part)];
      return part == LayerPart::kGateUp ? linear.Glu(x, Activation::kSilu) : linear.Forward(x);
    };
    for (const LayerPart part : {LayerPart::kQkv, LayerPart::kGateUp}) {
      EXPECT_TRUE(product(panels, part).allclose(product(torch, part), 1e-4, 1e-5));
    }
  }
}

TEST_F(NarrowWeights, WhatHasNoProductIsRefused) {
  EXPECT_THAT(MessageOf([&] { Load(Packing::kAsChosen, ops::WeightFormat::kFp8, at::kBFloat16); },
                        ErrorCode::kUnimplemented),
              testing::AllOf(testing::HasSubstr("fp8 weights"), testing::HasSubstr("on cpu"),
                             testing::HasSubstr("option device cuda")));
  EXPECT_THAT(MessageOf([&] { Load(Packing::kNone, ops::WeightFormat::kFp8, at::kFloat); },
                        ErrorCode::kUnimplemented),
              testing::HasSubstr("expected bfloat16"));
}

}  // namespace
}  // namespace prm
