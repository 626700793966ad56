// Inputs and outcomes of the batcher's tests.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "serve/batching/batcher.h"
#include "tests/serve/fake_scorer.h"

namespace prm {

inline TraceTokens Tokens(const std::string& text) {
  TraceTokens tokens;
  ByteTokenizer().Encode(text, SpecialTokens::kText, &tokens.ids);
  tokens.ids.push_back('\n');
  tokens.step_reads = {int32_t(tokens.ids.size()) - 1};
  return tokens;
}

// `length` tokens that begin with `problem`, with a step every `step` tokens and at the end.
inline TraceTokens LongTokens(const std::string& problem, int length, int step) {
  TraceTokens tokens;
  ByteTokenizer().Encode(problem, SpecialTokens::kText, &tokens.ids);
  tokens.steps_begin = int32_t(tokens.ids.size());
  for (int i = int(tokens.ids.size()); i < length; ++i) tokens.ids.push_back('a' + i * i % 23);
  for (int i = tokens.steps_begin; i < length; ++i) {
    if (i % step == 0 || i == length - 1) tokens.step_reads.push_back(i);
  }
  return tokens;
}

// The outcome of one trace.
struct Outcome {
  TraceScores scores;  // empty if `error` is set
  std::optional<Error> error;
  WorkTimes times;

  Outcome() = default;
  Outcome(Result<TraceScores> result, const WorkTimes& work_times) : times(work_times) {
    if (result.ok()) {
      scores = std::move(result).value();
    } else {
      error = result.error();
    }
  }
};

// Outcomes by the order of submission. Any thread.
class Outcomes {
 public:
  BatchItem Item(const std::string& text) { return Item(Tokens(text)); }
  BatchItem Item(TraceTokens tokens) {
    std::lock_guard lock(mutex_);
    BatchItem item;
    item.tokens = std::move(tokens);
    item.done = [this, index = submitted_++](Result<TraceScores> result, const WorkTimes& times) {
      std::lock_guard lock(mutex_);
      EXPECT_TRUE(outcomes_.emplace(index, Outcome(std::move(result), times)).second)
          << "called twice";
      changed_.notify_all();
    };
    return item;
  }
  std::vector<BatchItem> One(TraceTokens tokens) {
    std::vector<BatchItem> items;
    items.push_back(Item(std::move(tokens)));
    return items;
  }
  std::vector<BatchItem> Items(const std::vector<std::string>& texts, uint64_t client = 0) {
    std::vector<BatchItem> items;
    for (const std::string& text : texts) {
      items.push_back(Item(text));
      items.back().client = client;
    }
    return items;
  }
  Outcome Await(int index) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return outcomes_.count(index) == 1; });
    return outcomes_.at(index);
  }
  void AwaitAny() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !outcomes_.empty(); });
  }
  // Waits until all items have an outcome, except those that Submit refused.
  void AwaitAll(int refused = 0) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return int(outcomes_.size()) >= submitted_ - refused; });
  }
  size_t size() {
    std::lock_guard lock(mutex_);
    return outcomes_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int submitted_ = 0;
  std::map<int, Outcome> outcomes_;
};

// A clock that only Advance moves. Any thread.
struct ManualClock {
  std::shared_ptr<std::atomic<int64_t>> ticks = std::make_shared<std::atomic<int64_t>>(1'000'000);
  SteadyTime Now() const { return SteadyTime(SteadyTime::duration(ticks->load())); }
  void Advance(SteadyTime::duration by) { ticks->fetch_add(by.count()); }
  std::function<SteadyTime()> function() const {
    return [clock = *this] { return clock.Now(); };
  }
};

inline std::unique_ptr<FakeScorer> Reusing(std::shared_ptr<Gate> gate = nullptr) {
  auto scorer = std::make_unique<FakeScorer>(std::move(gate));
  scorer->ReusePrefixes();
  return scorer;
}

inline BatcherOptions Chunked(int64_t chunk_tokens = 50) {
  BatcherOptions options;
  options.batch = {.max_tokens = 200, .max_traces = 16, .chunk_tokens = chunk_tokens};
  return options;
}

// nullopt: it was accepted.
inline std::optional<ErrorCode> SubmitCode(Batcher& batcher, std::vector<BatchItem> items) {
  try {
    batcher.Submit(std::move(items));
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

}  // namespace prm
