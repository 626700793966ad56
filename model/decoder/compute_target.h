// Where and in which number format the matrix products run.
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
  std::string why{};  // auto took the dtype; empty where it was given
};

// What a verb multiplies: the products that are measured for it.
enum class Products {
  kTraining,     // of a linear layer forward and backward
  kScoring,      // of its packed weights or by LibTorch, whichever serves
  kInt8Scoring,  // of its packed int8 weights
};

// device: auto | cpu | cuda | cuda:N; dtype: auto | float32 | bfloat16; threads: 0 for all cores.
// auto takes CUDA when a device is there; on a GPU it takes bfloat16, on a CPU float32 unless the
// CPU multiplies bfloat16 (AMX, AVX512-BF16) and that is measured to be no slower, which takes some
// 20 milliseconds. Sets the number of LibTorch's threads and installs the buffer pool. Throws
// Error(kInvalidArgument) for an unknown word, Error(kUnavailable) for a device that is not there,
// Error(kFailedPrecondition) where the caller asked LibTorch for GPUs, as at::manual_seed does,
// before its CUDA half was loaded by this.
// Call before other threads run.
ComputeTarget ChooseComputeTarget(const std::string& device, const std::string& dtype, int threads,
                                  Products products = Products::kScoring);

// Cores that this process may run on, in their order.
std::vector<int> AllowedCores();
// Keeps the calling thread on cores[0] and LibTorch's threads that work for it on those that
// follow, which must be as many as these.
void PinThreads(std::span<const int> cores);

// as-stored | int8 | fp8. Throws Error(kInvalidArgument) for an unknown word, Error(kUnimplemented)
// where the target does not multiply them.
ops::WeightFormat ChooseWeightFormat(const std::string& name, const ComputeTarget& target);
std::string WeightFormatName(ops::WeightFormat format);

// A stream of the GPU for one who computes there beside others, behind all that it was asked for
// until now; none on a CPU.
std::optional<c10::Stream> NewComputeStream(c10::Device device);

// Memory that a new user of the device may take now. Where /proc/meminfo cannot be read, as in a
// chroot without /proc, a note on standard error says what is taken instead.
int64_t FreeMemoryBytes(c10::Device device);

std::string DtypeName(c10::ScalarType dtype);

}  // namespace prm
