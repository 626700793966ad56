#include "model/decoder/torch_error.h"

#include <gtest/gtest.h>

#include "tests/error_of.h"

namespace prm {
namespace {

c10::Error AnError(const std::string& what) { return {{"f", "file.cc", 1}, what}; }

// What becomes of LibTorch's error.
template <class Thrown>
std::string MessageOfThrown(const c10::Error& error) {
  try {
    WithTorchErrors("scoring a batch", [&] { throw error; });
  } catch (const Thrown& thrown) {
    return thrown.what();
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): another one
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
  // As LibTorch's checks throw it, with advice behind the first line.
  const c10::AcceleratorError access(
      {"f", "file.cc", 1}, 700,
      "CUDA error: an illegal memory access was encountered\nSearch for `cudaErrorIllegalAddress'");
  EXPECT_EQ(MessageOfThrown<DeviceLost>(access),
            "scoring a batch: CUDA error: an illegal memory access was encountered");
  // As the launch of a kernel of ours tells it.
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
