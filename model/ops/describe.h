// Which kernels serve a device.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace prm::ops {

// Which kernels run on the device: "CPU", "CUDA", or "LibTorch (why)" where a GPU's are missing.
std::string DescribeKernels(at::Device device);

}  // namespace prm::ops
