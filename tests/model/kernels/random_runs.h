// Batches of runs from a tree of traces: traces that continue, forks in the middle of blocks (also
// of traces in the same batch), and tokens that are read again.
#pragma once

#include <random>
#include <vector>

#include "model/ops/prefix_attention.h"

namespace prm {

struct RunBatch {
  std::vector<ops::KvRun> runs;
  int64_t rows = 0;
};

class RandomRuns {
 public:
  RandomRuns(unsigned seed, int32_t blocks) : random_(seed), blocks_(blocks) {}

  int64_t Below(int64_t n) { return int64_t(random_() % uint64_t(n)); }
  // A new trace.
  void Start(int64_t tokens, RunBatch* batch) {
    traces_.emplace_back();
    Append(traces_.size() - 1, tokens, batch);
  }
  // The next tokens of trace `index`.
  void Append(size_t index, int64_t tokens, RunBatch* batch) {
    Trace& trace = traces_[index];
    AddRun(trace, tokens, -1, batch);
  }
  // A trace that forks from trace `index` after its first `kept` tokens.
  void Fork(size_t index, int64_t kept, int64_t tokens, RunBatch* batch) {
    Trace branch{traces_[index].blocks, kept};
    branch.blocks.resize(size_t(kept / ops::kKvBlockTokens));
    const bool inside = kept % ops::kKvBlockTokens != 0;
    const int32_t from = inside ? traces_[index].blocks[branch.blocks.size()] : -1;
    AddRun(branch, tokens, from, batch);
    traces_.push_back(branch);
  }
  void LookAgain(size_t index, int64_t position, RunBatch* batch) {
    batch->runs.push_back({batch->rows++, 1, position, traces_[index].blocks, false});
  }
  // `count` runs of any of these kinds.
  RunBatch Any(int count, int64_t most_tokens) {
    RunBatch batch;
    for (int i = 0; i < count; ++i) {
      const int64_t tokens = 1 + Below(most_tokens), kind = traces_.empty() ? 0 : Below(8);
      const size_t index = traces_.empty() ? 0 : size_t(Below(int64_t(traces_.size())));
      if (kind == 0) {
        Start(tokens, &batch);
      } else if (kind <= 2) {
        Append(index, tokens, &batch);
      } else if (kind == 3) {
        LookAgain(index, Below(traces_[index].length), &batch);
      } else {
        Fork(index, 1 + Below(traces_[index].length), tokens, &batch);
      }
    }
    return batch;
  }
  size_t traces() const { return traces_.size(); }

 private:
  struct Trace {
    std::vector<int32_t> blocks;
    int64_t length = 0;
  };
  void AddRun(Trace& trace, int64_t tokens, int32_t copy_from, RunBatch* batch) {
    const int64_t position = trace.length;
    trace.length += tokens;
    while (int64_t(trace.blocks.size()) * ops::kKvBlockTokens < trace.length) {
      TORCH_CHECK(used_ < blocks_, "the test needs more blocks");
      trace.blocks.push_back(used_++ * 7 % blocks_);  // blocks_ must not be a multiple of 7
    }
    batch->runs.push_back({batch->rows, tokens, position, trace.blocks, true, copy_from});
    batch->rows += tokens;
  }

  std::mt19937 random_;
  int32_t blocks_, used_ = 0;
  std::vector<Trace> traces_;
};

}  // namespace prm
