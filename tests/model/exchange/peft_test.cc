#include "model/exchange/peft.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "model/config/config_json.h"
#include "tests/model/tiny_files.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kPrefix = "base_model.model.";

// Values derived from the name, rounded to the number format.
struct Stored {
  std::string name;
  std::vector<int64_t> shape;
  DType dtype = DType::kFloat32;
};

std::vector<float> Values(const TensorView& tensor) {
  std::vector<float> values(size_t(*NumElements(tensor.shape)));
  ToFloat32(tensor, values);
  return values;
}

void Write(const fs::path& file, const std::vector<Stored>& tensors) {
  fs::create_directories(file.parent_path());
  std::vector<TensorHeader> headers;
  for (const Stored& t : tensors) headers.push_back({t.name, t.dtype, t.shape});
  SafetensorsWriter writer(file, headers);
  for (const Stored& t : tensors) {
    std::mt19937 random(uint32_t(std::hash<std::string>()(t.name)));
    std::normal_distribution<float> normal;
    std::vector<float> values(size_t(*NumElements(t.shape)));
    for (float& value : values) value = normal(random);
    writer.Add(t.name, values);
  }
  writer.Finish();
}

// Row-major, in double: the expected merged values.
struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> values;
  double& At(int64_t i, int64_t j) { return values[size_t(i * cols + j)]; }
  double At(int64_t i, int64_t j) const { return values[size_t(i * cols + j)]; }
};

Matrix Of(const TensorView& tensor) {
  const std::vector<float> values = Values(tensor);
  const int64_t cols = tensor.shape.size() == 2 ? tensor.shape[1] : 1;
  return {tensor.shape[0], cols, {values.begin(), values.end()}};
}

Matrix Transposed(const Matrix& m) {
  Matrix t{m.cols, m.rows, std::vector<double>(m.values.size())};
  for (int64_t i = 0; i < m.rows; ++i) {
    for (int64_t j = 0; j < m.cols; ++j) t.At(j, i) = m.At(i, j);
  }
  return t;
}

// w + scaling * b a
Matrix Sum(Matrix w, double scaling, const Matrix& b, const Matrix& a) {
  for (int64_t i = 0; i < w.rows; ++i) {
    for (int64_t j = 0; j < w.cols; ++j) {
      for (int64_t k = 0; k < a.rows; ++k) w.At(i, j) += scaling * b.At(i, k) * a.At(k, j);
    }
  }
  return w;
}

// Row i of length m[i].
Matrix OfLengths(Matrix w, const Matrix& m) {
  for (int64_t i = 0; i < w.rows; ++i) {
    double squares = 0;
    for (int64_t j = 0; j < w.cols; ++j) squares += w.At(i, j) * w.At(i, j);
    for (int64_t j = 0; j < w.cols; ++j) w.At(i, j) *= m.At(i, 0) / std::sqrt(squares);
  }
  return w;
}

class PeftTest : public testing::Test {
 protected:
  PeftTest() {
    WriteBase(base_tensors_);
    WriteConfig("");
  }

  void WriteBase(const std::vector<Stored>& tensors) {
    fs::remove_all(base_);
    Write(base_ / "model.safetensors", tensors);
  }
  void WriteConfig(const std::string& fields) {
    fs::create_directories(adapter_);
    WriteText(adapter_ / "adapter_config.json",
              R"({"peft_type":"LORA","r":2,"lora_alpha":3)" + fields + "}");
  }
  // Adds the prefix that names have in adapters.
  void WriteAdapter(std::vector<Stored> tensors) {
    for (Stored& t : tensors) t.name = kPrefix + t.name;
    Write(adapter_ / "adapter_model.safetensors", tensors);
  }
  MergeReport Merge() {
    fs::remove_all(out_);
    return MergeAdapter(base_, adapter_, out_);
  }
  std::string MergeError(ErrorCode code = ErrorCode::kInvalidArgument) {
    const std::string message = MessageOf([&] { Merge(); }, code);
    EXPECT_FALSE(fs::exists(out_ / "model.safetensors"));
    return message;
  }
  // The error for an adapter of these tensors; names the file.
  std::string ErrorWith(const std::vector<Stored>& tensors) {
    WriteAdapter(tensors);
    const std::string message = MergeError();
    EXPECT_THAT(message, HasSubstr("adapter_model.safetensors: tensor "));
    return message;
  }

