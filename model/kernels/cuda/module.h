// The module of CUDA kernels, loaded when the first tensor on a GPU asks for it.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>

#include "model/kernels/cuda/graph.h"
#include "model/kernels/cuda/launch.h"

namespace prm::cuda {

// Null on the CPU, and where libprm_cuda.so is not beside the program or does not run on the first
// device that asked: then LibTorch's bodies do (ops::DescribeKernels says why). Any thread.
const KernelTable* Kernels(c10::Device device);

// What stands for a GPU where tensors lie on the CPU: kernels on no stream, and graphs of them.
using NewGraphRecorder = std::unique_ptr<GraphRecorder> (*)();
struct Emulation {
  KernelTable kernels;
  NewGraphRecorder new_graph_recorder;
};
// For tests; null: none again. Borrows.
void EmulateOnCpu(const Emulation* emulation);

// Calls `launch` with LibTorch's current stream of the device. Throws c10::Error with the words
// that it returns.
void LaunchOn(c10::Device device, const std::function<const char*(void* stream)>& launch);

}  // namespace prm::cuda
