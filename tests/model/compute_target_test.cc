#include "model/compute_target.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "model/kernels/for_each.h"

namespace prm {
namespace {

// Where two loop bodies run that are under way at once; one core where they never were.
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

}  // namespace
}  // namespace prm
