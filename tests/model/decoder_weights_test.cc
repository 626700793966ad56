#include "model/decoder_weights.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/model/tiny_files.h"

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

}  // namespace
}  // namespace prm
