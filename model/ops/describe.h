// Which kernels run on a device.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace prm::ops {

// Returns "CPU", "CUDA", or "LibTorch (reason)" if a GPU's kernels are not available.
std::string DescribeKernels(at::Device device);

}  // namespace prm::ops
