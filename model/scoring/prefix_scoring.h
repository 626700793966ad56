// Scores traces that share prefixes, with each other or with traces scored before.
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
  int64_t bytes = 0;            // for keys and values
  int64_t chunk_rows = 1024;    // tokens per forward pass
  bool graphs = true;           // CUDA graphs for small passes, on a GPU
  bool graphs_at_once = false;  // record a pass on its first use, not its second
};

// Keeps keys and values of traces in blocks, and the scores read on the way. Call Score from one
// thread; the const methods from any.
class PrefixScorer {
 public:
  // Borrows decoder and head. Throws Error(kInvalidArgument) if `bytes` is less than one block.
  PrefixScorer(const Decoder& decoder, const Head& head, const PrefixCacheOptions& options);

  // Returns [B]. Computes only tokens that no earlier trace has, each once. A step whose tokens are
  // kept but whose score is not costs one token. Throws Error(kInvalidArgument) with both lengths
  // for a trace that exceeds the cache, and as CheckFinite. A failed batch keeps nothing new;
  // traces with scores that are not finite are removed from the cache entirely.
  std::vector<TraceScores> Score(std::span<const TraceTokens> traces);

  int64_t TokensToCompute(const TraceTokens& trace) const {
    return int64_t(trace.ids.size()) - tree_.Match(trace.ids);
  }
  // Null if passes are not recorded.
  const StepGraphs* graphs() const { return graphs_.get(); }
  // Whether the trace's tokens have the same keys in every continuation. Beyond its context, a
  // dynamic rope scaling rotates all keys of a trace by angles that depend on the trace's length.
  static bool Takes(const ModelConfig& config, const TraceTokens& trace) {
    return config.rope_scaling.kind != RopeScaling::Kind::kDynamic ||
           int64_t(trace.ids.size()) <= config.max_position_embeddings;
  }
  // Size of one block in all layers.
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
