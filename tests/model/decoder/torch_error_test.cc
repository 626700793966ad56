#include "model/decoder/torch_error.h"

#include <gtest/gtest.h>

#include "tests/error_of.h"

namespace prm {
namespace {

c10::Error AnError(const std::string& what) { return {{"f", "file.cc", 1}, what}; }

// The type and message that LibTorch's error is converted to.
template <class Thrown>
std::string MessageOfThrown(const c10::Error& error) {
  try {
    WithTorchErrors("scoring a batch", [&] { throw error; });
  } catch (const Thrown& thrown) {
    return thrown.what();
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): another error
  }
  return "";
}
ErrorCode CodeOfThrown(const std::string& what) {
  try {
    WithTorchErrors("scoring a batch", [&] { throw AnError(what); });
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kCancelled;
}

TEST(WithTorchErrors, ACudaErrorThatSticksIsALostDevice) {
  // As thrown by LibTorch's checks, with advice after the first line.
  const c10::AcceleratorError access(
      {"f", "file.cc", 1}, 700,
      "CUDA error: an illegal memory access was encountered\nSearch for `cudaErrorIllegalAddress'");
  EXPECT_EQ(MessageOfThrown<DeviceLost>(access),
            "scoring a batch: CUDA error: an illegal memory access was encountered");
  // As reported by a launch of our kernels.
  EXPECT_EQ(MessageOfThrown<DeviceLost>(AnError("CUDA kernel: unspecified launch failure")),
            "scoring a batch: CUDA kernel: unspecified launch failure");
  EXPECT_EQ(CodeOfThrown("CUDA error: misaligned address"), ErrorCode::kUnavailable);
}

TEST(WithTorchErrors, OtherErrorsAreThoseOfOneCall) {
  EXPECT_EQ(CodeOfThrown("CUDA out of memory. Tried to allocate 2 GiB"),
            ErrorCode::kResourceExhausted);
  for (const char* what : {"CUDA error: invalid argument", "CUDA kernel: invalid configuration",
                           "mat1 and mat2 have a misaligned address"}) {
    EXPECT_EQ(CodeOfThrown(what), ErrorCode::kInternal) << what;
    EXPECT_EQ(MessageOfThrown<DeviceLost>(AnError(what)), "") << what;
  }
}

}  // namespace
}  // namespace prm
