// Forward passes of few tokens as CUDA graphs: a lone appended step is hundreds of kernels, and
// asking for them one by one takes longer than they do.
//
// A batch is laid in the smallest room that holds it, whose arrays stay at their addresses and are
// filled up with entries that do nothing; a pass over the room is recorded once and played for
// every batch after. Source: Kwon et al. 2023, "PagedAttention" (vLLM), whose decoding graphs are
// padded so by the number of sequences.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/decoder/decoder.h"
#include "model/kernels/cuda/graph.h"
#include "model/ops/head.h"
#include "model/ops/prefix_attention.h"

namespace prm {

// One thread at a time.
class StepGraphs {
 public:
  // Null where passes cannot be recorded: on the CPU, and where keys and values are not those of
  // the CUDA kernels. Borrows the decoder.
  static std::unique_ptr<StepGraphs> Make(const Decoder& decoder, ops::HeadActivation activation,
                                          const std::vector<ops::KvBlocks>& kept, bool at_once);
  ~StepGraphs();

  // Those of Decoder::StepOutputs [S, outputs], until the next call; `kept` is always the same.
  // None for a batch that is larger than the rooms, and unless `at_once` when a room is asked for
  // the first time: what comes once is not worth a recording. A recording is used when it gives
  // what the pass gave that it is of, bit by bit; where it does not, or there is none, the room is
  // closed with a warning.
  std::optional<at::Tensor> StepOutputs(const PrefixBatch& batch, std::vector<ops::KvBlocks>* kept);

  int64_t replays() const { return replays_; }

 private:
  struct Plans;
  struct Room;
  StepGraphs(const Decoder& decoder, ops::HeadActivation activation,
             std::unique_ptr<cuda::GraphRecorder> recorder, bool at_once);
  Plans PlanFor(const PrefixBatch& batch) const;
  bool Record(std::vector<ops::KvBlocks>* kept, Room* room);

  // Rows of a room, and entries of its plans.
  static constexpr std::array<int, 5> kRows = {16, 32, 64, 128, 256};
  static constexpr std::array<int, 3> kEntries = {32, 128, 512};

  const Decoder& decoder_;
  const ops::HeadActivation activation_;
  const std::unique_ptr<cuda::GraphRecorder> recorder_;
  const bool at_once_;
  std::array<std::array<std::unique_ptr<Room>, kEntries.size()>, kRows.size()> rooms_;
  int64_t replays_ = 0;
};

}  // namespace prm
