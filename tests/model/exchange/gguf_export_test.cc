#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/load_tokenizer.h"
#include "model/config/config_json.h"
#include "model/exchange/export.h"
#include "tests/model/exchange/export_fixture.h"

namespace prm {
namespace {

at::Tensor Logits(const LoadedModel& model) {
  return Decoder(model.config, model.weights).VocabularyLogits(Pack(Traces()));
}

// Exports, and reads the file with our reader of published files.
class ExportGgufTest : public ExportTest {
 protected:
  LoadedModel Exported(std::optional<DType> matrices = {}) {
    ExportGguf(from_, gguf_, matrices);
    return LoadModel(gguf_, {.lm_head = true});
  }
  LoadedModel Original() {
    const PrmJson prm = ReadPrmJson(from_ / "prm.json");
    return LoadModel(from_, {.head = &prm.head, .lm_head = true});
  }
  void ExpectEqualLogits() { EXPECT_TRUE(at::equal(Logits(Original()), Logits(Exported()))); }
};

TEST_F(ExportGgufTest, LogitsAreThoseOfTheCheckpoint) {
  for (const bool tied : {true, false}) {
    Model model;
    model.config.tie_word_embeddings = tied;
    Write(model);
    ExpectEqualLogits();
    EXPECT_EQ(Exported().config.tie_word_embeddings, tied);
  }
}

TEST_F(ExportGgufTest, Qwen2HasItsBiasesAndItsRotaryLayout) {
  Model model;
  model.config.model_type = "qwen2";
  model.config.qkv_bias = true;
  Write(model);
  ExpectEqualLogits();
  EXPECT_EQ(Exported().config.model_type, "qwen2");
}

TEST_F(ExportGgufTest, MistralIsALlamaUpToItsWindow) {
  Model model;
  model.config.model_type = "mistral";
  model.config.sliding_window = {24, 24};
  Write(model);
  EXPECT_THAT(ExportGguf(from_, gguf_, {}), HasSubstr("sliding window of 24 tokens"));
  EXPECT_EQ(Exported().config.max_position_embeddings, 24);
  EXPECT_EQ(Exported().config.model_type, "llama");
  ExpectEqualLogits();
}

TEST_F(ExportGgufTest, StretchedContextsKeepTheirAngles) {
  Model linear;
  linear.config.rope_scaling = {.kind = RopeScaling::Kind::kLinear, .factor = 4};
  Model llama3;
  llama3.config.rope_theta = 500000;
  llama3.config.head_dim = 16;
  llama3.config.rope_scaling = {
      .kind = RopeScaling::Kind::kLlama3, .factor = 32, .original_max_positions = 8192};
  for (const Model& model : {linear, llama3}) {
    Write(model);
    ExpectEqualLogits();
    EXPECT_EQ(Exported().config.rope_scaling.kind, model.config.rope_scaling.kind);
  }
}

TEST_F(ExportGgufTest, MatricesAreRoundedToTheNearestAndNothingElseIs) {
  Write(Model());
  const LoadedModel original = Original();
  for (const auto& [dtype, type] : {std::pair(DType::kFloat32, at::kFloat),
                                    {DType::kFloat16, at::kHalf},
                                    {DType::kBFloat16, at::kBFloat16}}) {
    const LoadedModel exported = Exported(dtype);
    const auto rounded = [type = type](const at::Tensor& t) { return t.to(type).to(at::kFloat); };
    EXPECT_TRUE(at::equal(exported.weights.embedding, rounded(original.weights.embedding)));
    for (size_t layer = 0; layer < 2; ++layer) {
      for (const LayerPart part : kLayerParts) {
        const at::Tensor& before = original.weights.layers[layer][part];
        if (!before.defined()) continue;
        const at::Tensor expected = IsNorm(part) ? before : rounded(before);
        EXPECT_TRUE(at::equal(exported.weights.layers[layer][part], expected)) << int(part);
      }
    }
    const MappedFile file(gguf_);
    const GgufContents contents = ParseGguf(file.bytes(), "f");
    for (const TensorView& tensor : contents.tensors) {
      EXPECT_EQ(tensor.dtype, tensor.shape.size() == 1 ? DType::kFloat32 : dtype) << tensor.name;
    }
  }
}

TEST_F(ExportGgufTest, ABackboneAloneIsWrittenAndAMissingOutputLayerIsTold) {
  Model model;
  model.head = {};
  Write(model);
  fs::remove(from_ / "prm.json");
  EXPECT_EQ(ExportGguf(from_, gguf_, {}), "");
  Model headed;
  headed.config.tie_word_embeddings = false;
  Write(headed);
  EXPECT_THAT(ExportGguf(from_, gguf_, {}), HasSubstr("the step head is not in the file"));
  std::vector<ExpectedTensor> tensors = TinyTensors(headed.config);
  tensors.back() = headed.head[0];  // instead of lm_head.weight
  WriteTinyFolder(from_, headed.config, tensors);
  EXPECT_THAT(ExportGguf(from_, gguf_, {}), HasSubstr("no output layer"));
}

TEST_F(ExportGgufTest, WhatGgufHasNoNameForIsRefused) {
  const auto refusal = [&](auto change) {
    Model model;
    change(&model);
    return GgufRefusal(model);
  };
  for (const char* type : {"qwen3", "phi3", "gemma2"}) {
    EXPECT_THAT(refusal([type](Model* m) {
                  m->config.model_type = type;
                  m->config.qk_norm = m->config.model_type == "qwen3";
                  if (m->config.model_type != "gemma2") return;
                  m->config = ParseConfigJson(
                      R"({"architectures": ["Gemma2ForCausalLM"], "hidden_size": 16,
                          "intermediate_size": 16, "num_hidden_layers": 1, "vocab_size": 270,
                          "num_attention_heads": 4, "head_dim": 4})",
                      "test");
                }),
                HasSubstr(StrCat("model_type \"", type, "\" is not supported")));
  }
  EXPECT_THAT(refusal([](Model* m) { m->config.qkv_bias = m->config.attention_out_bias = true; }),
              HasSubstr("attention_bias"));
  EXPECT_THAT(refusal([](Model* m) { m->config.mlp_bias = true; }), HasSubstr("mlp_bias"));
  EXPECT_THAT(refusal([](Model* m) { m->config.activation = Activation::kGeluTanh; }),
              HasSubstr("activation"));
  EXPECT_THAT(refusal([](Model* m) {
                m->config.rope_scaling = {.kind = RopeScaling::Kind::kDynamic, .factor = 2};
              }),
              HasSubstr("rope scaling of type dynamic"));
  EXPECT_THAT(refusal([](Model* m) {
                m->config.rope_scaling = {
                    .kind = RopeScaling::Kind::kYarn, .factor = 2, .original_max_positions = 32};
              }),
              HasSubstr("rope scaling of type yarn"));
}

