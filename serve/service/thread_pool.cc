#include "serve/service/thread_pool.h"

#include <algorithm>
#include <utility>

namespace prm {

ThreadPool::ThreadPool(int threads) : max_long_(std::max(1, threads - 1)) {
  try {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
  } catch (...) {  // no thread could be started
    Stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { Stop(); }

void ThreadPool::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Post(std::function<void()> task, TaskLength length) {
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(task), length});
  }
  changed_.notify_one();
}

// Returns the first task that may start now.
ThreadPool::Tasks::iterator ThreadPool::NextLocked() {
  return std::ranges::find_if(waiting_, [&](const Task& task) {
    return task.length == TaskLength::kShort || long_running_ < max_long_;
  });
}

void ThreadPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(
        lock, [&] { return NextLocked() != waiting_.end() || (stopping_ && waiting_.empty()); });
    const auto next = NextLocked();
    if (next == waiting_.end()) return;
    Task task = std::move(*next);
    waiting_.erase(next);
    const bool is_long = task.length == TaskLength::kLong;
    long_running_ += is_long;
    // The last task was taken: wakes the threads that wait to stop.
    if (stopping_ && waiting_.empty()) changed_.notify_all();
    lock.unlock();
    task.run();
    task.run = nullptr;
    lock.lock();
    long_running_ -= is_long;
  }
}

}  // namespace prm
