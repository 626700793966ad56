#include "model/exchange/peft.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "data/error.h"
#include "model/config/config_json.h"
#include "model/config/model_config.h"
#include "model/decoder/torch_error.h"
#include "model/exchange/peft_config.h"
#include "model/files/mapped_file.h"
#include "model/files/safetensors.h"
#include "model/files/tensor_view.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";
constexpr const char* kPickledFile = "adapter_model.bin";
constexpr std::string_view kKeyPrefix = "base_model.model.";
constexpr std::string_view kLmHead = "lm_head.weight";

// The adapter's tensors for one module; null if absent.
struct LoraParts {
  const TensorView* a = nullptr;            // [r, in]
  const TensorView* b = nullptr;            // [out, r]
  const TensorView* embedding_a = nullptr;  // [r, vocabulary]
  const TensorView* embedding_b = nullptr;  // [dimension, r]
  const TensorView* bias = nullptr;         // [out]
  const TensorView* magnitude = nullptr;    // [out]
};

struct PartName {
  std::string_view suffix;  // of the tensor name, after the module path
  const TensorView* LoraParts::*part;
};
constexpr std::array kPartNames = {
    PartName{".lora_A.weight", &LoraParts::a},
    PartName{".lora_B.weight", &LoraParts::b},
    PartName{".lora_embedding_A", &LoraParts::embedding_a},
    PartName{".lora_embedding_B", &LoraParts::embedding_b},
    PartName{".lora_B.bias", &LoraParts::bias},
    PartName{".lora_magnitude_vector", &LoraParts::magnitude},
    PartName{".lora_magnitude_vector.weight", &LoraParts::magnitude},
};

// An open adapter folder. `tensors` borrow from `file`, the maps from `tensors`; all are movable.
struct Adapter {
  explicit Adapter(const fs::path& path)
      : config(ReadAdapterConfig(path.parent_path() / kConfigFile)),
        file(path),
        tensors(ParseSafetensors(file)) {}

  [[noreturn]] void Refuse(std::string_view tensor, const std::string& why) const {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(file.path().string(), ": tensor ", tensor, " ", why));
  }

  AdapterConfig config;
  MappedFile file;
  std::vector<TensorView> tensors;
  std::map<std::string, LoraParts> modules;        // by module path
  std::map<std::string, const TensorView*> whole;  // by the name of the tensor in the base
};

// The changes to one tensor of the base.
struct Change {
  const TensorView* whole = nullptr;  // replaces it, before what follows is added
  const TensorView *a = nullptr, *b = nullptr;
  const TensorView* magnitude = nullptr;
  const TensorView* bias = nullptr;
  bool in_first = false;  // it is [in, out]
  double scaling = 0;
};

struct Plan {
  std::map<std::string, Change> changes;  // by the name in the base
  std::vector<const TensorView*> added;   // by name
  std::vector<std::string> names_of_added;
};

void SortWhole(Adapter* adapter, const TensorView& tensor, std::string name) {
  for (const std::string_view unknown : {".lora_", ".modules_to_save.", ".original_module."}) {
    if (name.find(unknown) == name.npos) continue;
    adapter->Refuse(tensor.name,
                    "is not a known part of an adapter; expected a name that ends "
                    "in lora_A.weight, lora_B.weight, lora_B.bias, lora_embedding_A, "
                    "lora_embedding_B or lora_magnitude_vector, or one of the base's");
  }
  // Adapted layers are in a wrapper. If they are saved whole, their names include the wrapper.
  constexpr std::string_view kWrapped = ".base_layer";
  const size_t last_dot = std::min(name.rfind('.'), name.size());
  if (std::string_view(name).substr(0, last_dot).ends_with(kWrapped)) {
    name.erase(last_dot - kWrapped.size(), kWrapped.size());
  }
  if (!adapter->whole.emplace(name, &tensor).second) {
    adapter->Refuse(tensor.name, StrCat("appears twice: another one replaces ", name, " too"));
  }
}

