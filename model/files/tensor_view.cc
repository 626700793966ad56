#include "model/files/tensor_view.h"

#include <bit>
#include <cstring>

#include "data/error.h"

namespace prm {
namespace {

template <class T>
T Load(const std::byte* address) {
  T value;
  std::memcpy(&value, address, sizeof(T));
  return value;
}

// Uses only integer arithmetic and selects, so that loops vectorise on any machine.
float HalfToFloat(uint16_t half) {
  const uint32_t magnitude = half & 0x7fffu;
  const uint32_t normal = (magnitude << 13) + (112u << 23);
  const uint32_t subnormal = std::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  const uint32_t infinite_or_nan = (magnitude << 13) | 0x7f800000u;
  uint32_t bits = magnitude < 0x0400u ? subnormal : normal;
  bits = magnitude >= 0x7c00u ? infinite_or_nan : bits;
  return std::bit_cast<float>(bits | (uint32_t{half} & 0x8000u) << 16);
}

float BFloat16ToFloat(uint16_t value) { return std::bit_cast<float>(uint32_t{value} << 16); }

uint16_t ToBFloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  // Rounding could turn a NaN's payload into infinity; make it a quiet NaN instead.
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

uint16_t ToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t sign = bits >> 16 & 0x8000u;
  if (magnitude > 0x7f800000u) {  // becomes quiet, keeps its payload
    return static_cast<uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x1ffu));
  }
  if (magnitude == 0x7f800000u) return static_cast<uint16_t>(sign | 0x7c00u);
  // 65,520 is halfway between the largest number and the one that would follow.
  if (magnitude >= 0x477ff000u) {
    throw Error(ErrorCode::kOutOfRange,
                StrCat("value ", value, " is beyond float16; expected float32 or bfloat16"));
  }
  // Below 2^-14 the spacing equals that of float32 at 0.5f, so adding 0.5f rounds correctly.
  if (magnitude < 0x38800000u) {
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  return static_cast<uint16_t>(
      sign | ((magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13));
}

void ConvertHalf(const std::byte* data, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = HalfToFloat(Load<uint16_t>(data + 2 * i));
}

void ConvertBFloat16(const std::byte* data, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = BFloat16ToFloat(Load<uint16_t>(data + 2 * i));
}

constexpr size_t kBlock = 32;
constexpr size_t kQ4_0Bytes = 2 + kBlock / 2;  // scale, nibbles
constexpr size_t kQ4_1Bytes = 4 + kBlock / 2;  // scale, minimum, nibbles
constexpr size_t kQ8_0Bytes = 2 + kBlock;      // scale, signed bytes

// The low nibble of byte i is value i of a block's first half; the high one, of its second half.
void ConvertQ4_0(const std::byte* data, std::span<float> out) {
  for (size_t b = 0; b < out.size() / kBlock; ++b, data += kQ4_0Bytes) {
    const float scale = HalfToFloat(Load<uint16_t>(data));
    float* values = out.data() + b * kBlock;
    for (size_t i = 0; i < kBlock / 2; ++i) {
      const int nibbles = std::to_integer<int>(data[2 + i]);
      values[i] = static_cast<float>((nibbles & 15) - 8) * scale;
      values[i + kBlock / 2] = static_cast<float>((nibbles >> 4) - 8) * scale;
    }
  }
}

void ConvertQ4_1(const std::byte* data, std::span<float> out) {
  for (size_t b = 0; b < out.size() / kBlock; ++b, data += kQ4_1Bytes) {
    const float scale = HalfToFloat(Load<uint16_t>(data));
    const float minimum = HalfToFloat(Load<uint16_t>(data + 2));
    float* values = out.data() + b * kBlock;
    for (size_t i = 0; i < kBlock / 2; ++i) {
      const int nibbles = std::to_integer<int>(data[4 + i]);
      values[i] = static_cast<float>(nibbles & 15) * scale + minimum;
      values[i + kBlock / 2] = static_cast<float>(nibbles >> 4) * scale + minimum;
    }
  }
}

void ConvertQ8_0(const std::byte* data, std::span<float> out) {
  for (size_t b = 0; b < out.size() / kBlock; ++b, data += kQ8_0Bytes) {
    const float scale = HalfToFloat(Load<uint16_t>(data));
    float* values = out.data() + b * kBlock;
    for (size_t i = 0; i < kBlock; ++i) {
      values[i] = static_cast<float>(std::to_integer<int8_t>(data[2 + i])) * scale;
    }
  }
}

}  // namespace

std::string_view DTypeName(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "F32";
    case DType::kFloat16:
      return "F16";
    case DType::kBFloat16:
      return "BF16";
    case DType::kInt64:
      return "I64";
    case DType::kQ4_0:
      return "Q4_0";
    case DType::kQ4_1:
      return "Q4_1";
    case DType::kQ8_0:
      return "Q8_0";
  }
  return "?";
}

BlockSize BlockSizeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return {1, 4};
    case DType::kFloat16:
    case DType::kBFloat16:
      return {1, 2};
    case DType::kInt64:
      return {1, 8};
    case DType::kQ4_0:
      return {kBlock, kQ4_0Bytes};
    case DType::kQ4_1:
      return {kBlock, kQ4_1Bytes};
    case DType::kQ8_0:
      return {kBlock, kQ8_0Bytes};
  }
  return {};
}

std::string ShapeString(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

std::optional<int64_t> NumElements(std::span<const int64_t> shape) {
  int64_t product = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 0 || __builtin_mul_overflow(product, dimension, &product)) return std::nullopt;
  }
  return product;
}

std::optional<int64_t> StorageBytes(DType dtype, std::span<const int64_t> shape) {
  const BlockSize block = BlockSizeOf(dtype);
  const std::optional<int64_t> count = NumElements(shape);
  const int64_t row = shape.empty() ? 1 : shape.back();
  if (!count || row % block.values != 0) return std::nullopt;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(*count / block.values, block.bytes, &bytes)) return std::nullopt;
  return bytes;
}

void ToFloat32(const TensorView& tensor, std::span<float> out) {
  const std::optional<int64_t> count = NumElements(tensor.shape);
  if (!count || static_cast<uint64_t>(*count) != out.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("tensor ", tensor.name, " of shape ", ShapeString(tensor.shape),
                       " read into ", out.size(), " values"));
  }
  switch (tensor.dtype) {
    case DType::kFloat32:
      if (!out.empty()) std::memcpy(out.data(), tensor.data, out.size_bytes());
      return;
    case DType::kFloat16:
      return ConvertHalf(tensor.data, out);
    case DType::kBFloat16:
      return ConvertBFloat16(tensor.data, out);
    case DType::kQ4_0:
      return ConvertQ4_0(tensor.data, out);
    case DType::kQ4_1:
      return ConvertQ4_1(tensor.data, out);
    case DType::kQ8_0:
      return ConvertQ8_0(tensor.data, out);
    case DType::kInt64:
      break;
  }
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("tensor ", tensor.name, " holds ", DTypeName(tensor.dtype),
                     " values; expected floating-point weights"));
}

void AppendValues(std::span<const float> values, DType dtype, std::vector<std::byte>* out) {
  if (dtype == DType::kFloat32) {
    const auto bytes = std::as_bytes(values);
    out->insert(out->end(), bytes.begin(), bytes.end());
    return;
  }
  const size_t begin = out->size();
  out->resize(begin + 2 * values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = dtype == DType::kFloat16 ? ToHalf(values[i]) : ToBFloat16(values[i]);
    std::memcpy(out->data() + begin + 2 * i, &bits, sizeof(bits));
  }
}

}  // namespace prm
