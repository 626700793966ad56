// Writes a checkpoint folder so that a crash or a full disk leaves the previous one intact.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "data/io/temporary.h"

namespace prm {

// Builds a folder next to its target and swaps it in by one rename. One thread. One writer per
// target at a time; a second one gets Error(kFailedPrecondition).
//
//   CheckpointWriter writer(out);
//   writer.WriteFile("config.json", text);          // or write files under writer.folder()
//   writer.Commit();
class CheckpointWriter {
 public:
  // Creates `<target>.tmp-XXXXXX` and the parents of `target`; removes leftovers of earlier crashes
  // for the same target. Throws Error with the path and the system's reason; also if `target`
  // exists and is neither an empty folder nor a checkpoint (a folder with config.json).
  explicit CheckpointWriter(const std::filesystem::path& target);
  // Removes the temporary folder unless Commit() succeeded.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Where to write files before Commit().
  const std::filesystem::path& folder() const { return temporary_->path(); }

  // Writes and syncs one file. Throws Error(kResourceExhausted on a full disk) with the path.
  void WriteFile(std::string_view name, std::string_view content);
  // Copies `source` and syncs the copy; later changes of `source` do not affect it.
  void CopyFile(const std::filesystem::path& source, std::string_view name);

  // Syncs all files and makes the folder the target, then removes the former target. Throws Error,
  // and then the former target is still there, intact.
  void Commit();

 private:
  std::filesystem::path target_;
  std::optional<Temporary> temporary_;  // until Commit() has succeeded
  int lock_fd_ = -1;
};

// For programs that create a new checkpoint and must not overwrite one. Throws
// Error(kAlreadyExists) if `target` exists and is not an empty folder.
void CheckVacant(const std::filesystem::path& target);

// The two ways in which Commit() replaces the folder `target` by `folder`. ExchangeFolders is
// atomic, and `folder` then names the former target; returns false if the file system does not
// support it. ReplaceInTwoSteps leaves `target` missing for a moment, with its former content at
// `<target>.previous`. After a crash there, the next writer of `target` restores it.
bool ExchangeFolders(const std::filesystem::path& folder, const std::filesystem::path& target);
void ReplaceInTwoSteps(const std::filesystem::path& folder, const std::filesystem::path& target);

}  // namespace prm
