#include "model/files/tensor_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/model/tiny_files.h"
#include "tests/source_dir.h"

namespace prm {
namespace {

using ::testing::HasSubstr;

DType ByName(const std::string& name) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kInt64,
                            DType::kQ4_0, DType::kQ4_1, DType::kQ8_0}) {
    if (DTypeName(dtype) == name) return dtype;
  }
  throw std::runtime_error("no dtype " + name);
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += char(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::vector<float> Convert(DType dtype, const std::string& bytes) {
  const BlockSize block = BlockSizeOf(dtype);
  const int64_t count = int64_t(bytes.size()) / block.bytes * block.values;
  const TensorView tensor{"t", dtype, {count}, AsBytes(bytes).data(), bytes.size()};
  std::vector<float> values(static_cast<size_t>(count));
  ToFloat32(tensor, values);
  return values;
}

TEST(TensorViewTest, ConversionsEqualAnIndependentImplementation) {
  const auto golden =
      nlohmann::json::parse(ReadText(SourceDir() / "tests/golden/dequantisation.json"));
  ASSERT_EQ(golden["blocks"].size(), 6u);
  for (const auto& block : golden["blocks"]) {
    const auto expected = block["values"].get<std::vector<double>>();
    const auto values = Convert(ByName(block["type"]), FromHex(block["hex"]));
    ASSERT_EQ(values.size(), expected.size());
    for (size_t i = 0; i < values.size(); ++i) {
      // One product and one sum in float32, each within half a unit in the last place.
      EXPECT_NEAR(values[i], expected[i], std::abs(expected[i]) * 0x1p-22 + 1e-7)
          << block["type"] << " value " << i;
      EXPECT_EQ(std::signbit(values[i]), std::signbit(expected[i]));
    }
  }
}

template <class Bits>
std::vector<Bits> Rounded(const std::vector<float>& values, DType dtype) {
  std::vector<std::byte> bytes;
  AppendValues(values, dtype, &bytes);
  std::vector<Bits> bits(bytes.size() / sizeof(Bits));
  std::memcpy(bits.data(), bytes.data(), bytes.size());
  return bits;
}

TEST(TensorViewTest, EveryHalfSurvivesRounding) {
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    for (uint32_t bits = 0; bits < 1 << 16; ++bits) {
      const float value = Convert(dtype, LittleEndian(uint16_t(bits)))[0];
      if (std::isnan(value)) continue;
      ASSERT_EQ(Rounded<uint16_t>({value}, dtype)[0], bits) << value;
    }
  }
}

TEST(TensorViewTest, ValuesBetweenHalvesGoToTheNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = Convert(DType::kFloat16, LittleEndian(uint16_t(bits)))[0];
    const float high = Convert(DType::kFloat16, LittleEndian(uint16_t(bits + 1)))[0];
    const float middle = low + (high - low) / 2;
    const auto rounded = Rounded<uint16_t>(
        {middle, std::nextafter(middle, low), std::nextafter(middle, high), -middle},
        DType::kFloat16);
    ASSERT_EQ(rounded[0], bits + bits % 2) << middle;
    ASSERT_EQ(rounded[1], bits) << middle;
    ASSERT_EQ(rounded[2], bits + 1) << middle;
    ASSERT_EQ(rounded[3], 0x8000u | (bits + bits % 2)) << middle;
  }
}

TEST(TensorViewTest, WhatFloat16CannotHoldIsRefused) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Rounded<uint16_t>({65519.9f, kInfinity, -kInfinity}, DType::kFloat16),
            (std::vector<uint16_t>{0x7bff, 0x7c00, 0xfc00}));
  EXPECT_TRUE(std::isnan(Convert(
      DType::kFloat16, LittleEndian(Rounded<uint16_t>({std::nanf("")}, DType::kFloat16)[0]))[0]));
  EXPECT_THAT(
      MessageOf([] { Rounded<uint16_t>({-65520.f}, DType::kFloat16); }, ErrorCode::kOutOfRange),
      HasSubstr("-65520 is beyond float16"));
}

TEST(TensorViewTest, EveryHalfIsConvertedExactly) {
  std::string bytes;
  for (uint32_t half = 0; half < 65536; ++half) bytes += LittleEndian(uint16_t(half));
  const std::vector<float> values = Convert(DType::kFloat16, bytes);
  for (uint32_t half = 0; half < 65536; ++half) {
    const double sign = half >> 15 ? -1 : 1;
    const int exponent = int(half >> 10 & 31);
    const double fraction = half & 1023;
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(values[half]), fraction != 0) << half;
      EXPECT_EQ(std::isinf(values[half]), fraction == 0) << half;
      continue;
    }
    const double value =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1 + fraction / 1024, exponent - 15);
    ASSERT_EQ(values[half], sign * value) << half;
  }
}

TEST(TensorViewTest, SizesThatOverflowAreNone) {
  EXPECT_EQ(NumElements(std::vector<int64_t>{3, 4}), 12);
  EXPECT_EQ(NumElements(std::vector<int64_t>{}), 1);
  EXPECT_EQ(NumElements(std::vector<int64_t>{int64_t{1} << 32, int64_t{1} << 31}), std::nullopt);
  EXPECT_EQ(NumElements(std::vector<int64_t>{-1}), std::nullopt);
  EXPECT_EQ(StorageBytes(DType::kFloat32, std::vector<int64_t>{int64_t{1} << 61}), std::nullopt);
  EXPECT_EQ(StorageBytes(DType::kQ4_1, std::vector<int64_t>{2, 64}), 80);
  EXPECT_EQ(StorageBytes(DType::kQ4_1, std::vector<int64_t>{64, 2}), std::nullopt);
}

TEST(TensorViewTest, IntegersAndOtherSizesAreRefused) {
  const std::string bytes(16, '\0');
  const TensorView ints{"positions", DType::kInt64, {2}, AsBytes(bytes).data(), 16};
  std::vector<float> two(2);
  EXPECT_THAT(MessageOf([&] { ToFloat32(ints, two); }, ErrorCode::kInvalidArgument),
              HasSubstr("tensor positions holds I64"));
  const TensorView floats{"w", DType::kFloat32, {2, 2}, AsBytes(bytes).data(), 16};
  EXPECT_THAT(MessageOf([&] { ToFloat32(floats, two); }, ErrorCode::kInvalidArgument),
              HasSubstr("tensor w of shape [2, 2] read into 2 values"));
}

}  // namespace
}  // namespace prm