void SortTensor(Adapter* adapter, const TensorView& tensor) {
  if (tensor.dtype == DType::kInt64) {
    adapter->Refuse(tensor.name, "holds I64 values; expected F32, F16 or BF16");
  }
  if (!tensor.name.starts_with(kKeyPrefix)) {
    adapter->Refuse(tensor.name,
                    StrCat("has an unknown name; expected a name that begins with ", kKeyPrefix));
  }
  const std::string name = tensor.name.substr(kKeyPrefix.size());
  for (const PartName& kind : kPartNames) {
    if (!name.ends_with(kind.suffix)) continue;
    LoraParts& module = adapter->modules[name.substr(0, name.size() - kind.suffix.size())];
    if (module.*kind.part != nullptr) {
      adapter->Refuse(tensor.name, StrCat("appears twice: as ", (module.*kind.part)->name, " too"));
    }
    module.*kind.part = &tensor;
    return;
  }
  SortWhole(adapter, tensor, name);
}

Adapter OpenAdapter(const fs::path& folder) {
  if (!IsAdapterFolder(folder)) {
    throw Error(ErrorCode::kNotFound, StrCat("no adapter in '", folder.string(), "'; expected ",
                                             kConfigFile, " and ", kWeightsFile));
  }
  const fs::path file = folder / kWeightsFile;
  if (!fs::exists(file) && fs::exists(folder / kPickledFile)) {
    throw Error(
        ErrorCode::kUnimplemented,
        StrCat((folder / kPickledFile).string(), ": pickled weights are not read; expected ",
               kWeightsFile, ", which this writes: cd '", folder.string(),
               "' && python3 -c \"import torch, safetensors.torch as s; s.save_file({k: "
               "v.contiguous() for k, v in torch.load('",
               kPickledFile, "', map_location='cpu', weights_only=True).items()}, '", kWeightsFile,
               "')\""));
  }
  Adapter adapter(file);
  for (const TensorView& tensor : adapter.tensors) SortTensor(&adapter, tensor);
  return adapter;
}

// The name in the base of the adapter's tensor `name`: the same, or with or without "model.", the
// prefix that a backbone with a head adds.
std::optional<std::string> NameInBase(const SafetensorsFolder& base, const std::string& name) {
  constexpr std::string_view kBackbone = "model.";
  std::vector<std::string> names = {name, StrCat(kBackbone, name)};
  if (name.starts_with(kBackbone)) names.push_back(name.substr(kBackbone.size()));
  for (std::string& candidate : names) {
    if (base.tensors().contains(candidate)) return std::move(candidate);
  }
  return std::nullopt;
}

// The base tensor that the adapter's `tensor` changes or replaces.
const TensorView& Target(const SafetensorsFolder& base, const Adapter& adapter,
                         const std::string& name, const TensorView& tensor) {
  const std::optional<std::string> found = NameInBase(base, name);
  if (!found) {
    adapter.Refuse(tensor.name, StrCat("is for ", name, ", which the base lacks; expected one of ",
                                       "the base's, or of a module of modules_to_save"));
  }
  const TensorView& target = base.tensors().at(*found);
  if (target.dtype == DType::kInt64) {
    adapter.Refuse(tensor.name, StrCat("is for ", *found, ", which holds I64 values in the base; ",
                                       "expected F32, F16 or BF16"));
  }
  return target;
}

void CheckShape(const Adapter& adapter, const TensorView& tensor, std::vector<int64_t> expected,
                const std::string& why) {
  if (tensor.shape == expected) return;
  adapter.Refuse(tensor.name, StrCat("is ", ShapeString(tensor.shape), "; expected ",
                                     ShapeString(expected), ": ", why));
}

const TensorView& FirstOf(const LoraParts& parts) {
  for (const PartName& kind : kPartNames) {
    if (parts.*kind.part != nullptr) return *(parts.*kind.part);
  }
  throw Error(ErrorCode::kInternal, "a module of an adapter without tensors");
}

// Requires exactly one pair, and besides it exactly what the configuration asks for.
void CheckParts(const Adapter& adapter, const std::string& module, const LoraParts& parts) {
  const bool linear = parts.a && parts.b && !parts.embedding_a && !parts.embedding_b;
  const bool embedding = parts.embedding_a && parts.embedding_b && !parts.a && !parts.b;
  const std::string& first = FirstOf(parts).name;
  if (!linear && !embedding) {
    adapter.Refuse(first, StrCat("is not one of a pair; expected of module ", module,
                                 " both lora_A.weight and lora_B.weight, or both lora_embedding_A ",
                                 "and lora_embedding_B"));
  }
  if (adapter.config.use_dora != (parts.magnitude != nullptr)) {
    adapter.Refuse(
        parts.magnitude ? parts.magnitude->name : first,
        StrCat(parts.magnitude ? "is present without" : "has no lora_magnitude_vector for",
               " use_dora of ", kConfigFile));
  }
  if (parts.bias && (embedding || !adapter.config.lora_bias)) {
    adapter.Refuse(parts.bias->name, StrCat("is present without lora_bias of ", kConfigFile,
                                            ", or for an embedding"));
  }
  if (linear && adapter.config.lora_bias && !parts.bias) {
    adapter.Refuse(first, StrCat("has no lora_B.bias for lora_bias of ", kConfigFile));
  }
}

