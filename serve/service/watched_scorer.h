// A scorer that reports the loss of its device.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "model/step_scorer.h"

namespace prm {

// Forwards to its scorer until that throws DeviceLost. Then calls `on_lost`, once, on the thread
// that called Score; from then on Score throws the same error without using the device.
class WatchedScorer final : public StepScorer {
 public:
  using OnLost = std::function<void(const DeviceLost&)>;

  WatchedScorer(std::unique_ptr<StepScorer> scorer, OnLost on_lost)
      : scorer_(std::move(scorer)), on_lost_(std::move(on_lost)) {}

  std::vector<TraceScores> Score(std::span<const TraceTokens> traces) override {
    if (lost_) throw DeviceLost(*lost_);
    try {
      return scorer_->Score(traces);
    } catch (const DeviceLost& error) {
      lost_ = error;
    }
    on_lost_(*lost_);
    throw DeviceLost(*lost_);
  }
  int64_t TokensToCompute(const TraceTokens& trace) const override {
    return scorer_->TokensToCompute(trace);
  }
  bool ReusesPrefixOf(const TraceTokens& trace) const override {
    return scorer_->ReusesPrefixOf(trace);
  }
  const Tokenizer& tokenizer() const override { return scorer_->tokenizer(); }
  const ScoringFormat& scoring() const override { return scorer_->scoring(); }
  const ModelDescription& description() const override { return scorer_->description(); }

 private:
  const std::unique_ptr<StepScorer> scorer_;
  const OnLost on_lost_;
  std::optional<DeviceLost> lost_;  // used only by the thread that calls Score
};

}  // namespace prm
