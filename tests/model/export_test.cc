#include "model/export.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/text_io.h"
#include "model/checkpoint.h"
#include "model/gguf_model.h"
#include "model/mapped_file.h"
#include "tests/data/tokenizer_fixtures.h"
#include "tests/file_size_limit.h"
#include "tests/model/tiny_files.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr TokenId kTag = 261;  // a control token of TinySpec; 263 is an added one that is ordinary

// How a test's checkpoint differs from a tiny Llama with a linear head, read at kTag.
struct Model {
  ModelConfig config = [] {
    ModelConfig c = TinyConfig();
    c.hidden_size = 16;
    c.head_dim = 4;
    c.vocab_size = 270;  // more than the tokenizer has
    return c;
  }();
  PrmJson prm = [] {
    PrmJson p;
    p.max_tokens = 64;
    p.base_model = "tiny";
    p.training_data = {{"train.jsonl", std::string(64, 'a')}};
    p.format.prompt = {{.ids = {}, .text = "{problem}\n"}};
    p.format.step = {{.ids = {}, .text = "{step}"}, {.ids = {kTag}, .text = ""}};
    return p;
  }();
  std::vector<ExpectedTensor> head = {{"score.weight", {4, 16}}};
  BpeSpec tokenizer = TinySpec();
  std::vector<std::pair<std::string, json>> config_changes = {};
};

std::vector<TraceTokens> Traces() {
  return {{{104, 256, 258, 10, 257, 261, 259, 33, 261}, {5, 8}}, {{1, 2, 3, 261}, {3}}};
}

class ExportTest : public testing::Test {
 protected:
  void Write(const Model& model) {
    std::vector<ExpectedTensor> tensors = TinyTensors(model.config);
    tensors.insert(tensors.end(), model.head.begin(), model.head.end());
    fs::remove_all(from_);
    fs::remove_all(out_);
    WriteTinyFolder(from_, model.config, tensors);
    json config = json::parse(ReadText(from_ / "config.json"));
    for (const auto& [key, value] : model.config_changes) config[key] = value;
    WriteText(from_ / "config.json", config.dump());
    MakeBpeTokenizer(model.tokenizer)->Save(from_);
    WriteText(from_ / "prm.json", WritePrmJson(model.prm));
  }
  std::string Refusal(const Model& model, FolderTarget target) {
    Write(model);
    const std::string message =
        MessageOf([&] { ExportFolder(from_, out_, target); }, ErrorCode::kUnimplemented);
    EXPECT_THAT(message, HasSubstr(from_.string()));
    EXPECT_FALSE(fs::exists(out_));
    return message;
  }
  std::string HfRefusal(const Model& model) { return Refusal(model, FolderTarget::kTransformers); }
  std::string VllmRefusal(const Model& model) { return Refusal(model, FolderTarget::kVllm); }
  std::string GgufRefusal(const Model& model, ErrorCode code = ErrorCode::kUnimplemented) {
    Write(model);
    const std::string message = MessageOf([&] { ExportGguf(from_, gguf_, {}); }, code);
    EXPECT_FALSE(fs::exists(gguf_));
    EXPECT_THAT(Names(folder_.path()), ElementsAre("from"));
    return message;
  }
  void ExpectEqualScores() {
    const LoadedModel a = LoadModel(from_), b = LoadModel(out_);
    const auto before = ScoreSteps(Decoder(a.config, a.weights), a.prm->head, Traces());
    const auto after = ScoreSteps(Decoder(b.config, b.weights), b.prm->head, Traces());
    ASSERT_EQ(before.size(), after.size());
    for (size_t t = 0; t < before.size(); ++t) {
      EXPECT_EQ(before[t].p_correct, after[t].p_correct);
      EXPECT_EQ(before[t].label_probs, after[t].label_probs);
      EXPECT_NE(before[t].p_correct[0], 0.5f);
    }
  }
  json Config() const { return json::parse(ReadText(out_ / "config.json")); }

  TempFolder folder_;
  fs::path from_ = folder_ / "from", out_ = folder_ / "out", gguf_ = folder_ / "out.gguf";
};

Model TwoLayers() {
  Model model;
  model.prm.head.layers = {"score.0", "score.2"};
  model.prm.head.labels = {"wrong", "correct"};
  model.head = {{"score.0.weight", {16, 16}}, {"score.0.bias", {16}}, {"score.2.weight", {2, 16}}};
  return model;
}

Model LmHead() {
  Model model;
  model.config.tie_word_embeddings = false;
  model.prm.head.layers = {"lm_head"};
  model.prm.head.outputs = Head::Outputs::kRows;
  model.prm.head.rows = {43, 45};
  model.prm.head.labels = {"correct", "wrong"};
  model.head = {};
  return model;
}

