#include "data/symbolic/check_worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include "data/error.h"
#include "data/math_text/verdict.h"

namespace prm {
namespace {

// --- records: little-endian lengths and bytes; both ends are one program on one machine ---------

void PutU32(uint32_t value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}
void PutText(std::string_view text, std::string* out) {
  PutU32(uint32_t(text.size()), out);
  out->append(text);
}

class Record {
 public:
  explicit Record(std::string_view bytes) : bytes_(bytes) {}
  uint32_t U32() {
    uint32_t value = 0;
    std::memcpy(&value, Take(sizeof(value)).data(), sizeof(value));
    return value;
  }
  std::string_view Text() { return Take(U32()); }

 private:
  std::string_view Take(size_t size) {
    if (size > bytes_.size()) throw Error(ErrorCode::kInternal, "check worker: short record");
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::string_view bytes_;
};

void PutCheck(const StepCheck& check, std::string* out) {
  PutU32(uint32_t(check.verdict), out);
  PutU32(uint32_t(check.reason), out);
  PutU32(uint32_t(check.severity), out);
  PutU32(uint32_t(check.relations.size()), out);
  for (const RelationCheck& relation : check.relations) {
    PutU32(uint32_t(relation.verdict), out);
    PutU32(uint32_t(relation.reason), out);
    PutU32(uint32_t(relation.severity), out);
    PutU32(relation.begin, out);
    PutU32(relation.end, out);
    PutU32(uint32_t(relation.operations), out);
    for (const std::string* text : {&relation.relation, &relation.left_form, &relation.right_form,
                                    &relation.left_value, &relation.right_value}) {
      PutText(*text, out);
    }
  }
}

StepCheck TakeCheck(Record* record) {
  StepCheck check;
  check.verdict = Verdict(record->U32());
  check.reason = Reason(record->U32());
  check.severity = Severity(record->U32());
  check.relations.resize(record->U32());
  for (RelationCheck& relation : check.relations) {
    relation.verdict = Verdict(record->U32());
    relation.reason = Reason(record->U32());
    relation.severity = Severity(record->U32());
    relation.begin = record->U32();
    relation.end = record->U32();
    relation.operations = int(record->U32());
    for (std::string* text : {&relation.relation, &relation.left_form, &relation.right_form,
                              &relation.left_value, &relation.right_value}) {
      *text = record->Text();
    }
  }
  return check;
}

// --- pipes --------------------------------------------------------------------------------------

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(size_t(written));
  }
  return true;
}

bool ReadAll(int fd, size_t size, std::string* bytes) {
  bytes->resize(size);
  size_t have = 0;
  while (have < size) {
    const ssize_t got = read(fd, bytes->data() + have, size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    have += size_t(got);
  }
  return true;
}

// False at the end of the stream and on an error.
bool ReadRecord(int fd, std::string* record) {
  if (!ReadAll(fd, sizeof(uint32_t), record)) return false;
  uint32_t size = 0;
  std::memcpy(&size, record->data(), sizeof(size));
  return ReadAll(fd, size, record);
}

StepCheck CheckPlainly(StepChecker& checker, std::string_view step) { return checker.Check(step); }

// From now on; rounded up, as the limit counts whole seconds.
void LimitCpu(int seconds) {
  constexpr int64_t kMicro = 1'000'000;
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const int64_t micros = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * kMicro +
                         used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  rlimit limit{};
  getrlimit(RLIMIT_CPU, &limit);
  limit.rlim_cur = rlim_t((micros + kMicro - 1) / kMicro + seconds);
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur > limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
  }
  setrlimit(RLIMIT_CPU, &limit);
}

void LimitMemory([[maybe_unused]] uint64_t bytes) {
#if !defined(__SANITIZE_ADDRESS__)
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur =
      limit.rlim_max == RLIM_INFINITY ? bytes : std::min<rlim_t>(bytes, limit.rlim_max);
  setrlimit(RLIMIT_AS, &limit);
#endif
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
}

// A write to a child that is gone must fail instead of ending the program.
class IgnorePipeSignal {
 public:
  IgnorePipeSignal() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &before_);
  }
  ~IgnorePipeSignal() { sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

}  // namespace

CheckWorker::CheckWorker(const WorkerLimits& limits, const StepCheckOptions& options,
                         CheckFunction function)
    : limits_(limits), options_(options), function_(function == nullptr ? CheckPlainly : function) {
  void* shared = mmap(nullptr, sizeof(std::atomic<uint32_t>), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    throw Error(ErrorCode::kUnavailable,
                StrCat("check worker: mmap: ", std::generic_category().message(errno)));
  }
  step_at_work_ = new (shared) std::atomic<uint32_t>(0);
  try {
    Start();
  } catch (...) {
    munmap(step_at_work_, sizeof(*step_at_work_));
    throw;
  }
}

