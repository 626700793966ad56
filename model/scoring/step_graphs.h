// Forward passes of few tokens as CUDA graphs. One appended step is hundreds of kernels, and
// launching them one by one takes longer than running them.
//
// A batch is copied into the smallest Room that holds it: arrays at fixed addresses, padded with
// entries that do nothing. The pass over a Room is recorded once and replayed for later batches.
// Source: Kwon et al. 2023, "PagedAttention" (vLLM), whose decoding graphs are padded likewise by
// the number of sequences.
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
  // Returns null if passes cannot be recorded: on the CPU, or if keys and values are not those of
  // the CUDA kernels. Borrows the decoder.
  static std::unique_ptr<StepGraphs> Make(const Decoder& decoder, ops::HeadActivation activation,
                                          const std::vector<ops::KvBlocks>& kept, bool at_once);
  ~StepGraphs();

  // Returns Decoder::StepOutputs [S, outputs], valid until the next call. `kept` must always be the
  // same. nullopt if the batch exceeds every Room and, unless `at_once`, on the first use of a Room
  // (a size seen once is not worth recording). A recording is used only if it reproduces the
  // recorded pass bit by bit. If it does not, or recording fails, warns and closes the Room.
  std::optional<at::Tensor> StepOutputs(const PrefixBatch& batch, std::vector<ops::KvBlocks>* kept);

  int64_t replays() const { return replays_; }

 private:
  struct Plans;
  struct Room;
  StepGraphs(const Decoder& decoder, ops::HeadActivation activation,
             std::unique_ptr<cuda::GraphRecorder> recorder, bool at_once);
  Plans PlanFor(const PrefixBatch& batch) const;
  bool Record(std::vector<ops::KvBlocks>* kept, Room* room);

  // Rows of a Room, and entries of its plans.
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
