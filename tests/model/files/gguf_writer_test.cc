#include "model/files/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/files/gguf.h"
#include "model/files/mapped_file.h"
#include "tests/model/tiny_files.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

TEST(GgufWriterTest, EveryEntryAndTensorIsReadBack) {
  const TempFolder folder;
  const GgufMetadata metadata = {{"u", uint32_t{4000000000}},
                                 {"f", 0.5f},
                                 {"b", true},
                                 {"s", std::string("text")},
                                 {"is", std::vector<int32_t>{-1, 7}},
                                 {"fs", std::vector<float>{0.25f}},
                                 {"ss", std::vector<std::string>{"a", "", "bc"}},
                                 {"none", std::vector<std::string>{}}};
  GgufWriter writer(folder / "f", metadata,
                    {{"odd", DType::kFloat16, {3}}, {"two", DType::kFloat32, {2, 5}}});
  writer.Add("odd", AsBytes("abcd"));
  writer.Add("odd", AsBytes("ef"));
  writer.Add("two", AsBytes(std::string(40, 'x')));
  writer.Finish();
  const MappedFile file(folder / "f");
  const GgufContents contents = ParseGguf(file.bytes(), "f");
  EXPECT_EQ(contents.metadata.at("u"), GgufValue(int64_t{4000000000}));
  EXPECT_EQ(contents.metadata.at("f"), GgufValue(0.5));
  EXPECT_EQ(contents.metadata.at("b"), GgufValue(true));
  EXPECT_EQ(contents.metadata.at("s"), GgufValue(std::string("text")));
  EXPECT_EQ(contents.metadata.at("is"), GgufValue(std::vector<int64_t>{-1, 7}));
  EXPECT_EQ(contents.metadata.at("fs"), GgufValue(std::vector<double>{0.25}));
  EXPECT_EQ(contents.metadata.at("ss"), GgufValue(std::vector<std::string>{"a", "", "bc"}));
  EXPECT_EQ(contents.metadata.at("none"), GgufValue(std::vector<std::string>{}));
  ASSERT_EQ(contents.tensors.size(), 2u);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(contents.tensors[0].data), 6), "abcdef");
  EXPECT_THAT(contents.tensors[1].shape, ::testing::ElementsAre(2, 5));
  EXPECT_EQ(char(contents.tensors[1].data[39]), 'x');
}

TEST(GgufWriterTest, TensorsOutOfTurnTooLongOrMissingAreRefused) {
  const TempFolder folder;
  GgufWriter writer(folder / "f", {}, {{"a", DType::kFloat32, {1}}, {"b", DType::kFloat32, {1}}});
  const auto refuse = [](auto action) {
    EXPECT_THAT(MessageOf(action, ErrorCode::kInternal), HasSubstr("tensor "));
  };
  refuse([&] { writer.Add("b", AsBytes("1234")); });
  refuse([&] { writer.Add("a", AsBytes("12345")); });
  writer.Add("a", AsBytes("1234"));
  refuse([&] { writer.Finish(); });
  refuse([&] { GgufWriter(folder / "g", {}, {{"q", DType::kQ4_0, {32}}}); });
}

}  // namespace
}  // namespace prm
