// Any bytes as a GGUF file: parsed, or refused with prm::Error; every tensor readable.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/files/gguf.h"
#include "model/files/gguf_model.h"
#include "model/files/tensor_view.h"
#include "tests/fuzz/refusal.h"

namespace {

void Read(const prm::TensorView& tensor) {
  std::vector<float> values(static_cast<size_t>(*prm::NumElements(tensor.shape)));
  MayRefuse([&] { prm::ToFloat32(tensor, values); });
  prm::HuggingFaceName(tensor.name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  MayRefuse([&] {
    const prm::GgufContents contents = prm::ParseGguf(std::as_bytes(std::span(data, size)), "fuzz");
    for (const prm::TensorView& tensor : contents.tensors) Read(tensor);
    MayRefuse([&] { prm::GgufConfig(contents, "fuzz"); });
    MayRefuse([&] { prm::GgufPrependsBos(contents, "fuzz"); });
    MayRefuse([&] { prm::GgufTokenizer(contents, "fuzz"); });
  });
  return 0;
}