  Matrix InBase(const std::string& name) { return Of(SafetensorsFolder(base_).tensors().at(name)); }
  Matrix InAdapter(const std::string& name) {
    const MappedFile file(adapter_ / "adapter_model.safetensors");
    for (const TensorView& tensor : ParseSafetensors(file.bytes(), "adapter")) {
      if (tensor.name == kPrefix + name) return Of(tensor);
    }
    throw std::runtime_error("no " + name);
  }
  Matrix Merged(const std::string& name) { return Of(SafetensorsFolder(out_).tensors().at(name)); }

  // Within one rounding to `dtype`, plus that of float32 sums of a few terms.
  void ExpectMerged(const std::string& name, const Matrix& expected,
                    DType dtype = DType::kFloat32) {
    const double rounding = dtype == DType::kBFloat16  ? 0x1p-8
                            : dtype == DType::kFloat16 ? 0x1p-11
                                                       : 0;
    const SafetensorsFolder out(out_);
    EXPECT_EQ(out.tensors().at(name).dtype, dtype) << name;
    const Matrix merged = Merged(name);
    ASSERT_EQ(merged.values.size(), expected.values.size()) << name;
    for (size_t i = 0; i < merged.values.size(); ++i) {
      ASSERT_NEAR(merged.values[i], expected.values[i],
                  std::abs(expected.values[i]) * rounding + 2e-6)
          << name << " " << i;
    }
  }
  void ExpectLora(const std::string& module, double scaling) {
    ExpectMerged(module + ".weight",
                 Sum(InBase(module + ".weight"), scaling, InAdapter(module + ".lora_B.weight"),
                     InAdapter(module + ".lora_A.weight")));
  }
  // All tensors of the base except `names` are unchanged, byte for byte.
  void ExpectOthersUnchanged(const std::vector<std::string>& names) {
    const SafetensorsFolder base(base_), out(out_);
    for (const auto& [name, tensor] : base.tensors()) {
      if (std::ranges::find(names, name) != names.end()) continue;
      const TensorView& copy = out.tensors().at(name);
      EXPECT_TRUE(copy.dtype == tensor.dtype && copy.shape == tensor.shape &&
                  std::equal(copy.data, copy.data + copy.bytes, tensor.data))
          << name;
    }
  }

  const std::vector<Stored> base_tensors_ = {
      {"model.q.weight", {4, 3}},    {"model.q.bias", {4}},
      {"model.norm.weight", {3}},    {"model.embed_tokens.weight", {5, 3}},
      {"model.a.up.weight", {6, 3}}, {"model.a.down.weight", {3, 6}},
      {"lm_head.weight", {5, 3}},
  };
  const std::vector<Stored> q_ = {{"model.q.lora_A.weight", {2, 3}},
                                  {"model.q.lora_B.weight", {4, 2}}};
  TempFolder folder_;
  const fs::path base_ = folder_ / "base", adapter_ = folder_ / "adapter", out_ = folder_ / "out";
};

