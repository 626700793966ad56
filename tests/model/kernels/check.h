// Checks for kernel tests, which need only LibTorch.
#pragma once

#include <ATen/ATen.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace prm {

inline int failures = 0;

// Whether an environment variable is set to something other than 0:
//   PRM_REQUIRE_CUDA  a missing GPU, or missing kernels, is a failure instead of a skip
//   PRM_GPU_ONLY      skip everything on the CPU and everything emulated
//   PRM_SMALL         sizes for sanitizers
inline bool Asked(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value && std::string_view(value) != "0";
}

// Prints that the GPU part did not run, and why.
inline void SkipCuda(const char* why) {
  const bool fails = Asked("PRM_REQUIRE_CUDA");
  if (fails) ++failures;
  std::printf("%s  %s: the CUDA cases did not run\n", fails ? "FAIL" : "skip", why);
}

inline void ExpectClose(const char* what, const at::Tensor& actual, const at::Tensor& expected,
                        double tolerance) {
  const bool same_shape = actual.sizes() == expected.sizes();
  const double difference =
      same_shape && actual.numel() > 0
          ? (actual.to(at::kCPU, at::kDouble) - expected.to(at::kCPU, at::kDouble))
                .abs()
                .max()
                .item<double>()
          : (same_shape ? 0.0 : INFINITY);
  const bool ok = difference <= tolerance;
  if (!ok) ++failures;
  std::printf("%s  %-60s max difference %.2e, allowed %.2e\n", ok ? "ok  " : "FAIL", what,
              difference, tolerance);
}

// Checks that a planted error is detected: a difference exceeds the tolerance.
inline void ExpectFar(const char* what, const at::Tensor& actual, const at::Tensor& planted,
                      double tolerance) {
  const double difference = (actual.to(at::kCPU, at::kDouble) - planted.to(at::kCPU, at::kDouble))
                                .abs()
                                .max()
                                .item<double>();
  const bool ok = difference > tolerance;
  if (!ok) ++failures;
  std::printf("%s  %-60s max difference %.2e, would show above %.2e\n", ok ? "ok  " : "FAIL", what,
              difference, tolerance);
}

inline void Expect(const char* what, bool ok) {
  if (!ok) ++failures;
  std::printf("%s  %s\n", ok ? "ok  " : "FAIL", what);
}

// The exit status of main.
inline int Failures() {
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace prm