Model Value() {
  Model model;
  model.prm.head.layers = {"v_head.summary"};
  model.prm.head.activation = Head::Activation::kSigmoid;
  model.prm.head.labels = {};
  model.head = {{"v_head.summary.weight", {1, 16}}};
  return model;
}

Model Ensemble() {
  Model model = Value();
  model.prm.head.layers = {"heads"};
  model.head = {{"heads.weight", {3, 16, 1}}};
  return model;
}

Model Implicit() {
  Model model;
  model.prm.head = {};
  model.prm.head.layers = {};
  model.prm.head.labels = {};
  model.prm.head.implicit_beta = 0.05;
  model.head = {};
  return model;
}

// --- folders -------------------------------------------------------------------------------------

TEST_F(ExportTest, AFolderScoresLikeItsCheckpoint) {
  for (const FolderTarget target : {FolderTarget::kTransformers, FolderTarget::kVllm}) {
    Write(Model());
    ExportFolder(from_, out_, target);
    ExpectEqualScores();
  }
}

TEST_F(ExportTest, AFolderHoldsTheTensorsAndKeysOfTokenClassification) {
  Write(Model());
  ExportFolder(from_, out_, FolderTarget::kTransformers);
  EXPECT_THAT(Names(out_), ElementsAre("README.md", "config.json", "model.safetensors", "prm.json",
                                       "tokenizer.json", "tokenizer_config.json"));
  const json config = Config();
  EXPECT_EQ(config["architectures"], json({"LlamaForTokenClassification"}));
  EXPECT_EQ(config["num_labels"], 4);
  EXPECT_EQ(config["id2label"]["2"], "incorrect");
  EXPECT_EQ(config["label2id"]["incomplete"], 3);
  EXPECT_EQ(config["dtype"], "float32");
  const SafetensorsFolder from(from_), out(out_);
  for (const auto& [name, tensor] : out.tensors()) {
    EXPECT_TRUE(name.starts_with("model.") || name == "score.weight" || name == "score.bias");
    if (name == "score.bias") continue;
    const TensorView& before = from.tensors().at(name);
    EXPECT_EQ(std::memcmp(tensor.data, before.data, before.bytes), 0) << name;
  }
  EXPECT_EQ(out.tensors().size(), from.tensors().size() + 1);
  const TensorView& bias = out.tensors().at("score.bias");
  EXPECT_THAT(bias.shape, ElementsAre(4));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bias.data), bias.bytes), std::string(16, 0));
}

TEST_F(ExportTest, ValuesStayBitForBitInTheirStoredType) {
  Write(Model());
  SafetensorsFolder stored(from_);
  std::vector<TensorHeader> headers;
  for (const auto& [name, tensor] : stored.tensors()) {
    const bool is_half = name.find("_proj") != std::string::npos;
    headers.push_back({name, is_half ? DType::kFloat16 : DType::kBFloat16, tensor.shape});
  }
  SafetensorsWriter writer(from_ / "other", headers);
  for (const auto& [name, tensor] : stored.tensors()) {
    std::vector<float> values(size_t(*NumElements(tensor.shape)));
    ToFloat32(tensor, values);
    writer.Add(name, values);
  }
  writer.Finish();
  fs::rename(from_ / "other", from_ / "model.safetensors");
  ExportFolder(from_, out_, FolderTarget::kTransformers);
  ExpectEqualScores();
  const SafetensorsFolder from(from_), out(out_);
  for (const auto& [name, tensor] : from.tensors()) {
    EXPECT_EQ(out.tensors().at(name).dtype, tensor.dtype) << name;
    EXPECT_EQ(std::memcmp(out.tensors().at(name).data, tensor.data, tensor.bytes), 0) << name;
  }
  EXPECT_EQ(Config()["dtype"], "float32") << "the type that holds both";
}

TEST_F(ExportTest, EveryFamilyHasItsClass) {
  for (const auto& [type, name] :
       {std::pair("mistral", "Mistral"), {"qwen2", "Qwen2"}, {"qwen3", "Qwen3"}}) {
    Model model;
    model.config.model_type = type;
    model.config.qkv_bias = model.config.model_type == "qwen2";
    model.config.qk_norm = model.config.model_type == "qwen3";
    Write(model);
    ExportFolder(from_, out_, FolderTarget::kTransformers);
    EXPECT_EQ(Config()["architectures"][0], std::string(name) + "ForTokenClassification");
    ExpectEqualScores();
  }
}