std::vector<Stored> operator+(std::vector<Stored> a, const std::vector<Stored>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_F(PeftTest, AnAdapterFolderIsOneWithItsConfiguration) {
  EXPECT_TRUE(IsAdapterFolder(adapter_));
  EXPECT_FALSE(IsAdapterFolder(base_));
  EXPECT_FALSE(IsAdapterFolder(folder_ / "none"));
}

TEST_F(PeftTest, TheScaledProductIsAddedAndTheRestIsTheBases) {
  WriteAdapter(q_);
  const MergeReport report = Merge();
  EXPECT_EQ(report.merged, 1);
  EXPECT_THAT(report.replaced, IsEmpty());
  EXPECT_THAT(report.added, IsEmpty());
  ExpectLora("model.q", 1.5);
  ExpectOthersUnchanged({"model.q.weight"});
  std::vector<std::string> names;
  for (const Stored& tensor : base_tensors_) names.push_back(tensor.name);
  EXPECT_THAT(SafetensorsFolder(out_).names(), ElementsAreArray(names));
}

TEST_F(PeftTest, RankStabilisedScalingIsByTheRootOfTheRank) {
  WriteConfig(R"(,"use_rslora":true)");
  WriteAdapter(q_);
  Merge();
  ExpectLora("model.q", 3 / std::sqrt(2.0));
}

TEST_F(PeftTest, PatternsReplaceRankAndAlphaOfTheirModules) {
  WriteConfig(R"x(,"rank_pattern":{"a\\.(up|down)":1},"alpha_pattern":{"down":7,"a.down":9})x");
  WriteAdapter(q_ + std::vector<Stored>{{"model.a.up.lora_A.weight", {1, 3}},
                                        {"model.a.up.lora_B.weight", {6, 1}},
                                        {"model.a.down.lora_A.weight", {1, 6}},
                                        {"model.a.down.lora_B.weight", {3, 1}}});
  EXPECT_EQ(Merge().merged, 3);
  ExpectLora("model.q", 1.5);
  ExpectLora("model.a.up", 3);
  ExpectLora("model.a.down", 7);
}

TEST_F(PeftTest, MatricesWithTheInputFirstGetTheProductTransposed) {
  WriteConfig(R"(,"fan_in_fan_out":true)");
  WriteAdapter({{"model.q.lora_A.weight", {2, 4}}, {"model.q.lora_B.weight", {3, 2}}});
  Merge();
  ExpectMerged("model.q.weight", Transposed(Sum(Transposed(InBase("model.q.weight")), 1.5,
                                                InAdapter("model.q.lora_B.weight"),
                                                InAdapter("model.q.lora_A.weight"))));
}

TEST_F(PeftTest, AnEmbeddingsProductIsTransposed) {
  WriteAdapter({{"model.embed_tokens.lora_embedding_A", {2, 5}},
                {"model.embed_tokens.lora_embedding_B", {3, 2}}});
  EXPECT_EQ(Merge().merged, 1);
  ExpectMerged("model.embed_tokens.weight",
               Transposed(Sum(Transposed(InBase("model.embed_tokens.weight")), 1.5,
                              InAdapter("model.embed_tokens.lora_embedding_B"),
                              InAdapter("model.embed_tokens.lora_embedding_A"))));
}

TEST_F(PeftTest, DoraGivesEveryOutputItsMagnitude) {
  WriteConfig(R"(,"use_dora":true)");
  for (const char* suffix : {"lora_magnitude_vector", "lora_magnitude_vector.weight"}) {
    const std::string magnitude = std::string("model.q.") + suffix;
    WriteAdapter(q_ + std::vector<Stored>{{magnitude, {4}},
                                          {"model.embed_tokens.lora_embedding_A", {2, 5}},
                                          {"model.embed_tokens.lora_embedding_B", {3, 2}},
                                          {"model.embed_tokens.lora_magnitude_vector", {3}}});
    EXPECT_EQ(Merge().merged, 2);
    ExpectMerged("model.q.weight",
                 OfLengths(Sum(InBase("model.q.weight"), 1.5, InAdapter("model.q.lora_B.weight"),
                               InAdapter("model.q.lora_A.weight")),
                           InAdapter(magnitude)));
    const Matrix embedding = Sum(Transposed(InBase("model.embed_tokens.weight")), 1.5,
                                 InAdapter("model.embed_tokens.lora_embedding_B"),
                                 InAdapter("model.embed_tokens.lora_embedding_A"));
    ExpectMerged(
        "model.embed_tokens.weight",
        Transposed(OfLengths(embedding, InAdapter("model.embed_tokens.lora_magnitude_vector"))));
  }
}

TEST_F(PeftTest, TheBiasOfBIsScaledAndAdded) {
  WriteConfig(R"(,"lora_bias":true)");
  WriteAdapter(q_ + std::vector<Stored>{{"model.q.lora_B.bias", {4}}});
  const MergeReport report = Merge();
  EXPECT_EQ(report.merged, 1);
  EXPECT_THAT(report.replaced, IsEmpty());
  ExpectLora("model.q", 1.5);
  Matrix bias = InBase("model.q.bias");
  const Matrix added = InAdapter("model.q.lora_B.bias");
  for (int64_t i = 0; i < bias.rows; ++i) bias.At(i, 0) += 1.5 * added.At(i, 0);
  ExpectMerged("model.q.bias", bias);
}

TEST_F(PeftTest, BiasesOfTheAdapterReplaceTheBases) {
  for (const char* name : {"model.q.bias", "model.q.base_layer.bias"}) {
    WriteAdapter(q_ + std::vector<Stored>{{name, {4}}});
    EXPECT_THAT(Merge().replaced, ElementsAre("model.q.bias"));
    ExpectMerged("model.q.bias", InAdapter(name));
    ExpectOthersUnchanged({"model.q.weight", "model.q.bias"});
  }
}

TEST_F(PeftTest, SavedModulesReplaceTheBasesOrAreAdded) {
  WriteConfig(R"(,"modules_to_save":["score","norm"])");
  WriteAdapter(q_ + std::vector<Stored>{{"score.0.weight", {2, 3}, DType::kBFloat16},
                                        {"score.0.bias", {2}, DType::kFloat16},
                                        {"model.norm.weight", {3}, DType::kBFloat16}});
  const MergeReport report = Merge();
  EXPECT_THAT(report.replaced, ElementsAre("model.norm.weight"));
  EXPECT_THAT(report.added, ElementsAre("score.0.bias", "score.0.weight"));
  ExpectMerged("model.norm.weight", InAdapter("model.norm.weight"));
  ExpectMerged("score.0.weight", InAdapter("score.0.weight"), DType::kBFloat16);
  ExpectMerged("score.0.bias", InAdapter("score.0.bias"), DType::kFloat16);
  ExpectOthersUnchanged({"model.q.weight", "model.norm.weight"});
  EXPECT_EQ(SafetensorsFolder(out_).names().size(), base_tensors_.size() + 2);
}

TEST_F(PeftTest, AProductIsAddedToASavedBaseLayer) {
  WriteAdapter(q_ + std::vector<Stored>{{"model.q.base_layer.weight", {4, 3}}});
  const MergeReport report = Merge();
  EXPECT_EQ(report.merged, 1);
  EXPECT_THAT(report.replaced, ElementsAre("model.q.weight"));
  ExpectMerged("model.q.weight",
               Sum(InAdapter("model.q.base_layer.weight"), 1.5, InAdapter("model.q.lora_B.weight"),
                   InAdapter("model.q.lora_A.weight")));
}

TEST_F(PeftTest, HalfPrecisionBasesAreRoundedOnce) {
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    for (const DType adapter_dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16}) {
      WriteBase({{"model.q.weight", {32, 24}, dtype}, {"model.norm.weight", {24}, dtype}});
      WriteAdapter({{"model.q.lora_A.weight", {2, 24}, adapter_dtype},
                    {"model.q.lora_B.weight", {32, 2}, adapter_dtype}});
      Merge();
      ExpectMerged("model.q.weight",
                   Sum(InBase("model.q.weight"), 1.5, InAdapter("model.q.lora_B.weight"),
                       InAdapter("model.q.lora_A.weight")),
                   dtype);
      ExpectOthersUnchanged({"model.q.weight"});
    }
  }
}

