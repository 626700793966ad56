// GGUF files of the llama architecture: metadata, tensor directory, configuration, tokenizer.
// Source: the GGUF specification, versions 2 and 3, little-endian.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "data/tokenizer.h"
#include "model/mapped_file.h"
#include "model/model_config.h"
#include "model/tensor_view.h"

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

// The configuration of `contents`; rotary_layout is kInterleaved.
// Throws Error(kUnimplemented) for an architecture other than llama.
ModelConfig GgufConfig(const GgufContents& contents, std::string_view where);

// The tokenizer of the tokenizer.ggml.* keys (byte-level BPE, model "gpt2").
std::shared_ptr<const Tokenizer> GgufTokenizer(const GgufContents& contents,
                                               std::string_view where);

// The Hugging Face name of a llama tensor; nullopt if it is none.
std::optional<std::string> HuggingFaceName(std::string_view gguf_name);

}  // namespace prm
