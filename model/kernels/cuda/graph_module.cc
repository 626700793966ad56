// libprm_cuda_graph.so: recording with LibTorch's CUDA graphs, which have private memory.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "model/kernels/cuda/graph.h"

namespace prm::cuda {
namespace {

class RecordedGraph : public Graph {
 public:
  void Replay() override { graph.replay(); }
  at::cuda::CUDAGraph graph;
};

class Recorder : public GraphRecorder {
 public:
  explicit Recorder(c10::DeviceIndex device)
      : stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device)),
        pool_(at::cuda::graph_pool_handle()) {}

  std::unique_ptr<Graph> Record(const std::function<void()>& work) override {
    c10::cuda::getCurrentCUDAStream(stream_.device_index()).synchronize();
    const c10::cuda::CUDAStreamGuard guard(stream_);
    work();  // allocates one-time memory, as the products' workspace, outside the graph
    stream_.synchronize();
    auto recorded = std::make_unique<RecordedGraph>();
    // Other threads keep using their devices meanwhile.
    recorded->graph.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      End(&recorded->graph);
      throw;
    }
    recorded->graph.capture_end();
    return recorded;
  }

 private:
  // Ends a failed recording, for which CUDA may report the error again.
  static void End(at::cuda::CUDAGraph* graph) {
    try {
      graph->capture_end();
    } catch (const c10::Error&) {  // NOLINT(bugprone-empty-catch): the first error is reported
    }
  }

  const c10::cuda::CUDAStream stream_;
  const at::cuda::MempoolId_t pool_;
};

}  // namespace
}  // namespace prm::cuda

extern "C" __attribute__((visibility("default"))) prm::cuda::GraphRecorder* PrmCudaGraphRecorder1(
    int device) {
  return new prm::cuda::Recorder(c10::DeviceIndex(device));
}