TEST_F(ExportTest, TheCardTellsLabelsFormatAndProvenance) {
  Write(Model());
  WriteText(folder_ / "metrics.jsonl",
            "{\"loss\":1}\n{\"dev_step_auroc\":0.75,\"step\":7}\n{\"loss\":1}\n");
  ExportFolder(from_, out_, FolderTarget::kTransformers);
  const std::string card = ReadText(out_ / "README.md");
  for (const char* part :
       {"| 3 | `incomplete` | breaks off before", "after_first_error=masked",
        "the text `\"{step}\"`, then token 261 (`\"<|end|>\"`)", "| train.jsonl | `aaaa",
        "| 0.75 | 7 |", "ids += [261]", ":, [0,1]].sum(-1)"}) {
    EXPECT_THAT(card, HasSubstr(part));
  }
}

TEST_F(ExportTest, TheCardAsksForTheAttentionThatCapsItsLogits) {
  Model model;
  Write(model);
  ExportFolder(from_, out_, FolderTarget::kTransformers);
  EXPECT_THAT(ReadText(out_ / "README.md"), Not(HasSubstr("attn_implementation")));
  model.config.model_type = "gemma2";
  model.config.post_norms = true;
  model.config.norm_offset = 1;
  model.config.activation = Activation::kGeluTanh;
  model.config.embedding_scale = 4;
  model.config.attention_scale = 0.5;
  model.config.attention_softcap = 3;
  Write(model);
  ExportFolder(from_, out_, FolderTarget::kTransformers);
  EXPECT_THAT(ReadText(out_ / "README.md"),
              HasSubstr("dtype=torch.float32,\n    attn_implementation=\"eager\").eval()"));
}

TEST_F(ExportTest, HeadsThatTransformersLacksAreRefusedByName) {
  EXPECT_THAT(HfRefusal(TwoLayers()), HasSubstr("2 layers (score.0, score.2)"));
  EXPECT_THAT(HfRefusal(LmHead()), HasSubstr("tokens of lm_head"));
  EXPECT_THAT(HfRefusal(Value()), HasSubstr("v_head.summary is a value under a sigmoid"));
  EXPECT_THAT(HfRefusal(Ensemble()), HasSubstr("heads is an ensemble of 3"));
  EXPECT_THAT(HfRefusal(Implicit()), HasSubstr("log-ratio of two language models"));
  Model named;
  named.prm.head.layers = {"classifier"};
  named.head = {{"classifier.weight", {4, 16}}};
  EXPECT_THAT(HfRefusal(named), HasSubstr("named classifier; expected score"));
  Model rotated;
  rotated.config.rotary_layout = RotaryLayout::kInterleaved;
  EXPECT_THAT(HfRefusal(rotated), HasSubstr("interleaved"));
}

TEST_F(ExportTest, WhatIsNoCheckpointOrTheTargetItselfIsRefused) {
  Write(Model());
  const auto to = [&](const fs::path& out) {
    return MessageOf([&] { ExportFolder(from_, out, FolderTarget::kTransformers); },
                     ErrorCode::kInvalidArgument);
  };
  EXPECT_THAT(to(from_), HasSubstr("is the checkpoint itself"));
  EXPECT_THAT(to(from_ / ".." / "from/"), HasSubstr("is the checkpoint itself"));
  fs::remove(from_ / "prm.json");
  EXPECT_THAT(MessageOf([&] { ExportFolder(from_, out_, FolderTarget::kTransformers); },
                        ErrorCode::kFailedPrecondition),
              HasSubstr("prm.json"));
}

TEST_F(ExportTest, NoFolderIsReplacedAndTheSumsAreOfTheNewFiles) {
  Write(Model());
  ExportFolder(from_, out_, FolderTarget::kTransformers);
  EXPECT_EQ(ReadPrmJson(out_ / "prm.json").files, SumFiles(out_));
  WriteText(out_ / "mine", "to be kept");
  EXPECT_THAT(MessageOf([&] { ExportFolder(from_, out_, FolderTarget::kTransformers); },
                        ErrorCode::kAlreadyExists),
              HasSubstr(out_.string()));
  EXPECT_EQ(ReadText(out_ / "mine"), "to be kept");
}

TEST_F(ExportTest, ADamagedCheckpointIsNotExported) {
  Write(Model());
  PrmJson prm = ReadPrmJson(from_ / "prm.json");
  prm.files = SumFiles(from_);
  WriteText(from_ / "prm.json", WritePrmJson(prm));
  std::string weights = ReadText(from_ / "model.safetensors");
  weights.back() = char(weights.back() ^ 1);
  WriteText(from_ / "model.safetensors", weights);
  const auto refused = [&](const auto& write) {
    EXPECT_THAT(MessageOf(write, ErrorCode::kDataLoss), HasSubstr("model.safetensors: is not as"));
    EXPECT_THAT(Names(folder_.path()), ElementsAre("from"));
  };
  refused([&] { ExportFolder(from_, out_, FolderTarget::kTransformers); });
  refused([&] { ExportGguf(from_, gguf_, {}); });
  ExportFolder(from_, out_, FolderTarget::kTransformers, /*verify=*/false);
  ExportGguf(from_, gguf_, {}, /*verify=*/false);
}