TEST_F(PeftTest, ShardsBecomeOneFile) {
  WriteAdapter(q_);
  Merge();
  const std::string single = ReadText(out_ / "model.safetensors");
  WriteBase({});
  fs::remove(base_ / "model.safetensors");
  const auto middle = base_tensors_.begin() + 3;
  Write(base_ / "1.safetensors", {base_tensors_.begin(), middle});
  Write(base_ / "2.safetensors", {middle, base_tensors_.end()});
  std::string map;
  for (auto t = base_tensors_.begin(); t != base_tensors_.end(); ++t) {
    map += StrCat(map.empty() ? "" : ",", "\"", t->name, "\":\"", t < middle ? 1 : 2,
                  ".safetensors\"");
  }
  WriteText(base_ / "model.safetensors.index.json", R"({"weight_map":{)" + map + "}}");
  Merge();
  EXPECT_EQ(ReadText(out_ / "model.safetensors"), single);
}

TEST_F(PeftTest, ABackbonesNamesMayLackTheirPrefixOrTheAdapters) {
  WriteBase({{"q.weight", {4, 3}}});
  WriteAdapter(q_);
  Merge();
  const Matrix b = InAdapter("model.q.lora_B.weight"), a = InAdapter("model.q.lora_A.weight");
  ExpectMerged("q.weight", Sum(InBase("q.weight"), 1.5, b, a));
  WriteBase(base_tensors_);
  WriteAdapter({{"q.lora_A.weight", {2, 3}}, {"q.lora_B.weight", {4, 2}}});
  Merge();
  ExpectMerged("model.q.weight", Sum(InBase("model.q.weight"), 1.5, InAdapter("q.lora_B.weight"),
                                     InAdapter("q.lora_A.weight")));
  // The same name sorts first.
  WriteBase(base_tensors_ + std::vector<Stored>{{"q.weight", {4, 3}}});
  Merge();
  ExpectMerged("q.weight", Sum(InBase("q.weight"), 1.5, InAdapter("q.lora_B.weight"),
                               InAdapter("q.lora_A.weight")));
  ExpectOthersUnchanged({"q.weight"});
}

