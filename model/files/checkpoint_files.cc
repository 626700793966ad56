#include "model/files/checkpoint_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <utility>

#include "data/io/file_error.h"
#include "model/files/descriptor.h"
#include "model/files/synced_file.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporary = ".tmp-";
constexpr std::string_view kPrevious = ".previous";
constexpr size_t kSuffixLength = 6;
constexpr std::string_view kSuffixLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr int kNameAttempts = 100;

void Sync(const fs::path& path, int flags) {
  const Descriptor file(path, flags);
  if (fsync(file.get()) != 0) throw FileError("sync", path, errno);
}

void SyncFolder(const fs::path& folder) { Sync(folder, O_RDONLY | O_DIRECTORY); }

void SyncTree(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_symlink()) continue;
    if (entry.is_directory()) SyncFolder(entry.path());
    if (entry.is_regular_file()) Sync(entry.path(), O_RDONLY);
  }
  SyncFolder(folder);
}

fs::path Beside(const fs::path& target, std::string_view ending) {
  return target.parent_path() / (target.filename().string() + std::string(ending));
}

bool IsTemporaryOf(const fs::path& target, const std::string& name) {
  const std::string prefix = target.filename().string() + std::string(kTemporary);
  return name.size() == prefix.size() + kSuffixLength && name.starts_with(prefix) &&
         name.find_first_not_of(kSuffixLetters, prefix.size()) == std::string::npos;
}

// Removes folders of crashed writers. A live writer holds a lock on its folder, which the system
// drops when its process ends.
void RemoveStale(const fs::path& target) {
  for (const auto& entry : fs::directory_iterator(target.parent_path())) {
    const fs::path& path = entry.path();
    if (!IsTemporaryOf(target, path.filename().string()) || entry.is_symlink() ||
        !entry.is_directory()) {
      continue;
    }
    const Descriptor folder(path, O_RDONLY | O_DIRECTORY);
    if (flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
      throw Error(ErrorCode::kFailedPrecondition,
                  StrCat("another process is writing '", target.string(), "' (in '", path.string(),
                         "'); expected one writer at a time"));
    }
    fs::remove_all(path);
  }
}

// After a crash between the renames of ReplaceInTwoSteps the former target has only its other name.
void RecoverPrevious(const fs::path& target) {
  const fs::path previous = Beside(target, kPrevious);
  if (!fs::exists(previous / "config.json")) return;
  if (fs::exists(target)) {
    fs::remove_all(previous);
  } else {
    fs::rename(previous, target);
  }
}

void CheckReplaceable(const fs::path& target) {
  if (!fs::exists(target)) return;
  if (fs::is_directory(target) && (fs::is_empty(target) || fs::exists(target / "config.json"))) {
    return;
  }
  throw Error(
      ErrorCode::kAlreadyExists,
      StrCat("'", target.string(), "' exists and is not a checkpoint; expected a new name, an ",
             "empty folder, or a checkpoint (a folder with config.json) to replace"));
}

void CreateTemporary(const fs::path& target, std::optional<Temporary>* temporary) {
  std::random_device random;
  std::uniform_int_distribution<size_t> letter(0, kSuffixLetters.size() - 1);
  for (int attempt = 0; attempt < kNameAttempts; ++attempt) {
    std::string ending(kTemporary);
    for (size_t i = 0; i < kSuffixLength; ++i) ending += kSuffixLetters[letter(random)];
    const fs::path path = Beside(target, ending);
    try {
      temporary->emplace(path, [&] {
        if (mkdir(path.c_str(), 0777) != 0) throw FileError("create folder", path, errno);
      });
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kAlreadyExists) throw;
    }
  }
  throw FileError("create a temporary folder beside it", target, EEXIST);
}

fs::path Absolute(const fs::path& target) {
  fs::path path = fs::weakly_canonical(fs::absolute(target));
  if (!path.has_filename()) path = path.parent_path();
  if (!path.has_filename()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        StrCat("'", target.string(), "': cannot write a checkpoint; expected a folder's name"));
  }
  return path;
}

int LockFolder(const fs::path& path) {
  Descriptor folder(path, O_RDONLY | O_DIRECTORY);
  if (flock(folder.get(), LOCK_EX | LOCK_NB) != 0) throw FileError("lock", path, errno);
  return folder.release();
}

Error FromFilesystem(const fs::filesystem_error& error) {
  return FileError("write a checkpoint", error.path1(), error.code().value());
}

}  // namespace

void CheckVacant(const fs::path& target) try {
  if (!fs::exists(target) || (fs::is_directory(target) && fs::is_empty(target))) return;
  throw Error(ErrorCode::kAlreadyExists, StrCat("'", target.string(), "' already exists; expected ",
                                                "a new name or an empty folder"));
} catch (const fs::filesystem_error& error) {
  throw FromFilesystem(error);
}

bool ExchangeFolders(const fs::path& folder, const fs::path& target) {
  if (renameat2(AT_FDCWD, folder.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    return true;
  }
  if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) return false;
  throw FileError("replace", target, errno);
}

void ReplaceInTwoSteps(const fs::path& folder, const fs::path& target) {
  const fs::path previous = Beside(target, kPrevious);
  if (rename(target.c_str(), previous.c_str()) != 0) throw FileError("rename", target, errno);
  if (rename(folder.c_str(), target.c_str()) != 0) {
    const int reason = errno;
    if (rename(previous.c_str(), target.c_str()) != 0) throw FileError("restore", target, errno);
    throw FileError("replace", target, reason);
  }
  if (rename(previous.c_str(), folder.c_str()) != 0) throw FileError("rename", previous, errno);
}

CheckpointWriter::CheckpointWriter(const fs::path& target) try : target_(Absolute(target)) {
  fs::create_directories(target_.parent_path());
  RemoveStale(target_);
  RecoverPrevious(target_);
  CheckReplaceable(target_);
  CreateTemporary(target_, &temporary_);
  lock_fd_ = LockFolder(folder());
} catch (const fs::filesystem_error& error) {
  throw FromFilesystem(error);
}

CheckpointWriter::~CheckpointWriter() {
  temporary_.reset();  // before the lock: a lock holder removes temporary folders without a lock
  if (lock_fd_ >= 0) close(lock_fd_);
}

void CheckpointWriter::WriteFile(std::string_view name, std::string_view content) {
  SyncedFile file(folder() / name);
  file.Write(content.data(), content.size());
  file.Finish();
}

void CheckpointWriter::CopyFile(const fs::path& source, std::string_view name) {
  SyncedFile file(folder() / name);
  file.CopyFrom(source);
  file.Finish();
}

void CheckpointWriter::Commit() try {
  SyncTree(folder());
  temporary_->Commit([this] {
    if (!fs::exists(target_)) {
      fs::rename(folder(), target_);
    } else if (!ExchangeFolders(folder(), target_)) {
      ReplaceInTwoSteps(folder(), target_);
    }
  });
  SyncFolder(target_.parent_path());
  temporary_.reset();  // holds the former target now
} catch (const fs::filesystem_error& error) {
  throw FromFilesystem(error);
}

}  // namespace prm
