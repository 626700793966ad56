#include "model/exchange/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <fstream>
#include <thread>

#include "data/io/text_io.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "model/decoder/checkpoint.h"
#include "model/decoder/compute_target.h"
#include "model/scoring/check.h"
#include "tests/model/tiny_files.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kFormat =
    R"("format": {"prompt": ["Q: {problem}"], "step": ["\n{step}", ["|"]]})";

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.vocab_size = 256;
    config_.max_position_embeddings = 512;
    tensors_ = TinyTensors(config_);
    BpeSpec bytes;
    bytes.where = "test";
    for (int i = 0; i < 256; ++i) bytes.tokens.push_back(std::string(1, char(i)));
    fs::create_directories(Folder());
    MakeBpeTokenizer(std::move(bytes))->Save(Folder());
    SetHead(R"({"layers": ["score"], "activation": "softmax", "labels": ["wrong", "correct"]})",
            {{"score.weight", {2, 8}}, {"score.bias", {2}}});
  }
  void SetHead(const std::string& head, const std::vector<ExpectedTensor>& own) {
    WriteText(folder_ / "own.json", StrCat("{", kFormat, ", \"head\": ", head, "}"));
    std::vector<ExpectedTensor> all = tensors_;
    all.insert(all.end(), own.begin(), own.end());
    WriteTinyFolder(Folder(), config_, all);
  }
  fs::path Folder() const { return folder_ / "model"; }
  fs::path Out() const { return folder_ / "out"; }
  ImportReport Import(const std::string& format = "") {
    fs::remove_all(Out());
    return ImportModel({.folder = Folder().string(),
                        .base = base_,
                        .reference = reference_,
                        .format = format.empty() ? (folder_ / "own.json").string() : format,
                        .out = Out().string(),
                        .name = "",
                        .scorer = {.dtype = "float32", .device = "cpu", .threads = 1}});
  }
  std::string ImportError(ErrorCode code = ErrorCode::kInvalidArgument) {
    const std::string message = MessageOf([&] { Import(); }, code);
    EXPECT_FALSE(fs::exists(Out())) << "half written";
    return message;
  }
  std::unique_ptr<StepScorer> Load() {
    return LoadStepScorer(Out().string(), {.dtype = "float32", .device = "cpu", .threads = 1});
  }

  TempFolder folder_;
  std::string base_, reference_;
  ModelConfig config_ = TinyConfig();
  std::vector<ExpectedTensor> tensors_;
};

TEST_F(ImportTest, ACheckpointDescribesTheModelAndScoresIt) {
  EXPECT_TRUE(Import().notes.empty());
  const PrmJson prm = ReadPrmJson(Out() / "prm.json");
  EXPECT_EQ(prm.self_tests.size(), 3u);
  EXPECT_EQ(prm.base_model, "model");
  EXPECT_EQ(prm.max_tokens, 512);
  EXPECT_THAT(prm.head.labels, ElementsAre("wrong", "correct"));
  const auto scorer = Load();
  Trace trace;
  trace.problem = "p";
  trace.steps = {{"a", {}, {}}, {"b", {}, {}}};
  const TraceTokens tokens = TokenizeTrace(scorer->format(), scorer->tokenizer(), trace);
  EXPECT_EQ(scorer->tokenizer().Decode(tokens.ids), "Q: p\na|\nb|");
  const TraceScores scores = scorer->Score({&tokens, 1})[0];
  ASSERT_EQ(scores.p_correct.size(), 2u);
  EXPECT_TRUE(scores.label_probs.empty()) << "two classes say nothing of redundancy";
  // By hand: softmax of the head on the hidden state, class 1.
  LoadedModel model = LoadModel(Out());
  const Decoder decoder(model.config, model.weights);
  const at::Tensor logits = decoder.StepLogits(Pack({&tokens, 1}));
  const float* row = logits.const_data_ptr<float>();
  EXPECT_NEAR(scores.p_correct[0], 1 / (1 + std::exp(row[0] - row[1])), 1e-6);
}

