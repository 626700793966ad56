// Any bytes as a safetensors file: parsed, or refused with prm::Error; every tensor readable.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/files/safetensors.h"
#include "model/files/tensor_view.h"
#include "tests/fuzz/refusal.h"

namespace {

void Read(const prm::TensorView& tensor) {
  std::vector<float> values(static_cast<size_t>(*prm::NumElements(tensor.shape)));
  MayRefuse([&] { prm::ToFloat32(tensor, values); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  MayRefuse([&] {
    for (const prm::TensorView& tensor :
         prm::ParseSafetensors(std::as_bytes(std::span(data, size)), "fuzz")) {
      Read(tensor);
    }
  });
  return 0;
}
