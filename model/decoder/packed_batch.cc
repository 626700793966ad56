#include "model/decoder/packed_batch.h"

namespace prm {

PackedBatch Pack(std::span<const TraceTokens> traces) {
  PackedBatch batch;
  batch.offsets.push_back(0);
  batch.read_offsets.push_back(0);
  for (const TraceTokens& trace : traces) {
    const int64_t start = batch.offsets.back();
    batch.ids.insert(batch.ids.end(), trace.ids.begin(), trace.ids.end());
    for (size_t i = 0; i < trace.ids.size(); ++i) batch.positions.push_back(int64_t(i));
    for (int32_t read : trace.step_reads) batch.reads.push_back(start + read);
    batch.offsets.push_back(int64_t(batch.ids.size()));
    batch.read_offsets.push_back(int64_t(batch.reads.size()));
  }
  return batch;
}

}  // namespace prm