TEST_F(ImportTest, EveryKindOfHeadIsImported) {
  const std::vector<std::pair<std::string, std::vector<ExpectedTensor>>> heads = {
      {R"({"layers": ["v_head.summary"], "activation": "sigmoid"})",
       {{"v_head.summary.weight", {1, 8}}, {"v_head.summary.bias", {1}}}},
      {R"({"layers": ["score.0", "score.2"], "activation": "softmax",
           "labels": ["wrong", "correct"]})",
       {{"score.0.weight", {6, 8}}, {"score.2.weight", {2, 6}}}},
      {R"({"layers": ["lm_head"], "outputs": ["+", "-"], "activation": "softmax",
           "labels": ["correct", "wrong"]})",
       {}},
      {R"({"layers": ["lm_head"], "outputs": "mean", "activation": "sigmoid"})", {}},
      {R"({"layers": ["e.a", "e.b"], "activation": "sigmoid", "unused": ["e.frozen."]})",
       {{"e.a.weight", {3, 8, 4}},
        {"e.a.bias", {3, 4}},
        {"e.b.weight", {3, 4, 1}},
        {"e.b.bias", {3, 1}},
        {"e.frozen.weight", {3}}}}};
  for (const auto& [head, own] : heads) {
    SCOPED_TRACE(head);
    SetHead(head, own);
    Import();
    EXPECT_EQ(Load()->description().max_tokens, 512);  // its self-tests passed
  }
}

TEST_F(ImportTest, ChangedWeightsAreFoundByTheSelfTest) {
  Import();
  PrmJson without_sums = ReadPrmJson(Out() / "prm.json");
  without_sums.files.clear();
  WriteText(Out() / "prm.json", WritePrmJson(without_sums));
  std::fstream weights(Out() / "model.safetensors", std::ios::in | std::ios::out);
  weights.seekp(-1, std::ios::end);  // sign and exponent of the last value
  weights.put('\x41');
  weights.close();
  EXPECT_THAT(MessageOf([&] { Load(); }, ErrorCode::kDataLoss),
              testing::AllOf(HasSubstr("self-test 0"), HasSubstr("step 0: p_correct")));
}

TEST_F(ImportTest, ACheckpointHasTheSumsOfItsFiles) {
  Import();
  const FileSums files = ReadPrmJson(Out() / "prm.json").files;
  EXPECT_EQ(files, SumFiles(Out()));
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
    EXPECT_TRUE(files.contains(name)) << name;
  }
}

TEST_F(ImportTest, WritingToTheSourceDoesNotChangeTheCheckpoint) {
  for (const char* name : {"model.safetensors", "tokenizer.json"}) {
    Import();
    const std::string before = ReadText(Out() / name);
    EXPECT_TRUE(before == ReadText(Folder() / name));
    std::fstream(Folder() / name, std::ios::in | std::ios::out) << "overwritten";
    EXPECT_TRUE(ReadText(Out() / name) == before) << name;
    SetUp();
  }
}

TEST_F(ImportTest, NoCheckpointIsReplaced) {
  Import();
  const std::string before = ReadText(Out() / "prm.json");
  const auto again = [&](const fs::path& out) {
    return MessageOf(
        [&] {
          ImportModel({.folder = Folder().string(),
                       .base = "",
                       .reference = "",
                       .format = (folder_ / "own.json").string(),
                       .out = out.string(),
                       .name = "other",
                       .scorer = {.dtype = "float32", .device = "cpu", .threads = 1}});
        },
        ErrorCode::kAlreadyExists);
  };
  EXPECT_THAT(again(Out()), HasSubstr(Out().string()));
  EXPECT_EQ(ReadText(Out() / "prm.json"), before);
  EXPECT_THAT(again(Folder()), HasSubstr("a new name or an empty folder"));
  EXPECT_TRUE(fs::exists(Folder() / "model.safetensors"));
}

TEST_F(ImportTest, LinksIntoACacheAreFollowed) {
  fs::rename(Folder() / "model.safetensors", folder_ / "blob");
  fs::create_symlink("../blob", Folder() / "model.safetensors");
  Import();
  EXPECT_FALSE(fs::is_symlink(Out() / "model.safetensors"));
  EXPECT_TRUE(ReadText(Out() / "model.safetensors") == ReadText(folder_ / "blob"));
}

TEST_F(ImportTest, PickledWeightsAreRefusedWithTheCommandThatConvertsThem) {
  fs::rename(Folder() / "model.safetensors", Folder() / "pytorch_model.bin");
  EXPECT_THAT(ImportError(ErrorCode::kUnimplemented),
              AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("python3 -c"),
                    HasSubstr((Folder() / "model.safetensors").string())));
}

