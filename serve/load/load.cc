#include "serve/load/load.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "serve/service/call_record.h"

namespace prm {
namespace {

[[noreturn]] void RefuseMix(std::string_view text) {
  throw OptionError(
      StrCat("load mix \"", text,
             "\": expected kind=number,.. of trace, rerank and append, at least one above 0"));
}

LoadKindReport SummarizeKind(std::span<const LoadCall> calls, LoadKind kind) {
  LoadKindReport report;
  std::vector<int64_t> latencies;
  for (const LoadCall& call : calls) {
    if (call.kind != kind) continue;
    ++report.calls;
    ++report.codes[StatusName(call.code)];
    if (!call.code) latencies.push_back(call.done_us - call.intended_us);
  }
  std::sort(latencies.begin(), latencies.end());
  report.p50_us = Quantile(latencies, 0.50);
  report.p95_us = Quantile(latencies, 0.95);
  report.p99_us = Quantile(latencies, 0.99);
  report.max_us = Quantile(latencies, 1);
  return report;
}

}  // namespace

LoadMix ParseLoadMix(std::string_view text) {
  LoadMix mix{};
  double sum = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const size_t equals = std::min(item.find('='), item.size());
    const auto name =
        std::find(kLoadKindNames.begin(), kLoadKindNames.end(), item.substr(0, equals));
    if (name >= kLoadKindNames.begin() + int(LoadKind::kFirst) || equals == item.size()) {
      RefuseMix(text);
    }
    double& weight = mix[size_t(name - kLoadKindNames.begin())];
    const char* end = item.data() + item.size();
    const auto [stop, error] = std::from_chars(item.data() + equals + 1, end, weight);
    if (error != std::errc() || stop != end || !std::isfinite(weight) || weight < 0)
      RefuseMix(text);
    sum += weight;
  }
  if (!(sum > 0)) RefuseMix(text);
  return mix;
}

LoadSchedule::LoadSchedule(double rate, const LoadMix& mix, uint64_t seed)
    : rate_(rate), mix_(mix), random_(seed) {}

LoadArrival LoadSchedule::Next() {
  LoadArrival arrival;
  if (rate_ > 0) at_us_ += -std::log1p(-random_.Uniform()) / rate_ * 1e6;
  arrival.at_us = int64_t(at_us_);
  double sum = 0;
  for (const double weight : mix_) sum += weight;
  double place = random_.Uniform() * sum;
  for (int kind = 0; kind < kNumLoadKinds; ++kind) {
    if (mix_[size_t(kind)] <= 0) continue;
    arrival.kind = LoadKind(kind);
    place -= mix_[size_t(kind)];
    if (place < 0) break;
  }
  return arrival;
}

int64_t Quantile(std::span<const int64_t> sorted, double q) {
  if (sorted.empty()) return 0;
  const auto rank = size_t(std::ceil(q * double(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

LoadReport SummarizeLoad(std::span<const LoadCall> calls, double offered_rate) {
  LoadReport report;
  report.offered_rate = offered_rate;
  for (const LoadCall& call : calls) {
    ++report.calls;
    report.ok += !call.code;
    report.failed_traces += call.failed_traces;
    report.steps += call.steps;
    report.tokens += call.tokens;
    report.seconds = std::max(report.seconds, double(call.done_us) * 1e-6);
    report.max_lag_us = std::max(report.max_lag_us, call.sent_us - call.intended_us);
  }
  for (int kind = 0; kind < kNumLoadKinds; ++kind) {
    report.kinds[size_t(kind)] = SummarizeKind(calls, LoadKind(kind));
  }
  return report;
}

std::string FormatLoadTable(const LoadReport& r) {
  std::string out = fmt::format(
      "{} calls in {:.1f} s: {} OK, {:.1f} OK calls/s{}, {:.1f} steps/s, {:.0f} tokens/s, {} "
      "traces "
      "failed, generator late by at most {:.1f} ms{}\n",
      r.calls, r.seconds, r.ok, r.Rate(r.ok),
      r.offered_rate > 0 ? fmt::format(" of {:.1f} offered", r.offered_rate) : "", r.Rate(r.steps),
      r.Rate(r.tokens), r.failed_traces, double(r.max_lag_us) * 1e-3,
      r.unsent > 0 ? fmt::format(", {} due calls were not sent", r.unsent) : "");
  out += fmt::format("{:<8}{:>9}{:>12}{:>12}{:>12}{:>12}  {}\n", "kind", "calls", "p50 ms",
                     "p95 ms", "p99 ms", "max ms", "status");
  for (size_t i = 0; i < r.kinds.size(); ++i) {
    const LoadKindReport& k = r.kinds[i];
    if (k.calls == 0) continue;
    std::string codes;
    for (const auto& [code, count] : k.codes) codes += fmt::format("  {} {}", code, count);
    out += fmt::format("{:<8}{:>9}{:>12.2f}{:>12.2f}{:>12.2f}{:>12.2f}{}\n", kLoadKindNames[i],
                       k.calls, double(k.p50_us) * 1e-3, double(k.p95_us) * 1e-3,
                       double(k.p99_us) * 1e-3, double(k.max_us) * 1e-3, codes);
  }
  return out;
}

std::string LoadReportToJson(const LoadReport& r) {
  nlohmann::ordered_json json = {{"offered_rate", r.offered_rate},
                                 {"seconds", r.seconds},
                                 {"calls", r.calls},
                                 {"ok", r.ok},
                                 {"failed_traces", r.failed_traces},
                                 {"achieved_rate", r.Rate(r.ok)},
                                 {"steps_per_second", r.Rate(r.steps)},
                                 {"tokens_per_second", r.Rate(r.tokens)},
                                 {"max_lag_us", r.max_lag_us},
                                 {"unsent", r.unsent},
                                 {"kinds", nlohmann::ordered_json::object()}};
  for (size_t i = 0; i < r.kinds.size(); ++i) {
    const LoadKindReport& k = r.kinds[i];
    if (k.calls == 0) continue;
    json["kinds"][std::string(kLoadKindNames[i])] = {{"calls", k.calls},   {"p50_us", k.p50_us},
                                                     {"p95_us", k.p95_us}, {"p99_us", k.p99_us},
                                                     {"max_us", k.max_us}, {"codes", k.codes}};
  }
  return json.dump();
}

}  // namespace prm
