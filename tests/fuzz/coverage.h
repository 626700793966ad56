// Which places of the code ran, in programs built with -fsanitize-coverage=trace-pc.
#pragma once

#include <cstddef>
#include <cstdint>

inline constexpr size_t kCoveragePlaces = 1 << 16;

// One byte for each place, by a hash of its address; set by the instrumentation, from any thread,
// and cleared by who reads it. Stays zero in a program that is not instrumented.
extern uint8_t g_coverage[kCoveragePlaces];
