// SHA-256 sums of a checkpoint's files, by which a damaged one is found before it is used.
#pragma once

#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace prm {

// By the file's path in its folder, 64 lower-case hexadecimal digits.
using FileSums = std::map<std::string, std::string>;

// Of a file's bytes. Throws Error with the path.
std::string Sha256OfFile(const std::filesystem::path& file);

// Of all regular files in `folder` and below, but prm.json, which keeps them, and README.md, which
// people edit. On as many threads as there are cores. Throws Error with the path.
FileSums SumFiles(const std::filesystem::path& folder);

// Reads files on threads of its own, half as many as there are cores, while their owner reads them,
// too, and compares them with their sums. One owner thread.
class SumCheck {
 public:
  // Begins. Throws Error(kResourceExhausted) where the system gives no thread.
  SumCheck(std::filesystem::path folder, FileSums sums);
  ~SumCheck();  // stops
  SumCheck(const SumCheck&) = delete;
  SumCheck& operator=(const SumCheck&) = delete;

  // Waits until all are compared. Throws Error with the path: kDataLoss where a sum differs, or why
  // the file cannot be read.
  void Finish();

 private:
  void Run();

  const std::filesystem::path folder_;
  const std::vector<std::pair<std::string, std::string>> sums_;
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::exception_ptr failure_;  // guarded by mutex_
  std::vector<std::jthread> threads_;
};

// Calls `read`, which reads these files of `folder`, and compares their sums: weights meanwhile,
// the smaller ones before. Where `read` throws, a damaged file, if there is one, is what is
// reported. Throws as SumCheck and `read`.
void ReadVerified(const std::filesystem::path& folder, const FileSums& sums,
                  const std::function<void()>& read);

}  // namespace prm
