#include "model/decoder/buffer_pool.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <vector>

namespace prm {
namespace {

// Page faults of this process so far.
int64_t PageFaults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Like a pass: buffers of many sizes, fully written, that live together.
std::vector<at::Tensor> Pass() {
  std::vector<at::Tensor> all;
  for (int64_t kib = 40; kib < 12'000; kib += kib / 3) {
    for (int i = 0; i < 3; ++i)
      all.push_back(at::full({kib << 10}, int(all.size()) % 100, at::kChar));
  }
  return all;
}

TEST(BufferPool, ASecondPassTouchesNoNewPage) {
  InstallBufferPool();
  Pass();
  const int64_t before = PageFaults();
  Pass();
  EXPECT_LT(PageFaults() - before, 200);  // of some 35,000 pages
}

TEST(BufferPool, BuffersThatLiveTogetherDoNotOverlap) {
  InstallBufferPool();
  for (int round = 0; round < 2; ++round) {
    const std::vector<at::Tensor> all = Pass();
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_TRUE(all[i].eq(int(i) % 100).all().item<bool>()) << i;
      EXPECT_EQ(uintptr_t(all[i].data_ptr()) % 64, 0u) << i;
    }
  }
}

}  // namespace
}  // namespace prm
