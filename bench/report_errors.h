// Error handling of the benches' main functions.
#pragma once

#include <cstdio>

#include "data/error.h"

namespace prm::bench {

// Runs a program's main; prints errors of the input to standard error and exits with 1.
inline int ReportErrors(const char* program, int (*run)(int, char**), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return 1;
  }
}

}  // namespace prm::bench
