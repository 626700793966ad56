// prm score, prm describe, prm export
#include "model/commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/number_range.h"
#include "data/records/score_output.h"
#include "data/records/trace_reader.h"
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
  CheckOutputs({options.in}, {options.out});
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
  CLI::App* score = app.add_subcommand("score", "Score every step of the traces of a file");
  score->add_option("--model", o->model, "Checkpoint folder")->required();
  score->add_option("--in", o->in, "Native trace file; - is standard input")->capture_default_str();
  score->add_option("--out", o->out, "Where score lines go; - is standard output")
      ->capture_default_str();
  AddNumber(score, "--batch-tokens", o->scoring.batch_tokens, 1, kMaxBatchTokens,
            "Tokens of one packed batch");
  AddScorerFlags(score, &o->scorer);
  score->callback([o] { RunScore(*o); });
}

struct DescribeOptions {
  std::string model;
  bool json = false;
  ScorerOptions scorer;
};

void RunDescribe(const DescribeOptions& options) {
  const auto scorer = OpenScorer(options.model, options.scorer);
  if (options.scorer.verify) {  // loading compares the others
    const std::filesystem::path folder(options.model);
    SumCheck(folder, TrainingFiles(ReadPrmJson(folder / "prm.json"))).Finish();
  }
  const ModelDescription& d = scorer->description();
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
  WriteScoringFormat(scorer->scoring(), &json);
  if (options.json) {
    std::cout << json.dump() << "\n";
    return;
  }
  for (const auto& [key, value] : json.items()) {
    std::cout << key << std::string(20 - std::min<size_t>(19, key.size()), ' ')
              << (value.is_string() ? value.get<std::string>() : value.dump()) << "\n";
  }
}

void AddDescribeCommand(CLI::App& app) {
  auto o = std::make_shared<DescribeOptions>();
  CLI::App* describe = app.add_subcommand("describe", "Say what a checkpoint is, and self-test it");
  describe->add_option("--model,model", o->model, "Checkpoint folder")->required();
  describe->add_flag("--json", o->json, "One JSON object");
  AddScorerFlags(describe, &o->scorer);
  describe->callback([o] { RunDescribe(*o); });
}

struct ExportOptions {
  std::string model, to, out, dtype = "stored";
  bool verify = true;
};

void RunExport(const ExportOptions& options) {
  if (options.to != "gguf") {
    if (options.dtype != "stored") throw UsageError("--dtype goes with --to gguf alone");
    ExportFolder(options.model, options.out,
                 options.to == "hf" ? FolderTarget::kTransformers : FolderTarget::kVllm,
                 options.verify);
    return;
  }
  if (!options.out.ends_with(".gguf")) throw UsageError("--out of --to gguf ends with .gguf");
  const std::map<std::string, DType> dtypes = {
      {"float32", DType::kFloat32}, {"float16", DType::kFloat16}, {"bfloat16", DType::kBFloat16}};
  const auto dtype = dtypes.find(options.dtype);
  std::cerr << ExportGguf(options.model, options.out,
                          dtype == dtypes.end() ? std::nullopt : std::optional(dtype->second),
                          options.verify);
}

void AddExportCommand(CLI::App& app) {
  auto o = std::make_shared<ExportOptions>();
  CLI::App* verb = app.add_subcommand("export", "Write a checkpoint for other programs");
  verb->add_option("--model", o->model, "Checkpoint folder; for gguf also a backbone's")
      ->required();
  verb->add_option("--to", o->to,
                   "hf (transformers' token classification) | vllm | gguf (the backbone alone)")
      ->required()
      ->check(CLI::IsMember({"hf", "vllm", "gguf"}));
  verb->add_option("--out", o->out, "Folder, or file.gguf")->required();
  verb->add_option("--dtype", o->dtype,
                   "Of a gguf's matrices: stored | float32 | float16 | bfloat16")
      ->capture_default_str()
      ->check(CLI::IsMember({"stored", "float32", "float16", "bfloat16"}));
  AddVerifyFlag(verb, &o->verify);
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

void AddScorerFlags(CLI::App* app, ScorerOptions* scorer) {
  app->add_option("--device", scorer->device, "auto | cpu | cuda | cuda:N")->capture_default_str();
  app->add_option("--dtype", scorer->dtype,
                  "auto (the faster one; on CPUs that multiply both it is measured) | float32 | "
                  "bfloat16")
      ->capture_default_str();
  app->add_option("--weights", scorer->weights,
                  "as-stored (in --dtype) | int8 (half of bfloat16's memory) | fp8 (CUDA): of the "
                  "layers' matrices; prm check says what that changes")
      ->capture_default_str();
  app->add_option("--products", scorer->products,
                  "Who multiplies the layers' matrices on a CPU: auto (by CPU and --dtype; in "
                  "float32 and on AMX it is measured) | panels | libtorch")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "panels", "libtorch"}).description(""));
  AddNumber(app, "--threads", scorer->threads, 0, kMaxThreads, "On CPUs; 0: all cores");
  app->add_flag("--pin-threads", scorer->pin_threads, "Each of them stays on a core of its own");
  app->add_option("--cache-bytes", scorer->cache_bytes,
                  "Of keys and values kept for traces that begin alike, as 4GB; 0: keep none")
      ->transform(CLI::AsSizeValue(false))
      ->transform(CLI::Validator(  // comes before the one above, which takes -1
          [](std::string& bytes) {
            if (!bytes.starts_with('-')) return std::string();
            return StrCat("expected bytes, 0 or more, as 4GB, got \"", bytes, "\"");
          },
          ""))
      ->default_str("a quarter of the free memory");
  app->add_flag("--batch-invariant", scorer->batch_invariant,
                "Scores bitwise the same whatever shares the batch; slower on a GPU, "
                "which takes bfloat16 and weights as stored");
  const std::map<std::string, bool> on_off = {{"on", true}, {"off", false}};
  app->add_option("--cuda-graphs", scorer->cuda_graphs,
                  "on | off: on a GPU, play passes of few tokens from recordings")
      ->transform(CLI::CheckedTransformer(on_off))
      ->default_str("on");
  app->add_option("--self-test", scorer->self_test,
                  "on | off: compare the checkpoint's self-test traces at load")
      ->transform(CLI::CheckedTransformer(on_off))
      ->default_str("on");
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
  const std::map<std::string, TooLong> policies = {
      {"error", TooLong::kError}, {"skip", TooLong::kSkip}, {"cut", TooLong::kCut}};
  app->add_option("--too-long", scoring->too_long,
                  "A trace of more than --max-tokens: error | skip | cut (keep the leading steps)")
      ->transform(CLI::CheckedTransformer(policies))
      ->default_str("error");
  AddScorerFlags(app, scorer);
}

void AddModelCommands(CLI::App& app) {
  AddScoreCommand(app);
  AddDescribeCommand(app);
  AddImportCommands(app);
  AddExportCommand(app);
}

}  // namespace prm
