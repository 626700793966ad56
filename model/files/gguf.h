// GGUF files: metadata and tensor directory.
// Source: the GGUF specification, versions 2 and 3, little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/files/tensor_view.h"

namespace prm {

// All integers widen to int64 (a uint64 above int64's range is refused), all floats to double.
using GgufValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>,
                               std::vector<double>, std::vector<bool>, std::vector<std::string>>;

// What a GGUF file declares before its tensor data.
struct GgufContents {
  uint32_t version = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<TensorView> tensors;  // under their GGUF names, borrowing from the parsed bytes
};

// Parses a whole file image. Every count, length and offset is checked against the bytes that are
// there before anything of that size is allocated. Throws Error(kDataLoss for damaged bytes,
// kUnimplemented for a version or tensor type that is not supported) with `where` and the byte
// offset or tensor name.
GgufContents ParseGguf(std::span<const std::byte> bytes, std::string_view where);

}  // namespace prm