TEST_F(PeftTest, TensorsThatTheBaseLacksAreRefused) {
  EXPECT_THAT(ErrorWith({{"model.k.lora_A.weight", {2, 3}}, {"model.k.lora_B.weight", {4, 2}}}),
              AllOf(HasSubstr("model.k.lora_A.weight is for model.k.weight, which the base lacks"),
                    HasSubstr("expected")));
  EXPECT_THAT(ErrorWith({{"score.weight", {2, 3}}}), HasSubstr("score.weight, which the base"));
  EXPECT_THAT(ErrorWith({{"model.norm.bias", {3}}}), HasSubstr("model.norm.bias, which the base"));
  EXPECT_THAT(ErrorWith({{"score.lora_A.weight", {2, 3}}, {"score.lora_B.weight", {4, 2}}}),
              HasSubstr("score.weight, which the base lacks"));
  WriteConfig(R"(,"lora_bias":true)");
  EXPECT_THAT(ErrorWith({{"model.a.up.lora_A.weight", {2, 3}},
                         {"model.a.up.lora_B.weight", {6, 2}},
                         {"model.a.up.lora_B.bias", {6}}}),
              HasSubstr("model.a.up.bias, which the base lacks"));
}

TEST_F(PeftTest, HalfAPairIsRefused) {
  EXPECT_THAT(ErrorWith({q_[0]}), HasSubstr("lora_A.weight is not one of a pair"));
  EXPECT_THAT(ErrorWith({q_[1]}), HasSubstr("lora_B.weight is not one of a pair"));
  EXPECT_THAT(ErrorWith({q_[0], {"model.q.lora_embedding_B", {4, 2}}}),
              AllOf(HasSubstr("is not one of a pair"), HasSubstr("expected of module model.q")));
  EXPECT_THAT(ErrorWith({{"model.q.lora_B.bias", {4}}}), HasSubstr("is not one of a pair"));
  EXPECT_THAT(ErrorWith(q_ + std::vector<Stored>{{"model.q.lora_embedding_A", {2, 4}}}),
              HasSubstr("is not one of a pair"));
}

TEST_F(PeftTest, ShapesThatFitNeitherTheRankNorTheBaseAreRefused) {
  EXPECT_THAT(ErrorWith({{"model.q.lora_A.weight", {3, 3}}, {"model.q.lora_B.weight", {4, 3}}}),
              AllOf(HasSubstr("model.q.lora_A.weight is [3, 3]; expected [2, 3]: rank 2 of "),
                    HasSubstr("model.q.weight [4, 3] of the base")));
  EXPECT_THAT(ErrorWith({q_[0], {"model.q.lora_B.weight", {3, 2}}}),
              HasSubstr("lora_B.weight is [3, 2]; expected [4, 2]"));
  EXPECT_THAT(ErrorWith({{"model.q.lora_A.weight", {2, 3, 1, 1}}, q_[1]}),
              HasSubstr("[2, 3, 1, 1]; expected [2, 3]"));
  EXPECT_THAT(
      ErrorWith({{"model.norm.lora_A.weight", {2, 3}}, {"model.norm.lora_B.weight", {4, 2}}}),
      HasSubstr("is for model.norm.weight [3]; expected a matrix"));
  EXPECT_THAT(ErrorWith({{"model.norm.weight", {4}}}), HasSubstr("is [4]; expected [3]"));
  WriteConfig(R"(,"use_dora":true)");
  EXPECT_THAT(ErrorWith(q_ + std::vector<Stored>{{"model.q.lora_magnitude_vector", {3}}}),
              HasSubstr("lora_magnitude_vector is [3]; expected [4]"));
  WriteConfig(R"(,"lora_bias":true)");
  EXPECT_THAT(ErrorWith(q_ + std::vector<Stored>{{"model.q.lora_B.bias", {3}}}),
              HasSubstr("lora_B.bias is [3]; expected [4]"));
}

TEST_F(PeftTest, TensorsThatTheConfigurationDoesNotKnowAreRefusedAndItsOwnNeeded) {
  EXPECT_THAT(ErrorWith(q_ + std::vector<Stored>{{"model.q.lora_magnitude_vector", {4}}}),
              HasSubstr("lora_magnitude_vector is present without use_dora"));
  EXPECT_THAT(ErrorWith(q_ + std::vector<Stored>{{"model.q.lora_B.bias", {4}}}),
              HasSubstr("lora_B.bias is present without lora_bias"));
  WriteConfig(R"(,"use_dora":true)");
  EXPECT_THAT(ErrorWith(q_), HasSubstr("has no lora_magnitude_vector for use_dora"));
  WriteConfig(R"(,"lora_bias":true)");
  EXPECT_THAT(ErrorWith(q_), HasSubstr("has no lora_B.bias for lora_bias"));
}

