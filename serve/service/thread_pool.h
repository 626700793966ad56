// A few threads for parsing and tokenising requests: work that needs no scorer.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace prm {

enum class TaskLength { kShort, kLong };

// With two or more threads, one is kept free of long tasks. The queue is unbounded; callers bound
// it. Any thread may post. Tasks must not throw.
class ThreadPool {
 public:
  // Throws std::system_error if a thread cannot be started.
  explicit ThreadPool(int threads);
  // Finishes all posted tasks, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Tasks start in the order of posting, except long ones that must wait for a thread.
  void Post(std::function<void()> task, TaskLength length = TaskLength::kShort);

 private:
  struct Task {
    std::function<void()> run;
    TaskLength length;
  };
  using Tasks = std::deque<Task>;

  void Work();
  void Stop();
  Tasks::iterator NextLocked();

  const int max_long_;  // long tasks that run at once
  std::mutex mutex_;
  // Guarded by mutex_:
  Tasks waiting_;
  int long_running_ = 0;
  bool stopping_ = false;
  std::condition_variable changed_;

  std::vector<std::thread> threads_;
};

}  // namespace prm
