// A few threads for the work on requests that needs no scorer: parsing and tokenising.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace prm {

// Any thread may post. Tasks must not throw.
class ThreadPool {
 public:
  // Throws std::system_error where a thread cannot be started.
  ThreadPool(int threads, size_t max_waiting);
  // Finishes what was accepted, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // False, and `task` is dropped, where max_waiting tasks wait already.
  bool TryPost(std::function<void()> task);
  // Takes the task whatever waits: for those whose number something else bounds.
  void Post(std::function<void()> task);

 private:
  void Work();
  void Stop();

  const size_t max_waiting_;
  std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::condition_variable changed_;

  std::vector<std::thread> threads_;
};

}  // namespace prm
