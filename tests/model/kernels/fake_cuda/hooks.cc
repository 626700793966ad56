// Stands for libtorch_cuda.so on a machine without a GPU, as far as LibTorch asks whether one is
// there: two of them. A program that comes to ask it has not asked too early, when LibTorch would
// have kept "none" for ever. With FAKE_CUDA_ENDS set the program ends there: nothing can be
// computed on these devices.
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
