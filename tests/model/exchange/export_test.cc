#include "model/exchange/export.h"

#include "tests/model/exchange/export_fixture.h"

namespace prm {
namespace {

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
    EXPECT_THAT(MessageOf(write, ErrorCode::kDataLoss),
                HasSubstr("model.safetensors: changed since"));
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
  EXPECT_THAT(refusal([](StepFormat* f) { f->by_line = true; }), HasSubstr("lines within a step"));
  EXPECT_THAT(refusal([](StepFormat* f) { f->read_back = 1; }), HasSubstr("not read at a token"));
  EXPECT_THAT(refusal([](StepFormat* f) { f->step.pop_back(); }), HasSubstr("not read at a token"));
  EXPECT_THAT(refusal([](StepFormat* f) { f->between = {{.ids = {kTag}, .text = ""}}; }),
              HasSubstr("token 261 also occurs elsewhere"));
  for (const TokenId id : {10, 263, 268}) {  // ordinary, added but ordinary, absent
    EXPECT_THAT(refusal([id](StepFormat* f) { f->step.back().ids = {id}; }),
                HasSubstr("can also result from ordinary text"));
  }
}

}  // namespace
}  // namespace prm
