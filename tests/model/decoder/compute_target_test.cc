#include "model/decoder/compute_target.h"

#include <ATen/Parallel.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "model/kernels/cpu/for_each.h"

namespace prm {
namespace {

// The cores on which two concurrent loop bodies ran; one core if they were never concurrent.
template <class Loop>
std::set<int> CoresOf(const Loop& loop) {
  std::vector<int> on(2);
  std::atomic<int> begun{0};
  loop([&](int64_t i) {
    ++begun;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (begun < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    on[size_t(i)] = sched_getcpu();
  });
  return {on.begin(), on.end()};
}

TEST(PinThreads, HoldsForTheKernelsThreadsAndForThoseOfLibTorch) {
  const std::vector<int> allowed = AllowedCores();
  if (allowed.size() < 2) GTEST_SKIP() << "one core here";
  const std::set<int> two(allowed.begin(), allowed.begin() + 2);
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  std::thread([&] {
    PinThreads({allowed.data(), 2});
    EXPECT_EQ(CoresOf([](const auto& body) { ops::ForEachItem(2, body); }), two);
    EXPECT_EQ(CoresOf([](const auto& body) {
                at::parallel_for(0, 2, 1, [&](int64_t begin, int64_t) { body(begin); });
              }),
              two);
  }).join();
  at::set_num_threads(before);
}

// Streams of a fake GPU, numbered; waited_before: the first stream made after the last wait.
struct FakeStreams : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::kCUDA; }
  c10::Device exchangeDevice(c10::Device d) const override { return d; }
  c10::Device getDevice() const override { return {c10::kCUDA, 0}; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  c10::Stream getStream(c10::Device d) const override {
    return c10::Stream(c10::Stream::UNSAFE, d, current);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device d, bool) const override {
    return c10::Stream(c10::Stream::UNSAFE, d, ++made);
  }
  c10::Stream exchangeStream(c10::Stream s) const override {
    return c10::Stream(c10::Stream::UNSAFE, s.device(), std::exchange(current, s.id()));
  }
  void synchronizeDevice(c10::DeviceIndex) const override { waited_before = made + 1; }
  static inline c10::StreamId made = 0, current = 0, waited_before = 0;
};
C10_REGISTER_GUARD_IMPL(CUDA, FakeStreams);

TEST(NewComputeStream, IsOfItsOwnBehindWhatTheGpuWasAskedFor) {
  EXPECT_EQ(NewComputeStream(c10::kCPU), std::nullopt);
  const c10::Device gpu(c10::kCUDA, 0);
  const auto first = NewComputeStream(gpu), second = NewComputeStream(gpu);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(FakeStreams::waited_before, second->id());
  {
    const c10::OptionalStreamGuard on(second);
    EXPECT_EQ(FakeStreams::current, second->id());
  }
  EXPECT_EQ(FakeStreams::current, 0);
}

}  // namespace
}  // namespace prm