CheckWorker::~CheckWorker() {
  Stop();
  munmap(step_at_work_, sizeof(*step_at_work_));
}

void CheckWorker::Start() {
  int requests[2];
  int replies[2];
  if (pipe(requests) != 0) {
    throw Error(ErrorCode::kUnavailable,
                StrCat("check worker: pipe: ", std::generic_category().message(errno)));
  }
  if (pipe(replies) != 0) {
    const int reason = errno;
    close(requests[0]);
    close(requests[1]);
    throw Error(ErrorCode::kUnavailable,
                StrCat("check worker: pipe: ", std::generic_category().message(reason)));
  }
  child_ = fork();
  const int reason = errno;
  if (child_ == 0) {
    close(requests[1]);
    close(replies[0]);
    Serve(requests[0], replies[1]);
  }
  close(requests[0]);
  close(replies[1]);
  to_child_ = requests[1];
  from_child_ = replies[0];
  if (child_ < 0) {
    Stop();
    throw Error(ErrorCode::kUnavailable,
                StrCat("check worker: fork: ", std::generic_category().message(reason)));
  }
}

void CheckWorker::Stop() {
  for (int* fd : {&to_child_, &from_child_}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

void CheckWorker::Serve(int requests, int replies) const {
  LimitMemory(limits_.memory_bytes);
  // Nothing may unwind into the frames of the program that was forked.
  try {
    StepChecker checker("", options_);
    std::string request;
    std::string reply;
    std::string framed;
    while (ReadRecord(requests, &request)) {
      LimitCpu(limits_.cpu_seconds);
      Record record(request);
      if (record.U32() != 0) checker.Reset(record.Text());
      const uint32_t steps = record.U32();
      reply.clear();
      for (uint32_t i = 0; i < steps; ++i) {
        step_at_work_->store(i);
        PutCheck(function_(checker, record.Text()), &reply);
      }
      framed.clear();
      PutText(reply, &framed);
      if (!WriteAll(replies, framed)) break;
    }
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

bool CheckWorker::ReadReply(std::string* reply) {
  uint32_t step = step_at_work_->load();
  for (;;) {
    pollfd from_child{from_child_, POLLIN, 0};
    const int ready = poll(&from_child, 1, limits_.wall_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready != 0) break;
    const uint32_t now = step_at_work_->load();
    if (now == step) return false;
    step = now;
  }
  return ReadRecord(from_child_, reply);
}

bool CheckWorker::CheckBatch(std::optional<std::string_view> problem,
                             std::span<const std::string_view> steps,
                             std::vector<StepCheck>* checks) {
  std::string request;
  PutU32(problem.has_value(), &request);
  if (problem) PutText(*problem, &request);
  PutU32(uint32_t(steps.size()), &request);
  for (const std::string_view step : steps) PutText(step, &request);
  std::string framed;
  PutText(request, &framed);
  step_at_work_->store(0);
  std::string reply;
  if (!WriteAll(to_child_, framed) || !ReadReply(&reply)) return false;
  Record record(reply);
  for (size_t i = 0; i < steps.size(); ++i) checks->push_back(TakeCheck(&record));
  return true;
}

std::vector<StepCheck> CheckWorker::CheckTrace(std::string_view problem,
                                               const std::vector<std::string_view>& steps) {
  const IgnorePipeSignal guard;
  std::vector<std::string_view> open(steps);
  std::vector<size_t> killed;
  std::vector<StepCheck> checks;
  while (checks.size() < steps.size()) {
    const size_t first = checks.size();
    const auto batch = std::span<const std::string_view>(open).subspan(
        first, std::min(kBatchSteps, steps.size() - first));
    if (CheckBatch(first == 0 ? std::optional(problem) : std::nullopt, batch, &checks)) continue;
    const size_t at = first + step_at_work_->load();
    Stop();
    ++restarts_;
    Start();
    if (killed.size() == size_t(limits_.restarts)) break;
    // Where a step without text kills the child, the problem does.
    if (std::find(killed.begin(), killed.end(), at) != killed.end()) problem = {};
    killed.push_back(at);
    open[at] = {};
    // The new child has not seen the equations of the steps before.
    checks.clear();
  }
  for (const size_t at : killed) {
    if (at < checks.size()) checks[at].reason = Reason::kTooBig;
  }
  StepCheck not_reached;
  not_reached.reason = Reason::kTooBig;
  checks.resize(steps.size(), not_reached);
  return checks;
}

}  // namespace prm
