#include "model/synced_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "data/file_error.h"

namespace prm {

SyncedFile::SyncedFile(const std::filesystem::path& path)
    : path_(path), fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (fd_ < 0) throw FileError("create", path_, errno);
}

SyncedFile::~SyncedFile() {
  if (fd_ >= 0) close(fd_);
}

void SyncedFile::Write(const void* data, size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = write(fd_, next, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw FileError("write", path_, errno);
    next += written;
    bytes -= static_cast<size_t>(written);
  }
}

void SyncedFile::Finish() {
  if (fsync(fd_) != 0) throw FileError("sync", path_, errno);
  if (close(std::exchange(fd_, -1)) != 0) throw FileError("close", path_, errno);
}

}  // namespace prm
