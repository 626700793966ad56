// libprm_cuda.so loads on machines without a GPU and without CUDA libraries except the runtime, and
// reports why its kernels do not run there.
#include <filesystem>
#include <string>

#include "model/kernels/cuda/launch.h"
#include "model/kernels/cuda/module.h"
#include "model/ops/describe.h"
#include "model/ops/prefix_attention.h"
#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

// A replay repeats the recorded work on the current contents of the same addresses.
void TestGraph() {
  const at::Device gpu(at::kCUDA, 0);
  const auto recorder = cuda::MakeGraphRecorder(gpu);
  Expect("the module of graphs loads", recorder != nullptr);
  if (!recorder) return;
  const at::Tensor x = at::ones({64, 64}, gpu), sum = at::zeros({64, 64}, gpu);
  const auto graph = recorder->Record([&] { sum.add_(at::mm(x, x).relu_()); });
  Expect("recording runs the work once", at::equal(sum.cpu(), at::full({64, 64}, 64.0f)));
  x.fill_(2);
  graph->Replay();
  graph->Replay();
  Expect("and each replay once more", at::equal(sum.cpu(), at::full({64, 64}, 64.0f + 512.0f)));
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  const auto path =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libprm_cuda.so";
  if (!std::filesystem::exists(path)) {
    SkipCuda((path.string() + " is not built").c_str());
    return failures > 0 ? Failures() : 77;
  }
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  Expect("it loads", library != nullptr);
  if (!library) {
    std::printf("      %s\n", dlerror());
    return Failures();
  }
  const auto kernels =
      reinterpret_cast<const cuda::KernelTable* (*)()>(dlsym(library, cuda::kKernelTableSymbol));
  Expect("it has its table", kernels != nullptr);
  if (!kernels) return Failures();
  const cuda::KernelTable& table = *kernels();
  Expect("of this version", table.version == cuda::kKernelTableVersion);
  Expect("with all launchers", table.prefix_attention && table.rotate_and_keep &&
                                   table.add_rms_norm && table.glu && table.read_head &&
                                   table.linear);
  const char* why_not = table.why_not();
  std::printf("      on this machine: %s\n", why_not ? why_not : "they run");
  Expect("its kernels run where a GPU is", (why_not == nullptr) == HasCuda());
  Expect("nothing is launched for no rows", table.prefix_attention({}, nullptr) == nullptr &&
                                                table.add_rms_norm({}, nullptr) == nullptr &&
                                                table.linear({}, nullptr) == nullptr);
  Expect("the CPU has kernels of its own", ops::DescribeKernels(at::kCPU) == "CPU");
  const auto attention = [](int head_dim, at::ScalarType dtype) {
    return ops::DescribeAttention({2, 1, head_dim}, dtype, {at::kCUDA, 0});
  };
  Expect("attention without a kernel is named, with the reason",
         attention(64, at::kFloat) ==
                 "LibTorch's operators, gathering in float32, since the CUDA kernel is bfloat16 "
                 "only" &&
             attention(112, at::kBFloat16) ==
                 "LibTorch's operators, gathering in float32, since no CUDA kernel has heads of "
                 "112 channels");
  if (RunsCuda()) {
    Expect("attention has a kernel", attention(128, at::kBFloat16) == "CUDA kernel");
    Expect("the ops use the module", ops::DescribeKernels({at::kCUDA, 0}) == "CUDA");
    TestGraph();
  }
  return Failures();
}
