// Converts LibTorch's exceptions to prm::Error at the edge of model/ and train/.
#pragma once

#include <c10/util/Exception.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "model/step_scorer.h"

namespace prm {

// Whether LibTorch's message reports a CUDA error after which all further calls of the process
// fail. The texts are those of cudaGetErrorString, used by LibTorch and by our kernels.
// Source: NVIDIA, "CUDA Runtime API", cudaError_t: "the process must be terminated and relaunched".
inline bool TellsOfLostDevice(std::string_view what) {
  constexpr std::string_view kSticks[] = {
      "an illegal memory access was encountered",
      "an illegal instruction was encountered",
      "unspecified launch failure",
      "device-side assert triggered",
      "the launch timed out and was terminated",
      "misaligned address",
      "operation not supported on global/shared address space",
      "invalid program counter",
      "hardware stack error",
      "uncorrectable ECC error encountered",
      "uncorrectable NVLink error detected during the execution",
      "driver shutting down",
      "context is destroyed",
  };
  if (what.find("CUDA") == std::string_view::npos) return false;
  return std::ranges::any_of(
      kSticks, [&](std::string_view s) { return what.find(s) != std::string_view::npos; });
}

// Calls f and converts LibTorch errors: DeviceLost after a sticky CUDA error,
// Error(kResourceExhausted) if memory ran out, else Error(kInternal), with `doing` and LibTorch's
// first line.
template <class F>
auto WithTorchErrors(const std::string& doing, F&& f) -> decltype(f()) {
  try {
    return std::forward<F>(f)();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    const std::string line = doing + ": " + what.substr(0, what.find('\n'));
    if (TellsOfLostDevice(what)) throw DeviceLost(line);
    const bool memory = what.find("allocate memory") != std::string::npos ||
                        what.find("out of memory") != std::string::npos;
    throw Error(memory ? ErrorCode::kResourceExhausted : ErrorCode::kInternal, line);
  }
}

}  // namespace prm
