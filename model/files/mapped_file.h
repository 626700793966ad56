// A read-only memory mapping of one file.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <span>

namespace prm {

struct MappedRange;

// Owns the mapping; bytes() stays valid until destruction, also when moved. Immutable: any thread.
// Where the file shrinks meanwhile, or its disk fails, bytes() are zeros, and CheckWhole says so.
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

  // Whoever used bytes() asks when it is done. Throws Error(kDataLoss) with the path if some of
  // what was read since the file was opened was not to be had.
  void CheckWhole() const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  MappedRange* range_ = nullptr;  // while data_ is there
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Has the system begin to read `bytes` of a mapping, or maps them all at once, which waits for them
// but is spared a fault for every few pages. Hints: nothing is lost where the system refuses.
void PrefetchPages(std::span<const std::byte> bytes);
void PopulatePages(std::span<const std::byte> bytes);

// Gives the pages that lie wholly in `bytes` of a mapping back to the system, which reads them
// again from the file when they are touched.
void ReleasePages(std::span<const std::byte> bytes);

}  // namespace prm