TEST_F(ExportGgufTest, TokenizersThatGgufHasNoNameForAreRefused) {
  const auto refusal = [&](auto change) {
    Model model;
    change(&model.tokenizer);
    return GgufRefusal(model);
  };
  EXPECT_THAT(refusal([](BpeSpec* s) {
                s->split.kind = PreTokenizer::kStages;
                s->split.stages = {{.regex = "-"}};
              }),
              HasSubstr("splits by stages"));
  EXPECT_THAT(refusal([](BpeSpec* s) { s->split.kind = PreTokenizer::kQwen2; }),
              HasSubstr("splits by qwen2 is not supported"))
      << "without NFC";
  EXPECT_THAT(refusal([](BpeSpec* s) { s->ignore_merges = true; }),
              HasSubstr("splits by gpt2, taking whole words first"));
  EXPECT_THAT(refusal([](BpeSpec* s) { s->split.prefix_space = TextSplit::PrefixSpace::kAlways; }),
              HasSubstr("with a space before a text"));
  EXPECT_THAT(refusal([](BpeSpec* s) { s->special_tokens[0].rstrip = true; }),
              HasSubstr("take in white space"));
  Model small;
  small.config.vocab_size = 262;
  EXPECT_THAT(GgufRefusal(small, ErrorCode::kInvalidArgument), HasSubstr("has 264 tokens"));
}

