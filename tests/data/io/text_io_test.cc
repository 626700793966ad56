#include "data/io/text_io.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/error.h"
#include "tests/error_of.h"
#include "tests/file_size_limit.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Larger than any internal buffer, and hardly compressible.
std::string LongText() {
  std::string text;
  for (uint32_t i = 0, x = 1; i < 200000; ++i) {
    x = x * 1664525 + 1013904223;
    text += StrCat(x >> 16, i % 7 == 0 ? "\n" : " ");
  }
  return text;
}

std::vector<std::string> Lines(const std::filesystem::path& path) {
  LineReader reader(path);
  std::vector<std::string> lines;
  for (std::string_view line; reader.Next(&line);) lines.emplace_back(line);
  return lines;
}

class EveryCompression : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Endings, EveryCompression, ::testing::Values("", ".gz", ".xz"),
                         [](const auto& info) {
                           return info.param.empty() ? "plain" : info.param.substr(1);
                         });

TEST_P(EveryCompression, WhatIsWrittenIsReadBack) {
  const TempFolder folder;
  const std::string text = LongText();
  const auto path = folder / ("text" + GetParam());
  WriteFileAtomically(path, text);
  EXPECT_EQ(ReadFile(path), text);
  std::string joined;
  for (const std::string& line : Lines(path)) joined += line + "\n";
  EXPECT_EQ(joined, text + "\n") << "the last line has no newline";
  EXPECT_EQ(GetParam().empty(), std::filesystem::file_size(path) == text.size());
}

TEST_P(EveryCompression, PiecesEqualOneWrite) {
  const TempFolder folder;
  const std::string text = LongText();
  OutputFile out(folder / ("text" + GetParam()));
  for (size_t at = 0; at < text.size(); at += 777) out.Write(text.substr(at, 777));
  out.Commit();
  EXPECT_EQ(ReadFile(folder / ("text" + GetParam())), text);
}

TEST_P(EveryCompression, AnEmptyFileHasNoLines) {
  const TempFolder folder;
  WriteFileAtomically(folder / ("empty" + GetParam()), "");
  EXPECT_EQ(ReadFile(folder / ("empty" + GetParam())), "");
  EXPECT_THAT(Lines(folder / ("empty" + GetParam())), ElementsAre());
}

class EveryCompressed : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Endings, EveryCompressed, ::testing::Values("gz", "xz"),
                         [](const auto& info) { return info.param; });

TEST_P(EveryCompressed, TheContentDecidesNotTheName) {
  const TempFolder folder;
  WriteFileAtomically(folder / ("a." + GetParam()), "one\ntwo");
  std::filesystem::rename(folder / ("a." + GetParam()), folder / "a.jsonl");
  EXPECT_EQ(ReadFile(folder / "a.jsonl"), "one\ntwo");
}

