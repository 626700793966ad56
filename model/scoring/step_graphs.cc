#include "model/scoring/step_graphs.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "model/kernels/cuda/bodies.h"
#include "model/ops/head.h"
#include "model/ops/prefix_attention.h"

namespace prm {

// The kernels' input for a batch, on the host.
struct StepGraphs::Plans {
  std::vector<cuda::KeptToken> kept;
  std::vector<std::pair<cuda::PlanKey, cuda::PrefixPlan>> attention;
};

// Memory for batches of up to `rows` rows, rows / kReadShare reads and kKeptShare * rows kept
// tokens, with the recorded pass over it.
struct StepGraphs::Room {
  static constexpr int kReadShare = 4, kKeptShare = 4;

  static bool Holds(int rows, const PrefixBatch& batch, const Plans& plans) {
    return batch.ids.size() <= size_t(rows) && batch.reads.size() <= size_t(rows / kReadShare) &&
           plans.kept.size() <= size_t(rows) * kKeptShare;
  }

  // Copies a batch in and pads its plans. The first batch fixes the addresses of the arrays; all
  // have their full length, so later batches use the same addresses.
  void Fill(int rows, const PrefixBatch& batch, Plans plans, at::Device device);

  at::Tensor memory, staged;  // int32 words on the device, and their source on the host
  PrefixTensors tensors;
  std::unique_ptr<const ops::KvRuns> runs;  // an empty list with a device copy of any batch
  at::Tensor outputs;                       // [rows / kReadShare, outputs]
  std::unique_ptr<cuda::Graph> graph;
  bool closed = false;
};

namespace {

std::vector<int64_t> FilledUp(std::vector<int64_t> values, size_t count) {
  values.resize(count);
  return values;
}

}  // namespace

void StepGraphs::Room::Fill(int rows, const PrefixBatch& batch, Plans plans, at::Device device) {
  const size_t tokens = size_t(rows), reads = size_t(rows / kReadShare);
  plans.kept.resize(size_t(rows) * kKeptShare);
  cuda::Words words;
  const size_t ids = words.Add(FilledUp(batch.ids, tokens));
  const size_t positions = words.Add(FilledUp(batch.positions, tokens));
  const size_t read = words.Add(FilledUp(batch.reads, reads));
  const size_t kept = words.Add(plans.kept);
  std::vector<cuda::PlanPlace> places;
  for (const auto& [key, plan] : plans.attention) places.push_back(cuda::AddPlan(plan, &words));

  if (!memory.defined()) {
    const auto options = at::TensorOptions().dtype(at::kInt);
    staged = at::empty({int64_t(words.words().size())}, options.pinned_memory(device.is_cuda()));
    memory = at::empty_like(staged, options.device(device).pinned_memory(false));
    const auto int64s = [&](size_t place, size_t count) {
      return memory.narrow(0, int64_t(place), 2 * int64_t(count)).view(at::kLong);
    };
    tensors = {int64s(ids, tokens), int64s(positions, tokens), int64s(read, reads)};
    cuda::DeviceRuns::Attentions attentions;
    for (size_t i = 0; i < places.size(); ++i) {
      const auto& [key, plan] = plans.attention[i];
      attentions.emplace_back(key, cuda::AttentionAt(memory, places[i], plan));
    }
    auto for_kernels = std::make_shared<cuda::DeviceRuns>(cuda::KeepingAt(memory, kept, plans.kept),
                                                          std::move(attentions));
    runs = std::make_unique<ops::KvRuns>(std::vector<ops::KvRun>(), std::move(for_kernels));
  }
  TORCH_CHECK(staged.numel() == int64_t(words.words().size()),
              "a batch of another size than the recorded one");
  // The previous copy has finished: its scores have been read.
  std::ranges::copy(words.words(), staged.mutable_data_ptr<int32_t>());
  memory.copy_(staged, /*non_blocking=*/true);
}

std::unique_ptr<StepGraphs> StepGraphs::Make(const Decoder& decoder, ops::HeadActivation activation,
                                             const std::vector<ops::KvBlocks>& kept, bool at_once) {
  const auto of_kernels = [](const ops::KvBlocks& kv) { return kv.body == ops::KvBody::kCuda; };
  if (!std::ranges::all_of(kept, of_kernels)) return nullptr;
  auto recorder = cuda::MakeGraphRecorder(decoder.weights().embedding.device());
  if (!recorder) return nullptr;
  return std::unique_ptr<StepGraphs>(
      new StepGraphs(decoder, activation, std::move(recorder), at_once));
}

StepGraphs::StepGraphs(const Decoder& decoder, ops::HeadActivation activation,
                       std::unique_ptr<cuda::GraphRecorder> recorder, bool at_once)
    : decoder_(decoder),
      activation_(activation),
      recorder_(std::move(recorder)),
      at_once_(at_once) {}

StepGraphs::~StepGraphs() = default;

StepGraphs::Plans StepGraphs::PlanFor(const PrefixBatch& batch) const {
  Plans plans{cuda::PlanKeeping(batch.runs), {}};
  for (int l = 0; l < decoder_.config().num_layers; ++l) {
    const cuda::PlanKey key(decoder_.AttentionOf(size_t(l)));
    const auto made = [&](const auto& plan) { return plan.first == key; };
    if (std::ranges::any_of(plans.attention, made)) continue;
    plans.attention.emplace_back(key, key.PlanFor(batch.runs));
  }
  return plans;
}

std::optional<at::Tensor> StepGraphs::StepOutputs(const PrefixBatch& batch,
                                                  std::vector<ops::KvBlocks>* kept) {
  if (batch.ids.size() > size_t(kRows.back())) return std::nullopt;
  Plans plans = PlanFor(batch);
  size_t r = 0, e = 0;
  while (r < kRows.size() && !Room::Holds(kRows[r], batch, plans)) ++r;
  const auto fill_up = [&](auto& plan) { return cuda::FillUp(kEntries[e], &plan.second); };
  // If a plan fits and another does not, the next size starts with the padded plan.
  while (e < kEntries.size() && !std::ranges::all_of(plans.attention, fill_up)) ++e;
  if (r == kRows.size() || e == kEntries.size()) return std::nullopt;

  std::unique_ptr<Room>& room = rooms_[r][e];
  if (!room) {
    room = std::make_unique<Room>();
    if (!at_once_) return std::nullopt;
  }
  if (room->closed) return std::nullopt;
  room->Fill(kRows[r], batch, std::move(plans), decoder_.weights().embedding.device());
  if (!room->graph) {
    room->closed = !Record(kept, room.get());
    if (room->closed) return std::nullopt;
  } else {
    room->graph->Replay();
  }
  ++replays_;
  return room->outputs.narrow(0, 0, int64_t(batch.reads.size()));
}

bool StepGraphs::Record(std::vector<ops::KvBlocks>* kept, Room* room) {
  const auto pass = [this, room, kept] {
    const at::Tensor outputs = decoder_.StepOutputs(room->tensors, *room->runs, activation_, kept);
    if (!room->outputs.defined()) room->outputs = at::empty_like(outputs);
    room->outputs.copy_(outputs);
  };
  try {
    auto graph = recorder_->Record(pass);
    const at::Tensor expected = room->outputs.clone();
    room->outputs.fill_(std::numeric_limits<float>::quiet_NaN());
    graph->Replay();
    if (at::equal(room->outputs, expected)) {
      room->graph = std::move(graph);
      return true;
    }
    TORCH_WARN("a CUDA graph of ", room->tensors.ids.size(0),
               " tokens gives other scores than the pass it recorded; it is not used");
  } catch (const c10::Error& error) {
    TORCH_WARN("no CUDA graph of ", room->tensors.ids.size(0),
               " tokens: ", error.what_without_backtrace());
  }
  return false;
}

}  // namespace prm
