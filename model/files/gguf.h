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

// All integers become int64 (a larger uint64 is refused), all floats double.
using GgufValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>,
                               std::vector<double>, std::vector<bool>, std::vector<std::string>>;

// The contents of a GGUF file before its tensor data.
struct GgufContents {
  uint32_t version = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<TensorView> tensors;  // by GGUF name; they borrow from the parsed bytes
};

// Parses a whole file image. Checks every count, length and offset against the available bytes
// before allocating that size. Throws Error (kDataLoss for damaged bytes, kUnimplemented for an
// unsupported version or tensor type) with `where` and the byte offset or tensor name.
GgufContents ParseGguf(std::span<const std::byte> bytes, std::string_view where);

}  // namespace prm
