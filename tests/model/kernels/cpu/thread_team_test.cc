// Without LibTorch, so that it can run under TSan.
#include "model/kernels/cpu/thread_team.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <set>
#include <thread>
#include <vector>

namespace prm::ops {
namespace {

int failures = 0;

void Expect(const char* what, bool ok) {
  if (!ok) ++failures;
  std::printf("%s  %s\n", ok ? "ok  " : "FAIL", what);
}

template <class Body>
void ForEach(ThreadTeam& team, int64_t items, int threads, Body body) {
  const auto call = [](void* context, int64_t item) { (*static_cast<Body*>(context))(item); };
  team.ForEach(items, threads, call, &body);
}

// Plain writes: TSan detects a loop that ends before its items, or that reads the next loop's.
void EveryItemIsDoneOnceBeforeTheLoopEnds() {
  ThreadTeam team;
  std::vector<int> done;
  bool once = true;
  for (int loop = 0; loop < 3000; ++loop) {
    const int items = loop % 7 == 0 ? 100 : loop % 5;
    done.assign(size_t(items), 0);
    ForEach(team, items, 1 + loop % 4, [&](int64_t i) { ++done[size_t(i)]; });
    for (int count : done) once = once && count == 1;
  }
  Expect("every item is done once before the loop ends", once);
}

void SleepingHelpersAreWoken() {
  ThreadTeam team;
  std::atomic<int> begun{0};
  const auto meet = [&](int64_t) {
    ++begun;
    while (begun < 2) std::this_thread::yield();  // forever, unless a helper takes the other item
  };
  for (int pause_ms : {0, 5, 20}) {
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    begun = 0;
    ForEach(team, 2, 2, meet);
  }
  Expect("helpers that sleep are woken", begun == 2);
}

void NoMoreThreadsThanAskedFor() {
  ThreadTeam team;
  std::vector<std::thread::id> by(64);
  const auto note = [&](int64_t i) {
    by[size_t(i)] = std::this_thread::get_id();
    std::this_thread::yield();
  };
  ForEach(team, 64, 4, note);  // from now on there are three helpers
  bool few = true;
  for (int loop = 0; loop < 200; ++loop) {
    ForEach(team, 64, 2, note);
    few = few && std::set(by.begin(), by.end()).size() <= 2;
  }
  ForEach(team, 64, 1, note);
  const bool alone = std::set(by.begin(), by.end()) == std::set{std::this_thread::get_id()};
  Expect("no more threads than asked for, the caller among them", few && alone);
}

void EachThreadHasItsOwn() {
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&] {
      for (int loop = 0; loop < 300; ++loop) {
        ForEach(ThreadTeam::OfThisThread(), 10, 2, [&](int64_t i) { sum += i; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  Expect("threads loop at once, each with its team", sum == 3 * 300 * 45);
}

void PinnedThreadsStayOnTheirCores() {
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof(allowed), &allowed);
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE && cores.size() < 2; ++core) {
    if (CPU_ISSET(size_t(core), &allowed)) cores.push_back(core);
  }
  if (cores.size() < 2) {
    std::printf("skip  pinned threads: one core here\n");
    return;
  }
  bool pinned = true;
  std::thread([&] {
    ThreadTeam team;
    std::vector<int> on(2);
    std::atomic<int> begun{0};
    const auto note = [&](int64_t i) {
      ++begun;
      while (begun < 2) std::this_thread::yield();
      on[size_t(i)] = sched_getcpu();
    };
    team.Pin(cores);
    for (int loop = 0; loop < 50; ++loop) {
      begun = 0;
      ForEach(team, 2, 2, note);
      pinned = pinned && std::set(on.begin(), on.end()) == std::set(cores.begin(), cores.end());
    }
  }).join();
  Expect("pinned threads stay on their cores", pinned);
}

}  // namespace
}  // namespace prm::ops

int main() {
  using namespace prm::ops;
  EveryItemIsDoneOnceBeforeTheLoopEnds();
  SleepingHelpersAreWoken();
  NoMoreThreadsThanAskedFor();
  EachThreadHasItsOwn();
  PinnedThreadsStayOnTheirCores();
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
