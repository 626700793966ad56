// A tensor as stored in a weights file, and its conversion to float32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// Quantised types hold blocks of 32 values along the last dimension.
// Source: the GGUF specification, "ggml_type".
enum class DType { kFloat32, kFloat16, kBFloat16, kInt64, kQ4_0, kQ4_1, kQ8_0 };

std::string_view DTypeName(DType dtype);

// Values and bytes per block; {1, size of a value} if not quantised.
struct BlockSize {
  int64_t values = 1;
  int64_t bytes = 0;
};
BlockSize BlockSizeOf(DType dtype);

// Borrows from a mapping; valid as long as the file's reader. Shape is outermost first (row-major).
struct TensorView {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  const std::byte* data = nullptr;
  size_t bytes = 0;
};

// "[576, 1536]"
std::string ShapeString(std::span<const int64_t> shape);

// Product of the dimensions; nullopt if one is negative or the product exceeds int64.
std::optional<int64_t> NumElements(std::span<const int64_t> shape);

// Bytes of `shape` in `dtype`; nullopt on overflow or if the last dimension is not a multiple of
// the block.
std::optional<int64_t> StorageBytes(DType dtype, std::span<const int64_t> shape);

// Converts or dequantises all values of `tensor` into `out` [NumElements(shape)].
// Throws Error(kInvalidArgument) naming the tensor if it holds integers or out's size differs.
void ToFloat32(const TensorView& tensor, std::span<float> out);

// Appends `values` as `dtype` (kFloat32, kFloat16 or kBFloat16), rounded to nearest, ties to even.
// Throws Error(kOutOfRange) for a finite value beyond the range of kFloat16.
void AppendValues(std::span<const float> values, DType dtype, std::vector<std::byte>* out);

}  // namespace prm