void PlanLora(const SafetensorsFolder& base, const Adapter& adapter, const std::string& module,
              const LoraParts& parts, Plan* plan) {
  CheckParts(adapter, module, parts);
  const TensorView& a = parts.a ? *parts.a : *parts.embedding_a;
  const TensorView& b = parts.b ? *parts.b : *parts.embedding_b;
  const TensorView& weight = Target(base, adapter, module + ".weight", a);
  if (weight.shape.size() != 2) {
    adapter.Refuse(a.name, StrCat("is for ", weight.name, " ", ShapeString(weight.shape),
                                  "; expected a matrix"));
  }
  // An embedding table is [vocabulary, dimension]; its input is one-hot rows.
  const bool in_first = parts.embedding_a || adapter.config.fan_in_fan_out;
  const int64_t in = weight.shape[in_first ? 0 : 1], out = weight.shape[in_first ? 1 : 0];
  const int64_t rank = adapter.config.RankOf(module);
  const std::string why =
      StrCat("rank ", rank, " of ", kConfigFile, ", ", weight.name, " ", ShapeString(weight.shape),
             " of the base", in_first ? ", input first" : "");
  CheckShape(adapter, a, {rank, in}, why);
  CheckShape(adapter, b, {out, rank}, why);
  if (parts.magnitude) CheckShape(adapter, *parts.magnitude, {out}, why);
  const double scaling = adapter.config.ScalingOf(module);
  Change& change = plan->changes[weight.name];
  if (change.a != nullptr) {
    adapter.Refuse(a.name, StrCat("is for ", weight.name, ", as ", change.a->name, " is"));
  }
  change.a = &a, change.b = &b, change.magnitude = parts.magnitude;
  change.in_first = in_first, change.scaling = scaling;
  if (parts.bias == nullptr) return;
  const TensorView& bias = Target(base, adapter, module + ".bias", *parts.bias);
  CheckShape(adapter, *parts.bias, bias.shape, StrCat(bias.name, " of the base"));
  plan->changes[bias.name].bias = parts.bias;
  plan->changes[bias.name].scaling = scaling;
}

// Readers of a base with tied embeddings would ignore a separate output layer.
void CheckUntied(const fs::path& base, const Adapter& adapter, const TensorView& tensor) {
  const fs::path config = base / "config.json";
  if (!fs::exists(config) || !ReadConfigJson(config).tie_word_embeddings) return;
  throw Error(ErrorCode::kUnimplemented,
              StrCat(adapter.file.path().string(), ": tensor ", tensor.name, " is for ", kLmHead,
                     ", which ", config.string(), " ties to the embedding; expected a base with ",
                     "tie_word_embeddings false"));
}

void PlanWhole(const fs::path& folder, const SafetensorsFolder& base, const Adapter& adapter,
               const std::string& name, const TensorView& tensor, Plan* plan) {
  if (!NameInBase(base, name) && adapter.config.IsSaved(name)) {
    if (name == kLmHead) CheckUntied(folder, adapter, tensor);
    plan->added.push_back(&tensor);
    plan->names_of_added.push_back(name);
    return;
  }
  const TensorView& target = Target(base, adapter, name, tensor);
  CheckShape(adapter, tensor, target.shape, StrCat(target.name, " of the base"));
  Change& change = plan->changes[target.name];
  if (change.whole != nullptr) {
    adapter.Refuse(tensor.name, StrCat("is for ", target.name, ", as ", change.whole->name, " is"));
  }
  change.whole = &tensor;
}

Plan MakePlan(const fs::path& folder, const SafetensorsFolder& base, const Adapter& adapter) {
  Plan plan;
  for (const auto& [module, parts] : adapter.modules) {
    PlanLora(base, adapter, module, parts, &plan);
  }
  for (const auto& [name, tensor] : adapter.whole) {
    PlanWhole(folder, base, adapter, name, *tensor, &plan);
  }
  return plan;
}

