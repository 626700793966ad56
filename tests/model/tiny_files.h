// Builders of tiny weight files.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config/config_json.h"
#include "model/config/model_config.h"
#include "model/files/safetensors.h"
#include "model/files/weights.h"
#include "tests/error_of.h"
#include "tests/temp_folder.h"

namespace prm {

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <class T>
std::string LittleEndian(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

// Writes GGUF images field by field, including invalid ones.
class GgufBuilder {
 public:
  static std::string String(std::string_view text) {
    return LittleEndian(uint64_t{text.size()}) + std::string(text);
  }
  static std::string Strings(const std::vector<std::string>& texts) {
    std::string bytes = LittleEndian(uint32_t{8}) + LittleEndian(uint64_t{texts.size()});
    for (const std::string& text : texts) bytes += String(text);
    return bytes;
  }

  // `type` is GGUF's number of the value type, `value` its encoding.
  GgufBuilder& Key(std::string_view key, uint32_t type, const std::string& value) {
    pairs += String(key) + LittleEndian(type) + value;
    ++num_pairs;
    return *this;
  }
  GgufBuilder& Uint(std::string_view key, uint32_t value) {
    return Key(key, 4, LittleEndian(value));
  }
  GgufBuilder& Float(std::string_view key, float value) { return Key(key, 6, LittleEndian(value)); }
  GgufBuilder& Text(std::string_view key, std::string_view value) {
    return Key(key, 8, String(value));
  }

  // `dimensions` innermost first, as stored.
  GgufBuilder& TensorEntry(std::string_view name, const std::vector<uint64_t>& dimensions,
                           uint32_t type, uint64_t offset) {
    entries += String(name) + LittleEndian(uint32_t(dimensions.size()));
    for (const uint64_t size : dimensions) entries += LittleEndian(size);
    entries += LittleEndian(type) + LittleEndian(offset);
    ++num_tensors;
    return *this;
  }
  GgufBuilder& Tensor(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type,
                      const std::string& bytes) {
    data.resize((data.size() + 31) / 32 * 32);
    TensorEntry(name, dimensions, type, data.size());
    data += bytes;
    return *this;
  }

  std::string Build() const {
    std::string file = "GGUF" + LittleEndian(version) + LittleEndian(num_tensors) +
                       LittleEndian(num_pairs) + pairs + entries;
    file.resize((file.size() + 31) / 32 * 32);
    return file + data;
  }

  uint32_t version = 3;
  uint64_t num_tensors = 0;
  uint64_t num_pairs = 0;
  std::string pairs, entries, data;
};

inline ModelConfig TinyConfig() {
  ModelConfig config;
  config.hidden_size = 8;
  config.intermediate_size = 16;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 2;
  config.vocab_size = 11;
  config.max_position_embeddings = 64;
  config.tie_word_embeddings = true;
  return config;
}

// Writes config.json and model.safetensors with the given tensors in `dtype`, values from `seed`.
inline void WriteTinyFolder(const std::filesystem::path& folder, const ModelConfig& config,
                            const std::vector<ExpectedTensor>& tensors, uint32_t seed = 1,
                            DType dtype = {}) {
  std::filesystem::create_directories(folder);
  WriteText(folder / "config.json", WriteConfigJson(config));
  std::vector<TensorHeader> headers;
  for (const ExpectedTensor& tensor : tensors)
    headers.push_back({tensor.name, dtype, tensor.shape});
  SafetensorsWriter writer(folder / "model.safetensors", headers);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.1f);
  for (const ExpectedTensor& tensor : tensors) {
    std::vector<float> values(size_t(*NumElements(tensor.shape)));
    for (float& value : values) value = normal(random);
    writer.Add(tensor.name, values);
  }
  writer.Finish();
}

// The required tensors of `config`.
inline std::vector<ExpectedTensor> TinyTensors(const ModelConfig& config) {
  std::vector<ExpectedTensor> tensors = ExpectedTensors(config);
  std::erase_if(tensors, [](const ExpectedTensor& tensor) { return !tensor.required; });
  return tensors;
}

}  // namespace prm
