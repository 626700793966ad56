#include "model/scoring/prefix_scoring.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "data/error.h"
#include "model/decoder/checkpoint.h"
#include "model/decoder/torch_error.h"
#include "model/ops/attention.h"
#include "model/ops/head.h"
#include "model/ops/prefix_attention.h"

namespace prm {

static_assert(kBlockTokens == ops::kKvBlockTokens);

// Traces that are computed together. Rows are tokens, in the order of the traces.
struct PrefixScorer::Batch {
  // One read of a trace: a kept score, or the row that computes it.
  struct Read {
    std::optional<StepScore> kept;
    int64_t row = -1;
    int32_t token = 0;
  };
  struct Member {
    std::vector<Read> reads;
    int64_t computed = 0;
  };
  // Rows that compute the tokens of a block; -1: already kept.
  using BlockRows = std::array<int64_t, kBlockTokens>;

  std::vector<Member> members;
  PrefixBatch tokens;                                 // reads: each row that is read, once
  std::unordered_map<BlockId, BlockRows> block_rows;  // for blocks that this batch writes
  std::unordered_map<int64_t, size_t> read_of_row;    // index into tokens.reads
  std::vector<StepScore> scores;                      // one per tokens.reads

  int64_t AddRow(TokenId id, int64_t position) {
    tokens.ids.push_back(id);
    tokens.positions.push_back(position);
    return int64_t(tokens.ids.size()) - 1;
  }
  BlockRows& RowsOf(BlockId block) {
    const auto [entry, is_new] = block_rows.try_emplace(block);
    if (is_new) entry->second.fill(-1);
    return entry->second;
  }
  const StepScore& ScoreOf(const Read& read) const {
    return read.kept ? *read.kept : scores[read_of_row.at(read.row)];
  }
  void Want(int64_t row) {
    if (read_of_row.try_emplace(row, tokens.reads.size()).second) tokens.reads.push_back(row);
  }
};

namespace {

int64_t CountBlocks(const Decoder& decoder, int64_t bytes) {
  const int64_t blocks = bytes / PrefixScorer::BlockBytes(decoder);
  if (blocks < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("a cache of ", bytes, " bytes holds no block of ", kBlockTokens,
                       " tokens, which takes ", PrefixScorer::BlockBytes(decoder)));
  }
  return blocks;
}

// Rows [begin, end) of a batch as a batch.
PrefixBatch Part(const PrefixBatch& batch, int64_t begin, int64_t end) {
  PrefixBatch part;
  part.ids.assign(batch.ids.begin() + begin, batch.ids.begin() + end);
  part.positions.assign(batch.positions.begin() + begin, batch.positions.begin() + end);
  for (const ops::KvRun& run : batch.runs) {
    const int64_t from = std::max(begin, run.row), to = std::min(end, run.row + run.count);
    if (from >= to) continue;
    ops::KvRun piece = run;
    piece.row = from - begin;
    piece.count = to - from;
    piece.position = run.position + from - run.row;
    if (from > run.row) piece.copy_from = -1;
    part.runs.push_back(std::move(piece));
  }
  return part;
}

}  // namespace

int64_t PrefixScorer::BlockBytes(const Decoder& decoder) {
  const ModelConfig& c = decoder.config();
  const int64_t value = at::elementSize(decoder.compute_dtype());
  return int64_t{2} * c.num_layers * c.num_kv_heads * c.head_dim * kBlockTokens * value;
}

PrefixScorer::PrefixScorer(const Decoder& decoder, const Head& head,
                           const PrefixCacheOptions& options)
    : decoder_(decoder),
      head_(head),
      options_(options),
      tree_(CountBlocks(decoder, options.bytes)) {
  const at::Device device = decoder.weights().embedding.device();
  for (int l = 0; l < decoder.config().num_layers; ++l) {
    const ops::AttentionShape shape = decoder.AttentionOf(size_t(l));
    const ops::KvBody body = ops::ChooseKvBody(shape, decoder.compute_dtype(), device);
    kept_.push_back(
        ops::MakeKvBlocks(tree_.blocks(), shape, decoder.compute_dtype(), device, body));
  }
  if (options.graphs) {
    graphs_ = StepGraphs::Make(decoder, ActivationOf(head, decoder.config()), kept_,
                               options.graphs_at_once);
  }
}

