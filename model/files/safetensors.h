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

#include "model/files/mapped_file.h"
#include "model/files/synced_file.h"
#include "model/files/tensor_view.h"

namespace prm {

// The tensors of one file image, in the order of their bytes. Throws Error(kDataLoss;
// kUnimplemented for a dtype that is not supported) with `where` and the tensor: header length,
// shape against byte range, ranges inside the file, adjacent and not overlapping.
std::vector<TensorView> ParseSafetensors(std::span<const std::byte> bytes, std::string_view where);
// The same of a file, which the tensors borrow from.
std::vector<TensorView> ParseSafetensors(const MappedFile& file);

// All tensors of a model folder; owns the mappings that its views borrow from.
class SafetensorsFolder {
 public:
  // Opens `folder`/model.safetensors, else the shards of `folder`/model.safetensors.index.json.
  // Throws Error naming the file: none there, a missing shard, a tensor that its shard lacks or
  // that the index does not know, or a shard outside the folder.
  explicit SafetensorsFolder(const std::filesystem::path& folder);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  // Of all tensors, as their bytes lie in the file; shards one after the other by file name.
  const std::vector<std::string>& names() const { return names_; }
  // MappedFile::CheckWhole of each file, for those who have read the tensors.
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

// Streams tensors into one file in the order of their headers; incomplete without Finish(). One
// thread.
class SafetensorsWriter {
 public:
  // Creates (or truncates) `path` and writes the header. Throws Error with the path and reason.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorHeader> headers);

  // Appends the next tensor's values, all of them, converted to its float type (nearest even; what
  // float16 cannot hold becomes infinite). Throws Error(kInternal) if `name` is not the next
  // header's, the count differs or the header's type is an integer's; Error(kResourceExhausted or
  // kUnavailable) with the path if the disk does not take it.
  void Add(const std::string& name, std::span<const float> values);
  // Appends the next tensor byte for byte. Throws as Add; Error(kInternal) also if its dtype or
  // shape is not the header's.
  void AddStored(const TensorView& tensor);
  // Flushes to the disk and closes. Throws Error(kInternal) if tensors are missing.
  void Finish();

 private:
  [[noreturn]] void RefuseTensor(const std::string& name, const std::string& what) const;

  SyncedFile file_;
  std::vector<TensorHeader> headers_;
  size_t next_ = 0;
};

}  // namespace prm
