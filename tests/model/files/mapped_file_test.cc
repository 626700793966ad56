#include "model/files/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>

#include "tests/model/tiny_files.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

std::string Text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.size()};
}

TEST(MappedFileTest, GivesTheBytesAlsoAfterMoveAndRemoval) {
  const TempFolder folder;
  WriteText(folder / "f", "some bytes");
  MappedFile file(folder / "f");
  std::filesystem::remove(folder / "f");
  MappedFile moved = std::move(file);
  EXPECT_EQ(Text(moved), "some bytes");
  WriteText(folder / "g", "others");
  MappedFile other(folder / "g");
  other = std::move(moved);
  EXPECT_EQ(Text(other), "some bytes");
  EXPECT_EQ(other.path(), folder / "f");
}

TEST(MappedFileTest, AnEmptyFileIsEmpty) {
  const TempFolder folder;
  WriteText(folder / "f", "");
  EXPECT_EQ(MappedFile(folder / "f").size(), 0u);
}

TEST(MappedFileTest, ErrorsNameThePathAndTheReason) {
  const TempFolder folder;
  EXPECT_THAT(MessageOf([&] { MappedFile(folder / "none"); }, ErrorCode::kNotFound),
              HasSubstr((folder / "none").string() + ": cannot open: No such file"));
  EXPECT_THAT(MessageOf([&] { MappedFile(folder.path()); }, ErrorCode::kInvalidArgument),
              HasSubstr("not a regular file"));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(MessageOf([&] { MappedFile(folder / "pipe"); }, ErrorCode::kInvalidArgument),
              HasSubstr("not a regular file"));
}

TEST(MappedFileTest, AFileThatIsCutWhileMappedReadsAsZerosAndSaysSo) {
  const TempFolder folder;
  const std::string text(1 << 20, 'x');
  for (const size_t left : {size_t{0}, size_t{5000}, text.size() / 2, text.size() - 1}) {
    WriteText(folder / "f", text);
    WriteText(folder / "g", text);
    const MappedFile file(folder / "f"), other(folder / "g");
    file.CheckWhole();
    std::filesystem::resize_file(folder / "f", left);
    std::vector<std::string> seen(4);  // read by four threads at once
    {
      std::vector<std::jthread> threads;
      for (std::string& one : seen) threads.emplace_back([&] { one = Text(file); });
    }
    for (const std::string& one : seen) {
      EXPECT_TRUE(one == std::string(left, 'x') + std::string(text.size() - left, '\0')) << left;
    }
    EXPECT_THAT(MessageOf([&] { file.CheckWhole(); }, ErrorCode::kDataLoss),
                HasSubstr((folder / "f").string() + ": became shorter"));
    EXPECT_TRUE(Text(other) == text);
    other.CheckWhole();
  }
}

TEST(MappedFileTest, AFileThatIsReplacedByNameStaysWhole) {
  const TempFolder folder;
  WriteText(folder / "f", "some bytes");
  const MappedFile file(folder / "f");
  WriteText(folder / "g", "");
  std::filesystem::rename(folder / "g", folder / "f");
  EXPECT_EQ(Text(file), "some bytes");
  file.CheckWhole();
}

TEST(MappedFileDeathTest, ABusErrorOfSomethingElseEndsTheProgramAsBefore) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const TempFolder folder;
  WriteText(folder / "f", "some bytes");
  const MappedFile file(folder / "f");
  EXPECT_DEATH(raise(SIGBUS), "");  // by the signal, or by ASan's earlier handler of it
}

}  // namespace
}  // namespace prm
