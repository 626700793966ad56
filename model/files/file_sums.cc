#include "model/files/file_sums.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "data/io/file_error.h"
#include "data/text/sha256.h"
#include "model/files/descriptor.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBytes = 1 << 18;  // stays in the second-level cache until it is hashed

// Returns "" if stopped.
std::string SumOf(const fs::path& path, const std::atomic<bool>& stopped) {
  const Descriptor file(path, O_RDONLY);
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  Sha256 sum;
  std::vector<char> buffer(kReadBytes);
  while (!stopped) {
    const ssize_t count = read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw FileError("read", path, errno);
    if (count == 0) break;
    sum.Add({buffer.data(), size_t(count)});
  }
  return stopped ? "" : sum.TakeHex();
}

// At most one thread per file, and one per `cores` cores.
std::vector<std::jthread> StartThreads(size_t files, size_t cores,
                                       const std::function<void()>& run) {
  std::vector<std::jthread> threads;
  const size_t most = std::max<size_t>(1, std::thread::hardware_concurrency() / cores);
  try {
    while (threads.size() < std::min(files, most)) threads.emplace_back(run);
  } catch (const std::system_error& error) {
    if (threads.empty()) {
      throw Error(ErrorCode::kResourceExhausted,
                  StrCat("cannot start a thread that hashes files: ", error.what()));
    }
  }
  return threads;
}

}  // namespace

std::string Sha256OfFile(const fs::path& file) { return SumOf(file, false); }

FileSums SumFiles(const fs::path& folder) {
  std::vector<std::pair<std::string, std::string>> sums;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    if (entry.is_regular_file() && name != "prm.json" && name != "README.md") {
      sums.emplace_back(name, "");
    }
  }
  std::atomic<size_t> next = 0;
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&] {
    try {
      for (size_t i; (i = next++) < sums.size();)
        sums[i].second = Sha256OfFile(folder / sums[i].first);
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  StartThreads(sums.size(), 1, run).clear();  // joins
  if (failure) std::rethrow_exception(failure);
  return {sums.begin(), sums.end()};
}

SumCheck::SumCheck(fs::path folder, FileSums sums)
    : folder_(std::move(folder)), sums_(sums.begin(), sums.end()) {
  threads_ = StartThreads(sums_.size(), 2, [this] { Run(); });
}

SumCheck::~SumCheck() {
  stopped_ = true;
  threads_.clear();
}

void SumCheck::Run() {
  try {
    for (size_t i; (i = next_++) < sums_.size() && !stopped_;) {
      const auto& [name, expected] = sums_[i];
      if (!fs::is_regular_file(folder_ / name) && fs::exists(folder_ / name)) {
        throw Error(ErrorCode::kInvalidArgument,  // a pipe would be waited for
                    StrCat((folder_ / name).string(), ": not a regular file"));
      }
      const std::string sum = SumOf(folder_ / name, stopped_);
      if (stopped_ || sum == expected) continue;
      throw Error(
          ErrorCode::kDataLoss,
          StrCat((folder_ / name).string(), ": changed since it was written: its sha256 is ", sum,
                 ", but prm.json has ", expected,
                 "; expected an intact copy (option no_verify accepts the file as is)"));
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    stopped_ = true;
  }
}

void SumCheck::Finish() {
  threads_.clear();
  if (failure_) std::rethrow_exception(failure_);
}

void ReadVerified(const fs::path& folder, const FileSums& sums, const std::function<void()>& read) {
  FileSums weights, others;
  for (const auto& [name, sum] : sums) {
    (name.ends_with(".safetensors") ? weights : others).emplace(name, sum);
  }
  SumCheck(folder, std::move(others)).Finish();
  SumCheck check(folder, std::move(weights));
  try {
    read();
  } catch (...) {
    check.Finish();
    throw;
  }
  check.Finish();
}

}  // namespace prm