TEST_F(ImportTest, AHeadThatTheWeightsLackIsNamed) {
  const std::string head = R"({"layers": ["v_head.summary"], "activation": "sigmoid"})";
  SetHead(head, {});
  EXPECT_THAT(ImportError(), HasSubstr("missing: v_head.summary.weight"));
  SetHead(head, {{"v_head.summary.weight", {1, 8}}, {"v_head.more", {1}}});
  EXPECT_THAT(ImportError(), HasSubstr("not part of the model: v_head.more"));
}

TEST_F(ImportTest, ATokenizerOfAnotherModelIsRefused) {
  config_.vocab_size = 200;
  tensors_ = TinyTensors(config_);
  SetHead(R"({"layers": ["score"], "activation": "softmax", "labels": ["wrong", "correct"]})",
          {{"score.weight", {2, 8}}});
  EXPECT_THAT(ImportError(), HasSubstr("the tokenizer has 256 tokens, the model's embedding 200"));
}

TEST_F(ImportTest, ASeparatorThatIsNotOneTokenIsRefused) {
  EXPECT_THAT(MessageOf([&] { Import("qwen-prm"); }, ErrorCode::kInvalidArgument),
              HasSubstr("expected one token of its vocabulary"));
  EXPECT_FALSE(fs::exists(Out()));
}

TEST_F(ImportTest, AChatTemplateThatDiffersIsMentioned) {
  std::string text = ReadText(folder_ / "own.json");
  text.insert(1, R"("chat_template_has": ["<|turn|>", "26 Jul 2024"], )");
  WriteText(folder_ / "own.json", text);
  WriteText(Folder() / "chat_template.jinja", "{{ '<|turn|>' + strftime_now('%d %b %Y') }}");
  const ImportReport report = Import();
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_THAT(report.notes[0], HasSubstr("\"26 Jul 2024\": it differs"));
}

TEST_F(ImportTest, FoldersThatAreNoModelsAreRefused) {
  fs::remove_all(Folder());
  EXPECT_THAT(ImportError(ErrorCode::kNotFound), HasSubstr("is not a folder"));
  fs::create_directories(Folder());
  EXPECT_FALSE(ImportError(ErrorCode::kNotFound).empty());
}

TEST_F(ImportTest, AnImplicitModelIsTheLogRatioOfTwo) {
  config_.tie_word_embeddings = false;
  tensors_ = TinyTensors(config_);
  SetHead(R"({"implicit": {"beta": 0.5}})", {});
  EXPECT_THAT(ImportError(), HasSubstr("option reference is missing: an implicit format"));
  const fs::path reference = folder_ / "reference";
  reference_ = reference.string();
  EXPECT_THAT(ImportError(ErrorCode::kNotFound), HasSubstr("is not a folder"));
  ModelConfig other = config_;
  other.vocab_size = 255;
  WriteTinyFolder(reference, other, TinyTensors(other), 2);
  EXPECT_THAT(ImportError(), HasSubstr("a vocabulary of 255; expected 256"));
  WriteTinyFolder(reference, config_, tensors_, 2);
  Import();
  const auto scorer = Load();
  Trace trace;
  trace.problem = "p";
  trace.steps = {{"ab", {}, {}}, {"c", {}, {}}};
  const TraceTokens tokens = TokenizeTrace(scorer->format(), scorer->tokenizer(), trace);
  ASSERT_EQ(scorer->tokenizer().Decode(tokens.ids), "Q: p\nab|\nc|");
  const TraceScores scores = scorer->Score({&tokens, 1})[0];
  // By hand: all logits of both models. The prompt's open text counts as part of the first step.
  TraceTokens all{tokens.ids, {}};
  for (int32_t t = 0; t < int32_t(all.ids.size()); ++t) all.step_reads.push_back(t);
  const auto log_probs = [&](const fs::path& folder) {
    LoadedModel model = LoadModel(folder, {.lm_head = true}, /*with_tokenizer=*/false);
    return Decoder(model.config, model.weights).VocabularyLogits(Pack({&all, 1})).log_softmax(-1);
  };
  const at::Tensor ratio = log_probs(Folder()) - log_probs(reference);
  double sum = 0;
  for (int64_t t = 1, step = 0; t < int64_t(all.ids.size()); ++t) {
    sum += ratio[t - 1][all.ids[size_t(t)]].item<double>();
    if (t != tokens.step_reads[size_t(step)]) continue;
    EXPECT_NEAR(scores.p_correct[size_t(step)], 1 / (1 + std::exp(-0.5 * sum)), 1e-5);
    ++step;
  }
  EXPECT_NE(scores.p_correct[0], scores.p_correct[1]);
  const TraceTokens unread{tokens.ids, {}, tokens.steps_begin};
  EXPECT_TRUE(scorer->Score({&unread, 1})[0].p_correct.empty());
  const std::vector<TraceTokens> both = {unread, tokens};
  EXPECT_EQ(scorer->Score(both)[1].size(), 2u);
}

