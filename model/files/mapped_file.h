// A read-only memory mapping of one file.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <span>

namespace prm {

struct MappedRange;

// Owns the mapping. bytes() stays valid until destruction, also after a move. Immutable: any
// thread. If the file shrinks or its disk fails, bytes read as zeros and CheckWhole throws.
class MappedFile {
 public:
  // Throws Error(kNotFound, kPermissionDenied or kUnavailable) with the path and the system's
  // reason. An empty file maps to an empty span.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  size_t size() const { return size_; }

  // Call after using bytes(). Throws Error(kDataLoss) with the path if any bytes were unavailable
  // since the file was opened.
  void CheckWhole() const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  MappedRange* range_ = nullptr;  // set while data_ is mapped
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// PrefetchPages starts reading `bytes` of a mapping in the background. PopulatePages reads and maps
// them now, which avoids a page fault every few pages. Hints: failure has no effect.
void PrefetchPages(std::span<const std::byte> bytes);
void PopulatePages(std::span<const std::byte> bytes);

// Returns pages wholly inside `bytes` of a mapping to the system, which rereads them if touched.
void ReleasePages(std::span<const std::byte> bytes);

}  // namespace prm
