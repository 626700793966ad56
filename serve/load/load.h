// What a load generator plans and what it reports: pure functions of rates, times and outcomes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/error.h"
#include "data/text/random.h"

namespace prm {

// The kinds of calls: one trace, one problem with its candidates, or one step more of a trace that
// grows on a stream, of which the first, that comes with the problem, is reported by itself.
enum class LoadKind : uint8_t { kTrace, kRerank, kAppend, kFirst };
inline constexpr int kNumLoadKinds = 4;
inline constexpr std::array<std::string_view, kNumLoadKinds> kLoadKindNames = {"trace", "rerank",
                                                                               "append", "first"};

// How often each kind comes, relative to the others; kFirst comes with kAppend alone.
using LoadMix = std::array<double, kNumLoadKinds>;

// "trace=9,rerank=1". Throws UsageError for another form, a kind that there is not, a number below
// 0, or none above 0. Kinds that are not named do not come.
LoadMix ParseLoadMix(std::string_view text);

struct LoadArrival {
  int64_t at_us = 0;  // from the start
  LoadKind kind = LoadKind::kTrace;
  friend bool operator==(const LoadArrival&, const LoadArrival&) = default;
};

// Arrivals without an end, the same for the same seed everywhere. One thread.
class LoadSchedule {
 public:
  // `rate`: arrivals a second on average, with the exponential gaps of a Poisson process, which do
  // not wait for answers. 0: no times (at_us is 0), for a generator that always has as many calls
  // under way.
  LoadSchedule(double rate, const LoadMix& mix, uint64_t seed);
  LoadArrival Next();

 private:
  const double rate_;
  const LoadMix mix_;
  SplitMix random_;
  double at_us_ = 0;
};

// One call that ended.
struct LoadCall {
  LoadKind kind = LoadKind::kTrace;
  int64_t intended_us = 0;  // when it should have been sent
  int64_t sent_us = 0;      // when it was
  int64_t done_us = 0;
  std::optional<ErrorCode> code = {};  // nullopt: OK
  int64_t failed_traces = 0;
  int64_t steps = 0;   // scored
  int64_t tokens = 0;  // of the scored traces, reused ones too; of an appended step its own
};

struct LoadKindReport {
  int64_t calls = 0;
  int64_t p50_us = 0, p95_us = 0, p99_us = 0, max_us = 0;  // of calls that were OK; 0: none
  std::map<std::string, int64_t> codes;                    // calls by status, OK too
};

struct LoadReport {
  double offered_rate = 0;  // calls a second that were asked for; 0: as many as the server took
  double seconds = 0;       // from the start to the last answer
  int64_t calls = 0, ok = 0, failed_traces = 0, steps = 0, tokens = 0;
  // The longest that the generator itself was late: far above 0, the numbers say more of it, or of
  // its limit of calls under way, than of the server.
  int64_t max_lag_us = 0;
  // About how many calls fell due and were not sent, as too many were under way when the time was
  // over.
  int64_t unsent = 0;
  std::array<LoadKindReport, kNumLoadKinds> kinds;

  double Rate(int64_t count) const { return seconds > 0 ? double(count) / seconds : 0; }
};

// Latencies are counted from when a call should have been sent, not from when it was, so that a
// server that stalls cannot hide it by stalling its own load.
// Source: Tene 2015, "How NOT to Measure Latency" (coordinated omission).
LoadReport SummarizeLoad(std::span<const LoadCall> calls, double offered_rate);

// The smallest value that at least the share `q` in (0, 1] of `sorted` does not exceed; 0 for none.
int64_t Quantile(std::span<const int64_t> sorted, double q);

// For people; ends with a newline.
std::string FormatLoadTable(const LoadReport& report);
// One object, without newline.
std::string LoadReportToJson(const LoadReport& report);

}  // namespace prm
