// Writing a checkpoint folder so that a crash or a full disk leaves the previous one whole.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "data/io/temporary.h"

namespace prm {

// Builds a folder beside its target and swaps it in by one rename. One thread; one writer a target
// at a time (a second one is refused: Error(kFailedPrecondition)).
//
//   CheckpointWriter writer(out);
//   writer.WriteFile("config.json", text);          // or write files under writer.folder()
//   writer.Commit();
class CheckpointWriter {
 public:
  // Creates `<target>.tmp-XXXXXX`, and the parents of `target`; removes what earlier crashes left
  // of the same target. Throws Error with the path and the system's reason; also if `target` exists
  // and is neither an empty folder nor a checkpoint (a folder with config.json).
  explicit CheckpointWriter(const std::filesystem::path& target);
  // Removes the temporary folder unless Commit() succeeded.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Where files are to be written before Commit().
  const std::filesystem::path& folder() const { return temporary_->path(); }

  // Writes and syncs one file. Throws Error(kResourceExhausted on a full disk) with the path.
  void WriteFile(std::string_view name, std::string_view content);
  // Writes and syncs one file as `source` is, whose later changes do not reach it.
  void CopyFile(const std::filesystem::path& source, std::string_view name);

  // Syncs all files and makes the folder the target; the former target is removed afterwards.
  // Throws Error; then the former target is still there, whole.
  void Commit();

 private:
  std::filesystem::path target_;
  std::optional<Temporary> temporary_;  // until Commit() has succeeded
  int lock_fd_ = -1;
};

// For programs that make a checkpoint out of others and are to lose none. Throws
// Error(kAlreadyExists) where `target` is there and is no empty folder.
void CheckVacant(const std::filesystem::path& target);

// The two ways in which Commit() puts `folder` in the place of the folder `target`, which then has
// the name `folder`. Exchange is atomic; false where the file system cannot do it. In two steps,
// `target` is missing for a moment and its former content lies at `<target>.previous`; the next
// writer of `target` puts it back after a crash there.
bool ExchangeFolders(const std::filesystem::path& folder, const std::filesystem::path& target);
void ReplaceInTwoSteps(const std::filesystem::path& folder, const std::filesystem::path& target);

}  // namespace prm
