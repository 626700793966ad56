#include "model/files/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/model/tiny_files.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Image(const std::string& header, const std::string& data) {
  return LittleEndian(uint64_t{header.size()}) + header + data;
}

std::string ParseError(const std::string& image, ErrorCode code) {
  const std::string message =
      MessageOf([&] { ParseSafetensors(AsBytes(image), "m.safetensors"); }, code);
  EXPECT_THAT(message, HasSubstr("m.safetensors"));
  return message;
}

std::string Entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::vector<float> Values(const TensorView& tensor) {
  std::vector<float> values(size_t(*NumElements(tensor.shape)));
  ToFloat32(tensor, values);
  return values;
}

TEST(SafetensorsTest, ReadsAFileOfTheReferenceImplementation) {
  const MappedFile file(SourceDir() / "tests/fuzz/seeds/safetensors/reference.safetensors");
  const auto tensors = ParseSafetensors(file.bytes(), "reference");
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors[0].name, "positions");
  EXPECT_EQ(tensors[0].dtype, DType::kInt64);
  EXPECT_EQ(tensors[1].name, "a");
  EXPECT_THAT(tensors[1].shape, ElementsAre(2, 3));
  EXPECT_THAT(Values(tensors[1]), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(tensors[2].name, "empty");
  EXPECT_THAT(Values(tensors[2]), IsEmpty());
  EXPECT_EQ(tensors[3].dtype, DType::kFloat16);
  EXPECT_THAT(Values(tensors[3]), ElementsAre(0.5f, -1.25f, 65504.0f));
}

TEST(SafetensorsTest, WhatIsWrittenIsReadBack) {
  const TempFolder folder;
  const std::vector<float> values = {0, -1.5f, 3.1415926f, 1e-30f, 7, 65536};
  SafetensorsWriter writer(folder / "model.safetensors",
                           {{"w", DType::kFloat32, {2, 3}}, {"h", DType::kBFloat16, {6}}});
  writer.Add("w", values);
  writer.Add("h", values);
  writer.Finish();
  const SafetensorsFolder read(folder.path());
  ASSERT_EQ(read.tensors().size(), 2u);
  EXPECT_EQ(Values(read.tensors().at("w")), values);
  const std::vector<float> rounded = Values(read.tensors().at("h"));
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(rounded[i], values[i], std::abs(values[i]) * 0x1p-9);
  }
  EXPECT_THAT(ReadText(folder / "model.safetensors"),
              HasSubstr(R"("__metadata__":{"format":"pt"})"));
}

TEST(SafetensorsTest, BFloat16RoundsToNearestEvenAndKeepsNotANumber) {
  const TempFolder folder;
  const float infinity = std::numeric_limits<float>::infinity();
  // 1 + 2^-8 is halfway between 1 and 1 + 2^-7: ties go to even; 1 + 3 * 2^-8 goes up likewise.
  const std::vector<float> values = {
      1 + 0x1p-8f, 1 + 3 * 0x1p-8f, 1 + 0x1p-8f + 0x1p-20f,
      infinity,    -infinity,       std::bit_cast<float>(0x7fffffffu)};
  SafetensorsWriter writer(folder / "model.safetensors", {{"h", DType::kBFloat16, {6}}});
  writer.Add("h", values);
  writer.Finish();
  const SafetensorsFolder folder_read(folder.path());
  const auto read = Values(folder_read.tensors().at("h"));
  EXPECT_EQ(read[0], 1);
  EXPECT_EQ(read[1], 1 + 0x1p-6f);
  EXPECT_EQ(read[2], 1 + 0x1p-7f);
  EXPECT_EQ(read[3], infinity);
  EXPECT_EQ(read[4], -infinity);
  EXPECT_TRUE(std::isnan(read[5]));
}

// All 65536 bit patterns of float16.
TEST(SafetensorsTest, EveryFloat16ComesBackAsItWas) {
  std::vector<uint16_t> halves(1 << 16);
  std::iota(halves.begin(), halves.end(), uint16_t{0});
  const TensorView stored{.name = "h",
                          .dtype = DType::kFloat16,
                          .shape = {1 << 16},
                          .data = reinterpret_cast<const std::byte*>(halves.data()),
                          .bytes = 2 << 16};
  const std::vector<float> values = Values(stored);
  const TempFolder folder;
  SafetensorsWriter writer(folder / "model.safetensors", {{"h", DType::kFloat16, {1 << 16}}});
  writer.Add("h", values);
  writer.Finish();
  const SafetensorsFolder read(folder.path());
  const TensorView& written = read.tensors().at("h");
  for (size_t i = 0; i < halves.size(); ++i) {
    uint16_t half;
    std::memcpy(&half, written.data + 2 * i, sizeof(half));
    // A signalling NaN becomes quiet.
    ASSERT_EQ(half, std::isnan(values[i]) ? halves[i] | 0x200 : halves[i]);
  }
}

