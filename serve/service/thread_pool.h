// A few threads for the work on requests that needs no scorer: parsing and tokenising.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace prm {

enum class TaskLength { kShort, kLong };

// Long tasks leave one of the threads to short ones, where there are two or more. Takes whatever
// comes: something else bounds how much waits. Any thread may post. Tasks must not throw.
class ThreadPool {
 public:
  // Throws std::system_error where a thread cannot be started.
  explicit ThreadPool(int threads);
  // Finishes what was posted, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Begun in the order of posting, but for long ones that must wait for each other.
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

  const int max_long_;  // that run at once
  std::mutex mutex_;
  // Guarded by mutex_:
  Tasks waiting_;
  int long_running_ = 0;
  bool stopping_ = false;
  std::condition_variable changed_;

  std::vector<std::thread> threads_;
};

}  // namespace prm
