// libprm_cuda.so: the kernels, compiled by nvcc for sm_80 and sm_90, and its one symbol.
#include <cuda_runtime.h>

#include "model/kernels/cuda/launchers.cuh"

namespace prm::cuda {

template <class Args>
const char* Start(void (*kernel)(Args), Grid grid, int threads, int bytes, void* stream,
                  const Args& args) {
  constexpr int kGranted = 48 * 1024;  // more must be asked for
  constexpr int64_t kMostY = 65535;
  if (grid.x > INT32_MAX || grid.y > kMostY) return "a batch of more thread blocks than a grid has";
  if (bytes > kGranted) {
    const cudaError_t error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (error != cudaSuccess) return cudaGetErrorString(error);
  }
  kernel<<<dim3(unsigned(grid.x), unsigned(grid.y)), unsigned(threads), size_t(bytes),
           static_cast<cudaStream_t>(stream)>>>(args);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

namespace {

// No code for this device is the one fault that shows before a launch.
const char* WhyNot() {
  cudaFuncAttributes attributes;
  const cudaError_t error = cudaFuncGetAttributes(&attributes, PrefixAttentionKernel<64>);
  cudaGetLastError();  // it is told here, not by the next launch
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace
}  // namespace prm::cuda

extern "C" __attribute__((visibility("default"))) const prm::cuda::KernelTable* PrmCudaKernels() {
  using namespace prm::cuda;
  static const KernelTable table = [] {
    KernelTable made = Launchers();
    made.why_not = WhyNot;
    return made;
  }();
  return &table;
}
