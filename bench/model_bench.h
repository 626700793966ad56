// Shared by the training and scoring benches: real examples, peak memory, and LibTorch's rate of
// matrix products of the model's shapes.
#pragma once

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/report_errors.h"
#include "data/error.h"
#include "data/io/text_io.h"
#include "data/records/trace_reader.h"
#include "model/decoder/checkpoint.h"
#include "model/decoder/compute_target.h"
#include "model/step_scorer.h"
#include "tests/shared_data.h"
#include "train/examples.h"

namespace prm::bench {

struct InputOptions {
  std::string model;                                                    // checkpoint folder
  std::string data = (SharedData() / "steps/train.jsonl.xz").string();  // native trace file
  int traces = 96;        // the first ones with a labelled step
  int max_tokens = 1024;  // longer traces keep their leading whole steps
  std::string device = "cpu", dtype = "auto";
  int threads = 0;  // 0: all cores
};

inline void AddDeviceFlag(CLI::App& app, std::string* device) {
  app.add_option("--device", *device, "cpu | cuda | cuda:N")->capture_default_str();
}

inline void AddInputFlags(CLI::App& app, InputOptions* options) {
  app.add_option("--model", options->model, "checkpoint folder")->required();
  app.add_option("--data", options->data, "native trace file")->capture_default_str();
  app.add_option("--traces", options->traces, "the first N")->capture_default_str();
  app.add_option("--max-tokens", options->max_tokens)->capture_default_str();
  AddDeviceFlag(app, &options->device);
  app.add_option("--dtype", options->dtype)->capture_default_str();
  app.add_option("--threads", options->threads, "0: all cores")->capture_default_str();
}

// Throws Error if the file has fewer than options.traces.
inline std::vector<Example> ReadExamples(const InputOptions& options, const StepFormat& format,
                                         const Tokenizer& tokenizer) {
  ExampleOptions example_options;
  example_options.max_tokens = options.max_tokens;
  example_options.too_long = TooLong::kCut;
  std::vector<Example> examples;
  ExampleCounts counts;
  TraceReader reader(options.data);
  for (Trace trace; int(examples.size()) < options.traces && reader.Next(&trace);) {
    std::vector<Example> made =
        MakeExamples({&trace, 1}, format, tokenizer, example_options, &counts);
    if (!made.empty()) examples.push_back(std::move(made[0]));
  }
  if (int(examples.size()) < options.traces) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(options.data, ": expected ", options.traces,
                                                    " labelled traces, got ", examples.size()));
  }
  return examples;
}

inline std::vector<TraceTokens> TokensOf(std::span<const Example> examples) {
  std::vector<TraceTokens> tokens;
  for (const Example& e : examples) tokens.push_back(e.tokens);
  return tokens;
}

// JSON lines for bench/peers: {"id", "ids" [T], "reads" [S], "labels" [S]}, where a label is the
// bit set of the admissible classes and "id" the example's index.
inline void WriteExamples(std::span<const Example> examples, const std::filesystem::path& path) {
  OutputFile file(path);
  for (size_t i = 0; i < examples.size(); ++i) {
    std::vector<int> labels;
    for (const StepTarget& t : examples[i].targets) labels.push_back(t.labels.bits());
    const nlohmann::json line = {{"id", i},
                                 {"ids", examples[i].tokens.ids},
                                 {"reads", examples[i].tokens.step_reads},
                                 {"labels", labels}};
    file.Write(line.dump() + "\n");
  }
  file.Commit();
}

// Registers a bench that runs `body(state, args...)` once, in wall-clock time.
template <class Body, class... Args>
void RunOnce(const std::string& name, Body body, const Args&... args) {
  benchmark::RegisterBenchmark(name.c_str(), body, args...)
      ->Iterations(1)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
  benchmark::RunSpecifiedBenchmarks();
}

// Peak memory of this process; getrusage would include its parent's from before exec.
inline double PeakRssBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024;
  }
  throw Error(ErrorCode::kInternal, "/proc/self/status: no VmHWM");
}

// The device and number format of a scorer.
inline ComputeTarget TargetOf(const StepScorer& scorer) {
  const ModelDescription& d = scorer.description();
  return {at::Device(d.device), d.dtype == "float32" ? at::kFloat : at::kBFloat16};
}

// Waits until the device is idle.
inline void AwaitDevice(at::Device device) {
  if (device.is_cuda())
    c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

// Peak bytes of tensors on a GPU; 0 on a CPU.
inline double PeakDeviceBytes(at::Device device) {
  if (!device.is_cuda()) return 0;
  const auto stats = at::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  return double(stats.allocated_bytes[0].peak);
}

// One linear layer of a decoder block: y [rows, out] = x [rows, in] * w^T.
struct LinearShape {
  int64_t in, out;
};
// qkv, attention output, gate and up, down.
inline std::array<LinearShape, 4> LinearShapes(const ModelConfig& c) {
  const int64_t heads = int64_t(c.num_heads) * c.head_dim;
  const int64_t kv_heads = int64_t(c.num_kv_heads) * c.head_dim;
  return {{{c.hidden_size, heads + 2 * kv_heads},
           {heads, c.hidden_size},
           {c.hidden_size, 2 * int64_t{c.intermediate_size}},
           {c.intermediate_size, c.hidden_size}}};
}

// Multiplications and additions in the linear layers of one forward pass over `tokens` tokens and
// `reads` read positions: in the last block, only qkv runs for all tokens. Without attention.
inline double LinearFlops(const ModelConfig& c, int64_t tokens, int64_t reads) {
  const auto shapes = LinearShapes(c);
  double flops = 0;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const double rows = double(c.num_layers - 1) * double(tokens) + double(i == 0 ? tokens : reads);
    flops += 2.0 * rows * double(shapes[i].in) * double(shapes[i].out);
  }
  return flops;
}

// Floating-point operations per second of at::mm over the linear shapes with `rows` rows: the
// forward products, and with `backward` also those of the gradients of inputs and weights. Each
// product runs for about `seconds_each`; the device is idle when the clock is read.
inline double MatmulFlopsPerSecond(const ModelConfig& config, const ComputeTarget& target,
                                   int64_t rows, bool backward, double seconds_each = 0.2) {
  using Clock = std::chrono::steady_clock;
  double flops = 0, seconds = 0;
  const auto time = [&](const at::Tensor& a, const at::Tensor& b, int64_t count) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < count; ++i) at::mm(a, b);
    AwaitDevice(target.device);
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const auto measure = [&](const at::Tensor& a, const at::Tensor& b) {
    time(a, b, 1);
    double elapsed = 0;
    int64_t count = 0;
    for (int64_t calls = 1; elapsed < seconds_each; calls = std::max<int64_t>(1, count)) {
      elapsed += time(a, b, calls);
      count += calls;
    }
    flops += 2.0 * double(a.size(0)) * double(a.size(1)) * double(b.size(1));
    seconds += elapsed / double(count);
  };
  const auto random = [&](int64_t n, int64_t m) {
    return at::randn({n, m}).to(target.device, target.dtype);
  };
  for (const LinearShape& shape : LinearShapes(config)) {
    const at::Tensor x = random(rows, shape.in), w = random(shape.out, shape.in);
    measure(x, w.t());
    if (!backward) continue;
    const at::Tensor grad = random(rows, shape.out);
    measure(grad, w);
    measure(grad.t(), x);
  }
  return flops / seconds;
}

}  // namespace prm::bench
