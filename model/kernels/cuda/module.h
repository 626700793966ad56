// The module of CUDA kernels, loaded on first use of a tensor on a GPU.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>

#include "model/kernels/cuda/graph.h"
#include "model/kernels/cuda/launch.h"

namespace prm::cuda {

// Returns null on the CPU, and if libprm_cuda.so is not beside the program or does not run on the
// first device used. LibTorch's bodies run then; ops::DescribeKernels reports why. Any thread.
const KernelTable* Kernels(c10::Device device);

// Replaces the GPU for tensors on the CPU: kernels that take no stream, and graphs of them.
using NewGraphRecorder = std::unique_ptr<GraphRecorder> (*)();
struct Emulation {
  KernelTable kernels;
  NewGraphRecorder new_graph_recorder;
};
// For tests; null ends the emulation. Borrows.
void EmulateOnCpu(const Emulation* emulation);

// Calls `launch` with LibTorch's current stream of the device. Throws c10::Error with the error
// text that it returns.
void LaunchOn(c10::Device device, const std::function<const char*(void* stream)>& launch);

}  // namespace prm::cuda
