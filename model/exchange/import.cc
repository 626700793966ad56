#include "model/exchange/import.h"

#include <algorithm>

#include "data/error.h"
#include "data/io/file_error.h"
#include "data/io/text_io.h"
#include "data/tokenizers/load_tokenizer.h"
#include "model/config/published_formats.h"
#include "model/decoder/checkpoint.h"
#include "model/decoder/compute_target.h"
#include "model/decoder/torch_error.h"
#include "model/exchange/peft.h"
#include "model/files/tokenizer_files.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

bool HasSafetensors(const fs::path& folder) {
  return fs::exists(folder / "model.safetensors") ||
         fs::exists(folder / "model.safetensors.index.json");
}

bool IsPickled(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth");
}

// Reading pickled weights runs code. Users who trust them convert them elsewhere.
void RefusePickle(const fs::path& folder) {
  if (HasSafetensors(folder)) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!IsPickled(entry.path())) continue;
    throw Error(
        ErrorCode::kUnimplemented,
        StrCat(folder.string(), ": the weights are pickled (", entry.path().filename().string(),
               "); expected model.safetensors. This converts them:\n  python3 -c \"import glob, "
               "torch, safetensors.torch as s; s.save_file({k: v.clone().contiguous() for f in ",
               "glob.glob('", folder.string(), "/*", entry.path().extension().string(),
               "') for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}, '",
               folder.string(), "/model.safetensors', {'format': 'pt'})\""));
  }
}

bool IsTokenizerFile(const std::string& name) {
  static constexpr std::string_view kNames[] = {"vocab.json", "merges.txt",
                                                "special_tokens_map.json", "added_tokens.json"};
  return std::ranges::find(kNames, name) != std::end(kNames) || name.starts_with("tokenizer") ||
         name.starts_with("chat_template") || name.ends_with(".tiktoken");
}

bool IsConfig(const std::string& name) {
  return name == "config.json" || name == "generation_config.json";
}

bool BelongsToModel(const std::string& name) {
  return IsTokenizerFile(name) || IsConfig(name) || name == "model.safetensors.index.json" ||
         (name.ends_with(".safetensors") && name.starts_with("model"));
}

std::string ChatTemplate(const fs::path& folder) {
  std::string text;
  for (const char* name : {"chat_template.jinja", "tokenizer_config.json"}) {
    if (fs::exists(folder / name)) text += ReadFile(folder / name);
  }
  return text;
}

void CompareChatTemplate(const fs::path& folder, const FormatFile& format, ImportReport* report) {
  const std::string text = ChatTemplate(folder);
  for (const std::string& part : format.chat_template_has) {
    if (text.find(part) != std::string::npos) continue;
    report->notes.push_back(StrCat("the folder's own chat template has no \"", part,
                                   "\": it differs from the fixed form of this format, which is ",
                                   "the one used"));
  }
}

void CheckVocabulary(const fs::path& folder, const Tokenizer& tokenizer, const ModelConfig& config,
                     const StepFormat& format) {
  if (tokenizer.vocab_size() > config.vocab_size) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(folder.string(), ": the tokenizer has ", tokenizer.vocab_size(),
                       " tokens, the model's embedding ", config.vocab_size,
                       "; expected a tokenizer of this model"));
  }
  for (const auto* parts : {&format.prompt, &format.step, &format.between}) {
    for (const FormatPart& part : *parts) {
      for (const TokenId id : part.ids) {
        if (id < config.vocab_size) continue;
        throw Error(ErrorCode::kInvalidArgument,
                    StrCat("the format has token id ", id, ", the model's embedding ",
                           config.vocab_size, " rows"));
      }
    }
  }
}

Trace SelfTestTrace(std::string problem, std::vector<std::string> steps) {
  Trace trace;
  trace.problem = std::move(problem);
  for (std::string& step : steps) trace.steps.push_back({std::move(step), {}, {}});
  return trace;
}

void AddSelfTests(const Decoder& decoder, const Decoder* reference, const Tokenizer& tokenizer,
                  PrmJson* prm) {
  const Trace traces[] = {
      SelfTestTrace("What is 2 + 3?", {"2 + 3 = 5", "The answer is 5."}),
      SelfTestTrace("Solve 3x + 6 = 15.", {"3x = 9", "x = 4", "The answer is 4."}),
      SelfTestTrace("A train goes 60 km in 1.5 hours. How fast is it?",
                    {"Speed is distance divided by time.", "60 / 1.5 = 40", "It goes 40 km/h."})};
  std::vector<TraceTokens> tokens;
  for (const Trace& trace : traces) {
    tokens.push_back(TokenizeTrace(prm->format, tokenizer, trace));
    if (int64_t(tokens.back().ids.size()) <= prm->max_tokens) continue;
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("a self-test trace has ", tokens.back().ids.size(),
                       " tokens in this format, the model takes at most ", prm->max_tokens));
  }
  const std::vector<TraceScores> scores = ScoreSteps(decoder, prm->head, tokens, reference);
  CheckFinite(scores);
  for (size_t i = 0; i < tokens.size(); ++i) prm->self_tests.push_back({tokens[i], scores[i]});
}