void PrefixScorer::AddTrace(const TraceTokens& trace, const PrefixTree::Path& path,
                            Batch* batch) const {
  const int64_t length = int64_t(trace.ids.size()), reused = path.reused();
  const std::vector<BlockId> blocks = path.blocks();
  Batch::Member member{.reads = {}, .computed = length - reused};
  if (const auto copy = path.copy()) {
    const auto from = batch->block_rows.find(copy->from);
    if (from != batch->block_rows.end()) {
      std::copy_n(from->second.begin(), reused % kBlockTokens, batch->RowsOf(copy->to).begin());
    }
  }
  if (reused < length) {
    ops::KvRun run{.row = int64_t(batch->tokens.ids.size()),
                   .count = length - reused,
                   .position = reused,
                   .blocks = blocks};
    if (const auto copy = path.copy()) run.copy_from = copy->from;
    batch->tokens.runs.push_back(std::move(run));
    for (int64_t t = reused; t < length; ++t) {
      batch->RowsOf(blocks[size_t(t / kBlockTokens)])[size_t(t % kBlockTokens)] =
          batch->AddRow(trace.ids[size_t(t)], t);
    }
  }
  for (const int32_t t : trace.step_reads) {
    Batch::Read read{.kept = tree_.ScoreAt(path, t), .token = t};
    if (!read.kept) {
      const auto rows = batch->block_rows.find(blocks[size_t(t / kBlockTokens)]);
      if (rows != batch->block_rows.end()) read.row = rows->second[size_t(t % kBlockTokens)];
      if (read.row < 0) {  // its keys and values are kept, its output is not
        read.row = batch->AddRow(trace.ids[size_t(t)], t);
        batch->tokens.runs.push_back(
            {.row = read.row, .count = 1, .position = t, .blocks = blocks, .keeps = false});
        ++member.computed;
      }
      batch->Want(read.row);
    }
    member.reads.push_back(read);
  }
  batch->members.push_back(std::move(member));
}

void PrefixScorer::Compute(Batch* batch) {
  const int64_t rows = int64_t(batch->tokens.ids.size());
  batch->scores.resize(batch->tokens.reads.size());
  for (int64_t begin = 0; begin < rows; begin += options_.chunk_rows) {
    const int64_t end = std::min(rows, begin + options_.chunk_rows);
    PrefixBatch part = Part(batch->tokens, begin, end);
    std::vector<size_t> wanted;
    for (size_t i = 0; i < batch->tokens.reads.size(); ++i) {
      const int64_t row = batch->tokens.reads[i];
      if (row < begin || row >= end) continue;
      part.reads.push_back(row - begin);
      wanted.push_back(i);
    }
    const std::vector<StepScore> scores = WithTorchErrors("scoring a batch", [&] {
      const ops::HeadActivation activation = ActivationOf(head_, decoder_.config());
      const auto played = graphs_ ? graphs_->StepOutputs(part, &kept_) : std::nullopt;
      return ScoresOfOutputs(played ? *played : decoder_.StepOutputs(part, activation, &kept_),
                             head_);
    });
    for (size_t i = 0; i < wanted.size(); ++i) batch->scores[wanted[i]] = scores[i];
  }
}

// Scores the traces from `*next` on that fit at once; sets `*next` to the first that did not.
std::vector<TraceScores> PrefixScorer::ScoreBatch(std::span<const TraceTokens> traces,
                                                  size_t* next) {
  Batch batch;
  std::vector<PrefixTree::Path> paths;
  const size_t begin = *next;
  for (const TraceTokens& trace : traces.subspan(begin)) {
    std::optional<PrefixTree::Path> path = tree_.Acquire(trace.ids);
    if (!path) break;
    paths.push_back(std::move(*path));
    AddTrace(trace, paths.back(), &batch);
  }
  if (paths.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("a trace of ", traces[begin].ids.size(), " tokens; the cache holds ",
                       tree_.max_tokens(), " tokens (option cache_bytes)"));
  }
  *next += paths.size();
  try {
    Compute(&batch);
  } catch (...) {
    tree_.Abort(paths);
    throw;
  }
  if (!std::ranges::all_of(batch.scores, IsFinite)) {
    tree_.Abort(paths);
    ForgetDamaged(batch, traces, begin);
  }
  std::vector<TraceScores> result;
  for (size_t b = 0; b < paths.size(); ++b) {
    const Batch::Member& member = batch.members[b];
    TraceScores& scores = result.emplace_back();
    scores.tokens_computed = member.computed;
    scores.tokens_reused = int64_t(traces[begin + b].ids.size()) - member.computed;
    for (const Batch::Read& read : member.reads) {
      scores.Add(batch.ScoreOf(read));
      if (!read.kept) tree_.KeepScore(paths[b], read.token, batch.ScoreOf(read));
    }
  }
  tree_.Commit(paths);
  return result;
}

// After Abort of a batch that starts at `begin`: forgets its damaged traces, since keys and values
// of earlier batches may be the cause. Throws.
void PrefixScorer::ForgetDamaged(const Batch& batch, std::span<const TraceTokens> traces,
                                 size_t begin) {
  std::vector<TraceScores> scores(traces.size());
  for (size_t b = 0; b < batch.members.size(); ++b) {
    const std::vector<Batch::Read>& reads = batch.members[b].reads;
    for (const Batch::Read& read : reads) scores[begin + b].Add(batch.ScoreOf(read));
    const auto is_damaged = [&](const Batch::Read& read) { return !IsFinite(batch.ScoreOf(read)); };
    if (std::ranges::any_of(reads, is_damaged)) tree_.Forget(traces[begin + b].ids);
  }
  CheckFinite(scores);
}

std::vector<TraceScores> PrefixScorer::Score(std::span<const TraceTokens> traces) {
  std::vector<TraceScores> result;
  for (size_t next = 0; next < traces.size();) {
    for (TraceScores& scores : ScoreBatch(traces, &next)) result.push_back(std::move(scores));
  }
  return result;
}

}  // namespace prm
