// Checks for kernel tests, which build from LibTorch alone.
#pragma once

#include <ATen/ATen.h>

#include <cstdio>

namespace prm {

inline int failures = 0;

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