TEST_F(ExportTest, AFullDiskLeavesNothing) {
  Write(Model());
  {
    const FileSizeLimit limit(4 << 10);
    EXPECT_THROW(ExportFolder(from_, out_, FolderTarget::kTransformers), Error);
    EXPECT_THROW(ExportGguf(from_, gguf_, {}), Error);
  }
  EXPECT_THAT(Names(folder_.path()), ElementsAre("from"));
}

// --- vLLM ----------------------------------------------------------------------------------------

TEST_F(ExportTest, VllmIsToldTheTagAndNothingElse) {
  Write(Model());
  ExportFolder(from_, out_, FolderTarget::kVllm);
  EXPECT_EQ(json::parse(ReadText(out_ / "vllm_pooler.json")),
            json({{"pooling_type", "STEP"}, {"step_tag_id", kTag}}));
  EXPECT_THAT(ReadText(out_ / "README.md"),
              HasSubstr("--runner pooling --convert classify --pooler-config "
                        "'{\"pooling_type\":\"STEP\",\"step_tag_id\":261}'"));
}

TEST_F(ExportTest, TokensOfTheOutputLayerBecomeALinearHeadOfEqualScores) {
  for (const bool tied : {false, true}) {
    Model model = LmHead();
    model.config.tie_word_embeddings = tied;
    Write(model);
    ExportFolder(from_, out_, FolderTarget::kVllm);
    ExpectEqualScores();
    EXPECT_FALSE(SafetensorsFolder(out_).tensors().contains("lm_head.weight"));
    EXPECT_EQ(Config()["id2label"]["0"], "correct");
  }
}

TEST_F(ExportTest, TwoLayersOverQwen2AreItsProcessRewardModel) {
  Model model = TwoLayers();
  model.config.model_type = "qwen2";
  model.config.qkv_bias = true;
  Write(model);
  ExportFolder(from_, out_, FolderTarget::kVllm);
  ExpectEqualScores();
  EXPECT_EQ(Config()["architectures"][0], "Qwen2ForProcessRewardModel");
  EXPECT_TRUE(SafetensorsFolder(out_).tensors().contains("score.2.bias"));
  EXPECT_THAT(ReadText(out_ / "README.md"), Not(HasSubstr("AutoModel")));
}

TEST_F(ExportTest, HeadsThatVllmLacksAreRefusedByName) {
  EXPECT_THAT(VllmRefusal(TwoLayers()), HasSubstr("vLLM has no llama with the head score.0"));
  EXPECT_THAT(VllmRefusal(Value()), HasSubstr("v_head.summary is a value under a sigmoid"));
  EXPECT_THAT(VllmRefusal(Ensemble()), HasSubstr("heads is an ensemble of 3"));
  Model mean = LmHead();
  mean.prm.head.outputs = Head::Outputs::kMean;
  mean.prm.head.rows = {};
  mean.prm.head.activation = Head::Activation::kSigmoid;
  mean.prm.head.labels = {};
  EXPECT_THAT(VllmRefusal(mean), HasSubstr("lm_head is a value under a sigmoid"));
}

TEST_F(ExportTest, StepsThatVllmCannotFindByOneTokenAreRefused) {
  const auto refusal = [&](auto change) {
    Model model;
    change(&model.prm.format);
    return VllmRefusal(model);
  };
  EXPECT_THAT(refusal([](StepFormat* f) { f->by_line = true; }), HasSubstr("lines of a step"));
  EXPECT_THAT(refusal([](StepFormat* f) { f->read_back = 1; }), HasSubstr("not read at a token"));
  EXPECT_THAT(refusal([](StepFormat* f) { f->step.pop_back(); }), HasSubstr("not read at a token"));
  EXPECT_THAT(refusal([](StepFormat* f) { f->between = {{.ids = {kTag}, .text = ""}}; }),
              HasSubstr("token 261 stands elsewhere"));
  for (const TokenId id : {10, 263, 268}) {  // ordinary, added but ordinary, none
    EXPECT_THAT(refusal([id](StepFormat* f) { f->step.back().ids = {id}; }),
                HasSubstr("also comes out of ordinary text"));
  }
}

// --- GGUF ----------------------------------------------------------------------------------------

at::Tensor Logits(const LoadedModel& model) {
  return Decoder(model.config, model.weights).VocabularyLogits(Pack(Traces()));
}

// Exports, and reads the file with the reader of published ones.
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

// `name` is a folder of shared data with a published tokenizer.
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
