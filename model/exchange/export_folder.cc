#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "data/error.h"
#include "data/io/file_error.h"
#include "data/io/text_io.h"
#include "model/config/config_json.h"
#include "model/config/families.h"
#include "model/exchange/export.h"
#include "model/exchange/model_card.h"
#include "model/files/checkpoint_files.h"
#include "model/files/mapped_file.h"
#include "model/files/prm_json.h"
#include "model/files/safetensors.h"
#include "model/files/weights.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct Checkpoint {
  fs::path folder;
  PrmJson prm;
  std::unique_ptr<WeightSource> weights;
};

[[noreturn]] void Unsupported(const Checkpoint& from, const std::string& what) {
  throw Error(ErrorCode::kUnimplemented, StrCat(from.folder.string(), ": ", what));
}

PrmJson OpenPrmJson(const fs::path& folder) {
  if (!fs::is_directory(folder) || !fs::exists(folder / "prm.json")) {
    throw Error(
        ErrorCode::kFailedPrecondition,
        StrCat("'", folder.string(), "' is not a checkpoint; expected a folder with prm.json, ",
               "as written by prm train"));
  }
  return ReadPrmJson(folder / "prm.json");
}

Checkpoint Open(const fs::path& folder, const PrmJson& prm) {
  Checkpoint from{folder, prm, OpenWeights(folder, &prm.head)};
  if (from.weights->config().rotary_layout == RotaryLayout::kInterleaved) {
    Unsupported(from, "the rotary layout \"interleaved\" is unknown to transformers and vLLM");
  }
  return from;
}

// --- the head ------------------------------------------------------------------------------------

struct StoredValues {
  TensorHeader header;
  std::vector<std::byte> own;  // empty: use the tensor of this name
};

struct ExportedHead {
  std::string class_suffix = "ForTokenClassification";
  std::vector<StoredValues> tensors;
  Head head;  // names the exported tensors, for prm.json
};

std::string LayerNames(const Head& head) {
  std::string names;
  for (const std::string& layer : head.layers) names += (names.empty() ? "" : ", ") + layer;
  return names;
}

// All targets need probabilities from a softmax.
void CheckSoftmax(const Checkpoint& from) {
  const Head& head = from.prm.head;
  if (head.implicit_beta) {
    Unsupported(from,
                "an implicit reward model has no head: its scores are the log-ratio of two "
                "language models; expected one linear layer under a softmax");
  }
  const std::string weight = head.layers.back() + ".weight";
  if (from.weights->Has(weight) && from.weights->View(weight).shape.size() == 3) {
    Unsupported(from, StrCat("the head ", LayerNames(head), " is an ensemble of ",
                             from.weights->View(weight).shape[0],
                             "; expected one linear layer under a softmax"));
  }
  if (head.activation == Head::Activation::kSigmoid) {
    Unsupported(from, StrCat("the head ", LayerNames(head),
                             " is a value under a sigmoid; expected classes under a softmax"));
  }
}

void AddLinear(const Checkpoint& from, const std::string& name, ExportedHead* out) {
  const TensorView& weight = from.weights->View(name + ".weight");
  out->tensors.push_back({{name + ".weight", weight.dtype, weight.shape}, {}});
  StoredValues bias{{name + ".bias", weight.dtype, {weight.shape[0]}}, {}};
  if (from.weights->Has(bias.header.name)) {
    bias.header.dtype = from.weights->View(bias.header.name).dtype;
  } else {
    AppendValues(std::vector<float>(size_t(weight.shape[0])), weight.dtype, &bias.own);
  }
  out->tensors.push_back(std::move(bias));
}

// Exports the rows of the output layer that a head reads, as a linear layer.
void AddLmHeadRows(const Checkpoint& from, ExportedHead* out) {
  const ModelConfig& config = from.weights->config();
  const Head& head = from.prm.head;
  if (head.outputs != Head::Outputs::kRows || config.logit_softcap > 0) {
    Unsupported(from,
                "the head reads capped or averaged logits of lm_head; expected unchanged "
                "logits of some tokens");
  }
  const TensorView& rows = from.weights->View(
      config.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
  const size_t row_bytes = rows.bytes / size_t(rows.shape[0]);
  StoredValues weight{{"score.weight", rows.dtype, {int64_t(head.rows.size()), rows.shape[1]}}, {}};
  StoredValues bias{{"score.bias", rows.dtype, {int64_t(head.rows.size())}}, {}};
  for (const int32_t row : head.rows) {
    if (row >= rows.shape[0]) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(from.folder.string(), ": the head reads row ", row, " of ", rows.name,
                         ", which has ", rows.shape[0]));
    }
    const std::byte* data = rows.data + size_t(row) * row_bytes;
    weight.own.insert(weight.own.end(), data, data + row_bytes);
  }
  AppendValues(std::vector<float>(head.rows.size()), rows.dtype, &bias.own);
  out->head.layers = {"score"};
  out->head.outputs = Head::Outputs::kAll;
  out->head.rows.clear();
  out->tensors = {std::move(weight), std::move(bias)};
}

