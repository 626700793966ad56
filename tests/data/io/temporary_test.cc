#include "data/io/temporary.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "data/io/text_io.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

namespace fs = std::filesystem;

TEST(Temporary, IsRemovedUnlessItBecameItsTarget) {
  const TempFolder folder;
  const fs::path path = folder / "a.tmp", target = folder / "a";
  {
    const Temporary file(path, [&] { WriteText(path, "a"); });
  }
  EXPECT_FALSE(fs::exists(path));
  {
    Temporary tree(path, [&] { fs::create_directories(path / "b"); });
    WriteText(path / "b/c", "c");
    tree.Commit([&] { fs::rename(path, target); });
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(ReadText(target / "b/c"), "c");
}

TEST(Temporary, WhatWasNotMadeIsNotRemoved) {
  const TempFolder folder;
  WriteText(folder / "of another", "a");
  ErrorOf([&] {
    const Temporary file(folder / "of another",
                         [] { throw Error(ErrorCode::kAlreadyExists, "exists"); });
  });
  EXPECT_TRUE(fs::exists(folder / "of another"));
}

// A program that creates temporaries until a signal ends it.
[[noreturn]] void MakeUntilEnded(const fs::path& folder, int ready) {
  RemoveTemporariesOnSignals();
  std::optional<Temporary> file, tree;
  file.emplace(folder / "file", [&] { WriteText(folder / "file", "a"); });
  tree.emplace(folder / "tree", [&] { fs::create_directories(folder / "tree"); });
  [[maybe_unused]] const ssize_t written = write(ready, "", 1);
  for (int i = 0;; ++i) {
    // Like a checkpoint writer: files enter the folder during its removal.
    std::ofstream(folder / "tree" / std::to_string(i % 50)) << i;
  }
}

class EndingSignal : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(All, EndingSignal, testing::Values(SIGTERM, SIGINT, SIGHUP));

TEST_P(EndingSignal, RemovesTheTemporariesAndEndsTheProgram) {
  const TempFolder folder;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    signal(GetParam(), SIG_DFL);
    MakeUntilEnded(folder.path(), ends[1]);
  }
  char byte;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  kill(child, GetParam());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == GetParam()) << status;
  EXPECT_TRUE(fs::is_empty(folder.path()));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace prm
