// The device and number format of the matrix products.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/ops/packed_linear.h"

namespace prm {

struct ComputeTarget {
  c10::Device device;
  c10::ScalarType dtype;
  std::string why{};  // why auto chose the dtype; empty if it was given
};

// The matrix products of a verb, which auto measures.
enum class Products {
  kTraining,     // a linear layer forward and backward
  kScoring,      // packed weights or LibTorch, whichever is used
  kInt8Scoring,  // packed int8 weights
};

// device: auto | cpu | cuda | cuda:N; dtype: auto | float32 | bfloat16; threads: 0 for all cores.
// auto picks CUDA if a device is present. On a GPU it picks bfloat16. On a CPU it picks float32
// unless the CPU multiplies bfloat16 (AMX, AVX512-BF16) and this is measured, in some 20 ms, to be
// no slower. Sets LibTorch's number of threads and installs the buffer pool. Throws Error:
// kInvalidArgument for an unknown word, kUnavailable for a missing device, kFailedPrecondition if
// the caller asked LibTorch for GPUs, as at::manual_seed does, before this loaded its CUDA library.
// Call before other threads run.
ComputeTarget ChooseComputeTarget(const std::string& device, const std::string& dtype, int threads,
                                  Products products = Products::kScoring);

// Cores that this process may use, in ascending order.
std::vector<int> AllowedCores();
// Pins the calling thread to cores[0] and LibTorch's worker threads for it to the following cores.
// There must be one core per thread.
void PinThreads(std::span<const int> cores);

// as-stored | int8 | fp8. Throws Error(kInvalidArgument) for an unknown word, Error(kUnimplemented)
// if the target does not support the format.
ops::WeightFormat ChooseWeightFormat(const std::string& name, const ComputeTarget& target);
std::string WeightFormatName(ops::WeightFormat format);

// Returns a GPU stream for one of several concurrent users of the device, after all work requested
// so far; nullopt on a CPU.
std::optional<c10::Stream> NewComputeStream(c10::Device device);

// Memory that a new user of the device may take now. If /proc/meminfo cannot be read, as in a
// chroot without /proc, a note on standard error states the value used instead.
int64_t FreeMemoryBytes(c10::Device device);

std::string DtypeName(c10::ScalarType dtype);

}  // namespace prm
