#include "model/decoder/compute_target.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/cpu/Utils.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <sched.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <latch>
#include <system_error>
#include <thread>
#include <vector>

#include "data/error.h"
#include "model/decoder/buffer_pool.h"
#include "model/decoder/dtype_rates.h"
#include "model/kernels/cpu/thread_team.h"
#include "model/ops/mat_mul.h"
#include "model/ops/packed_linear.h"

namespace prm {
namespace {

constexpr ops::WeightFormat kWeightFormats[] = {ops::WeightFormat::kAsStored,
                                                ops::WeightFormat::kInt8, ops::WeightFormat::kFp8};

// LibTorch's CUDA library registers itself when loaded. The program does not link it, so that it
// starts on machines without it. Returns "", or why no GPU can be used. Throws
// Error(kFailedPrecondition) if a GPU could be used, had nobody asked LibTorch before.
std::string LoadCuda() {
  if (!std::filesystem::exists("/dev/nvidiactl")) return "no NVIDIA driver (/dev/nvidiactl)";
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) return dlerror();
  if (at::globalContext().hasCUDA()) return "";
  // LibTorch keeps the hooks that were registered when it first looked.
  const auto hooks = at::CUDAHooksRegistry()->Create("CUDAHooks", {});
  if (!hooks || !hooks->hasCUDA()) return "LibTorch sees no CUDA device";
  throw Error(ErrorCode::kFailedPrecondition,
              "a GPU is present, but LibTorch was asked for it before its CUDA library was loaded, "
              "and keeps its first answer; expected that a model is loaded, or ChooseComputeTarget "
              "called, before at::manual_seed, autograd or at::hasCUDA, or that the program links "
              "libtorch_cuda.so");
}

// N of cuda:N.
int DeviceIndexOf(const std::string& name) {
  const std::string index = name.substr(name.find(':') + 1);
  if (index.empty() || index.size() > 3 ||
      index.find_first_not_of("0123456789") != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("device: expected cuda:N with a number, got \"", name, "\""));
  }
  return std::stoi(index);
}

c10::Device ChooseDevice(const std::string& name) {
  if (name == "cpu") return c10::kCPU;
  const bool is_cuda = name == "cuda" || name.starts_with("cuda:");
  if (name != "auto" && !is_cuda) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("device: expected auto, cpu, cuda or cuda:N, got \"", name, "\""));
  }
  const int index = name.starts_with("cuda:") ? DeviceIndexOf(name) : 0;
  const std::string missing = LoadCuda();
  if (!missing.empty()) {
    if (is_cuda) throw Error(ErrorCode::kUnavailable, StrCat("device ", name, ": ", missing));
    return c10::kCPU;
  }
  const int count = at::detail::getCUDAHooks().getNumGPUs();
  if (index >= count) {
    throw Error(ErrorCode::kUnavailable, StrCat("device ", name, ": expected a number below ",
                                                count, ", the number of CUDA devices"));
  }
  return c10::Device(c10::kCUDA, c10::DeviceIndex(index));
}

// Products of a typical layer's size, on LibTorch's threads.
DtypeRates MeasureProducts(Products products) {
  constexpr int64_t kRows = 512, kInputs = 768, kOutputs = 768;
  const auto bodies = [&](c10::ScalarType dtype) -> ProductBodies {
    const at::Tensor x = at::full({kRows, kInputs}, 0.5, dtype),
                     w = at::full({kOutputs, kInputs}, 0.5, dtype),
                     grad = at::full({kRows, kOutputs}, 0.5, dtype);
    if (products == Products::kTraining) {
      return {[=] { ops::MatMul(x, w.t()), ops::MatMul(grad, w), ops::MatMul(grad.t(), x); }};
    }
    const bool int8 = products == Products::kInt8Scoring;
    const ops::PackedLinear packed(
        w, {}, {.format = int8 ? ops::WeightFormat::kInt8 : ops::WeightFormat::kAsStored});
    ProductBodies some = {[=] { packed.Forward(x); }};
    if (!int8) some.push_back([=] { ops::MatMul(x, w.t()); });
    return some;
  };
  const double gflop =
      2e-9 * kRows * kInputs * kOutputs * (products == Products::kTraining ? 3 : 1);
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  return MeasureDtypeRates(gflop, bodies(c10::kFloat), bodies(c10::kBFloat16), now);
}

