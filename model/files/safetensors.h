// Reads and writes safetensors files, single and sharded.
// Source: the safetensors format: u64 header length, JSON header, tensor bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/files/mapped_file.h"
#include "model/files/synced_file.h"
#include "model/files/tensor_view.h"

namespace prm {

// Returns the tensors of one file image, in byte order. Checks the header length, each shape
// against its byte range, and that ranges are in the file, adjacent and without overlap. Throws
// Error (kUnimplemented for an unsupported dtype, else kDataLoss) with `where` and the tensor.
std::vector<TensorView> ParseSafetensors(std::span<const std::byte> bytes, std::string_view where);
// The same for a file; the tensors borrow from it.
std::vector<TensorView> ParseSafetensors(const MappedFile& file);

// All tensors of a model folder; owns the mappings that its views borrow from.
class SafetensorsFolder {
 public:
  // Opens `folder`/model.safetensors, else the shards of `folder`/model.safetensors.index.json.
  // Throws Error naming the file: no weights, a missing shard, a tensor missing from its shard or
  // from the index, or a shard outside the folder.
  explicit SafetensorsFolder(const std::filesystem::path& folder);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  // Names of all tensors in byte order; shards in order of file name.
  const std::vector<std::string>& names() const { return names_; }
  // MappedFile::CheckWhole for each file. Call after reading tensors.
  void CheckWhole() const;

 private:
  void OpenShards(const std::filesystem::path& folder, const std::filesystem::path& index);
  void AddFile(const std::filesystem::path& file);

  std::vector<MappedFile> files_;
  std::map<std::string, TensorView> tensors_;
  std::vector<std::string> names_;
};

struct TensorHeader {
  std::string name;
  DType dtype = DType::kFloat32;  // not quantised
  std::vector<int64_t> shape;
};

// Streams tensors into one file in the order of their headers; the file is incomplete without
// Finish(). One thread.
class SafetensorsWriter {
 public:
  // Creates (or truncates) `path` and writes the header. Throws Error with the path and reason.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorHeader> headers);

  // Appends all values of the next tensor, converted to its float type (nearest even; values too
  // large for float16 become infinite). Throws Error(kInternal) if `name` is not the next header's,
  // the count differs, or the type is an integer; Error(kResourceExhausted or kUnavailable) with
  // the path if writing to disk fails.
  void Add(const std::string& name, std::span<const float> values);
  // Appends the next tensor byte for byte. Throws as Add, and Error(kInternal) if dtype or shape
  // differ from the header's.
  void AddStored(const TensorView& tensor);
  // Syncs to disk and closes. Throws Error(kInternal) if tensors are missing.
  void Finish();

 private:
  [[noreturn]] void RefuseTensor(const std::string& name, const std::string& what) const;

  SyncedFile file_;
  std::vector<TensorHeader> headers_;
  size_t next_ = 0;
};

}  // namespace prm