void AddQwenTwoLayers(const Checkpoint& from, ExportedHead* out) {
  const std::string& type = from.weights->config().model_type;
  const int64_t width = from.weights->config().hidden_size;
  const bool named = from.prm.head.layers == std::vector<std::string>{"score.0", "score.2"};
  if (!named || type != "qwen2" || from.prm.head.labels.size() != 2 ||
      from.weights->View("score.0.weight").shape[0] != width) {
    Unsupported(from, StrCat("vLLM has no ", type, " with the head ", LayerNames(from.prm.head),
                             " of ", from.prm.head.labels.size(),
                             " labels; expected one layer score, or over qwen2 score.0 [", width,
                             ", ", width, "] and score.2 of two labels"));
  }
  out->class_suffix = "ForProcessRewardModel";
  for (const std::string& layer : from.prm.head.layers) AddLinear(from, layer, out);
}

ExportedHead HeadFor(const Checkpoint& from, FolderTarget target) {
  const Head& head = from.prm.head;
  CheckSoftmax(from);
  ExportedHead out{.tensors = {}, .head = head};
  out.head.unused.clear();
  const bool is_lm_head = head.layers.back() == "lm_head";
  if (target == FolderTarget::kVllm && is_lm_head) {
    AddLmHeadRows(from, &out);
  } else if (target == FolderTarget::kVllm && head.layers.size() > 1) {
    AddQwenTwoLayers(from, &out);
  } else if (is_lm_head) {
    Unsupported(from,
                "the head reads tokens of lm_head; transformers' token classification has "
                "one linear layer named score");
  } else if (head.layers.size() > 1) {
    Unsupported(
        from, StrCat("the head has ", head.layers.size(), " layers (", LayerNames(head),
                     "); transformers' token classification has one linear layer named ", "score"));
  } else if (head.layers[0] != "score") {
    Unsupported(from, StrCat("the head is named ", head.layers[0], "; expected score"));
  } else {
    AddLinear(from, "score", &out);
  }
  return out;
}

// --- vLLM's step pooling -------------------------------------------------------------------------

void CountId(const std::vector<FormatPart>& parts, TokenId id, int* count) {
  for (const FormatPart& part : parts) *count += int(std::ranges::count(part.ids, id));
}

// The id whose positions are the reads. vLLM finds reads by it, so it must not occur elsewhere.
TokenId StepTag(const Checkpoint& from) {
  const StepFormat& format = from.prm.format;
  const auto refuse = [&](const std::string& what) {
    Unsupported(from, StrCat("vLLM reads steps at every occurrence of one token, but ", what,
                             "; training with option separator, a special token of the tokenizer, ",
                             "trains a model whose steps it finds"));
  };
  const FormatPart& last = format.step.back();
  if (format.by_line) refuse("this format ends lines within a step the same way");
  if (format.read_back != 0 || last.ids.empty() || !last.text.empty()) {
    refuse("in this format they are not read at a token that ends them");
  }
  const TokenId tag = last.ids.back();
  int count = 0;
  for (const auto* parts : {&format.prompt, &format.step, &format.between}) {
    CountId(*parts, tag, &count);
  }
  if (count != 1) refuse(StrCat("token ", tag, " also occurs elsewhere in the format"));
  const TokenizerParts parts = from.weights->tokenizer()->Parts();
  const bool is_control = size_t(tag) < parts.tokens.size() &&
                          parts.tokens[size_t(tag)].kind == TokenizerParts::Kind::kControl;
  if (!is_control) {
    refuse(StrCat("token ", tag, " can also result from ordinary text, as in a problem or step; ",
                  "expected a special token"));
  }
  return tag;
}

// --- the folder ----------------------------------------------------------------------------------

ordered_json ConfigJson(const Checkpoint& from, const ExportedHead& head, DType dtype) {
  const ModelConfig& config = from.weights->config();
  ordered_json json = ordered_json::parse(WriteConfigJson(config));
  std::string architecture = ArchitectureOf(config);
  architecture.replace(architecture.rfind("ForCausalLM"), std::string::npos, head.class_suffix);
  json["architectures"] = {architecture};
  json["dtype"] = dtype == DType::kFloat32   ? "float32"
                  : dtype == DType::kFloat16 ? "float16"
                                             : "bfloat16";
  json["num_labels"] = head.head.labels.size();
  ordered_json names = ordered_json::object(), ids = ordered_json::object();
  for (size_t k = 0; k < head.head.labels.size(); ++k) {
    names[std::to_string(k)] = head.head.labels[k];
    ids[head.head.labels[k]] = k;
  }
  json["id2label"] = names;
  json["label2id"] = ids;
  json["problem_type"] = "single_label_classification";
  return json;
}

