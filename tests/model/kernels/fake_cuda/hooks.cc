// A fake libtorch_cuda.so for machines without a GPU, enough for LibTorch to find two devices. A
// program that reaches it has not asked LibTorch too early, when it would have kept "none" forever.
// With FAKE_CUDA_ENDS set the program ends there, since these devices cannot compute.
#include <ATen/detail/CUDAHooksInterface.h>

#include <cstdio>
#include <cstdlib>

namespace at {

struct CUDAHooks : CUDAHooksInterface {
  explicit CUDAHooks(CUDAHooksArgs) {}
  bool hasCUDA() const override {
    if (std::getenv("FAKE_CUDA_ENDS")) {
      std::puts("the fake GPU was asked for");
      std::fflush(stdout);
      std::_Exit(0);
    }
    return true;
  }
  int getNumGPUs() const override { return 2; }
  DeviceIndex deviceCount() const override { return 2; }
};
REGISTER_CUDA_HOOKS(CUDAHooks);

}  // namespace at
