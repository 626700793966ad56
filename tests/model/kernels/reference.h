// References of the kernel tests, and the devices and number formats they run on.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <dlfcn.h>

#include <cmath>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "model/ops/attention.h"
#include "model/ops/describe.h"
#include "tests/model/kernels/check.h"

namespace prm {

// Error bound of a chain of `inputs` products added by tensor cores, `depth` at a time, with
// partial sums within `largest`. Each step truncates, not rounds, below the 24 bits of the larger
// of sum and addend; addends are aligned likewise before. Source: Fasi et al. 2021, "Numerical
// behavior of NVIDIA tensor cores".
inline double TensorCoreError(int64_t inputs, int64_t depth, double largest) {
  return 2 * double((inputs + depth - 1) / depth) * std::ldexp(largest, -24);
}

struct Case {
  at::Device device;
  at::ScalarType dtype;
  // Relative to values of order one: rounding of the dtype times a small count of operations. On a
  // GPU, LibTorch's attention uses tensor cores for float32, too: up to 256 keys, sums below 4.
  double tolerance() const {
    if (dtype != at::kFloat) return 1e-2;
    return device.is_cuda() ? 5e-6 + TensorCoreError(256, 8, 4) : 5e-6;
  }
  std::string name(const char* op) const {
    return std::string(op) + " " + device.str() + (dtype == at::kFloat ? " float32" : " bfloat16");
  }
};

inline at::Tensor Random(at::IntArrayRef shape, const Case& c, bool compute = true) {
  const at::Tensor t = at::randn(shape, at::kFloat).to(compute ? c.dtype : at::kFloat);
  return t.to(c.device);
}

inline at::Tensor Double(const at::Tensor& t) { return t.to(at::kCPU, at::kDouble); }

inline at::Tensor AttentionReference(const at::Tensor& qkv, const std::vector<int64_t>& offsets,
                                     ops::AttentionShape s) {
  std::vector<at::Tensor> out;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    const int64_t n = offsets[b + 1] - offsets[b];
    const at::Tensor rows = qkv.slice(0, offsets[b], offsets[b + 1])
                                .view({n, s.heads + 2 * s.kv_heads, s.head_dim})
                                .transpose(0, 1);
    const int64_t group = s.heads / s.kv_heads;
    const at::Tensor q = rows.narrow(0, 0, s.heads);
    const at::Tensor k = rows.narrow(0, s.heads, s.kv_heads).repeat_interleave(group, 0);
    const at::Tensor v =
        rows.narrow(0, s.heads + s.kv_heads, s.kv_heads).repeat_interleave(group, 0);
    at::Tensor mask = at::ones({n, n}, at::kBool).triu(1);
    if (s.window > 0) mask = mask.logical_or(at::ones({n, n}, at::kBool).tril(-s.window));
    const double scale = s.scale > 0 ? s.scale : 1 / std::sqrt(double(s.head_dim));
    at::Tensor scores = q.matmul(k.transpose(1, 2)) * scale;
    if (s.softcap > 0) scores = s.softcap * (scores / s.softcap).tanh();
    const at::Tensor p = scores.masked_fill(mask, -INFINITY).softmax(-1);
    out.push_back(p.matmul(v).transpose(0, 1).reshape({n, s.heads * s.head_dim}));
  }
  return at::cat(out);
}

// Whether a GPU is present. LibTorch knows only after its CUDA library, not linked, is loaded.
inline bool HasCuda() {
  static const bool has = std::filesystem::exists("/dev/nvidiactl") &&
                          dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr &&
                          at::hasCUDA();
  return has;
}
// Before main: LibTorch keeps the first answer, and at::manual_seed or autograd, if first, would
// ask without that library.
inline const bool kCudaIsAsked = HasCuda();

// Seeds all random numbers here; at::manual_seed would also initialise the GPUs.
inline void Seed(uint64_t seed) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::scoped_lock lock(generator.mutex());
  generator.set_current_seed(seed);
}

// Whether GPU cases can run. Prints which kernels they use, or that they are skipped.
inline bool RunsCuda() {
  if (!HasCuda()) {
    SkipCuda("no CUDA device");
    return false;
  }
  const std::string kernels = ops::DescribeKernels({at::kCUDA, 0});
  std::printf("kernels on the GPU: %s\n", kernels.c_str());
  if (Asked("PRM_REQUIRE_CUDA")) Expect("the GPU runs the CUDA kernels", kernels == "CUDA");
  return true;
}

inline std::vector<Case> AllCases() {
  std::vector<Case> cases;
  if (!Asked("PRM_GPU_ONLY")) cases = {{at::kCPU, at::kFloat}, {at::kCPU, at::kBFloat16}};
  if (RunsCuda()) {
    cases.push_back({at::Device(at::kCUDA, 0), at::kFloat});
    cases.push_back({at::Device(at::kCUDA, 0), at::kBFloat16});
  }
  return cases;
}

}  // namespace prm
