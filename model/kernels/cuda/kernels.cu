// libprm_cuda.so: the kernels, compiled by nvcc for sm_80 and sm_90, and its one symbol.
#include <cuda_runtime.h>

#include <mutex>
#include <set>
#include <utility>

#include "model/kernels/cuda/launchers.cuh"

namespace prm::cuda {
namespace {

// Returns null or the error text. Clears the error, so that the next caller does not get it.
const char* Told(cudaError_t error) {
  if (error == cudaSuccess) return nullptr;
  cudaGetLastError();
  return cudaGetErrorString(error);
}

// Dynamic shared memory above the default limit must be requested once per device.
const char* AllowSharedMemory(const void* kernel, int bytes) {
  constexpr int kGranted = 48 * 1024;
  if (bytes <= kGranted) return nullptr;
  static std::mutex mutex;
  static std::set<std::pair<const void*, int>> allowed;
  int device = 0;
  if (const char* error = Told(cudaGetDevice(&device))) return error;
  const std::scoped_lock lock(mutex);
  if (allowed.contains({kernel, device})) return nullptr;
  const char* error =
      Told(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  if (error == nullptr) allowed.emplace(kernel, device);
  return error;
}

}  // namespace

template <class Args>
const char* Start(void (*kernel)(Args), Grid grid, int threads, int bytes, void* stream,
                  const Args& args) {
  constexpr int64_t kMostY = 65535;
  if (grid.x > INT32_MAX || grid.y > kMostY) return "more thread blocks than a grid can have";
  if (const char* error = AllowSharedMemory(reinterpret_cast<const void*>(kernel), bytes)) {
    return error;
  }
  void* arguments[] = {const_cast<Args*>(&args)};
  // Uses the call's own result: cudaGetLastError could also return an earlier error of others.
  return Told(cudaLaunchKernel(reinterpret_cast<const void*>(kernel),
                               dim3(unsigned(grid.x), unsigned(grid.y)), dim3(unsigned(threads)),
                               arguments, size_t(bytes), static_cast<cudaStream_t>(stream)));
}

namespace {

// Missing code for this device is the only fault that shows before a launch.
const char* WhyNot() {
  cudaFuncAttributes attributes;
  return Told(cudaFuncGetAttributes(&attributes, PrefixAttentionKernel<64>));
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
