#include "model/import.h"

#include <algorithm>
#include <cerrno>

#include "data/error.h"
#include "data/file_error.h"
#include "data/text_io.h"
#include "model/checkpoint.h"
#include "model/compute_target.h"
#include "model/published_formats.h"
#include "model/tokenizer_files.h"
#include "model/torch_error.h"

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

// Pickled weights run code when they are read; they are converted elsewhere, by who trusts them.
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

bool BelongsToModel(const fs::path& file) {
  static constexpr std::string_view kNames[] = {"config.json",
                                                "generation_config.json",
                                                "model.safetensors.index.json",
                                                "vocab.json",
                                                "merges.txt",
                                                "special_tokens_map.json",
                                                "added_tokens.json"};
  static constexpr std::string_view kBeginnings[] = {"tokenizer", "chat_template"};
  const std::string name = file.filename().string();
  return std::ranges::find(kNames, name) != std::end(kNames) ||
         std::ranges::any_of(kBeginnings, [&](auto begin) { return name.starts_with(begin); }) ||
         name.ends_with(".tiktoken") ||
         (name.ends_with(".safetensors") && name.starts_with("model"));
}

// A file of a download is often itself a link into a cache; what counts is the file behind it.
void LinkOrCopy(const fs::path& from, const fs::path& to) {
  const fs::path file = fs::canonical(from);
  std::error_code error;
  fs::create_hard_link(file, to, error);
  if (!error) return;
  fs::copy_file(file, to, error);
  if (error) throw FileError("copy", from, error.value());
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
  const std::vector<StepScores> scores = ScoreSteps(decoder, prm->head, tokens, reference);
  for (size_t i = 0; i < tokens.size(); ++i) prm->self_tests.push_back({tokens[i], scores[i]});
}

void LinkModel(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    if (!BelongsToModel(entry.path())) continue;
    LinkOrCopy(entry.path(), to / entry.path().filename());
  }
}

Decoder OpenReference(const ImportOptions& options, const ModelConfig& config,
                      const ComputeTarget& target) {
  RefusePickle(options.reference);
  Decoder reference = LoadReference(options.reference, target);
  if (reference.config().vocab_size == config.vocab_size) return reference;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat(options.reference, ": a vocabulary of ", reference.config().vocab_size,
                     "; expected ", config.vocab_size, " as of ", options.folder));
}

// The folders that are to be there are there, and no others are named.
void CheckFolders(const ImportOptions& options, bool implicit) {
  if (implicit == options.reference.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                implicit ? "this format compares two models; --reference names the second"
                         : "--reference is for implicit formats, which compare two models");
  }
  if (implicit && !fs::is_directory(options.reference)) {
    throw Error(ErrorCode::kNotFound, StrCat("'", options.reference, "' is no folder"));
  }
}

}  // namespace

ImportReport ImportModel(const ImportOptions& options) {
  const fs::path folder = options.folder;
  if (!fs::is_directory(folder)) {
    throw Error(ErrorCode::kNotFound,
                StrCat("'", options.folder, "' is no folder; expected one in Hugging Face layout"));
  }
  RefusePickle(folder);
  const ComputeTarget target =
      ChooseComputeTarget(options.scorer.device, options.scorer.dtype, options.scorer.threads);
  return WithTorchErrors("importing " + options.folder, [&] {
    ImportReport report;
    const std::shared_ptr<const Tokenizer> tokenizer = LoadTokenizer(folder);
    const FormatFile format = FindFormat(
        options.format, {.tokenizer = *tokenizer, .prepend_bos = FolderPrependsBos(folder)});
    CheckFolders(options, format.scoring.head.implicit_beta.has_value());
    CompareChatTemplate(folder, format, &report);
    PrmJson prm;
    static_cast<ScoringFormat&>(prm) = format.scoring;
    LoadedModel model =
        LoadModel(folder, {.head = &prm.head, .dtype = target.dtype, .embedding_as_stored = true});
    CheckVocabulary(folder, *tokenizer, model.config, prm.format);
    prm.max_tokens = model.config.max_positions();
    prm.base_model =
        options.name.empty() ? fs::canonical(folder).filename().string() : options.name;
    prm.self_test_dtype = DtypeName(target.dtype);
    const Decoder decoder = MakeDecoder(&model, target);
    std::optional<Decoder> reference;
    if (prm.head.implicit_beta) reference = OpenReference(options, decoder.config(), target);
    AddSelfTests(decoder, reference ? &*reference : nullptr, *tokenizer, &prm);

    CheckpointWriter writer(options.out);
    LinkModel(folder, writer.folder());
    if (reference) LinkModel(options.reference, writer.folder() / "reference");
    writer.WriteFile("prm.json", WritePrmJson(prm));
    writer.Commit();
    return report;
  });
}

}  // namespace prm