TEST(SafetensorsTest, StoredTensorsAreCopiedByteForByteInAnyOrder) {
  const MappedFile file(SourceDir() / "tests/fuzz/seeds/safetensors/reference.safetensors");
  auto tensors = ParseSafetensors(file.bytes(), "reference");
  std::ranges::reverse(tensors);
  std::vector<TensorHeader> headers;
  std::vector<std::string> names;
  for (const TensorView& t : tensors) {
    headers.push_back({t.name, t.dtype, t.shape});
    names.push_back(t.name);
  }
  const TempFolder folder;
  SafetensorsWriter writer(folder / "model.safetensors", headers);
  EXPECT_THAT(MessageOf([&] { writer.AddStored(tensors[1]); }, ErrorCode::kInternal),
              HasSubstr("is not the next"));
  EXPECT_THAT(MessageOf(
                  [&] {
                    TensorView wrong = tensors[0];
                    wrong.dtype = DType::kBFloat16;
                    writer.AddStored(wrong);
                  },
                  ErrorCode::kInternal),
              HasSubstr("BF16 [3]"));
  for (const TensorView& t : tensors) writer.AddStored(t);
  writer.Finish();
  const SafetensorsFolder read(folder.path());
  EXPECT_EQ(read.names(), names);
  for (const TensorView& t : tensors) {
    const TensorView& copy = read.tensors().at(t.name);
    EXPECT_EQ(copy.dtype, t.dtype);
    EXPECT_EQ(copy.shape, t.shape);
    ASSERT_EQ(copy.bytes, t.bytes);
    EXPECT_TRUE(std::equal(t.data, t.data + t.bytes, copy.data)) << t.name;
  }
}

TEST(SafetensorsTest, WriterTakesNoNumbersForIntegersAndNoQuantisedHeader) {
  const TempFolder folder;
  SafetensorsWriter writer(folder / "f", {{"i", DType::kInt64, {1}}});
  EXPECT_THROW(writer.Add("i", std::vector<float>{1}), Error);
  EXPECT_THAT(MessageOf(
                  [&] {
                    SafetensorsWriter(folder / "g", {{"q", DType::kQ8_0, {32}}});
                  },
                  ErrorCode::kInternal),
              HasSubstr("expected F32, F16, BF16 or I64"));
}

TEST(SafetensorsTest, WriterRefusesOtherTensorsThanAnnounced) {
  const TempFolder folder;
  const std::vector<float> two = {1, 2};
  SafetensorsWriter writer(folder / "f",
                           {{"a", DType::kFloat32, {2}}, {"b", DType::kFloat32, {3}}});
  EXPECT_THAT(MessageOf([&] { writer.Add("b", two); }, ErrorCode::kInternal),
              HasSubstr("tensor b"));
  writer.Add("a", two);
  EXPECT_THAT(MessageOf([&] { writer.Add("b", two); }, ErrorCode::kInternal),
              HasSubstr("2 values"));
  EXPECT_THAT(MessageOf([&] { writer.Finish(); }, ErrorCode::kInternal), HasSubstr("not written"));
}

TEST(SafetensorsTest, UnwritablePathIsNamed) {
  const TempFolder folder;
  const auto write = [&] { SafetensorsWriter(folder / "none/f", {{"a", DType::kFloat32, {2}}}); };
  EXPECT_THAT(MessageOf(write, ErrorCode::kNotFound), HasSubstr("none/f"));
}

TEST(SafetensorsTest, EveryTruncationIsRefused) {
  const std::string image = Image(R"({"a":)" + Entry("F32", "[2]", "[0,8]") + R"(,"b":)" +
                                      Entry("F16", "[1,2]", "[8,12]") + "}",
                                  std::string(12, 'x'));
  ASSERT_EQ(ParseSafetensors(AsBytes(image), "m").size(), 2u);
  for (size_t size = 0; size < image.size(); ++size) {
    EXPECT_THROW(ParseSafetensors(AsBytes(std::string_view(image).substr(0, size)), "m"), Error)
        << size;
  }
}

