#include "model/files/safetensors.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>
#include <utility>

#include "data/error.h"
#include "model/config/json_fields.h"

namespace prm {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

// The limit of the reference implementation.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kLengthBytes = 8;
constexpr size_t kMaxDimensions = 8;
constexpr size_t kChunkValues = 1 << 16;

[[noreturn]] void Damaged(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kDataLoss, StrCat(where, ": ", what));
}

std::string_view HeaderText(std::span<const std::byte> bytes, std::string_view where) {
  if (bytes.size() < kLengthBytes) {
    Damaged(where, StrCat("only ", bytes.size(), " bytes; a safetensors file has at least 8"));
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > kMaxHeaderBytes || length > bytes.size() - kLengthBytes) {
    Damaged(where, StrCat("header length is ", length, ", but ", bytes.size() - kLengthBytes,
                          " bytes follow it; the file is cut off or not safetensors"));
  }
  return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, static_cast<size_t>(length)};
}

// `parser` owns the document.
simdjson::dom::object ParseHeader(std::string_view text, std::string_view where,
                                  simdjson::dom::parser* parser) {
  simdjson::dom::element document;
  const simdjson::error_code error = parser->parse(text.data(), text.size()).get(document);
  if (error != simdjson::SUCCESS) {
    Damaged(where, StrCat("header is not valid JSON: ", simdjson::error_message(error)));
  }
  simdjson::dom::object header;
  if (document.get(header) != simdjson::SUCCESS) Damaged(where, "header is not a JSON object");
  return header;
}

DType ParseDType(const std::string& name, const std::string& where) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kInt64}) {
    if (name == DTypeName(dtype)) return dtype;
  }
  throw Error(ErrorCode::kUnimplemented,
              StrCat(where, ": dtype ", name, " is not supported; expected F32, F16 or BF16"));
}

std::vector<int64_t> ParseShape(const JsonFields& entry) {
  const json& array = entry.Array("shape");
  const bool good = array.size() <= kMaxDimensions && std::ranges::all_of(array, [](const json& v) {
                      return v.is_number_unsigned();
                    });
  if (!good) entry.Fail("shape", StrCat("at most ", kMaxDimensions, " sizes"));
  std::vector<int64_t> shape;
  for (const json& size : array) {
    if (size.get<uint64_t>() > uint64_t{INT64_MAX}) entry.Fail("shape", "sizes below 2^63");
    shape.push_back(size.get<int64_t>());
  }
  return shape;
}

TensorView ParseEntry(const std::string& name, const json& value, std::span<const std::byte> data,
                      std::string_view where) {
  const JsonFields entry(value, StrCat(where, ": tensor ", name));
  TensorView tensor{.name = name,
                    .dtype = ParseDType(entry.String("dtype"), entry.where()),
                    .shape = ParseShape(entry)};
  const json& offsets = entry.Array("data_offsets");
  const bool two =
      offsets.size() == 2 && offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned();
  if (!two) entry.Fail("data_offsets", "[begin, end]");
  const uint64_t begin = offsets[0].get<uint64_t>();
  const uint64_t end = offsets[1].get<uint64_t>();
  if (begin > end || end > data.size()) {
    entry.Fail("data_offsets",
               StrCat("a range inside the ", data.size(),
                      " bytes of data that the file has; it is cut off or damaged"));
  }
  const std::optional<int64_t> bytes = StorageBytes(tensor.dtype, tensor.shape);
  if (!bytes || static_cast<uint64_t>(*bytes) != end - begin) {
    entry.Fail("data_offsets",
               StrCat(bytes ? std::to_string(*bytes) : "2^63 or more", " bytes for ",
                      DTypeName(tensor.dtype), " ", ShapeString(tensor.shape)));
  }
  tensor.data = data.data() + begin;
  tensor.bytes = end - begin;
  return tensor;
}

// The format forbids holes and overlaps: tensors must cover the data exactly.
void CheckCoverage(const std::vector<TensorView>& tensors, std::span<const std::byte> data,
                   std::string_view where) {
  const std::byte* covered = data.data();
  for (const TensorView& tensor : tensors) {
    if (tensor.data != covered) {
      Damaged(where, StrCat("tensor ", tensor.name, " begins at byte ", tensor.data - data.data(),
                            " of the data; expected ", covered - data.data(),
                            ": tensors overlap or leave a hole"));
    }
    covered += tensor.bytes;
  }
  const size_t extra = static_cast<size_t>(data.data() + data.size() - covered);
  if (extra > 0) Damaged(where, StrCat(extra, " bytes after the last tensor belong to none"));
}

bool IsQuantised(DType dtype) { return BlockSizeOf(dtype).values > 1; }

std::string WriteHeader(const std::vector<TensorHeader>& headers) {
  std::string text = R"({"__metadata__":{"format":"pt"})";
  std::unordered_set<std::string_view> names = {"__metadata__"};
  int64_t offset = 0;
  for (const TensorHeader& tensor : headers) {
    const std::optional<int64_t> bytes = StorageBytes(tensor.dtype, tensor.shape);
    if (!bytes || IsQuantised(tensor.dtype) || !names.insert(tensor.name).second) {
      throw Error(
          ErrorCode::kInternal,
          StrCat("cannot write tensor ", tensor.name, " ", DTypeName(tensor.dtype), " ",
                 ShapeString(tensor.shape), ": expected F32, F16, BF16 or I64 under a new name"));
    }
    const nlohmann::ordered_json entry = {{"dtype", DTypeName(tensor.dtype)},
                                          {"shape", tensor.shape},
                                          {"data_offsets", {offset, offset + *bytes}}};
    text += StrCat(",", json(tensor.name).dump(), ":", entry.dump());
    offset += *bytes;
  }
  text += '}';
  // The data starts at a multiple of 8, padded as in the reference implementation.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

std::vector<TensorView> ParseSafetensors(std::span<const std::byte> bytes, std::string_view where) {
  const std::string_view text = HeaderText(bytes, where);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + text.size());
  simdjson::dom::parser parser;
  std::vector<TensorView> tensors;
  std::unordered_set<std::string_view> names;
  for (const auto& [name, entry] : ParseHeader(text, where, &parser)) {
    if (!names.insert(name).second) Damaged(where, StrCat("tensor \"", name, "\" is listed twice"));
    if (name == "__metadata__") continue;
    tensors.push_back(
        ParseEntry(std::string(name), json::parse(simdjson::minify(entry)), data, where));
  }
  // Of tensors at the same byte, empty ones first.
  std::ranges::sort(tensors, {}, [](const TensorView& t) { return std::pair(t.data, t.bytes); });
  CheckCoverage(tensors, data, where);
  return tensors;
}

