#include "model/files/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <string_view>
#include <type_traits>

#include "data/error.h"

namespace prm {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are little-endian");

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kVersion = 3;
constexpr size_t kAlignment = 32;

template <class T>
void AppendRaw(const T& value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void AppendText(std::string_view text, std::string* out) {
  AppendRaw(uint64_t{text.size()}, out);
  out->append(text);
}

// The value type's number in the specification.
template <class T>
constexpr uint32_t TypeOf() {
  if constexpr (std::is_same_v<T, uint32_t>) return 4;
  if constexpr (std::is_same_v<T, int32_t>) return 5;
  if constexpr (std::is_same_v<T, float>) return 6;
  if constexpr (std::is_same_v<T, bool>) return 7;
  if constexpr (std::is_same_v<T, std::string>) return 8;
  return 9;  // an array
}

template <class T>
void AppendValue(const T& value, std::string* out) {
  if constexpr (std::is_same_v<T, std::string>) {
    AppendText(value, out);
  } else if constexpr (TypeOf<T>() == 9) {
    AppendRaw(TypeOf<typename T::value_type>(), out);
    AppendRaw(uint64_t{value.size()}, out);
    for (const auto& element : value) AppendValue(element, out);
  } else {
    AppendRaw(value, out);
  }
}

uint32_t TensorTypeOf(const TensorHeader& tensor) {
  if (tensor.dtype == DType::kFloat32) return 0;
  if (tensor.dtype == DType::kFloat16) return 1;
  if (tensor.dtype == DType::kBFloat16) return 30;
  throw Error(ErrorCode::kInternal, StrCat("cannot write tensor ", tensor.name, " ",
                                           DTypeName(tensor.dtype), "; expected F32, F16 or BF16"));
}

size_t Padding(size_t bytes) { return (kAlignment - bytes % kAlignment) % kAlignment; }

size_t BytesOf(const TensorHeader& tensor) {
  return size_t(StorageBytes(tensor.dtype, tensor.shape).value());
}

std::string WriteHeader(const GgufMetadata& metadata, const std::vector<TensorHeader>& tensors) {
  std::string out;
  AppendRaw(kMagic, &out);
  AppendRaw(kVersion, &out);
  AppendRaw(uint64_t{tensors.size()}, &out);
  AppendRaw(uint64_t{metadata.size() + 1}, &out);
  AppendText("general.alignment", &out);
  AppendRaw(TypeOf<uint32_t>(), &out);
  AppendRaw(uint32_t{kAlignment}, &out);
  for (const auto& [key, entry] : metadata) {
    AppendText(key, &out);
    std::visit(
        [&](const auto& value) {
          AppendRaw(TypeOf<std::decay_t<decltype(value)>>(), &out);
          AppendValue(value, &out);
        },
        entry);
  }
  uint64_t offset = 0;
  for (const TensorHeader& tensor : tensors) {
    AppendText(tensor.name, &out);
    AppendRaw(uint32_t(tensor.shape.size()), &out);
    for (size_t i = tensor.shape.size(); i-- > 0;) AppendRaw(uint64_t(tensor.shape[i]), &out);
    AppendRaw(TensorTypeOf(tensor), &out);
    AppendRaw(offset, &out);
    offset += BytesOf(tensor);
    offset += Padding(offset);
  }
  out.append(Padding(out.size()), '\0');
  return out;
}

}  // namespace

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
                       std::vector<TensorHeader> tensors)
    : file_(path), tensors_(std::move(tensors)) {
  const std::string header = WriteHeader(metadata, tensors_);
  file_.Write(header.data(), header.size());
}

void GgufWriter::Add(const std::string& name, std::span<const std::byte> bytes) {
  const bool is_next = next_ < tensors_.size() && tensors_[next_].name == name;
  if (!is_next || bytes.size() > BytesOf(tensors_[next_]) - written_bytes_) {
    throw Error(ErrorCode::kInternal,
                StrCat("tensor ", name, " of ", bytes.size(), " more bytes is not the next of ",
                       file_.path().string()));
  }
  file_.Write(bytes.data(), bytes.size());
  written_bytes_ += bytes.size();
  if (written_bytes_ < BytesOf(tensors_[next_])) return;
  const std::string padding(Padding(written_bytes_), '\0');
  file_.Write(padding.data(), padding.size());
  written_bytes_ = 0;
  ++next_;
}

void GgufWriter::Finish() {
  if (next_ != tensors_.size()) {
    throw Error(ErrorCode::kInternal, StrCat("tensor ", tensors_[next_].name,
                                             " was not written to ", file_.path().string()));
  }
  file_.Finish();
}

}  // namespace prm
