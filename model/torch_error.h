// Turns LibTorch's exceptions into prm::Error at the edge of model/ and train/.
#pragma once

#include <c10/util/Exception.h>

#include <string>
#include <utility>

#include "data/error.h"

namespace prm {

// Calls f; a LibTorch error becomes Error(kResourceExhausted) when memory ran out, else
// Error(kInternal), with `doing` and LibTorch's first line.
template <class F>
auto WithTorchErrors(const std::string& doing, F&& f) -> decltype(f()) {
  try {
    return std::forward<F>(f)();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    const bool memory = what.find("allocate memory") != std::string::npos ||
                        what.find("out of memory") != std::string::npos;
    throw Error(memory ? ErrorCode::kResourceExhausted : ErrorCode::kInternal,
                doing + ": " + what.substr(0, what.find('\n')));
  }
}

}  // namespace prm
