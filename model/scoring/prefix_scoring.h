// Scoring traces that share prefixes: with each other, and with what was scored before.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/scores.h"
#include "model/config/scoring_format.h"
#include "model/decoder/decoder.h"
#include "model/ops/prefix_attention.h"
#include "model/scoring/prefix_tree.h"
#include "model/scoring/step_graphs.h"
#include "model/step_scorer.h"

namespace prm {

struct PrefixCacheOptions {
  int64_t bytes = 0;            // of keys and values
  int64_t chunk_rows = 1024;    // tokens of one forward pass
  bool graphs = true;           // CUDA graphs of small passes, where a GPU is
  bool graphs_at_once = false;  // a pass is recorded when it first comes, not when it comes again
};

// Keys and values of traces in blocks, and the scores read on the way. Score from one thread;
// the const methods from any.
class PrefixScorer {
 public:
  // Borrows decoder and head. Throws Error(kInvalidArgument) where `bytes` hold no block.
  PrefixScorer(const Decoder& decoder, const Head& head, const PrefixCacheOptions& options);

  // Result [B]. The tokens that no trace before them has are computed, each once; a step whose
  // score is not kept though its tokens are costs one token. Throws Error(kInvalidArgument) naming
  // both lengths for a trace that the cache cannot hold, and as CheckFinite; of a batch that fails
  // nothing is kept, of traces whose scores are no numbers nothing at all.
  std::vector<TraceScores> Score(std::span<const TraceTokens> traces);

  int64_t TokensToCompute(const TraceTokens& trace) const {
    return int64_t(trace.ids.size()) - tree_.Match(trace.ids);
  }
  // Null: passes are not recorded.
  const StepGraphs* graphs() const { return graphs_.get(); }
  // Whether a trace's tokens are read alike in every trace that continues it. Beyond its context, a
  // dynamic rope scaling turns all keys of a trace by the trace's length.
  static bool Takes(const ModelConfig& config, const TraceTokens& trace) {
    return config.rope_scaling.kind != RopeScaling::Kind::kDynamic ||
           int64_t(trace.ids.size()) <= config.max_position_embeddings;
  }
  // Of one block in all layers.
  static int64_t BlockBytes(const Decoder& decoder);

 private:
  struct Batch;
  void AddTrace(const TraceTokens& trace, const PrefixTree::Path& path, Batch* batch) const;
  void Compute(Batch* batch);
  void ForgetDamaged(const Batch& batch, std::span<const TraceTokens> traces, size_t begin);
  std::vector<TraceScores> ScoreBatch(std::span<const TraceTokens> traces, size_t* next);

  const Decoder& decoder_;
  const Head& head_;
  const PrefixCacheOptions options_;
  PrefixTree tree_;
  std::vector<ops::KvBlocks> kept_;  // [layers]
  std::unique_ptr<StepGraphs> graphs_;
};

}  // namespace prm