TEST(SafetensorsTest, LyingHeadersAreRefused) {
  const auto one = [](const std::string& entry) {
    return Image(R"({"a":)" + entry + "}", "12345678");
  };
  constexpr auto kField = ErrorCode::kInvalidArgument;
  EXPECT_THAT(ParseError(LittleEndian(~uint64_t{0}) + "{}", ErrorCode::kDataLoss),
              HasSubstr("header length is 18446744073709551615, but 2 bytes follow it"));
  EXPECT_THAT(ParseError(Image("{\"a\": [", ""), ErrorCode::kDataLoss),
              HasSubstr("not valid JSON"));
  EXPECT_THAT(ParseError(Image("[]", ""), ErrorCode::kDataLoss), HasSubstr("not a JSON object"));
  EXPECT_THAT(ParseError(one("3"), kField), HasSubstr("tensor a: 3; expected a JSON object"));
  EXPECT_THAT(ParseError(one(Entry("F32", "[3]", "[0,8]")), kField),
              HasSubstr("tensor a: field 'data_offsets' is [0,8]; expected 12 bytes for F32 [3]"));
  EXPECT_THAT(ParseError(one(Entry("F32", "[3]", "[0,12]")), kField),
              HasSubstr("a range inside the 8 bytes of data"));
  EXPECT_THAT(ParseError(one(Entry("F32", "[0]", "[8,0]")), kField), HasSubstr("[8,0]"));
  EXPECT_THAT(ParseError(one(Entry("F32", "[2]", "[0,8.0]")), kField), HasSubstr("[begin, end]"));
  EXPECT_THAT(ParseError(one(Entry("F32", "[-2]", "[0,8]")), kField), HasSubstr("'shape' is [-2]"));
  EXPECT_THAT(ParseError(one(Entry("F32", "[18446744073709551615]", "[0,8]")), kField),
              HasSubstr("sizes below 2^63"));
  EXPECT_THAT(ParseError(one(Entry("F32", "[4611686018427387904,4]", "[0,8]")), kField),
              HasSubstr("2^63 or more"));
  EXPECT_THAT(ParseError(one(R"({"shape":[2],"data_offsets":[0,8]})"), kField),
              HasSubstr("field 'dtype' is missing"));
  EXPECT_THAT(ParseError(one(Entry("F8_E4M3", "[8]", "[0,8]")), ErrorCode::kUnimplemented),
              HasSubstr("tensor a: dtype F8_E4M3 is not supported; expected F32, F16 or BF16"));
}

TEST(SafetensorsTest, OverlapsHolesAndDuplicatesAreRefused) {
  const auto two = [](const std::string& a, const std::string& b, const std::string& name = "b") {
    return Image(R"({"a":)" + Entry("F32", "[1]", a) + R"(,")" + name + R"(":)" +
                     Entry("F32", "[1]", b) + "}",
                 std::string(12, 'x'));
  };
  EXPECT_THAT(ParseError(two("[0,4]", "[0,4]"), ErrorCode::kDataLoss), HasSubstr("overlap"));
  EXPECT_THAT(ParseError(two("[0,4]", "[8,12]"), ErrorCode::kDataLoss),
              HasSubstr("tensor b begins"));
  EXPECT_THAT(ParseError(two("[0,4]", "[4,8]"), ErrorCode::kDataLoss),
              HasSubstr("4 bytes after the last tensor"));
  EXPECT_THAT(ParseError(two("[0,4]", "[4,8]", "a"), ErrorCode::kDataLoss), HasSubstr("twice"));
}

