#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "data/file_error.h"

namespace prm {
namespace {

const std::byte* Map(int fd, size_t size, const std::filesystem::path& path) {
  if (size == 0) return nullptr;
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED) throw FileError("map", path, errno);
  return static_cast<const std::byte*>(address);
}

constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ of Linux 5.14, which older headers lack

// All pages that `bytes` touch.
void AdviseAllOf(std::span<const std::byte> bytes, int advice) {
  const uintptr_t page = uintptr_t(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(bytes.data()) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size());
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer before it is refused below.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw FileError("open", path, errno);
  try {
    struct stat info = {};
    if (fstat(fd, &info) != 0) throw FileError("inspect", path, errno);
    if (!S_ISREG(info.st_mode)) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(path.string(), ": cannot map: not a regular file"));
    }
    data_ = Map(fd, static_cast<size_t>(info.st_size), path);
    size_ = static_cast<size_t>(info.st_size);
  } catch (...) {
    close(fd);
    throw;
  }
  close(fd);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

void PrefetchPages(std::span<const std::byte> bytes) { AdviseAllOf(bytes, MADV_WILLNEED); }

void PopulatePages(std::span<const std::byte> bytes) { AdviseAllOf(bytes, kPopulateRead); }

void ReleasePages(std::span<const std::byte> bytes) {
  const uintptr_t page = uintptr_t(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace prm
