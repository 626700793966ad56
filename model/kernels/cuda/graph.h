// What a device is asked to do, recorded once and played again with one call. The implementation is
// a module of its own, libprm_cuda_graph.so, since it links LibTorch's CUDA half.
// Source: NVIDIA, "CUDA Programming Guide", section on CUDA graphs; memory of a graph's own: the
// notes in LibTorch's CUDACachingAllocator.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>

namespace prm::cuda {

class Graph {
 public:
  virtual ~Graph() = default;
  // On LibTorch's current stream. Reads and writes the addresses of the recording.
  virtual void Replay() = 0;
};

// One thread, and one at a time of the graphs that a recorder made: they share the memory of what
// they allocate, so that it is lost when another one is played.
class GraphRecorder {
 public:
  virtual ~GraphRecorder() = default;
  // Runs `work` on a stream of its own, waits for it, and runs it again to record it, when nothing
  // is computed. Throws c10::Error for work that cannot be recorded: that waits for the device, or
  // copies from memory that is not pinned.
  virtual std::unique_ptr<Graph> Record(const std::function<void()>& work) = 0;
};

// Null on the CPU, and where the module is not beside the program or does not load; then a warning
// says why, once.
std::unique_ptr<GraphRecorder> MakeGraphRecorder(c10::Device device);

// The module's one symbol: GraphRecorder* PrmCudaGraphRecorder1(int device), owned by the caller.
// The number is this interface's.
inline constexpr char kGraphRecorderSymbol[] = "PrmCudaGraphRecorder1";

}  // namespace prm::cuda
