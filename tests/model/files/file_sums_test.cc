#include "model/files/file_sums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Sha256Test, EqualsThePublishedVectors) {
  const TempFolder folder;
  WriteText(folder / "empty", "");
  WriteText(folder / "abc", "abc");  // FIPS 180-4, examples
  EXPECT_EQ(Sha256OfFile(folder / "empty"),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256OfFile(folder / "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_THAT(MessageOf([&] { Sha256OfFile(folder / "none"); }, ErrorCode::kNotFound),
              HasSubstr("none"));
}

class SumCheckTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "reference");
    for (const char* name : {"prm.json", "README.md", "config.json", "model-1.safetensors",
                             "model-2.safetensors", "reference/model.safetensors"}) {
      WriteText(folder_ / name, std::string(1 << 20, 'x') + name);
    }
    sums_ = SumFiles(folder_.path());
  }
  std::string Refusal(ErrorCode code = ErrorCode::kDataLoss) {
    return MessageOf([&] { SumCheck(folder_.path(), sums_).Finish(); }, code);
  }
  TempFolder folder_;
  FileSums sums_;
};

TEST_F(SumCheckTest, EveryFileHasASumButTheOneThatKeepsThemAndWhatPeopleEdit) {
  std::vector<std::string> names;
  for (const auto& [name, sum] : sums_) {
    names.push_back(name);
    EXPECT_EQ(sum, Sha256OfFile(folder_ / name));
  }
  EXPECT_THAT(names, testing::ElementsAre("config.json", "model-1.safetensors",
                                          "model-2.safetensors", "reference/model.safetensors"));
  SumCheck(folder_.path(), sums_).Finish();
}

TEST_F(SumCheckTest, OneFlippedBitAnywhereNamesTheFile) {
  for (const auto& [name, sum] : sums_) {
    const std::string text = ReadText(folder_ / name);
    for (const size_t byte : {size_t{0}, text.size() / 2, text.size() - 1}) {
      std::string flipped = text;
      flipped[byte] = char(flipped[byte] ^ 1);
      WriteText(folder_ / name, flipped);
      EXPECT_THAT(Refusal(),
                  AllOf(HasSubstr((folder_ / name).string()), HasSubstr("option no_verify")));
    }
    WriteText(folder_ / name, text);
  }
}

TEST_F(SumCheckTest, AFileThatIsShorterOrGoneIsNamed) {
  fs::resize_file(folder_ / "model-2.safetensors", 10);
  EXPECT_THAT(Refusal(), HasSubstr("model-2.safetensors"));
  fs::remove(folder_ / "model-2.safetensors");
  EXPECT_THAT(Refusal(ErrorCode::kNotFound), HasSubstr("model-2.safetensors"));
}

TEST_F(SumCheckTest, ReadingBeginsAfterTheSmallFilesAndEndsBeforeADamagedWeightIsUsed) {
  bool read = false;
  WriteText(folder_ / "config.json", "{}");
  const auto reading = [&] { ReadVerified(folder_.path(), sums_, [&] { read = true; }); };
  EXPECT_THAT(MessageOf(reading, ErrorCode::kDataLoss), HasSubstr("config.json"));
  EXPECT_FALSE(read);
  sums_.erase("config.json");
  reading();
  EXPECT_TRUE(read);
  WriteText(folder_ / "model-1.safetensors", "{}");
  EXPECT_THAT(MessageOf(reading, ErrorCode::kDataLoss), HasSubstr("model-1.safetensors"));
}

TEST_F(SumCheckTest, ADamagedFileIsTheCauseOfWhatItsReaderSays) {
  const auto fail = [&] {
    ReadVerified(folder_.path(), sums_,
                 [] { throw Error(ErrorCode::kInvalidArgument, "a reader's error"); });
  };
  EXPECT_EQ(MessageOf(fail, ErrorCode::kInvalidArgument), "a reader's error");
  WriteText(folder_ / "model-1.safetensors", "{}");
  EXPECT_THAT(MessageOf(fail, ErrorCode::kDataLoss), HasSubstr("model-1.safetensors"));
}

}  // namespace
}  // namespace prm