// Copies the files of `from` whose names are `wanted` to `folder` of the checkpoint ("" or ending
// with a slash); returns their number. Follows links, since downloads often link into a cache.
int CopyFiles(const fs::path& from, CheckpointWriter* to, const std::string& folder,
              bool (*wanted)(const std::string&)) {
  fs::create_directories(to->folder() / folder);
  int count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    const std::string name = entry.path().filename().string();
    if (!wanted(name)) continue;
    to->CopyFile(entry.path(), folder + name);
    ++count;
  }
  return count;
}

// Merges an adapter into its base. The tokenizer is the adapter's if it has one.
void MergeModel(const ModelImportOptions& options, CheckpointWriter* to, ImportReport* report) {
  RefusePickle(options.base);
  const MergeReport merge = MergeAdapter(options.base, options.folder, to->folder());
  CopyFiles(options.base, to, "", IsConfig);
  if (CopyFiles(options.folder, to, "", IsTokenizerFile) == 0) {
    CopyFiles(options.base, to, "", IsTokenizerFile);
  }
  std::string tensors;
  for (const auto* names : {&merge.replaced, &merge.added}) {
    for (const std::string& name : *names) tensors += (tensors.empty() ? "" : ", ") + name;
  }
  report->notes.push_back(StrCat("the adapter changed ", merge.merged, " matrices of its base",
                                 tensors.empty() ? "" : " and brought " + tensors));
}

Decoder OpenReference(const ModelImportOptions& options, const ModelConfig& config,
                      const ComputeTarget& target) {
  RefusePickle(options.reference);
  Decoder reference = LoadReference(options.reference, target);
  if (reference.config().vocab_size == config.vocab_size) return reference;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat(options.reference, ": a vocabulary of ", reference.config().vocab_size,
                     "; expected ", config.vocab_size, " as of ", options.folder));
}

// Requires a folder if it is needed, and refuses it otherwise.
void CheckFolder(const std::string& flag, const std::string& folder, bool needed,
                 const std::string& why) {
  if (needed == folder.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(flag, needed ? " is missing: " : " is not expected: only ", why));
  }
  if (needed && !fs::is_directory(folder)) {
    throw Error(ErrorCode::kNotFound,
                StrCat("'", folder, "' is not a folder; expected one in Hugging Face layout"));
  }
}

// The sums of a folder that is already a checkpoint.
FileSums SumsIn(const fs::path& folder, bool verify) {
  const fs::path prm_json = folder / "prm.json";
  return verify && fs::exists(prm_json) ? ModelFiles(ReadPrmJson(prm_json)) : FileSums();
}

}  // namespace

ImportReport ImportModel(const ModelImportOptions& options) try {
  CheckFolder("the model", options.folder, true, "expected the folder to import");
  const bool adapter = IsAdapterFolder(options.folder);
  CheckFolder("option base", options.base, adapter,
              "an adapter changes a model, which option base names");
  if (!adapter) RefusePickle(options.folder);
  CheckVacant(options.out);
  const ComputeTarget target =
      ChooseComputeTarget(options.scorer.device, options.scorer.dtype, options.scorer.threads);
  return WithTorchErrors("importing " + options.folder, [&] {
    ImportReport report;
    if (!target.why.empty()) {
      report.notes.push_back(StrCat("dtype: ", DtypeName(target.dtype), " (", target.why, ")"));
    }
    CheckpointWriter writer(options.out);
    if (adapter) MergeModel(options, &writer, &report);
    const fs::path folder = adapter ? writer.folder() : fs::path(options.folder);
    std::shared_ptr<const Tokenizer> tokenizer;
    PrmJson prm;
    LoadedModel model;
    ReadVerified(folder, SumsIn(folder, options.scorer.verify), [&] {
      tokenizer = LoadTokenizer(folder);
      const FormatFile format = FindFormat(
          options.format, {.tokenizer = *tokenizer, .prepend_bos = FolderPrependsBos(folder)});
      CheckFolder("option reference", options.reference,
                  format.scoring.head.implicit_beta.has_value(),
                  "an implicit format compares two models; option reference names the second");
      CompareChatTemplate(folder, format, &report);
      static_cast<ScoringFormat&>(prm) = format.scoring;
      model =
          LoadModel(folder, {.head = &prm.head, .dtype = target.dtype, .embedding_as_stored = true},
                    /*with_tokenizer=*/true, /*verify=*/false);
    });
    const bool implicit = prm.head.implicit_beta.has_value();
    CheckVocabulary(folder, *tokenizer, model.config, prm.format);
    prm.max_tokens = model.config.max_positions();
    prm.base_model =
        options.name.empty() ? fs::canonical(options.folder).filename().string() : options.name;
    prm.self_test_dtype = DtypeName(target.dtype);
    const Decoder decoder = MakeDecoder(&model, target);
    std::optional<Decoder> reference;
    if (implicit) reference = OpenReference(options, decoder.config(), target);
    AddSelfTests(decoder, reference ? &*reference : nullptr, *tokenizer, &prm);

    if (!adapter) CopyFiles(folder, &writer, "", BelongsToModel);
    if (implicit) CopyFiles(options.reference, &writer, "reference/", BelongsToModel);
    CommitCheckpoint(prm, &writer);
    return report;
  });
} catch (const fs::filesystem_error& error) {
  throw FileError("import", error.path1(), error.code().value());
}

}  // namespace prm
