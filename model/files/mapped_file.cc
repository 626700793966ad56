#include "model/files/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <utility>

#include "data/io/file_error.h"

namespace prm {

// A mapped range, read by the SIGBUS handler, which may take no lock. Ranges are never freed, only
// reused. 0 to 0: unused.
struct MappedRange {
  std::atomic<uintptr_t> begin = 0, end = 0;
  std::atomic<bool> damaged = false;  // a page was unavailable
  MappedRange* next = nullptr;
};

namespace {

uintptr_t PageSize() {
  static const uintptr_t size = uintptr_t(sysconf(_SC_PAGESIZE));
  return size;
}

std::mutex ranges_mutex;  // guards taking and returning ranges
std::atomic<MappedRange*> ranges = nullptr;
struct sigaction former_action;

// Touching a page that the file no longer has raises SIGBUS in the touching thread. Zeros replace
// that page and all after it, so that the thread can continue.
void OnBusError(int signal, siginfo_t* info, void*) {
  const int saved_errno = errno;
  const uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
  const uintptr_t page = address / PageSize() * PageSize();
  for (MappedRange* range = ranges; range != nullptr; range = range->next) {
    const uintptr_t end = range->end;
    if (address < range->begin || address >= end) continue;
    range->damaged = true;
    void* zeros = mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    errno = saved_errno;
    if (zeros != MAP_FAILED) return;
  }
  // Not ours: the instruction raises it again, now for the former handler.
  sigaction(signal, &former_action, nullptr);
  if (info->si_code <= 0) raise(signal);  // sent by another process
  errno = saved_errno;
}

void HandleBusErrors() {
  PageSize();  // so that the handler never makes the first call
  struct sigaction action = {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &former_action);
}

MappedRange* TakeRange(const std::byte* data, size_t size) {
  const std::lock_guard lock(ranges_mutex);
  if (ranges == nullptr) HandleBusErrors();
  MappedRange* range = ranges;
  while (range != nullptr && range->end != 0) range = range->next;
  if (range == nullptr) {
    range = new MappedRange{.next = ranges};
    ranges = range;
  }
  range->damaged = false;
  range->begin = reinterpret_cast<uintptr_t>(data);
  range->end = reinterpret_cast<uintptr_t>(data) + size;
  return range;
}

void GiveBack(MappedRange* range) {
  const std::lock_guard lock(ranges_mutex);
  range->end = 0;
  range->begin = 0;
}

const std::byte* Map(int fd, size_t size, const std::filesystem::path& path) {
  if (size == 0) return nullptr;
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED) throw FileError("map", path, errno);
  return static_cast<const std::byte*>(address);
}

constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ of Linux 5.14, which older headers lack

// Advises on all pages that overlap `bytes`.
void AdviseAllOf(std::span<const std::byte> bytes, int advice) {
  const uintptr_t page = PageSize();
  const uintptr_t begin = reinterpret_cast<uintptr_t>(bytes.data()) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size());
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer; it is refused below.
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
    device_ = info.st_dev;
    inode_ = info.st_ino;
    if (data_ != nullptr) range_ = TakeRange(data_, size_);
  } catch (...) {
    close(fd);
    throw;
  }
  close(fd);
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  GiveBack(range_);
  munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      range_(std::exchange(other.range_, nullptr)),
      device_(other.device_),
      inode_(other.inode_) {}

void MappedFile::CheckWhole() const {
  if (range_ == nullptr) return;
  // The cut-off part of the last existing page raises no signal.
  struct stat now = {};
  const bool cut = stat(path_.c_str(), &now) == 0 && now.st_dev == device_ &&
                   now.st_ino == inode_ && static_cast<size_t>(now.st_size) < size_;
  if (!range_->damaged && !cut) return;
  throw Error(ErrorCode::kDataLoss,
              StrCat(path_.string(), ": became shorter while it was read, or its disk failed; ",
                     "expected ", size_, " unchanged bytes"));
}

void PrefetchPages(std::span<const std::byte> bytes) { AdviseAllOf(bytes, MADV_WILLNEED); }

void PopulatePages(std::span<const std::byte> bytes) { AdviseAllOf(bytes, kPopulateRead); }

void ReleasePages(std::span<const std::byte> bytes) {
  const uintptr_t page = PageSize();
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(range_, other.range_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

}  // namespace prm
