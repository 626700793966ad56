// The module of CUDA kernels, loaded when the first tensor on a GPU asks for it.
#pragma once

#include <c10/core/Device.h>

#include <functional>

#include "model/kernels/cuda/launch.h"

namespace prm::cuda {

// Null on the CPU, and where libprm_cuda.so is not beside the program or does not run on the first
// device that asked: then LibTorch's bodies do (ops::DescribeKernels says why). Any thread.
const KernelTable* Kernels(c10::Device device);

// Has Kernels give `table` for tensors on the CPU: kernels that run there under emulation, on no
// stream. For tests; null: none again.
void EmulateOnCpu(const KernelTable* table);

// Calls `launch` with LibTorch's current stream of the device. Throws c10::Error with the words
// that it returns.
void LaunchOn(c10::Device device, const std::function<const char*(void* stream)>& launch);

}  // namespace prm::cuda