// Four times as many as in the largest published mixtures of experts. A quadratic reader or writer
// would exceed a test's ten minutes.
TEST(SafetensorsTest, VeryManyTensorsAreWrittenAndReadInLinearTime) {
  const TempFolder folder;
  std::vector<TensorHeader> headers;
  for (int i = 0; i < 400'000; ++i) headers.push_back({StrCat("tensor.", i), {}, {0}});
  SafetensorsWriter writer(folder / "model.safetensors", headers);
  for (const TensorHeader& header : headers) writer.Add(header.name, {});
  writer.Finish();
  EXPECT_EQ(SafetensorsFolder(folder.path()).names().size(), headers.size());
}

TEST(SafetensorsTest, DeeplyNestedHeadersAreRefused) {
  for (const std::string open : {"[", "{\"a\":"}) {
    std::string deep = R"({"a":)";
    for (int i = 0; i < 1'000'000; ++i) deep += open;
    EXPECT_THAT(ParseError(Image(deep, ""), ErrorCode::kDataLoss), HasSubstr("header"));
  }
  std::string shape(900, '[');
  shape.append(900, ']');
  EXPECT_THAT(ParseError(Image(R"({"a":)" + Entry("F32", shape, "[0,0]") + "}", ""),
                         ErrorCode::kInvalidArgument),
              HasSubstr("'shape'"));
}

class ShardsTest : public testing::Test {
 protected:
  void WriteShard(const std::string& file, const std::string& tensor) {
    SafetensorsWriter writer(folder_ / file, {{tensor, DType::kFloat32, {1}}});
    writer.Add(tensor, std::vector<float>{float(tensor[0])});
    writer.Finish();
  }
  void WriteIndex(const std::string& weight_map) {
    WriteText(folder_ / "model.safetensors.index.json",
              R"({"metadata":{"total_size":8},"weight_map":)" + weight_map + "}");
  }
  std::string OpenError(ErrorCode code) {
    return MessageOf([&] { SafetensorsFolder(folder_.path()); }, code);
  }
  TempFolder folder_;
};

TEST_F(ShardsTest, AreReadAsOne) {
  WriteShard("1.safetensors", "a");
  WriteShard("2.safetensors", "b");
  WriteIndex(R"({"a":"1.safetensors","b":"2.safetensors"})");
  const SafetensorsFolder read(folder_.path());
  EXPECT_THAT(read.names(), ElementsAre("a", "b"));
  EXPECT_THAT(Values(read.tensors().at("a")), ElementsAre(float('a')));
  EXPECT_THAT(Values(read.tensors().at("b")), ElementsAre(float('b')));
}

TEST_F(ShardsTest, NoWeightsAreNamed) {
  EXPECT_THAT(OpenError(ErrorCode::kNotFound),
              HasSubstr("expected model.safetensors or model.safetensors.index.json"));
}

TEST_F(ShardsTest, MissingShardAndTensorAreNamed) {
  WriteShard("1.safetensors", "a");
  WriteIndex(R"({"a":"1.safetensors","b":"2.safetensors"})");
  EXPECT_THAT(OpenError(ErrorCode::kNotFound), HasSubstr("2.safetensors"));
  WriteIndex(R"({"a":"1.safetensors","b":"1.safetensors"})");
  EXPECT_THAT(OpenError(ErrorCode::kDataLoss), HasSubstr("tensor b is not in its shard"));
  WriteShard("2.safetensors", "b");
  WriteIndex(R"({"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"})");
  EXPECT_THAT(OpenError(ErrorCode::kDataLoss), HasSubstr("tensor c is not in its shard"));
}

TEST_F(ShardsTest, TensorsInTwoShardsOrUnknownToTheIndexAreRefused) {
  WriteShard("1.safetensors", "a");
  WriteShard("2.safetensors", "a");
  WriteIndex(R"({"a":"1.safetensors","b":"2.safetensors"})");
  EXPECT_THAT(OpenError(ErrorCode::kDataLoss), HasSubstr("tensor a is in another shard too"));
  WriteIndex(R"({})");
  EXPECT_NO_THROW(SafetensorsFolder(folder_.path()));
  SafetensorsWriter writer(folder_ / "3.safetensors",
                           {{"c", DType::kFloat32, {1}}, {"d", DType::kFloat32, {1}}});
  writer.Add("c", std::vector<float>{1});
  writer.Add("d", std::vector<float>{1});
  writer.Finish();
  WriteIndex(R"({"c":"3.safetensors"})");
  EXPECT_THAT(OpenError(ErrorCode::kDataLoss), HasSubstr("tensor d is in a shard but not in"));
}

TEST_F(ShardsTest, IndexMayNotLeaveItsFolder) {
  for (const char* shard : {"../x.safetensors", "/etc/passwd", "a/b", "..", ""}) {
    WriteIndex(R"({"a":")" + std::string(shard) + R"("})");
    EXPECT_THAT(OpenError(ErrorCode::kInvalidArgument),
                HasSubstr("a file name in the same folder"));
  }
  WriteIndex("[1]");
  EXPECT_THAT(OpenError(ErrorCode::kInvalidArgument), HasSubstr("weight_map"));
}

TEST_F(ShardsTest, ACutShardSaysSoAfterReading) {
  SafetensorsWriter writer(folder_ / "model.safetensors", {{"a", DType::kFloat32, {1 << 16}}});
  writer.Add("a", std::vector<float>(1 << 16, 1.0f));
  writer.Finish();
  const SafetensorsFolder read(folder_.path());
  read.CheckWhole();
  std::filesystem::resize_file(folder_ / "model.safetensors", 1 << 13);
  EXPECT_EQ(Values(read.tensors().at("a")).back(), 0.0f);
  EXPECT_THAT(MessageOf([&] { read.CheckWhole(); }, ErrorCode::kDataLoss),
              HasSubstr("model.safetensors: became shorter"));
}

}  // namespace
}  // namespace prm
