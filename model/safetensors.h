// Reading and writing safetensors files, single and sharded.
// Source: the safetensors format: u64 header length, JSON header, tensor bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/mapped_file.h"
#include "model/synced_file.h"
#include "model/tensor_view.h"

namespace prm {

// The tensors of one file image, in the order of their bytes. Throws Error(kDataLoss;
// kUnimplemented for a dtype that is not supported) with `where` and the tensor: header length,
// shape against byte range, ranges inside the file, adjacent and not overlapping.
std::vector<TensorView> ParseSafetensors(std::span<const std::byte> bytes, std::string_view where);

// All tensors of a model folder; owns the mappings that its views borrow from.
class SafetensorsFolder {
 public:
  // Opens `folder`/model.safetensors, else the shards of `folder`/model.safetensors.index.json.
  // Throws Error naming the file: none there, a missing shard, a tensor that its shard lacks or
  // that the index does not know, or a shard outside the folder.
  explicit SafetensorsFolder(const std::filesystem::path& folder);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }

 private:
  void OpenShards(const std::filesystem::path& folder, const std::filesystem::path& index);
  void AddFile(const std::filesystem::path& file);

  std::vector<MappedFile> files_;
  std::map<std::string, TensorView> tensors_;
};

struct TensorHeader {
  std::string name;
  DType dtype = DType::kFloat32;  // kFloat32, kFloat16 or kBFloat16
  std::vector<int64_t> shape;
};

// Streams tensors into one file in the order of their headers; incomplete without Finish(). One
// thread.
class SafetensorsWriter {
 public:
  // Creates (or truncates) `path` and writes the header. Throws Error with the path and reason.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorHeader> headers);

  // Appends the next tensor's values, all of them, converted to its dtype (AppendValues).
  // Throws Error(kInternal) if `name` is not the next header's or the count differs;
  // Error(kResourceExhausted or kUnavailable) with the path if the disk does not take it.
  void Add(const std::string& name, std::span<const float> values);
  // Appends the next tensor's bytes as they are, which are of its dtype.
  void AddStored(const TensorView& tensor);
  // Flushes to the disk and closes. Throws Error(kInternal) if tensors are missing.
  void Finish();

 private:
  // The header of the next tensor, which must be this one.
  const TensorHeader& Next(const std::string& name, size_t values);

  SyncedFile file_;
  std::vector<TensorHeader> headers_;
  size_t next_ = 0;
};

}  // namespace prm