TEST_P(EveryCompressed, MembersThatFollowEachOtherAreJoined) {
  const TempFolder folder;
  WriteFileAtomically(folder / ("a." + GetParam()), "one\ntw");
  const std::string member = [&] {
    std::ifstream in(folder / ("a." + GetParam()), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  EXPECT_EQ(ReadFile(folder.Write("b", member + member)), "one\ntwone\ntw");
}

TEST_P(EveryCompressed, EveryTruncationIsAnError) {
  const TempFolder folder;
  WriteFileAtomically(folder / ("a." + GetParam()), "a few words\nand more\n");
  std::ifstream in(folder / ("a." + GetParam()), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  for (size_t size = 6; size < bytes.size(); ++size) {
    const auto path = folder.Write("cut", bytes.substr(0, size));
    const Error error = ErrorOf([&] { ReadFile(path); });
    EXPECT_EQ(error.code(), ErrorCode::kDataLoss) << size;
    EXPECT_THAT(error.what(), HasSubstr(path.string() + ": truncated")) << size;
  }
}

TEST_P(EveryCompressed, DamageAndTrailingBytesAreErrors) {
  const TempFolder folder;
  WriteFileAtomically(folder / ("a." + GetParam()), LongText());
  std::ifstream in(folder / ("a." + GetParam()), std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  EXPECT_EQ(ErrorOf([&] { ReadFile(folder.Write("b", bytes + "x")); }).code(),
            ErrorCode::kDataLoss);
  bytes[bytes.size() / 2] ^= 0x10;
  EXPECT_THAT(ErrorOf([&] { ReadFile(folder.Write("c", bytes)); }).what(), HasSubstr("corrupt"));
}

TEST(ReadFile, NamesFileAndReason) {
  const TempFolder folder;
  const Error missing = ErrorOf([&] { ReadFile(folder / "none"); });
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.what(), HasSubstr((folder / "none").string()));
  EXPECT_THAT(missing.what(), HasSubstr("No such file"));
  EXPECT_EQ(ErrorOf([&] { ReadFile(folder.path()); }).code(), ErrorCode::kInvalidArgument);
}

TEST(ReadFile, RefusesMoreThanItsLimit) {
  const TempFolder folder;
  WriteFileAtomically(folder / "bomb.gz", std::string(1 << 20, 'a'));
  EXPECT_EQ(ReadFile(folder / "bomb.gz", 1 << 20).size(), size_t{1} << 20);
  const Error error = ErrorOf([&] { ReadFile(folder / "bomb.gz", (1 << 20) - 1); });
  EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
}

TEST(LineReader, CountsLinesAndKeepsEmptyOnes) {
  const TempFolder folder;
  LineReader reader(folder.Write("lines",
                                 "\xef\xbb\xbf"
                                 "a\n\nb\r\nlast"));
  std::string_view line;
  EXPECT_EQ(reader.line_number(), 0);
  const std::vector<std::string> expected = {"a", "", "b\r", "last"};
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_TRUE(reader.Next(&line));
    EXPECT_EQ(line, expected[i]);
    EXPECT_EQ(reader.line_number(), int64_t(i) + 1);
  }
  EXPECT_FALSE(reader.Next(&line));
  EXPECT_FALSE(reader.Next(&line)) << "the end stays the end";
}

TEST(LineReader, ALineMayEndAnywhereInTheReadBuffer) {
  const TempFolder folder;
  for (size_t length = 0; length < 20; ++length) {
    const std::string line(length, 'a');
    EXPECT_THAT(Lines(folder.Write("lines", line + "\n" + line + "b\n")),
                ElementsAre(line, line + "b"));
  }
  const size_t buffer = size_t{1} << 18;
  for (size_t length = buffer - 8; length < buffer + 16; ++length) {
    const std::string line(length, 'a');
    EXPECT_TRUE(Lines(folder.Write("lines", line + "\nb")) == (std::vector<std::string>{line, "b"}))
        << length;
  }
}

TEST(LineReader, RefusesALineBeyondItsLimitByNumber) {
  const TempFolder folder;
  const auto path = folder.Write("lines", "short\n" + std::string(1 << 20, 'a') + "\n");
  LineReader reader(path, 1000);
  std::string_view line;
  EXPECT_TRUE(reader.Next(&line));
  const Error error = ErrorOf([&] { reader.Next(&line); });
  EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(error.what(), HasSubstr(path.string() + ":2:"));
}

TEST(LineReader, ReadsStandardInput) {
  const TempFolder folder;
  const auto path = folder.Write("in", "one\ntwo\n");
  const int saved = dup(STDIN_FILENO);
  const int file = open(path.c_str(), O_RDONLY);
  dup2(file, STDIN_FILENO);
  EXPECT_THAT(Lines("-"), ElementsAre("one", "two"));
  dup2(saved, STDIN_FILENO);
  close(file);
  close(saved);
}

TEST(OutputFile, TheTargetChangesWithCommitOnly) {
  const TempFolder folder;
  const auto path = folder.Write("out", "before");
  {
    OutputFile file(path);
    file.Write(LongText());
    file.Flush();
    EXPECT_EQ(ReadFile(path), "before");
  }
  EXPECT_EQ(ReadFile(path), "before");
  EXPECT_THAT(Names(folder.path()), ElementsAre("out")) << "the temporary is removed";
  OutputFile file(path);
  file.Write("after");
  file.Commit();
  EXPECT_EQ(ReadFile(path), "after");
  EXPECT_THAT(Names(folder.path()), ElementsAre("out"));
}

TEST(OutputFile, KeepsTheModeAndTheLinkOfItsTarget) {
  const TempFolder folder;
  const auto path = folder.Write("real", "before");
  chmod(path.c_str(), 0600);
  std::filesystem::create_symlink("real", folder / "link");
  WriteFileAtomically(folder / "link", "after");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(ReadFile(path), "after");
  struct stat status = {};
  stat(path.c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST(OutputFile, NamesTargetAndReason) {
  const TempFolder folder;
  const Error missing = ErrorOf([&] { OutputFile file(folder / "none/out"); });
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.what(), HasSubstr((folder / "none/out").string()));
  EXPECT_EQ(ErrorOf([&] { OutputFile file(folder.path()); }).code(), ErrorCode::kInvalidArgument);
  // A file is not a folder: this also fails for the superuser, who may write anywhere.
  folder.Write("file", "");
  EXPECT_THAT(ErrorOf([&] { OutputFile file(folder / "file/out"); }).what(),
              HasSubstr("Not a directory"));
}

TEST(OutputFile, AFullDeviceIsAnErrorByName) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
  const Error error = ErrorOf([] { WriteFileAtomically("/dev/full", "text"); });
  EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(error.what(), HasSubstr("/dev/full: cannot write: No space left"));
}

TEST(OutputFile, AWriteThatFailsHalfwayLeavesTheOldFile) {
  const TempFolder folder;
  const auto path = folder.Write("out", "before");
  const auto write = [&] {
    const FileSizeLimit limit(100000);
    WriteFileAtomically(path, std::string(1000000, 'a'));
  };
  EXPECT_THAT(MessageOf(write, ErrorCode::kResourceExhausted), HasSubstr(path.string()));
  EXPECT_EQ(ReadFile(path), "before");
  EXPECT_THAT(Names(folder.path()), ElementsAre("out"));
}

TEST(CheckOutputs, RefusesWhatIsReadAndWhatIsNamedTwice) {
  const TempFolder folder;
  const auto in = folder.Write("in", "text");
  std::filesystem::create_symlink(in, folder / "link");
  std::filesystem::create_hard_link(in, folder / "hard");
  for (const std::filesystem::path& out :
       {in, folder / "link", folder / "hard", folder.path() / "x" / ".." / "in"}) {
    EXPECT_THROW(CheckOutputs({"-", in}, {"", out}), OptionError) << out;
  }
  EXPECT_THROW(CheckOutputs({in}, {folder / "new", folder / "." / "new"}), OptionError);
  EXPECT_THROW(CheckOutputs({in}, {"-", folder / "new", "-"}), OptionError);
  EXPECT_THROW(CheckOutputs({in}, {"new_and_relative", "./new_and_relative"}), OptionError);
  EXPECT_NO_THROW(CheckOutputs({in, "", "-"}, {folder / "new", "-", "", ""}));
  EXPECT_NO_THROW(CheckOutputs({"/dev/null"}, {"/dev/null", "/dev/null"}));
}

TEST(LineReader, ALineOfABombIsRefusedWhileItIsRead) {
  const TempFolder folder;
  for (const char* name : {"bomb.gz", "bomb.xz"}) {
    OutputFile file(folder / name);
    file.Write("short\n");
    for (int i = 0; i < 160; ++i) file.Write(std::string(1 << 20, '\0'));
    file.Commit();
    LineReader reader(folder / name);
    std::string_view line;
    EXPECT_TRUE(reader.Next(&line));
    EXPECT_THAT(MessageOf([&] { reader.Next(&line); }, ErrorCode::kResourceExhausted),
                HasSubstr(std::string(name) + ":2: a line of more than 67108864 bytes"));
    EXPECT_THAT(MessageOf([&] { ReadFile(folder / name); }, ErrorCode::kResourceExhausted),
                HasSubstr("134217728"));
  }
}

}  // namespace
}  // namespace prm