std::vector<TensorView> ParseSafetensors(const MappedFile& file) {
  try {
    return ParseSafetensors(file.bytes(), file.path().string());
  } catch (const Error&) {
    file.CheckWhole();  // throws if a cut-off file is the cause
    throw;
  }
}

SafetensorsFolder::SafetensorsFolder(const std::filesystem::path& folder) {
  const std::filesystem::path single = folder / "model.safetensors";
  const std::filesystem::path index = folder / "model.safetensors.index.json";
  if (std::filesystem::exists(single)) {
    AddFile(single);
  } else if (std::filesystem::exists(index)) {
    OpenShards(folder, index);
  } else {
    throw Error(ErrorCode::kNotFound,
                StrCat("no weights in '", folder.string(),
                       "'; expected model.safetensors or model.safetensors.index.json"));
  }
}

void SafetensorsFolder::OpenShards(const std::filesystem::path& folder,
                                   const std::filesystem::path& index) {
  const json document = ParseJson(ReadJsonText(index), index.string());
  const JsonFields fields(document, index.string());
  const JsonFields map_fields = fields.Object("weight_map");
  const json& weight_map = *fields.Find("weight_map");
  std::set<std::string> shards;
  for (const auto& item : weight_map.items()) {
    const std::string shard = map_fields.String(item.key());
    if (shard.empty() || shard != std::filesystem::path(shard).filename() || shard == "..") {
      map_fields.Fail(item.key(), "a file name in the same folder");
    }
    shards.insert(shard);
  }
  for (const std::string& shard : shards) AddFile(folder / shard);
  for (const auto& item : weight_map.items()) {
    if (tensors_.contains(item.key())) continue;
    Damaged(index.string(), StrCat("tensor ", item.key(), " is not in its shard ",
                                   item.value().get<std::string>()));
  }
  for (const auto& [name, tensor] : tensors_) {
    if (weight_map.contains(name)) continue;
    Damaged(index.string(), StrCat("tensor ", name, " is in a shard but not in weight_map"));
  }
}

void SafetensorsFolder::CheckWhole() const {
  for (const MappedFile& file : files_) file.CheckWhole();
}

void SafetensorsFolder::AddFile(const std::filesystem::path& file) {
  files_.emplace_back(file);
  for (TensorView& tensor : ParseSafetensors(files_.back())) {
    const std::string name = tensor.name;
    names_.push_back(name);
    if (!tensors_.emplace(name, std::move(tensor)).second) {
      Damaged(file.string(), StrCat("tensor ", name, " is in another shard too"));
    }
  }
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::vector<TensorHeader> headers)
    : file_(path), headers_(std::move(headers)) {
  const std::string header = WriteHeader(headers_);
  const uint64_t length = header.size();
  file_.Write(&length, sizeof(length));
  file_.Write(header.data(), header.size());
}

void SafetensorsWriter::RefuseTensor(const std::string& name, const std::string& what) const {
  throw Error(ErrorCode::kInternal,
              StrCat("tensor ", name, " of ", what, " is not the next of ", file_.path().string()));
}

void SafetensorsWriter::Add(const std::string& name, std::span<const float> values) {
  if (next_ == headers_.size() || headers_[next_].name != name ||
      headers_[next_].dtype == DType::kInt64 ||
      static_cast<uint64_t>(*NumElements(headers_[next_].shape)) != values.size()) {
    RefuseTensor(name, StrCat(values.size(), " values"));
  }
  const DType dtype = headers_[next_++].dtype;
  if (dtype == DType::kFloat32) {
    file_.Write(values.data(), values.size_bytes());
    return;
  }
  std::vector<std::byte> chunk;
  for (size_t begin = 0; begin < values.size(); begin += kChunkValues) {
    chunk.clear();
    AppendValues(values.subspan(begin, std::min(kChunkValues, values.size() - begin)), dtype,
                 &chunk);
    file_.Write(chunk.data(), chunk.size());
  }
}

void SafetensorsWriter::AddStored(const TensorView& tensor) {
  if (next_ == headers_.size() || headers_[next_].name != tensor.name ||
      headers_[next_].dtype != tensor.dtype || headers_[next_].shape != tensor.shape) {
    RefuseTensor(tensor.name, StrCat(DTypeName(tensor.dtype), " ", ShapeString(tensor.shape)));
  }
  ++next_;
  file_.Write(tensor.data, tensor.bytes);
}

void SafetensorsWriter::Finish() {
  if (next_ != headers_.size()) {
    throw Error(ErrorCode::kInternal, StrCat("tensor ", headers_[next_].name,
                                             " was not written to ", file_.path().string()));
  }
  file_.Finish();
}

}  // namespace prm
