// The step checker in a process of its own, with limits that the kernel holds.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/symbolic/step_checker.h"

namespace prm {

struct WorkerLimits {
  uint64_t memory_bytes = uint64_t{1} << 30;  // address space; not held under AddressSanitizer
  int cpu_seconds = 5;                        // every kBatchSteps steps
  int wall_ms = 2000;                         // a step
  int restarts = 8;                           // a trace; then the rest of its steps is kTooBig
};

// What the worker runs for each step; replaced in tests.
using CheckFunction = StepCheck (*)(StepChecker&, std::string_view step);

// Checks traces in a child process, which is started by fork without exec: construct it before
// threads. A step that kills the child or outlasts its time is kTooBig; the child is started again
// and checks the trace from its start without that step. Steps go to the child in batches, so that
// neither its memory nor its limits depend on how many steps a trace has. Used by one thread at a
// time.
class CheckWorker {
 public:
  static constexpr size_t kBatchSteps = 64;

  explicit CheckWorker(const WorkerLimits& limits = {}, const StepCheckOptions& options = {},
                       CheckFunction function = nullptr);
  ~CheckWorker();
  CheckWorker(const CheckWorker&) = delete;
  CheckWorker& operator=(const CheckWorker&) = delete;

  // One check a step. Throws Error(kUnavailable) where no child can be started.
  std::vector<StepCheck> CheckTrace(std::string_view problem,
                                    const std::vector<std::string_view>& steps);

  // How often a child had to be replaced.
  int64_t restarts() const { return restarts_; }

 private:
  void Start();
  void Stop();
  [[noreturn]] void Serve(int requests, int replies) const;
  // The checks of the next steps of a trace, of the first ones where there is a `problem`; false
  // where the child is gone or one step outlasts its time.
  bool CheckBatch(std::optional<std::string_view> problem, std::span<const std::string_view> steps,
                  std::vector<StepCheck>* checks);
  bool ReadReply(std::string* reply);

  WorkerLimits limits_;
  StepCheckOptions options_;
  CheckFunction function_;
  std::atomic<uint32_t>* step_at_work_;  // in memory shared with the child
  pid_t child_ = -1;
  int to_child_ = -1;
  int from_child_ = -1;
  int64_t restarts_ = 0;
};

}  // namespace prm
