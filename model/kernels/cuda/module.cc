#include "model/kernels/cuda/module.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "model/ops/describe.h"

namespace prm::cuda {
namespace {

struct Module {
  const KernelTable* table = nullptr;
  std::string missing;  // reason, if there is no module
};

// Next to the program, where build and installation put it.
std::string PathOf(const char* module) {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return (program.parent_path() / module).string();
}

Module LoadModule() {
  const std::string path = PathOf("libprm_cuda.so");
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return {nullptr, dlerror()};
  const auto kernels =
      reinterpret_cast<const KernelTable* (*)()>(dlsym(library, kKernelTableSymbol));
  if (!kernels || kernels()->version != kKernelTableVersion) {
    return {nullptr, path + " has another version"};
  }
  if (const char* why_not = kernels()->why_not()) return {nullptr, path + ": " + why_not};
  return {kernels(), ""};
}

using GraphModule = GraphRecorder* (*)(int device);
GraphModule LoadGraphModule() {
  const std::string path = PathOf("libprm_cuda_graph.so");
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const symbol = library ? dlsym(library, kGraphRecorderSymbol) : nullptr;
  if (!symbol) {
    TORCH_WARN("no CUDA graphs: ", library ? path + " has another version" : dlerror());
  }
  return reinterpret_cast<GraphModule>(symbol);
}

const Emulation* emulated = nullptr;

// A device must exist before the first call: a tensor is on it.
const Module& TheModule(c10::Device device) {
  static const Module module = [&] {
    const c10::DeviceGuard guard(device);
    return LoadModule();
  }();
  return module;
}

}  // namespace

const KernelTable* Kernels(c10::Device device) {
  return device.is_cuda() ? TheModule(device).table : emulated ? &emulated->kernels : nullptr;
}

std::unique_ptr<GraphRecorder> MakeGraphRecorder(c10::Device device) {
  if (device.is_cpu()) return emulated ? emulated->new_graph_recorder() : nullptr;
  if (!device.is_cuda()) return nullptr;
  static const GraphModule make = LoadGraphModule();
  return std::unique_ptr<GraphRecorder>(make ? make(device.index()) : nullptr);
}

void EmulateOnCpu(const Emulation* emulation) { emulated = emulation; }

void LaunchOn(c10::Device device, const std::function<const char*(void*)>& launch) {
  const char* error = nullptr;
  if (device.is_cpu()) {
    error = launch(nullptr);
  } else {
    const c10::DeviceGuard guard(device);
    const c10::impl::VirtualGuardImpl cuda(c10::kCUDA);
    error = launch(cuda.getStreamNativeHandle(cuda.getStream(device)));
  }
  TORCH_CHECK(error == nullptr, "CUDA kernel: ", error);
}

}  // namespace prm::cuda

namespace prm::ops {

std::string DescribeKernels(at::Device device) {
  if (!device.is_cuda()) return "CPU";
  const std::string& missing = cuda::TheModule(device).missing;
  return missing.empty() ? "CUDA" : "LibTorch (" + missing + ")";
}

}  // namespace prm::ops
