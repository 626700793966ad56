// How a bench ends that is given wrong input.
#pragma once

#include <cstdio>

#include "data/error.h"

namespace prm::bench {

// A program's main: what is wrong with the input goes to standard error, exit code 1.
inline int ReportErrors(const char* program, int (*run)(int, char**), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return 1;
  }
}

}  // namespace prm::bench
