// Device work recorded once and replayed with one call. The implementation is a separate module,
// libprm_cuda_graph.so, since it links LibTorch's CUDA libraries.
// Source: NVIDIA, "CUDA Programming Guide", section on CUDA graphs; private memory of a graph: the
// notes in LibTorch's CUDACachingAllocator.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>

namespace prm::cuda {

class Graph {
 public:
  virtual ~Graph() = default;
  // Runs on LibTorch's current stream. Reads and writes the recorded addresses.
  virtual void Replay() = 0;
};

// One thread. Graphs of one recorder share the memory they allocate, so replaying one destroys the
// results of another.
class GraphRecorder {
 public:
  virtual ~GraphRecorder() = default;
  // Runs `work` on a separate stream, waits for it, and calls it again to record it (the second
  // call computes nothing). Throws c10::Error if it cannot be recorded: if it waits for the device
  // or copies from memory that is not pinned.
  virtual std::unique_ptr<Graph> Record(const std::function<void()>& work) = 0;
};

// Returns null on the CPU, and if the module is missing beside the program or does not load; then
// warns once with the reason.
std::unique_ptr<GraphRecorder> MakeGraphRecorder(c10::Device device);

// The module's only symbol: GraphRecorder* PrmCudaGraphRecorder1(int device), owned by the caller.
// The number is the version of this interface.
inline constexpr char kGraphRecorderSymbol[] = "PrmCudaGraphRecorder1";

}  // namespace prm::cuda
