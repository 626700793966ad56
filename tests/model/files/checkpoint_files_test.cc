#include "model/files/checkpoint_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "tests/file_size_limit.h"
#include "tests/model/tiny_files.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void Commit(const fs::path& target, std::string_view content) {
  CheckpointWriter writer(target);
  writer.WriteFile("config.json", content);
  writer.Commit();
}

class CheckpointWriterTest : public testing::Test {
 protected:
  TempFolder folder_;
  fs::path target_ = folder_ / "out";
};

TEST_F(CheckpointWriterTest, MakesTheFolderWithItsParents) {
  const fs::path deep = folder_ / "a/b/out/";
  Commit(deep, "{}");
  EXPECT_EQ(ReadText(folder_ / "a/b/out/config.json"), "{}");
  EXPECT_THAT(Names(folder_ / "a/b"), ElementsAre("out"));
}

TEST_F(CheckpointWriterTest, ABareNameIsAFolderOfTheWorkingFolder) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  EXPECT_NO_THROW(Commit("bare", "{}"));
  fs::current_path(before);
  EXPECT_EQ(ReadText(folder_ / "bare/config.json"), "{}");
}

TEST_F(CheckpointWriterTest, NothingIsAtTheTargetBeforeCommit) {
  CheckpointWriter writer(target_);
  writer.WriteFile("config.json", "{}");
  EXPECT_FALSE(fs::exists(target_));
}

TEST_F(CheckpointWriterTest, ReplacesTheWholeFormerCheckpoint) {
  {
    CheckpointWriter writer(target_);
    writer.WriteFile("config.json", "old");
    writer.WriteFile("old_only", "x");
    writer.Commit();
  }
  Commit(target_, "new");
  EXPECT_EQ(ReadText(target_ / "config.json"), "new");
  EXPECT_THAT(Names(target_), ElementsAre("config.json"));
  EXPECT_THAT(Names(folder_.path()), ElementsAre("out"));
}

TEST_F(CheckpointWriterTest, WithoutCommitNothingChanges) {
  Commit(target_, "old");
  {
    CheckpointWriter writer(target_);
    writer.WriteFile("config.json", "new");
  }
  EXPECT_EQ(ReadText(target_ / "config.json"), "old");
  EXPECT_THAT(Names(folder_.path()), ElementsAre("out"));
}

TEST_F(CheckpointWriterTest, AFullDiskLeavesTheFormerCheckpointWhole) {
  Commit(target_, "old");
  const std::string large(1 << 16, 'x');
  const auto save = [&] {
    const FileSizeLimit limit(1 << 12);
    CheckpointWriter writer(target_);
    writer.WriteFile("config.json", "new");
    writer.WriteFile("model.safetensors", large);
    writer.Commit();
  };
  const std::string message = MessageOf(save, ErrorCode::kResourceExhausted);
  EXPECT_THAT(message, HasSubstr("model.safetensors: cannot write: File too large"));
  EXPECT_THAT(Names(folder_.path()), ElementsAre("out"));
  EXPECT_EQ(ReadText(target_ / "config.json"), "old");
}

TEST_F(CheckpointWriterTest, AFullDiskWhileTensorsAreWrittenIsReported) {
  const auto save = [&] {
    const FileSizeLimit limit(1 << 12);
    CheckpointWriter writer(target_);
    SafetensorsWriter tensors(writer.folder() / "model.safetensors",
                              {{"w", DType::kBFloat16, {1 << 14}}});
    tensors.Add("w", std::vector<float>(1 << 14));
    tensors.Finish();
    writer.Commit();
  };
  EXPECT_THAT(MessageOf(save, ErrorCode::kResourceExhausted), HasSubstr("model.safetensors"));
  EXPECT_THAT(Names(folder_.path()), ElementsAre());
}

