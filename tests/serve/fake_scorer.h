// A model without tensors for the tests of serve/: scores are a function of the ids only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "data/error.h"
#include "data/text/hash.h"
#include "model/step_scorer.h"
#include "tests/byte_tokenizer.h"

namespace prm {

// Depends on every id up to the read, as a causal model does.
inline TraceScores FakeScores(const TraceTokens& trace) {
  std::vector<LabelProbs> probs;
  Fnv1a hash;
  size_t next = 0;
  for (size_t t = 0; t < trace.ids.size() && next < trace.step_reads.size(); ++t) {
    hash.Mix(uint64_t(trace.ids[t]));
    if (int32_t(t) != trace.step_reads[next]) continue;
    std::array<float, kNumLabels> weight;
    float sum = 0;
    for (int k = 0; k < kNumLabels; ++k) {
      weight[k] = 1 + float((hash.value() >> (8 * k + 16)) & 255);
      sum += weight[k];
    }
    for (float& w : weight) w /= sum;
    probs.push_back(weight);
    ++next;
  }
  return TraceScores::Of(std::move(probs));
}

// Lets a test block scorers inside Score and count how many arrived. Any thread.
class Gate {
 public:
  explicit Gate(bool open = false) : open_(open) {}
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void AwaitArrivals(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_;
  int arrived_ = 0;
};

class FakeScorer : public StepScorer {
 public:
  // An id that Score refuses, as a real model refuses ids outside its vocabulary.
  static constexpr TokenId kPoison = '\x01';

  explicit FakeScorer(std::shared_ptr<Gate> gate = nullptr) : gate_(std::move(gate)) {
    scoring_.format = NewlineFormat(tokenizer_, false);
    description_.name = "fake";
    description_.architecture = "FakeForStepScoring";
    description_.vocab_size = tokenizer_.vocab_size();
    description_.max_tokens = 2048;
    description_.dtype = "float32";
    description_.device = "cpu";
  }

  // From now on computed prefixes are reused, as by an unlimited cache. Call before the scorer is
  // handed over.
  void ReusePrefixes() { description_.reuses_prefixes = true; }
  // Empties the cache.
  void Forget() {
    std::lock_guard lock(mutex_);
    known_.clear();
  }

  std::vector<TraceScores> Score(std::span<const TraceTokens> traces) override {
    if (on_score) on_score(traces);
    if (gate_) gate_->Pass();
    std::vector<TraceScores> result;
    for (const TraceTokens& trace : traces) {
      for (TokenId id : trace.ids) {
        if (id == kPoison) throw Error(ErrorCode::kInvalidArgument, "poisoned trace");
      }
      const int64_t computed = TokensToCompute(trace);
      TraceScores& scores = result.emplace_back(FakeScores(trace));
      scores.tokens_computed = computed;
      scores.tokens_reused = int64_t(trace.ids.size()) - computed;
      tokens_computed += computed;
      if (ReusesPrefixOf(trace)) Remember(trace);
    }
    return result;
  }
  int64_t TokensToCompute(const TraceTokens& trace) const override {
    if (!ReusesPrefixOf(trace)) return int64_t(trace.ids.size());
    std::lock_guard lock(mutex_);
    int64_t known = 0;
    for (const uint64_t prefix : Prefixes(trace)) {
      if (!known_.contains(prefix)) break;
      ++known;
    }
    return int64_t(trace.ids.size()) - known;
  }
  bool ReusesPrefixOf(const TraceTokens& trace) const override {
    return description_.reuses_prefixes && trace.ids.size() <= max_reused_tokens;
  }
  const Tokenizer& tokenizer() const override { return tokenizer_; }
  const ScoringFormat& scoring() const override { return scoring_; }
  const ModelDescription& description() const override { return description_; }

  // Called first in Score, on the worker's thread; set before the scorer is handed over.
  std::function<void(std::span<const TraceTokens>)> on_score;
  std::atomic<int64_t> tokens_computed = 0;  // in total
  size_t max_reused_tokens = SIZE_MAX;       // longer traces must come whole; set as on_score

 private:
  // A hash for each prefix, from one token to all.
  static std::vector<uint64_t> Prefixes(const TraceTokens& trace) {
    std::vector<uint64_t> prefixes;
    Fnv1a hash;
    for (const TokenId id : trace.ids) {
      hash.Mix(uint64_t(id));
      prefixes.push_back(hash.value());
    }
    return prefixes;
  }
  void Remember(const TraceTokens& trace) {
    const std::vector<uint64_t> prefixes = Prefixes(trace);
    std::lock_guard lock(mutex_);
    known_.insert(prefixes.begin(), prefixes.end());
  }

  std::shared_ptr<Gate> gate_;
  ByteTokenizer tokenizer_;
  ScoringFormat scoring_;
  ModelDescription description_;
  mutable std::mutex mutex_;
  std::set<uint64_t> known_;  // guarded by mutex_
};

inline std::vector<std::unique_ptr<StepScorer>> OneScorer(std::unique_ptr<StepScorer> scorer) {
  std::vector<std::unique_ptr<StepScorer>> scorers;
  scorers.push_back(std::move(scorer));
  return scorers;
}

}  // namespace prm
