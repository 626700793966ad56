// Writes GGUF files, version 3, little-endian.
// Source: the GGUF specification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/files/safetensors.h"
#include "model/files/synced_file.h"

namespace prm {

using GgufEntry = std::variant<uint32_t, float, bool, std::string, std::vector<int32_t>,
                               std::vector<float>, std::vector<std::string>>;
using GgufMetadata = std::vector<std::pair<std::string, GgufEntry>>;

// Streams tensors into one file in the order of their headers; the file is incomplete without
// Finish(). One thread.
class GgufWriter {
 public:
  // Creates (or truncates) `path` and writes everything before the tensor data. Tensors are aligned
  // to 32 bytes. Throws Error with the path and reason.
  GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
             std::vector<TensorHeader> tensors);

  // Appends values of the tensor `name`, in its dtype; a tensor may come in several parts. Throws
  // Error(kInternal) if it is not the next tensor, or if it gets too many bytes.
  void Add(const std::string& name, std::span<const std::byte> bytes);
  // Syncs to disk and closes. Throws Error(kInternal) if values are missing.
  void Finish();

 private:
  SyncedFile file_;
  std::vector<TensorHeader> tensors_;
  size_t next_ = 0;
  size_t written_bytes_ = 0;  // of the tensor next_
};

}  // namespace prm
