// The launchers of libprm_cuda.so over the emulation: the ops run the GPU bodies on CPU tensors.
#pragma once

#include "tests/model/kernels/cuda_emulation.h"
// Include the emulation before the kernels.
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

// Runs the work again.
class EmulatedGraph : public Graph {
 public:
  explicit EmulatedGraph(std::function<void()> work) : work_(std::move(work)) {}
  void Replay() override { work_(); }

 private:
  const std::function<void()> work_;
};
class EmulatedGraphRecorder : public GraphRecorder {
 public:
  std::unique_ptr<Graph> Record(const std::function<void()>& work) override {
    work();
    return std::make_unique<EmulatedGraph>(work);
  }
};

inline std::unique_ptr<GraphRecorder> NewEmulatedGraphRecorder() {
  return std::make_unique<EmulatedGraphRecorder>();
}

// Makes kernels run on the CPU while it lives. One at a time, on one thread.
class EmulatedKernels {
 public:
  // `kernels` may be replaced by faulty ones.
  explicit EmulatedKernels(NewGraphRecorder new_graph_recorder = NewEmulatedGraphRecorder,
                           const KernelTable& kernels = Launchers())
      : emulation_{kernels, new_graph_recorder} {
    EmulateOnCpu(&emulation_);
  }
  ~EmulatedKernels() { EmulateOnCpu(nullptr); }
  EmulatedKernels(const EmulatedKernels&) = delete;

 private:
  const Emulation emulation_;
};

}  // namespace prm::cuda
