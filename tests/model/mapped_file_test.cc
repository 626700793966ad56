#include "model/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

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

}  // namespace
}  // namespace prm
