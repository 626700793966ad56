// The launchers of the CUDA kernels: libprm_cuda.so, compiled by nvcc for sm_80 and sm_90.
#include <cuda_runtime.h>

#include <algorithm>

#include "model/kernels/cuda/elementwise.cuh"
#include "model/kernels/cuda/prefix_attention.cuh"

namespace prm::cuda {
namespace {

constexpr int kThreads = 128;

cudaStream_t Stream(void* stream) { return static_cast<cudaStream_t>(stream); }
const char* Launched() {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

template <int C>
const char* LaunchAttention(const PrefixAttentionArgs& a, cudaStream_t stream) {
  constexpr int kBytes = AttentionMemory<C>::kBytes;
  const cudaError_t error = cudaFuncSetAttribute(
      PrefixAttentionKernel<C>, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  if (error != cudaSuccess) return cudaGetErrorString(error);
  PrefixAttentionKernel<C>
      <<<dim3(a.split_count, a.kv_heads), kAttentionThreads, kBytes, stream>>>(a);
  if (a.merge_count > 0) {
    MergeSplitsKernel<C><<<dim3(a.merge_count, a.kv_heads), kAttentionThreads, 0, stream>>>(a);
  }
  return Launched();
}

const char* PrefixAttention(const PrefixAttentionArgs& a, void* stream) {
  if (a.split_count == 0) return nullptr;
  switch (a.head_dim) {
    case 64:
      return LaunchAttention<64>(a, Stream(stream));
    case 80:
      return LaunchAttention<80>(a, Stream(stream));
    case 96:
      return LaunchAttention<96>(a, Stream(stream));
    case 128:
      return LaunchAttention<128>(a, Stream(stream));
    case 256:
      return LaunchAttention<256>(a, Stream(stream));
    default:
      return "no attention kernel of this head size";
  }
}

const char* RotateAndKeep(const RotateAndKeepArgs& a, void* stream) {
  const int blocks = a.tokens + a.kept_count;
  if (blocks == 0) return nullptr;
  const auto kernel = a.interleaved ? RotateAndKeepKernel<true> : RotateAndKeepKernel<false>;
  kernel<<<blocks, kThreads, 0, Stream(stream)>>>(a);
  return Launched();
}

// Whether rows of this width, one behind the other, can be read four at a time from each pointer.
template <class... Pointers>
bool InFours(int64_t width, const Pointers*... pointers) {
  const auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  return width % 4 == 0 && (aligned(pointers) && ...);
}

template <class Delta, class Out>
void LaunchRmsNorm(const AddRmsNormArgs& a, cudaStream_t stream) {
  // A thread for every four channels, whole warps.
  const int threads = std::clamp((a.width / 4 + 31) / 32 * 32, 32, 512);
  const bool fours = InFours(a.width, a.residual, a.delta, a.weight, a.sum, a.normed);
  const auto kernel = fours ? AddRmsNormKernel<Delta, Out, 4> : AddRmsNormKernel<Delta, Out, 1>;
  kernel<<<a.rows, threads, 0, stream>>>(a);
}

const char* AddRmsNorm(const AddRmsNormArgs& a, void* stream) {
  if (a.rows == 0) return nullptr;
  const auto launch =
      a.delta_bf16 ? (a.normed_bf16 ? LaunchRmsNorm<Bf16, Bf16> : LaunchRmsNorm<Bf16, float>)
                   : (a.normed_bf16 ? LaunchRmsNorm<float, Bf16> : LaunchRmsNorm<float, float>);
  launch(a, Stream(stream));
  return Launched();
}

template <class T, int N>
void LaunchGlu(const GluArgs& a, cudaStream_t stream) {
  constexpr int64_t kMostBlocks = 4096;  // each goes on from there
  const int64_t threads = a.rows * (a.width / N);
  const int blocks = int(std::min(kMostBlocks, (threads + kThreads - 1) / kThreads));
  GluKernel<T, N><<<blocks, kThreads, 0, stream>>>(a);
}

const char* Glu(const GluArgs& a, void* stream) {
  if (a.rows == 0 || a.width == 0) return nullptr;
  const bool eights = InFours(a.width, a.gate_up, a.out) && a.width % 8 == 0;
  const auto launch = a.bf16 ? (eights ? LaunchGlu<Bf16, 8> : LaunchGlu<Bf16, 1>)
                             : (eights ? LaunchGlu<float, 4> : LaunchGlu<float, 1>);
  launch(a, Stream(stream));
  return Launched();
}

const char* ReadHead(const ReadHeadArgs& a, void* stream) {
  if (a.reads == 0) return nullptr;
  const auto kernel = a.delta_bf16 ? ReadHeadKernel<Bf16> : ReadHeadKernel<float>;
  kernel<<<a.reads, 256, 0, Stream(stream)>>>(a);
  return Launched();
}

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
  static const KernelTable table = {.version = kKernelTableVersion,
                                    .why_not = WhyNot,
                                    .prefix_attention = PrefixAttention,
                                    .rotate_and_keep = RotateAndKeep,
                                    .add_rms_norm = AddRmsNorm,
                                    .glu = Glu,
                                    .read_head = ReadHead};
  return &table;
}