// Backbone and head, in this order.
std::vector<StoredValues> TensorsOf(const Checkpoint& from, const ExportedHead& head) {
  std::vector<StoredValues> tensors;
  for (const std::string& name : from.weights->names()) {
    if (!name.starts_with("model.")) continue;
    const TensorView& view = from.weights->View(name);
    tensors.push_back({{name, view.dtype, view.shape}, {}});
  }
  std::ranges::copy(head.tensors, std::back_inserter(tensors));
  return tensors;
}

void WriteWeights(const Checkpoint& from, const std::vector<StoredValues>& tensors,
                  const fs::path& file) {
  std::vector<TensorHeader> headers;
  for (const StoredValues& tensor : tensors) headers.push_back(tensor.header);
  SafetensorsWriter writer(file, headers);
  for (const auto& [header, own] : tensors) {
    if (!own.empty()) {
      writer.AddStored({header.name, header.dtype, header.shape, own.data(), own.size()});
      continue;
    }
    TensorView view = from.weights->View(header.name);
    view.name = header.name;  // without a wrapper's prefix
    writer.AddStored(view);
    ReleasePages({view.data, view.bytes});
  }
  from.weights->CheckWhole();
  writer.Finish();
}

// The type that holds all values; transformers loads all tensors as one type.
DType WidestType(const std::vector<StoredValues>& tensors) {
  const DType first = tensors[0].header.dtype;
  const bool same = std::ranges::all_of(
      tensors, [first](const StoredValues& tensor) { return tensor.header.dtype == first; });
  return same ? first : DType::kFloat32;
}

// Copies the original files if other programs read them as we do; else writes ours.
void WriteTokenizer(const Checkpoint& from, CheckpointWriter* writer) {
  constexpr std::array kFiles = {"tokenizer.json",        "tokenizer.model",
                                 "tokenizer_config.json", "special_tokens_map.json",
                                 "added_tokens.json",     "chat_template.jinja"};
  const std::shared_ptr<const Tokenizer> tokenizer = from.weights->tokenizer();
  const TokenizerParts::Model model = tokenizer->Parts().model;
  const bool is_sentencepiece = model == TokenizerParts::Model::kSentencePieceBpe ||
                                model == TokenizerParts::Model::kSentencePieceUnigram;
  if (!fs::exists(from.folder / (is_sentencepiece ? "tokenizer.model" : "tokenizer.json"))) {
    return tokenizer->Save(writer->folder());
  }
  for (const char* file : kFiles) {
    if (fs::exists(from.folder / file)) writer->CopyFile(from.folder / file, file);
  }
}

// Absolute, with a name as its last part.
fs::path Named(const fs::path& path) {
  const fs::path whole = fs::weakly_canonical(fs::absolute(path));
  return whole.has_filename() ? whole : whole.parent_path();
}

// The metrics of the training, from the checkpoint or its parent folder.
std::string MetricsOf(const fs::path& folder) {
  for (const fs::path& place : {folder, Named(folder).parent_path()}) {
    if (fs::exists(place / "metrics.jsonl")) return ReadFile(place / "metrics.jsonl");
  }
  return "";
}

// Everything except prm.json.
void WriteFiles(const Checkpoint& from, const ExportedHead& head, FolderTarget target,
                const std::string& name, CheckpointWriter* writer) {
  std::string pooler;
  if (target == FolderTarget::kVllm) {
    pooler = ordered_json{{"pooling_type", "STEP"}, {"step_tag_id", StepTag(from)}}.dump() + "\n";
    writer->WriteFile("vllm_pooler.json", pooler);
  }
  const std::vector<StoredValues> tensors = TensorsOf(from, head);
  WriteWeights(from, tensors, writer->folder() / "model.safetensors");
  WriteTokenizer(from, writer);
  writer->WriteFile("config.json", ConfigJson(from, head, WidestType(tensors)).dump(2) + "\n");
  PrmJson prm = from.prm;
  prm.head = head.head;
  writer->WriteFile("README.md",
                    WriteModelCard({.name = name,
                                    .tokenizer = *from.weights->tokenizer(),
                                    .prm = prm,
                                    .metrics = MetricsOf(from.folder),
                                    .transformers = head.class_suffix == "ForTokenClassification",
                                    .caps_attention = from.weights->config().attention_softcap > 0,
                                    .vllm_pooler = pooler}));
}

}  // namespace

void ExportFolder(const fs::path& model, const fs::path& out, FolderTarget target,
                  bool verify) try {
  if (Named(model) == Named(out)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("'", out.string(), "' is the checkpoint itself; expected another folder"));
  }
  CheckVacant(out);
  PrmJson prm = OpenPrmJson(model);
  CheckpointWriter writer(out);
  ReadVerified(model, verify ? ModelFiles(prm) : FileSums(), [&] {
    Checkpoint from = Open(model, prm);
    const ExportedHead head = HeadFor(from, target);
    WriteFiles(from, head, target, Named(out).filename().string(), &writer);
    prm.head = head.head;
  });
  CommitCheckpoint(prm, &writer);
} catch (const fs::filesystem_error& error) {
  throw FileError("write", error.path1(), error.code().value());
}

}  // namespace prm
