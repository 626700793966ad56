// Streams the traces of a file in order, with the costly part done by several threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/error.h"
#include "data/io/text_io.h"
#include "data/records/trace_reader.h"
#include "data/text/ascii.h"
#include "data/trace.h"

namespace prm {

// The place of a trace, and its original line.
struct TraceLine {
  std::string where;  // "train.jsonl:17"
  std::string bytes;  // without newline
};

// Lines refused, with the first messages.
struct RefusedLines {
  static constexpr size_t kMaxMessages = 20;
  int64_t count = 0;
  std::vector<std::string> messages;
  void Add(const std::string& message) {
    ++count;
    if (messages.size() < kMaxMessages) messages.push_back(message);
  }
};

namespace trace_stream_detail {

inline constexpr size_t kBatchLines = 1024;
inline constexpr size_t kBatchBytes = size_t{8} << 20;

// Blank lines are skipped. A line longer than a batch forms its own batch.
inline bool ReadBatch(LineReader* reader, std::vector<TraceLine>* batch) {
  batch->clear();
  size_t bytes = 0;
  std::string_view line;
  while (batch->size() < kBatchLines && bytes < kBatchBytes && reader->Next(&line)) {
    if (IsBlank(line)) continue;
    batch->push_back({StrCat(reader->name(), ":", reader->line_number()), std::string(line)});
    bytes += line.size();
  }
  return !batch->empty();
}

// Outcome of a line: exactly one of the three is set.
template <class Result>
struct Outcome {
  std::optional<Result> result;
  std::string refusal;  // the line is not a valid trace
  std::exception_ptr failure;
};

template <class Result, class Analyze>
Outcome<Result> AnalyzeLine(const TraceLine& line, Analyze& analyze) {
  Outcome<Result> outcome;
  Trace trace;
  try {
    trace = ParseTrace(line.bytes, line.where);
  } catch (const Error& error) {
    outcome.refusal = error.what();
    return outcome;
  }
  try {
    outcome.result = analyze(std::move(trace));
  } catch (...) {
    outcome.failure = std::current_exception();
  }
  return outcome;
}

}  // namespace trace_stream_detail

// For every trace of `path` ("-": standard input), runs `analyze(Trace)` on one of `threads`
// threads (0: one per core), then `merge(result, line)` on the caller's, in file order. A line that
// is not a valid trace goes to `refuse(message)`, which may throw. An exception of `analyze` ends
// the run after the lines before it are merged. Memory: a batch of 8 MB or one line.
template <class Analyze, class Merge, class Refuse>
void ForEachTrace(const std::filesystem::path& path, int threads, Analyze analyze, Merge merge,
                  Refuse refuse) {
  using Result = std::invoke_result_t<Analyze&, Trace>;
  using Outcome = trace_stream_detail::Outcome<Result>;
  if (threads == 0) threads = int(std::max(1u, std::thread::hardware_concurrency()));
  LineReader reader(path);
  std::vector<TraceLine> batch;
  while (trace_stream_detail::ReadBatch(&reader, &batch)) {
    std::vector<Outcome> outcomes(batch.size());
    const auto work = [&](size_t first) {
      for (size_t i = first; i < batch.size(); i += size_t(threads)) {
        outcomes[i] = trace_stream_detail::AnalyzeLine<Result>(batch[i], analyze);
      }
    };
    {
      std::vector<std::jthread> helpers;
      for (int thread = 1; thread < threads; ++thread) helpers.emplace_back(work, size_t(thread));
      work(0);
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      if (outcomes[i].failure) std::rethrow_exception(outcomes[i].failure);
      if (outcomes[i].result) {
        merge(std::move(*outcomes[i].result), batch[i]);
      } else {
        refuse(outcomes[i].refusal);
      }
    }
  }
}

// For verbs that write a data set: the first refused line ends the run.
[[noreturn]] inline void ThrowRefusal(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, message);
}

}  // namespace prm
