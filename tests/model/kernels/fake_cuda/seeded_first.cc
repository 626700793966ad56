// A user of the library that seeds LibTorch before a model is loaded.
#include <ATen/Context.h>

#include <cstdio>

#include "data/error.h"
#include "model/decoder/compute_target.h"

int main(int argc, char** argv) {
  at::manual_seed(1);
  try {
    const auto target = prm::ChooseComputeTarget(argc > 1 ? argv[1] : "cuda", "auto", 1);
    std::printf("took %s\n", target.device.str().c_str());
  } catch (const prm::Error& error) {
    std::printf("%s\n", error.what());
  }
}
