#include "tests/fuzz/coverage.h"

uint8_t g_coverage[kCoveragePlaces];

// Called by the compiler's instrumentation at every edge. It may call nothing that is instrumented,
// so this file is compiled without and uses no templates of the standard library.
extern "C" void __sanitizer_cov_trace_pc() {
  const auto pc = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  g_coverage[(pc ^ (pc >> 16)) % kCoveragePlaces] = 1;
}
