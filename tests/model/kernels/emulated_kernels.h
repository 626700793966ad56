// The launchers of libprm_cuda.so over the emulation: with them, the ops take tensors on the CPU
// through the bodies of a GPU.
#pragma once

#include "tests/model/kernels/cuda_emulation.h"
// The emulation comes before the kernels.
#include "model/kernels/cuda/launchers.cuh"
#include "model/kernels/cuda/module.h"

namespace prm::cuda {

template <class Args>
const char* Start(void (*kernel)(Args), Grid grid, int threads, int bytes, void*,
                  const Args& args) {
  if (size_t(bytes) > emulation::kSharedBytes) return "too much shared memory";
  emulation::Launch(kernel, unsigned(grid.x), unsigned(grid.y), threads, args);
  return nullptr;
}

// While it lives, kernels run on the CPU. One at a time, on one thread.
class EmulatedKernels {
 public:
  EmulatedKernels() { EmulateOnCpu(&table_); }
  ~EmulatedKernels() { EmulateOnCpu(nullptr); }
  EmulatedKernels(const EmulatedKernels&) = delete;

 private:
  const KernelTable table_ = Launchers();
};

}  // namespace prm::cuda