TEST_F(PeftTest, NoTensorOfTheAdapterIsIgnored) {
  WriteConfig(R"(,"modules_to_save":["score"])");
  for (const char* name :
       {"model.q.lora_A.default.weight", "model.q.lora_A.bias", "model.q.lora_C.weight",
        "score.modules_to_save.weight", "score.original_module.weight"}) {
    EXPECT_THAT(ErrorWith(q_ + std::vector<Stored>{{name, {2}}}),
                AllOf(HasSubstr(name), HasSubstr("is not a known part of an adapter; expected")));
  }
  EXPECT_THAT(ErrorWith(q_ + std::vector<Stored>{{"model.norm.weight", {3}},
                                                 {"model.norm.base_layer.weight", {3}}}),
              HasSubstr("another one replaces model.norm.weight too"));
  EXPECT_THAT(ErrorWith({{"model.norm.weight", {3}}, {"norm.weight", {3}}}),
              HasSubstr("is for model.norm.weight, as base_model.model."));
  EXPECT_THAT(
      ErrorWith(q_ + std::vector<Stored>{{"q.lora_A.weight", {2, 3}}, {"q.lora_B.weight", {4, 2}}}),
      HasSubstr("is for model.q.weight, as base_model.model."));
  Write(adapter_ / "adapter_model.safetensors", {{"model.norm.weight", {3}}});
  EXPECT_THAT(MergeError(), HasSubstr("expected a name that begins with base_model.model."));
}

TEST_F(PeftTest, AnOutputLayerOfItsOwnIsRefusedWhereTheBaseTiesIt) {
  WriteBase({{"model.embed_tokens.weight", {5, 3}}});
  WriteConfig(R"(,"modules_to_save":["lm_head"])");
  WriteAdapter({{"lm_head.weight", {5, 3}}});
  ModelConfig config = TinyConfig();
  WriteText(base_ / "config.json", WriteConfigJson(config));
  EXPECT_THAT(MergeError(ErrorCode::kUnimplemented),
              AllOf(HasSubstr("lm_head.weight"), HasSubstr("tie_word_embeddings false")));
  config.tie_word_embeddings = false;
  WriteText(base_ / "config.json", WriteConfigJson(config));
  EXPECT_THAT(Merge().added, ElementsAre("lm_head.weight"));
}

TEST_F(PeftTest, ValuesThatTheFormatCannotHoldAreRefusedAndNothingIsLeft) {
  WriteBase({{"model.q.weight", {4, 3}, DType::kFloat16}});
  WriteConfig(R"(,"alpha_pattern":{"q":1000000})");
  WriteAdapter(q_);
  EXPECT_THAT(MergeError(), HasSubstr("makes values of model.q.weight F16 that are not finite"));
}

TEST_F(PeftTest, MissingAndPickledFilesAreNamed) {
  const auto error = [&](ErrorCode code) { return MergeError(code); };
  EXPECT_THAT(error(ErrorCode::kNotFound), HasSubstr("adapter_model.safetensors"));
  WriteText(adapter_ / "adapter_model.bin", "x");
  EXPECT_THAT(error(ErrorCode::kUnimplemented),
              AllOf(HasSubstr("adapter_model.bin: pickled weights are not read"),
                    HasSubstr("python3 -c"), HasSubstr("save_file")));
  WriteAdapter(q_);
  fs::remove(adapter_ / "adapter_config.json");
  EXPECT_THAT(error(ErrorCode::kNotFound), HasSubstr("expected adapter_config.json"));
  WriteConfig("");
  fs::remove(base_ / "model.safetensors");
  EXPECT_THAT(error(ErrorCode::kNotFound),
              AllOf(HasSubstr("no weights in"), HasSubstr(base_.string())));
  WriteConfig(R"(,"use_qalora":true)");
  WriteBase(base_tensors_);
  EXPECT_THAT(error(ErrorCode::kUnimplemented), HasSubstr("use_qalora"));
}

TEST_F(PeftTest, WeightsThatAreThereAreNotWrittenOver) {
  WriteAdapter(q_);
  const std::string before = ReadText(base_ / "model.safetensors");
  EXPECT_THAT(MessageOf([&] { MergeAdapter(base_, adapter_, base_); }, ErrorCode::kAlreadyExists),
              HasSubstr("model.safetensors already exists"));
  EXPECT_EQ(ReadText(base_ / "model.safetensors"), before);
}

}  // namespace
}  // namespace prm
