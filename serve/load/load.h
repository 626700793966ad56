// The plan and the report of a load generator: pure functions of rates, times and outcomes.
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

// The kinds of calls: one trace; one problem with its candidates; one more step of a trace that
// grows on a stream. The first step comes with the problem and is reported as kFirst.
enum class LoadKind : uint8_t { kTrace, kRerank, kAppend, kFirst };
inline constexpr int kNumLoadKinds = 4;
inline constexpr std::array<std::string_view, kNumLoadKinds> kLoadKindNames = {"trace", "rerank",
                                                                               "append", "first"};

// Relative frequency of each kind; kFirst is always 0, since it is part of kAppend.
using LoadMix = std::array<double, kNumLoadKinds>;

// Parses "trace=9,rerank=1"; kinds that are not named get 0. Throws OptionError for another form,
// an unknown kind, a negative number, or no positive one.
LoadMix ParseLoadMix(std::string_view text);

struct LoadArrival {
  int64_t at_us = 0;  // from the start
  LoadKind kind = LoadKind::kTrace;
  friend bool operator==(const LoadArrival&, const LoadArrival&) = default;
};

// An endless sequence of arrivals; the same seed gives the same one on every machine. One thread.
class LoadSchedule {
 public:
  // `rate`: mean arrivals per second of a Poisson process (exponential gaps), independent of
  // answers. 0: at_us is always 0, for a generator with a fixed number of outstanding calls.
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
  int64_t intended_us = 0;  // when it was due
  int64_t sent_us = 0;      // when it was sent
  int64_t done_us = 0;
  std::optional<ErrorCode> code = {};  // nullopt: OK
  int64_t failed_traces = 0;
  int64_t steps = 0;   // scored
  int64_t tokens = 0;  // of the scored traces, reused ones included; for an appended step its own
};

struct LoadKindReport {
  int64_t calls = 0;
  int64_t p50_us = 0, p95_us = 0, p99_us = 0, max_us = 0;  // of OK calls; 0 if there are none
  std::map<std::string, int64_t> codes;                    // calls by status, OK included
};

struct LoadReport {
  double offered_rate = 0;  // requested calls per second; 0: a fixed number of outstanding calls
  double seconds = 0;       // from the start to the last answer
  int64_t calls = 0, ok = 0, failed_traces = 0, steps = 0, tokens = 0;
  // The largest delay of the generator itself. If it is far above 0, the numbers describe the
  // generator, or its limit of outstanding calls, rather than the server.
  int64_t max_lag_us = 0;
  // Estimate of due calls that were never sent, since too many were outstanding at the end.
  int64_t unsent = 0;
  std::array<LoadKindReport, kNumLoadKinds> kinds;

  double Rate(int64_t count) const { return seconds > 0 ? double(count) / seconds : 0; }
};

// Latencies count from when a call was due, not from when it was sent, so that a stalling server
// cannot hide its stalls by slowing its own load.
// Source: Tene 2015, "How NOT to Measure Latency" (coordinated omission).
LoadReport SummarizeLoad(std::span<const LoadCall> calls, double offered_rate);

// Returns the smallest element that a fraction of at least `q` in (0, 1] of `sorted` does not
// exceed; 0 if empty.
int64_t Quantile(std::span<const int64_t> sorted, double q);

// A table for people; ends with a newline.
std::string FormatLoadTable(const LoadReport& report);
// One JSON object, without newline.
std::string LoadReportToJson(const LoadReport& report);

}  // namespace prm
