// SHA-256 sums of a checkpoint's files, to detect damage before use.
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

// From a file's path in its folder to 64 lower-case hexadecimal digits.
using FileSums = std::map<std::string, std::string>;

// Hashes a file's bytes. Throws Error with the path.
std::string Sha256OfFile(const std::filesystem::path& file);

// Hashes all regular files in `folder`, recursively, except prm.json, which stores the sums, and
// README.md, which people edit. Uses as many threads as cores. Throws Error with the path.
FileSums SumFiles(const std::filesystem::path& folder);

// Compares files with their sums on background threads, half as many as cores, while the owner
// reads the same files. One owner thread.
class SumCheck {
 public:
  // Starts. Throws Error(kResourceExhausted) if the system gives no thread.
  SumCheck(std::filesystem::path folder, FileSums sums);
  ~SumCheck();  // stops
  SumCheck(const SumCheck&) = delete;
  SumCheck& operator=(const SumCheck&) = delete;

  // Waits until all are compared. Throws Error with the path: kDataLoss if a sum differs, or the
  // reason why the file cannot be read.
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

// Calls `read`, which reads these files of `folder`, and checks their sums: weights during the
// call, smaller files before. If `read` throws and a file is damaged, reports the damaged file.
// Throws as SumCheck and `read`.
void ReadVerified(const std::filesystem::path& folder, const FileSums& sums,
                  const std::function<void()>& read);

}  // namespace prm
