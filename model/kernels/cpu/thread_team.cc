#include "model/kernels/cpu/thread_team.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace prm::ops {
namespace {

// Longer than the gap between two loops of a pass, shorter than a time slice.
constexpr std::chrono::microseconds kLookFor(100);

void Pause() {
#ifdef __x86_64__
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// Whether `done` became true within kLookFor.
template <class Done>
bool SpinUntil(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + kLookFor;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

void PinTo(pthread_t thread, int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(size_t(core), &set);
  pthread_setaffinity_np(thread, sizeof(set), &set);
}

}  // namespace

void PinThisThread(int core) { PinTo(pthread_self(), core); }

struct ThreadTeam::State {
  // The open loop. Written only while it is closed and no helper is inside.
  Body body = nullptr;
  void* context = nullptr;
  int64_t items = 0;
  int helpers_wanted = 0;

  std::atomic<int64_t> next{0};
  std::atomic<bool> open{false};
  // Helpers that may read the loop. A helper enters, then checks whether it is open; the caller
  // closes it, then checks whether any helper is inside. Both are seq_cst (one order for all
  // threads), so that no helper reads a loop that has ended.
  std::atomic<int> inside{0};
  std::atomic<uint32_t> loops{0};  // started so far
  std::atomic<bool> stop{false};

  std::vector<std::thread> helpers;
  std::vector<int> cores;

  void TakeItems() {
    for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < items;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      body(context, i);
    }
  }

  void Help(int index) {
    for (uint32_t seen = 0;;) {
      const auto is_new = [&] { return loops.load(std::memory_order_relaxed) != seen; };
      if (!SpinUntil(is_new)) loops.wait(seen);
      seen = loops.load();
      if (stop.load()) return;
      inside.fetch_add(1);
      if (open.load() && index < helpers_wanted) TakeItems();
      inside.fetch_sub(1);
    }
  }
};

ThreadTeam::ThreadTeam() : state_(std::make_unique<State>()) {}

ThreadTeam::~ThreadTeam() {
  state_->stop.store(true);
  state_->loops.fetch_add(1);
  state_->loops.notify_all();
  for (std::thread& helper : state_->helpers) helper.join();
}

ThreadTeam& ThreadTeam::OfThisThread() {
  thread_local ThreadTeam team;
  return team;
}

void ThreadTeam::Grow(int helpers) {
  State& s = *state_;
  while (int(s.helpers.size()) < helpers) {
    const int index = int(s.helpers.size());
    try {
      s.helpers.emplace_back([&s, index] { s.Help(index); });
    } catch (const std::system_error&) {
      return;  // no more threads available: the existing ones do the work
    }
    if (index + 1 < int(s.cores.size())) {
      PinTo(s.helpers.back().native_handle(), s.cores[size_t(index) + 1]);
    }
  }
}

void ThreadTeam::ForEach(int64_t items, int threads, Body body, void* context) {
  const int helpers = int(std::min<int64_t>(items, threads)) - 1;
  if (helpers <= 0) {
    for (int64_t i = 0; i < items; ++i) body(context, i);
    return;
  }
  Grow(helpers);
  State& s = *state_;
  s.body = body;
  s.context = context;
  s.items = items;
  s.helpers_wanted = helpers;
  s.next.store(0, std::memory_order_relaxed);
  s.open.store(true);
  s.loops.fetch_add(1);
  s.loops.notify_all();  // a system call only if a helper sleeps
  s.TakeItems();
  s.open.store(false);
  const auto is_alone = [&] { return s.inside.load() == 0; };
  // A helper that lost its core returns sooner if this thread yields its own.
  while (!SpinUntil(is_alone)) std::this_thread::yield();
}

void ThreadTeam::Pin(std::span<const int> cores) {
  state_->cores.assign(cores.begin(), cores.end());
  if (cores.empty()) return;
  PinThisThread(cores[0]);
  for (size_t i = 0; i < state_->helpers.size() && i + 1 < cores.size(); ++i) {
    PinTo(state_->helpers[i].native_handle(), cores[i + 1]);
  }
}

}  // namespace prm::ops