ComputeTarget ChooseDtype(const std::string& name, c10::Device device, Products products) {
  if (name == "float32") return {device, c10::kFloat, ""};
  if (name == "bfloat16") return {device, c10::kBFloat16, ""};
  if (name != "auto") {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("dtype: expected auto, float32 or bfloat16, got \"", name, "\""));
  }
  if (device.is_cuda()) return {device, c10::kBFloat16, "on a GPU"};
  // Other CPUs widen bfloat16 value by value, which may take seconds.
  if (!__builtin_cpu_supports("avx512bf16")) {
    return {device, c10::kFloat, "this CPU does not multiply bfloat16"};
  }
  const DtypeRates rates = MeasureProducts(products);
  return {device, rates.IsFloat32Faster() ? c10::kFloat : c10::kBFloat16, rates.ToString()};
}

// LibTorch waits forever if its threads cannot start, so try first.
void TryThreads(int count) {
  std::latch tried(1);
  std::vector<std::jthread> threads;
  try {
    for (int i = 1; i < count; ++i) threads.emplace_back([&] { tried.wait(); });
  } catch (const std::system_error& error) {
    tried.count_down();
    throw Error(ErrorCode::kResourceExhausted,
                StrCat("threads: ", error.code().message(), ": the machine gives ",
                       threads.size() + 1, " of ", count,
                       "; expected fewer threads (option threads), or higher limits of threads "
                       "(ulimit -u) and "
                       "memory (ulimit -v)"));
  }
  tried.count_down();
}

}  // namespace

ComputeTarget ChooseComputeTarget(const std::string& device, const std::string& dtype, int threads,
                                  Products products) {
  if (threads < 0) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("threads: expected 0 or more, got ", threads));
  }
  const int count = threads > 0 ? threads : int(std::max(1u, std::thread::hardware_concurrency()));
  TryThreads(count);
  at::set_num_threads(count);
  InstallBufferPool();
  return ChooseDtype(dtype, ChooseDevice(device), products);
}

std::vector<int> AllowedCores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) {
    throw Error(ErrorCode::kInternal, "cannot read the cores of this process");
  }
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

void PinThreads(std::span<const int> cores) {
  // Also pins LibTorch's threads: threads created later would inherit this thread's single core.
  at::parallel_for(0, int64_t(cores.size()), 1,
                   [&](int64_t begin, int64_t) { ops::PinThisThread(cores[size_t(begin)]); });
  ops::ThreadTeam::OfThisThread().Pin(cores);
}

ops::WeightFormat ChooseWeightFormat(const std::string& name, const ComputeTarget& target) {
  using enum ops::WeightFormat;
  const auto format = std::ranges::find(kWeightFormats, name, WeightFormatName);
  if (format == std::end(kWeightFormats)) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("weights: expected as-stored, int8 or fp8, got \"", name, "\""));
  }
  if (*format != kFp8) return *format;
  const auto refuse = [](const std::string& where) {
    throw Error(
        ErrorCode::kUnimplemented,
        StrCat("weights fp8: not ", where,
               "; expected option device cuda, compute capability 8.9 or newer (Ada, Hopper), "
               "and option dtype bfloat16"));
  };
  if (target.dtype != c10::kBFloat16) refuse("in " + DtypeName(target.dtype));
  if (!ops::RunsFp8(target.device)) refuse("on " + target.device.str());
  return *format;
}

std::string WeightFormatName(ops::WeightFormat format) {
  switch (format) {
    case ops::WeightFormat::kAsStored:
      return "as-stored";
    case ops::WeightFormat::kInt8:
      return "int8";
    case ops::WeightFormat::kFp8:
      return "fp8";
  }
  return "";
}

std::optional<c10::Stream> NewComputeStream(c10::Device device) {
  if (device.is_cpu()) return std::nullopt;
  // Streams of the pool do not wait for the stream that made the weights.
  const c10::impl::VirtualGuardImpl gpu(device.type());
  gpu.synchronizeDevice(device.index());
  return gpu.getStreamFromGlobalPool(device);
}

int64_t FreeMemoryBytes(c10::Device device) {
  if (device.is_cuda()) {
    // Memory that LibTorch caches but nobody uses, as after a self-test, counts as free.
    at::getDeviceAllocator(c10::kCUDA)->emptyCache();
    return int64_t(at::getDeviceAllocator(c10::kCUDA)->getMemoryInfo(device.index()).first);
  }
  std::ifstream memory("/proc/meminfo");
  for (std::string line; std::getline(memory, line);) {
    if (line.starts_with("MemAvailable:")) return std::stoll(line.substr(13)) * 1024;
  }
  // Free memory. An underestimate, since the system could drop cached files.
  struct sysinfo machine = {};
  sysinfo(&machine);
  const int64_t free = int64_t(machine.freeram) * machine.mem_unit;
  std::fprintf(stderr, "note: /proc/meminfo has no MemAvailable; using free memory, %lld MB\n",
               static_cast<long long>(free >> 20));
  return free;
}

std::string DtypeName(c10::ScalarType dtype) {
  return dtype == c10::kFloat ? "float32" : "bfloat16";
}

}  // namespace prm
