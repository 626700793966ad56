// Several traces as one row of tokens, without padding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/records/step_format.h"

namespace prm {

// B traces, T tokens, S steps in all.
struct PackedBatch {
  std::vector<int64_t> ids;           // [T]
  std::vector<int64_t> positions;     // [T], 0-based within each trace
  std::vector<int64_t> offsets;       // [B + 1]: trace b is rows offsets[b] .. offsets[b+1]
  std::vector<int64_t> reads;         // [S] rows at which steps are read, traces in order
  std::vector<int64_t> read_offsets;  // [B + 1] into reads
};

PackedBatch Pack(std::span<const TraceTokens> traces);

}  // namespace prm