at::Tensor Float32(const TensorView& view) {
  at::Tensor values = at::empty(view.shape, at::kFloat);
  ToFloat32(view, {values.data_ptr<float>(), size_t(values.numel())});
  return values;
}

at::ScalarType TorchType(DType dtype) {
  return dtype == DType::kFloat16    ? at::kHalf
         : dtype == DType::kBFloat16 ? at::kBFloat16
                                     : at::kFloat;
}

// The changed tensor of the base, float32.
at::Tensor Changed(const TensorView& tensor, const Change& change) {
  at::Tensor values = Float32(change.whole ? *change.whole : tensor);
  if (change.bias) values.add_(Float32(*change.bias), change.scaling);
  if (!change.a) return values;
  const at::Tensor a = Float32(*change.a), b = Float32(*change.b);
  if (change.in_first) {
    values.addmm_(a.t(), b.t(), 1, change.scaling);
  } else {
    values.addmm_(b, a, 1, change.scaling);
  }
  if (change.magnitude) {
    const int in_dimension = change.in_first ? 0 : 1;
    const at::Tensor norm = at::linalg_vector_norm(values, 2, {in_dimension}, true);
    values.mul_(Float32(*change.magnitude).unsqueeze(in_dimension).div_(norm));
  }
  return values;
}

void WriteTensors(const SafetensorsFolder& base, const Adapter& adapter, const Plan& plan,
                  SafetensorsWriter* writer) {
  for (const std::string& name : base.names()) {
    const TensorView& tensor = base.tensors().at(name);
    const auto found = plan.changes.find(name);
    if (found == plan.changes.end()) {
      writer->AddStored(tensor);
    } else {
      const at::Tensor values = Changed(tensor, found->second);
      if (!values.to(TorchType(tensor.dtype)).isfinite().all().item<bool>()) {
        throw Error(ErrorCode::kInvalidArgument,
                    StrCat(adapter.file.path().string(), ": makes values of ", name, " ",
                           DTypeName(tensor.dtype), " that are not finite; expected numbers"));
      }
      writer->Add(name, {values.const_data_ptr<float>(), size_t(values.numel())});
    }
    ReleasePages({tensor.data, tensor.bytes});
  }
  for (size_t i = 0; i < plan.added.size(); ++i) {
    TensorView tensor = *plan.added[i];
    tensor.name = plan.names_of_added[i];
    writer->AddStored(tensor);
  }
  writer->Finish();
}

std::vector<TensorHeader> Headers(const SafetensorsFolder& base, const Plan& plan) {
  std::vector<TensorHeader> headers;
  for (const std::string& name : base.names()) {
    const TensorView& tensor = base.tensors().at(name);
    headers.push_back({name, tensor.dtype, tensor.shape});
  }
  for (size_t i = 0; i < plan.added.size(); ++i) {
    headers.push_back({plan.names_of_added[i], plan.added[i]->dtype, plan.added[i]->shape});
  }
  return headers;
}

MergeReport Report(const SafetensorsFolder& base, const Plan& plan) {
  MergeReport report;
  report.added = plan.names_of_added;
  for (const std::string& name : base.names()) {
    const auto found = plan.changes.find(name);
    if (found == plan.changes.end()) continue;
    report.merged += found->second.a != nullptr;
    if (found->second.whole) report.replaced.push_back(name);
  }
  return report;
}

}  // namespace

bool IsAdapterFolder(const fs::path& folder) { return fs::exists(folder / kConfigFile); }

MergeReport MergeAdapter(const fs::path& base, const fs::path& adapter, const fs::path& out) {
  const SafetensorsFolder weights(base);
  const Adapter opened = OpenAdapter(adapter);
  const Plan plan = MakePlan(base, weights, opened);
  const fs::path file = out / "model.safetensors";
  if (fs::exists(file)) {
    throw Error(ErrorCode::kAlreadyExists,
                StrCat(file.string(), " already exists; expected a folder without weights"));
  }
  fs::create_directories(out);
  const auto check_whole = [&] {
    weights.CheckWhole();
    opened.file.CheckWhole();
  };
  try {
    SafetensorsWriter writer(file, Headers(weights, plan));
    WithTorchErrors(StrCat("merging ", adapter.string()),
                    [&] { WriteTensors(weights, opened, plan, &writer); });
    check_whole();
  } catch (...) {
    std::error_code ignored;
    fs::remove(file, ignored);
    check_whole();  // throws if a cut-off file is the cause
    throw;
  }
  return Report(weights, plan);
}

}  // namespace prm