TEST_F(CheckpointWriterTest, AKilledWriterLeavesTheFormerCheckpointAndIsCleanedUp) {
  Commit(target_, "old");
  const pid_t child = fork();
  if (child == 0) {
    CheckpointWriter writer(target_);
    writer.WriteFile("config.json", "new");
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(ReadText(target_ / "config.json"), "old");
  ASSERT_EQ(Names(folder_.path()).size(), 2u) << "the killed writer's folder";
  Commit(target_, "newer");
  EXPECT_EQ(ReadText(target_ / "config.json"), "newer");
  EXPECT_THAT(Names(folder_.path()), ElementsAre("out"));
}

TEST_F(CheckpointWriterTest, ASignalLeavesTheFormerCheckpointAndNothingElse) {
  Commit(target_, "old");
  const pid_t child = fork();
  if (child == 0) {
    RemoveTemporariesOnSignals();
    CheckpointWriter writer(target_);
    writer.WriteFile("config.json", "new");
    kill(getpid(), SIGTERM);
    for (;;) pause();
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
  EXPECT_EQ(ReadText(target_ / "config.json"), "old");
  EXPECT_THAT(Names(folder_.path()), ElementsAre("out"));
}

TEST_F(CheckpointWriterTest, CleansUpOnlyItsOwnLeftovers) {
  for (const char* name :
       {"out.tmp-abc123", "out.tmp-abc1234", "out.tmp-ABC123", "other.tmp-abc123", "out.tmp-"}) {
    fs::create_directory(folder_ / name);
  }
  WriteText(folder_ / "out.tmp-abcdef", "a file");
  Commit(target_, "{}");
  EXPECT_THAT(Names(folder_.path()),
              ElementsAre("other.tmp-abc123", "out", "out.tmp-", "out.tmp-ABC123",
                          "out.tmp-abc1234", "out.tmp-abcdef"));
}

TEST_F(CheckpointWriterTest, ASecondWriterIsRefused) {
  CheckpointWriter first(target_);
  first.WriteFile("config.json", "first");
  EXPECT_THAT(MessageOf([&] { CheckpointWriter second(target_); }, ErrorCode::kFailedPrecondition),
              HasSubstr("another process is writing"));
  first.Commit();
  EXPECT_EQ(ReadText(target_ / "config.json"), "first");
}

TEST_F(CheckpointWriterTest, FoldersThatAreNoCheckpointAreNotReplaced) {
  fs::create_directory(target_);
  WriteText(target_ / "thesis.txt", "precious");
  EXPECT_THAT(MessageOf([&] { CheckpointWriter writer(target_); }, ErrorCode::kAlreadyExists),
              HasSubstr("is not a checkpoint"));
  EXPECT_THAT(Names(folder_.path()), ElementsAre("out"));
  WriteText(folder_ / "file", "text");
  EXPECT_THAT(
      MessageOf([&] { CheckpointWriter writer(folder_ / "file"); }, ErrorCode::kAlreadyExists),
      HasSubstr("is not a checkpoint"));
  fs::remove(target_ / "thesis.txt");
  Commit(target_, "{}");
  EXPECT_EQ(ReadText(target_ / "config.json"), "{}");
}

TEST_F(CheckpointWriterTest, AnUnwritablePlaceIsRefusedAtOnce) {
  WriteText(folder_ / "file", "text");
  EXPECT_THAT(
      MessageOf([&] { CheckpointWriter writer(folder_ / "file/out"); }, ErrorCode::kNotFound),
      HasSubstr("file"));
  // Even root may not create files there.
  EXPECT_THROW(CheckpointWriter("/proc/prm_test/out"), Error);
}

TEST_F(CheckpointWriterTest, ALinkToACheckpointStaysALink) {
  Commit(folder_ / "real", "old");
  fs::create_directory_symlink(folder_ / "real", target_);
  Commit(target_, "new");
  EXPECT_TRUE(fs::is_symlink(target_));
  EXPECT_EQ(ReadText(folder_ / "real/config.json"), "new");
}

TEST_F(CheckpointWriterTest, TwoStepReplacementEndsAsTheExchangeDoes) {
  for (const bool exchange : {true, false}) {
    Commit(target_, "old");
    fs::create_directory(folder_ / "built");
    WriteText(folder_ / "built/config.json", "new");
    if (exchange) {
      if (!ExchangeFolders(folder_ / "built", target_)) GTEST_SKIP() << "no exchange on this disk";
    } else {
      ReplaceInTwoSteps(folder_ / "built", target_);
    }
    EXPECT_EQ(ReadText(target_ / "config.json"), "new");
    EXPECT_EQ(ReadText(folder_ / "built/config.json"), "old");
    EXPECT_THAT(Names(folder_.path()), ElementsAre("built", "out"));
    fs::remove_all(folder_ / "built");
  }
}

TEST_F(CheckpointWriterTest, ACopiedFileIsItsSourceAndNoLongerChangesWithIt) {
  WriteText(folder_ / "source", "the source");
  CheckpointWriter writer(target_);
  writer.CopyFile(folder_ / "source", "config.json");
  writer.Commit();
  WriteText(folder_ / "source", "changed");
  EXPECT_EQ(ReadText(target_ / "config.json"), "the source");
  CheckpointWriter other(target_);
  EXPECT_THAT(MessageOf([&] { other.CopyFile(folder_ / "none", "x"); }, ErrorCode::kNotFound),
              HasSubstr((folder_ / "none").string()));
}

TEST_F(CheckpointWriterTest, ACrashBetweenTheTwoStepsLosesNothing) {
  Commit(target_, "old");
  fs::rename(target_, folder_ / "out.previous");
  { CheckpointWriter writer(target_); }
  EXPECT_EQ(ReadText(target_ / "config.json"), "old");
  fs::copy(target_, folder_ / "out.previous");
  Commit(target_, "new");
  EXPECT_THAT(Names(folder_.path()), ElementsAre("out"));
  EXPECT_EQ(ReadText(target_ / "config.json"), "new");
}

}  // namespace
}  // namespace prm