TEST_F(ExportGgufTest, AValueBeyondFloat16IsRefusedByTensor) {
  Write(Model());
  const auto tensors = TinyTensors(Model().config);
  std::vector<TensorHeader> headers;
  for (const ExpectedTensor& t : tensors) headers.push_back({t.name, {}, t.shape});
  headers.push_back({"score.weight", {}, {4, 16}});
  SafetensorsWriter writer(from_ / "model.safetensors", headers);
  for (const TensorHeader& t : headers) {
    std::vector<float> values(size_t(*NumElements(t.shape)), 1.0f);
    if (t.name == "model.layers.1.mlp.down_proj.weight") values[3] = 1e5f;
    writer.Add(t.name, values);
  }
  writer.Finish();
  EXPECT_THAT(MessageOf([&] { ExportGguf(from_, gguf_, DType::kFloat16); }, ErrorCode::kOutOfRange),
              HasSubstr("tensor model.layers.1.mlp.down_proj.weight: value 100000 is beyond"));
  EXPECT_FALSE(fs::exists(gguf_));
}

TEST_F(ExportGgufTest, TokenIdsAreThoseOfTheCheckpoint) {
  Write(Model());
  const auto before = LoadTokenizer(from_), after = Exported().tokenizer;
  for (const char* text : {"hello <|end|>more w<tool>", "hell\n  he", "\xC3\xA9 h\x01"}) {
    for (const SpecialTokens special : {SpecialTokens::kText, SpecialTokens::kParse}) {
      EXPECT_EQ(Ids(*before, text, special), Ids(*after, text, special)) << text;
    }
  }
  EXPECT_EQ(before->bos_id(), after->bos_id());
  EXPECT_EQ(before->eos_id(), after->eos_id());
  EXPECT_EQ(after->vocab_size(), 270) << "as many as the embedding has rows";
}

// `name` is a folder of the shared data with a published tokenizer.
class PublishedTokenizer : public ExportGgufTest,
                           public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Gguf, PublishedTokenizer,
                         testing::Values("gpt2", "qwen", "llama3", "smollm2", "llama2",
                                         "mistral_v1"));

TEST_P(PublishedTokenizer, GivesItsIdsFromTheExportedFile) {
  const std::string folder = std::string("tokenizers/") + GetParam();
  PRM_NEED_SHARED_DATA(folder);
  PRM_NEED_SHARED_DATA("tokenizers/expected_ids.jsonl.xz");
  const auto before = LoadTokenizer(SharedData() / folder);
  Model model;
  model.config.vocab_size = before->vocab_size() + 3;
  Write(model);
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) fs::remove(from_ / file);
  before->Save(from_);
  ExportGguf(from_, gguf_, DType::kBFloat16);
  const auto weights = OpenWeights(gguf_);
  const auto after = weights->tokenizer();
  LineReader lines(SharedData() / "tokenizers/expected_ids.jsonl.xz");
  int texts = 0;
  for (std::string_view line; lines.Next(&line); ++texts) {
    const std::string text = json::parse(line)["text"];
    for (const TextStart start : {TextStart::kNew, TextStart::kContinues}) {
      std::vector<TokenId> ids, again;
      before->Encode(text, SpecialTokens::kText, &ids, start);
      after->Encode(text, SpecialTokens::kText, &again, start);
      ASSERT_EQ(ids, again) << text;
    }
  }
  EXPECT_GT(texts, 50);
  EXPECT_EQ(before->bos_id(), after->bos_id());
  EXPECT_EQ(before->eos_id(), after->eos_id());
}

}  // namespace
}  // namespace prm
