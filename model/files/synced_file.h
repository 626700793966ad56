// A file for writing whose bytes are on disk after Finish().
#pragma once

#include <cstddef>
#include <filesystem>

namespace prm {

// Every operation throws Error with the path and the system's reason. One thread.
class SyncedFile {
 public:
  // Creates or truncates.
  explicit SyncedFile(const std::filesystem::path& path);
  ~SyncedFile();  // closes; without Finish() the content may be incomplete
  SyncedFile(const SyncedFile&) = delete;
  SyncedFile& operator=(const SyncedFile&) = delete;

  void Write(const void* data, size_t bytes);
  // Writes the bytes of another file into this one, which must be empty. Shares them until either
  // changes, if the file system can (a reflink), else copies.
  void CopyFrom(const std::filesystem::path& source);
  // Syncs to the disk and closes; nothing may be written afterwards.
  void Finish();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace prm
