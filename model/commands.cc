// prm score, and prm model describe and export
#include "model/commands.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>

#include "data/command_flags.h"
#include "data/error.h"
#include "data/records/score_output.h"
#include "data/records/trace_reader.h"
#include "model/config/scoring_json.h"
#include "model/exchange/export.h"
#include "model/files/prm_json.h"
#include "model/scoring/offline_scoring.h"
#include "model/step_scorer.h"

namespace prm {
namespace {

constexpr int64_t kMaxBatchTokens = 1'000'000'000;

struct ScoreOptions {
  std::string model, in = "-", out = "-";
  OfflineOptions scoring;
  ScorerOptions scorer;
};

void RunScore(const ScoreOptions& options) {
  std::vector<std::filesystem::path> read = CheckpointFiles(options.model);
  read.push_back(options.in);
  CheckOutputs(read, {options.out});
  const auto scorer = OpenScorer(options.model, options.scorer);
  TraceReader reader(options.in);
  ScoreOutput out(options.out);
  OfflineScorer offline(*scorer, options.scoring,
                        [&](const Trace&, const ScoreLine& line) { out.Write(line); });
  for (Trace trace; reader.Next(&trace);) offline.Add(std::move(trace));
  offline.Flush();
  out.Finish();
}

void AddScoreCommand(CLI::App& app) {
  auto o = std::make_shared<ScoreOptions>();
  CLI::App* score = app.add_subcommand("score", "Scores every step of traces.");
  score->group("Scoring");
  score->add_option("--model", o->model, "Checkpoint folder")->required();
  AddInput(score, o->in, "Traces");
  AddOutput(score, o->out, "One line of scores per trace");
  AddNumber(score, "--batch-tokens", o->scoring.batch_tokens, 1, kMaxBatchTokens,
            "Tokens of one packed batch");
  AddScorerFlags(score, &o->scorer);
  AddExamples(score, {"prm score --model model --in traces.jsonl --out scores.jsonl",
                      "prm score --model model --device cpu <traces.jsonl"});
  score->callback([o] { RunScore(*o); });
}

struct DescribeOptions {
  std::string model;
  std::string json;  // empty: none
  ScorerOptions scorer;
};

nlohmann::ordered_json Describe(const StepScorer& scorer) {
  const ModelDescription& d = scorer.description();
  nlohmann::ordered_json json = {{"name", d.name},
                                 {"architecture", d.architecture},
                                 {"parameters", d.parameters},
                                 {"dtype", d.dtype},
                                 {"weights", d.weights},
                                 {"device", d.device},
                                 {"kernels", d.kernels},
                                 {"products", d.products},
                                 {"why_products", d.why_products},
                                 {"vocab_size", d.vocab_size},
                                 {"max_tokens", d.max_tokens},
                                 {"base_model", d.base_model},
                                 {"training_data", d.training_data},
                                 {"files", d.files}};
  WriteScoringFormat(scorer.scoring(), &json);
  return json;
}

void RunDescribe(const DescribeOptions& options) {
  CheckOutputs(CheckpointFiles(options.model), {options.json});
  std::optional<OutputFile> file;  // opened before any work
  if (!options.json.empty()) file.emplace(options.json);
  const auto scorer = OpenScorer(options.model, options.scorer);
  const std::filesystem::path folder(options.model);
  const PrmJson prm = ReadPrmJson(folder / "prm.json");
  // Loading compares the others.
  if (options.scorer.verify) SumCheck(folder, TrainingFiles(prm)).Finish();
  nlohmann::ordered_json json = Describe(*scorer);
  json["self_test"] = StrCat(prm.self_tests.size(), " traces, ",
                             options.scorer.self_test ? "passed" : "not compared");
  if (file) {
    file->Write(json.dump() + "\n");
    file->Commit();
  }
  if (options.json == "-") return;
  for (const auto& [key, value] : json.items()) {
    std::cout << key << std::string(20 - std::min<size_t>(19, key.size()), ' ')
              << (value.is_string() ? value.get<std::string>() : value.dump()) << "\n";
  }
}

void AddDescribeCommand(CLI::App& model) {
  auto o = std::make_shared<DescribeOptions>();
  CLI::App* describe = model.add_subcommand(
      "describe", "Prints what a checkpoint is, and checks its files and its self-test.");
  describe->add_option("--model,model", o->model, "Checkpoint folder")->required();
  AddJson(describe, o->json);
  AddScorerFlags(describe, &o->scorer);
  AddExamples(describe, {"prm model describe model", "prm model describe model --json -"});
  describe->callback([o] { RunDescribe(*o); });
}

struct ExportOptions {
  std::string model, to, out, dtype = "stored";
  bool verify = true;
};

void RunExport(const ExportOptions& options) {
  if (options.to != "gguf") {
    if (options.dtype != "stored") throw OptionError("--dtype: expected --to gguf beside it");
    ExportFolder(options.model, options.out,
                 options.to == "hf" ? FolderTarget::kTransformers : FolderTarget::kVllm,
                 options.verify);
    return;
  }
  if (!options.out.ends_with(".gguf")) {
    throw OptionError(StrCat("--out: expected a file *.gguf for --to gguf, got ", options.out));
  }
  const std::map<std::string, DType> dtypes = {
      {"float32", DType::kFloat32}, {"float16", DType::kFloat16}, {"bfloat16", DType::kBFloat16}};
  const auto dtype = dtypes.find(options.dtype);
  std::cerr << ExportGguf(options.model, options.out,
                          dtype == dtypes.end() ? std::nullopt : std::optional(dtype->second),
                          options.verify);
}

void AddExportCommand(CLI::App& model) {
  auto o = std::make_shared<ExportOptions>();
  CLI::App* verb = model.add_subcommand("export", "Writes a checkpoint for other programs.");
  verb->add_option("--model", o->model, "Checkpoint folder; for gguf also a backbone's")
      ->required();
  AddWord(verb, "--to", o->to, {"hf", "vllm", "gguf"},
          "hf: transformers' token classification; gguf: the backbone without the head")
      ->required();
  verb->add_option("--out", o->out, "New folder, or file.gguf")->required();
  AddWord(verb, "--dtype", o->dtype, {"stored", "float32", "float16", "bfloat16"},
          "Number format of a gguf's matrices");
  AddVerifyFlag(verb, &o->verify);
  AddExamples(verb, {"prm model export --model model --to hf --out model_hf",
                     "prm model export --model model --to gguf --out backbone.gguf"});
  verb->callback([o] { RunExport(*o); });
}

}  // namespace

std::unique_ptr<StepScorer> OpenScorer(const std::string& folder, const ScorerOptions& options) {
  auto scorer = LoadStepScorer(folder, options);
  const ModelDescription& model = scorer->description();
  if (!model.why_dtype.empty()) {
    std::cerr << "dtype: " << model.dtype << " (" << model.why_dtype << ")\n";
  }
  if (!model.why_products.empty()) {
    std::cerr << "products: " << model.products << " (" << model.why_products << ")\n";
  }
  return scorer;
}

namespace {

void AddDeviceFlag(CLI::App* app, std::string& device, const char* pattern, const char* expected) {
  app->add_option("--device", device, expected)
      ->capture_default_str()
      ->check(
          [pattern = std::regex(pattern), expected](const std::string& text) {
            if (std::regex_match(text, pattern)) return std::string();
            return StrCat("expected ", expected, ", got \"", text, "\"");
          },
          "DEVICE");
}

}  // namespace

void AddDevice(CLI::App* app, std::string& device) {
  AddDeviceFlag(app, device, "auto|cpu|cuda(:[0-9]{1,4})?", "auto, cpu, cuda or cuda:N");
}

void AddDevices(CLI::App* app, std::string& devices) {
  AddDeviceFlag(app, devices, "auto|(cpu|cuda(:[0-9]{1,4})?)(,(cpu|cuda(:[0-9]{1,4})?))*",
                "auto, or a list with one worker for each: cpu, cuda, cuda:N");
}

void AddDtype(CLI::App* app, std::string& dtype) {
  AddWord(app, "--dtype", dtype, {"auto", "float32", "bfloat16"},
          "Number format; auto: the faster one, measured on CPUs that multiply both");
}

void AddScorerFlags(CLI::App* app, ScorerOptions* scorer) {
  AddDevice(app, scorer->device);
  AddDtype(app, scorer->dtype);
  AddWord(app, "--weights", scorer->weights, {"as-stored", "int8", "fp8"},
          "Number format of the layers' matrices; as-stored: in --dtype, int8: half the memory of "
          "bfloat16, fp8: on CUDA. prm model compare reports what that changes");
  AddWord(app, "--products", scorer->products, {"auto", "panels", "libtorch"},
          "Who multiplies the layers' matrices on a CPU; auto: by CPU and --dtype, measured in "
          "float32 and on AMX");
  AddThreads(app, scorer->threads);
  app->add_flag("--pin-threads", scorer->pin_threads, "Keep each thread on a core of its own");
  app->add_option("--cache-bytes", scorer->cache_bytes,
                  "Memory for keys and values of shared prefixes, as 4GB; 0: none")
      ->transform(CLI::AsSizeValue(false))
      ->transform(CLI::Validator(  // comes before the one above, which takes -1
          [](std::string& bytes) {
            if (!bytes.starts_with('-')) return std::string();
            return StrCat("expected bytes, 0 or more, as 4GB, got \"", bytes, "\"");
          },
          ""))
      ->default_str("a quarter of the free memory");
  app->add_flag("--batch-invariant", scorer->batch_invariant,
                "Scores do not depend on what else is in the batch, to the last bit; slower on a "
                "GPU, where it needs bfloat16 and weights as stored");
  const std::vector<std::pair<std::string, bool>> on_off = {{"on", true}, {"off", false}};
  AddChoice(app, "--cuda-graphs", scorer->cuda_graphs, on_off,
            "On a GPU, replay recorded passes of few tokens");
  AddChoice(app, "--self-test", scorer->self_test, on_off,
            "Compare the scores of the checkpoint's self-test traces at load");
  AddVerifyFlag(app, &scorer->verify);
}

void AddVerifyFlag(CLI::App* app, bool* verify) {
  app->add_flag("!--no-verify", *verify,
                "Do not compare the checkpoint's files with their sums in prm.json");
}

void AddScoringFlags(CLI::App* app, OfflineOptions* scoring, ScorerOptions* scorer) {
  AddNumber(app, "--batch-tokens", scoring->batch_tokens, 1, kMaxBatchTokens,
            "Tokens of one packed batch");
  AddNumber(app, "--max-tokens", scoring->max_tokens, 0, 1 << 28,
            "Longest trace; 0: the model's limit");
  AddTooLong(app, scoring->too_long);
  AddScorerFlags(app, scorer);
}

void AddTooLong(CLI::App* app, TooLong& too_long) {
  AddChoice(app, "--too-long", too_long,
            std::vector<std::pair<std::string, TooLong>>{
                {"error", TooLong::kError}, {"skip", TooLong::kSkip}, {"cut", TooLong::kCut}},
            "What a trace of more than --max-tokens is; cut: keep its leading steps");
}

void AddModelCommands(CLI::App& app) {
  CLI::App* model = app.add_subcommand("model", "Describes, converts and compares models.");
  model->group("Data and models");
  model->require_subcommand(1);
  AddDescribeCommand(*model);
  AddImportCommands(*model);
  AddExportCommand(*model);
  GroupVerbs(model, {"prm model describe model"});
  AddScoreCommand(app);
}

}  // namespace prm
