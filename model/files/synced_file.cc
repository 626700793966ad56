#include "model/files/synced_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "data/io/file_error.h"
#include "model/files/descriptor.h"

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

void SyncedFile::CopyFrom(const std::filesystem::path& source) {
  constexpr size_t kCopyBytes = size_t{64} << 20, kReadBytes = size_t{1} << 20;
  const Descriptor from(source, O_RDONLY);
  if (ioctl(fd_, FICLONE, from.get()) == 0) return;
  ssize_t copied;
  do {
    copied = copy_file_range(from.get(), nullptr, fd_, nullptr, kCopyBytes, 0);
  } while (copied > 0 || (copied < 0 && errno == EINTR));
  if (copied == 0) return;
  if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO) {
    throw FileError("write", path_, errno);
  }
  // The kernel cannot copy between these file systems. Continues where it stopped.
  std::vector<std::byte> buffer(kReadBytes);
  for (;;) {
    const ssize_t count = read(from.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw FileError("read", source, errno);
    if (count == 0) return;
    Write(buffer.data(), size_t(count));
  }
}

void SyncedFile::Finish() {
  if (fsync(fd_) != 0) throw FileError("sync", path_, errno);
  if (close(std::exchange(fd_, -1)) != 0) throw FileError("close", path_, errno);
}

}  // namespace prm