TEST_F(ImportTest, ScorersOfAListShareOneModelAndEachRunsOnAThreadOfItsOwn) {
  Import();
  const auto scorers =
      LoadStepScorers(Out().string(), {.dtype = "float32", .device = "cpu,cpu", .threads = 1});
  ASSERT_EQ(scorers.size(), 2u);
  const auto alone = Load();
  Trace trace;
  trace.problem = "one";
  for (const char* text : {"two", "three"}) trace.steps.emplace_back().text = text;
  const TraceTokens tokens = TokenizeTrace(alone->format(), alone->tokenizer(), trace);
  const std::vector<float> expected = alone->Score({&tokens, 1})[0].p_correct;
  std::vector<std::thread> threads;
  for (const auto& scorer : scorers) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(scorer->Score({&tokens, 1})[0].p_correct, expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(MessageOf([&] { LoadStepScorer(Out().string(), {.device = "cpu,cpu"}); },
                        ErrorCode::kInvalidArgument),
              HasSubstr("expected one, got the list \"cpu,cpu\""));
}

TEST_F(ImportTest, PinnedThreadsStayOnTheirCores) {
  Import();
  ScorerOptions options{
      .dtype = "float32", .device = "cpu", .threads = 1, .pin_threads = true, .cache_bytes = 0};
  const auto scorer = LoadStepScorer(Out().string(), options);
  const TraceTokens tokens{{1, 2, 3}, {2}, 0};
  std::thread([&] {
    scorer->Score({&tokens, 1});
    EXPECT_EQ(AllowedCores().size(), 1u);
  }).join();
  options.threads = int(AllowedCores().size()) + 1;
  EXPECT_THAT(
      MessageOf([&] { LoadStepScorer(Out().string(), options); }, ErrorCode::kInvalidArgument),
      HasSubstr("expected one core per thread"));
}

TEST_F(ImportTest, AnAdapterIsMergedIntoItsBase) {
  base_ = (folder_ / "model").string();
  const auto plain = [&] {
    return LoadStepScorer(Out().string(), {.dtype = "float32", .device = "cpu", .threads = 1});
  };
  EXPECT_THAT(ImportError(), HasSubstr("option base is not expected: only an adapter"));
  base_.clear();
  Import();
  const TraceTokens tokens{{81, 58, 32, 112, 10, 97, 124}, {6}};
  const float before = plain()->Score({&tokens, 1})[0].p_correct[0];
  fs::rename(Folder(), folder_ / "base");
  fs::create_directories(Folder());
  WriteText(Folder() / "adapter_config.json", R"({"peft_type": "LORA", "r": 2, "lora_alpha": 8})");
  const std::string module = "base_model.model.model.layers.1.mlp.down_proj.";
  SafetensorsWriter adapter(
      Folder() / "adapter_model.safetensors",
      {{module + "lora_A.weight", {}, {2, 16}}, {module + "lora_B.weight", {}, {8, 2}}});
  adapter.Add(module + "lora_A.weight", std::vector<float>(32, 0.5f));
  adapter.Add(module + "lora_B.weight", std::vector<float>(16, -0.5f));
  adapter.Finish();
  fs::remove_all(Out());
  EXPECT_THAT(ImportError(), HasSubstr("option base is missing"));
  base_ = (folder_ / "base").string();
  const ImportReport report = Import();
  EXPECT_THAT(report.notes, ElementsAre("the adapter changed 1 matrices of its base"));
  EXPECT_FALSE(fs::exists(Out() / "adapter_config.json"));
  EXPECT_EQ(ReadPrmJson(Out() / "prm.json").base_model, "model");
  EXPECT_GT(std::abs(plain()->Score({&tokens, 1})[0].p_correct[0] - before), 1e-4);
}

TEST_F(ImportTest, AReferenceIsForImplicitFormatsAlone) {
  reference_ = Folder().string();
  EXPECT_THAT(ImportError(), HasSubstr("option reference is not expected: only an implicit"));
}

class CheckTest : public ImportTest {
 protected:
  void SetUp() override {
    ImportTest::SetUp();
    Import();
    scorer_ = Load();
    WriteReference("");
  }
  // A line with the model's own scores, plus `delta` on step 1, and `more` fields.
  void WriteReference(const std::string& more, float delta = 0) {
    Trace trace;
    trace.problem = "p";
    trace.steps = {{"a", {}, {}}, {"b", {}, {}}};
    const TraceTokens tokens = TokenizeTrace(scorer_->format(), scorer_->tokenizer(), trace);
    const TraceScores scores = scorer_->Score({&tokens, 1})[0];
    WriteText(File(),
              StrCat(R"({"id": "t", "problem": "p", "steps": ["a", "b"], "scores": [)",
                     scores.p_correct[0], ", ", scores.p_correct[1] + delta, "]", more, "}\n"));
  }
  std::string File() const { return (folder_ / "reference.jsonl").string(); }
  std::string CheckError() {
    return MessageOf([&] { CheckAgainstReference(*scorer_, File()); }, ErrorCode::kInvalidArgument);
  }
  std::unique_ptr<StepScorer> scorer_;
};

TEST_F(CheckTest, TheWorstDifferenceIsReportedWithItsPlace) {
  const CheckResult same = CheckAgainstReference(*scorer_, File());
  EXPECT_EQ(same.steps, 2);
  EXPECT_LT(same.worst, 1e-5);
  WriteReference("", -0.125f);
  const CheckResult other = CheckAgainstReference(*scorer_, File());
  EXPECT_NEAR(other.worst, 0.125, 1e-5);
  EXPECT_NEAR(other.mean, 0.0625, 1e-5);
  EXPECT_THAT(other.worst_where, HasSubstr("reference.jsonl:1: trace \"t\", step 1: "));
}

TEST_F(CheckTest, OtherTokenIdsThanTheReferencesAreAnErrorWithTheirPlace) {
  const std::string ids = "81, 58, 32, 112, 10, 97, 124, 10, 98, 124";
  WriteReference(R"(, "ids": [)" + ids + R"(], "step_reads": [6, 9])");
  EXPECT_LT(CheckAgainstReference(*scorer_, File()).worst, 1e-5);
  WriteReference(R"(, "ids": [81, 58, 33, 112], "step_reads": [6, 9])");
  EXPECT_THAT(CheckError(), HasSubstr("other ids than the reference: at index 2 32, reference 33"));
  WriteReference(R"(, "ids": [)" + ids + R"(], "step_reads": [5, 9])");
  EXPECT_THAT(CheckError(), HasSubstr("other step_reads than the reference: at index 0"));
  WriteText(File(), R"({"ids": [81, 124], "step_reads": [1], "scores": [0.5]})");
  EXPECT_EQ(CheckAgainstReference(*scorer_, File()).steps, 1);
}

TEST_F(CheckTest, LinesThatAreNoReferenceAreRefusedByLineAndField) {
  WriteText(File(), "\n{\"problem\": \"p\", \"steps\": [\"a\"], \"scores\": [0.5, 0.5]}");
  EXPECT_THAT(CheckError(), HasSubstr("reference.jsonl:2: field 'scores'"));
  WriteText(File(), "{\"problem\": \"p\", \"steps\": [1], \"scores\": [0.5]}");
  EXPECT_THAT(CheckError(), HasSubstr("'steps'"));
  WriteText(File(), "[]");
  EXPECT_THAT(CheckError(), HasSubstr("expected a JSON object"));
  WriteText(File(), "");
  EXPECT_THAT(CheckError(), HasSubstr("no lines"));
}

TEST_F(ImportTest, Int8WeightsChangeScoresLittleAndSaySo) {
  Import();
  const ScorerOptions options{.dtype = "float32", .weights = "int8", .device = "cpu", .threads = 1};
  EXPECT_EQ(LoadStepScorer(Out().string(), options)->description().weights, "int8");
  EXPECT_EQ(Load()->description().weights, "as-stored");
  WriteText(folder_ / "data.jsonl", R"({"id": "a", "problem": "p", "steps": ["1", "22"],)"
                                    R"( "labels": ["correct_necessary", "incorrect"]})"
                                    "\n");
  const WeightsChange change =
      CompareWeights(Out().string(), options, (folder_ / "data.jsonl").string());
  EXPECT_EQ(change.model.weights, "int8");
  EXPECT_EQ(change.self_tests.traces, 3);
  EXPECT_EQ(change.data.traces, 1);
  EXPECT_EQ(change.data.steps, 2);
  for (const CheckResult& result : {change.self_tests, change.data}) {
    EXPECT_GT(result.worst, 0) << "the weights are the stored ones";
    EXPECT_LT(result.worst, 5e-3) << result.worst_where;
    EXPECT_LE(result.mean, result.worst);
    EXPECT_THAT(result.worst_where, HasSubstr("stored 0."));
  }
  ASSERT_TRUE(change.auroc && change.stored_auroc);
  EXPECT_EQ(*change.auroc, *change.stored_auroc);
}

TEST_F(ImportTest, BothModelsOfAnImplicitOneAreHeldAlike) {
  config_.tie_word_embeddings = false;
  tensors_ = TinyTensors(config_);
  SetHead(R"({"implicit": {"beta": 0.5}})", {});
  reference_ = (folder_ / "reference").string();
  // With the same weights the ratio is 1, and stays so.
  WriteTinyFolder(reference_, config_, tensors_);
  Import();
  const auto scorer = LoadStepScorer(
      Out().string(), {.dtype = "float32", .weights = "int8", .device = "cpu", .threads = 1});
  const TraceTokens tokens{{1, 2, 3, 4}, {3}, 1};
  EXPECT_EQ(scorer->Score({&tokens, 1})[0].p_correct[0], 0.5f);
}

TEST_F(ImportTest, WeightsThatThisMachineDoesNotMultiplyAreRefused) {
  Import();
  const auto error = [&](const std::string& weights, const std::string& dtype, ErrorCode code) {
    return MessageOf(
        [&] {
          LoadStepScorer(Out().string(),
                         {.dtype = dtype, .weights = weights, .device = "cpu", .threads = 1});
        },
        code);
  };
  EXPECT_THAT(error("int4", "float32", ErrorCode::kInvalidArgument),
              HasSubstr("expected as-stored, int8 or fp8, got \"int4\""));
  EXPECT_THAT(error("fp8", "bfloat16", ErrorCode::kUnimplemented),
              AllOf(HasSubstr("fp8: not on cpu"), HasSubstr("device cuda"), HasSubstr("Hopper")));
  EXPECT_THAT(error("fp8", "float32", ErrorCode::kUnimplemented), HasSubstr("dtype bfloat16"));
}

// tests/golden/imported_model.py: trained, saved and scored by transformers.
TEST(ImportedModel, ScoresAreThoseOfTransformers) {
  const fs::path folder = SourceDir() / "tests/golden/imported_model";
  const TempFolder temp;
  const std::string out = (temp.path() / "out").string();
  const auto import = [&](const char* format, const ScorerOptions& scorer) {
    ImportModel({.folder = folder,
                 .base = "",
                 .reference = "",
                 .format = format,
                 .out = out,
                 .name = "",
                 .scorer = scorer});
  };
  for (const auto& [dtype, tolerance] : {std::pair("float32", 1e-5), std::pair("bfloat16", 2e-2)}) {
    const ScorerOptions scorer{.dtype = dtype, .device = "cpu", .threads = 1};
    fs::remove_all(out);
    import("trl", scorer);
    const CheckResult result =
        CheckAgainstReference(*LoadStepScorer(out, scorer), (folder / "reference.jsonl").string());
    EXPECT_EQ(result.traces, 16);
    EXPECT_LT(result.worst, tolerance) << dtype << ": " << result.worst_where;
  }
  // The same model read in another way: a fault that must be detected.
  fs::remove_all(out);
  import("pure", {.dtype = "float32", .device = "cpu", .threads = 1});
  std::string prm = ReadText(fs::path(out) / "prm.json");
  prm.replace(prm.find(",\n \"sha256\""), std::string::npos, "\n}\n");  // an edit on purpose
  prm.replace(prm.find("\"wrong\""), 7, "\"right\"");
  prm.replace(prm.find("\"correct\""), 9, "\"wrong\"");
  prm.replace(prm.find("\"right\""), 7, "\"correct\"");
  WriteText(fs::path(out) / "prm.json", prm);
  const auto swapped =
      LoadStepScorer(out, {.dtype = "float32", .device = "cpu", .threads = 1, .self_test = false});
  EXPECT_GT(CheckAgainstReference(*swapped, (folder / "reference.jsonl").string()).worst, 0.1);
}

}  // namespace
}  // namespace prm
