// How fast are packed linear layers in bfloat16 and int8, compared with LibTorch's products? Times
// the four products of a layer of a 0.5B decoder, activations included, alternating in one process.
//
//   kernel_linear_bench [rows...]
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "model/ops/glu.h"
#include "model/ops/packed_linear.h"

namespace prm {
namespace {

double Seconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Layer {
  const char* name;
  int64_t inputs, outputs;
  bool gated;
};

void Measure(const Layer& layer, int64_t rows) {
  const auto options = at::TensorOptions().dtype(at::kBFloat16);
  // Cycles through several weights, as in a model, so that they do not stay in the cache.
  std::vector<at::Tensor> weights;
  std::vector<ops::PackedLinear> packed, int8;
  for (int i = 0; i < 6; ++i) {
    weights.push_back(at::randn({layer.outputs, layer.inputs}, at::kFloat).to(options));
    packed.emplace_back(weights.back(), at::Tensor(), ops::LinearOptions{.gated = layer.gated});
    int8.emplace_back(weights.back(), at::Tensor(),
                      ops::LinearOptions{.gated = layer.gated, .format = ops::WeightFormat::kInt8});
  }
  const at::Tensor x = at::randn({rows, layer.inputs}, at::kFloat).to(options);
  const auto multiply = [&](const std::vector<ops::PackedLinear>& all) {
    return Seconds([&] {
      for (const auto& w : all) layer.gated ? w.Glu(x, Activation::kSilu) : w.Forward(x);
    });
  };
  double best[4] = {1e9, 1e9, 1e9, 1e9};
  for (int round = 0; round < 5; ++round) {
    best[0] = std::min(best[0], multiply(packed));
    best[3] = std::min(best[3], multiply(int8));
    best[1] = std::min(best[1], Seconds([&] {
                         for (const at::Tensor& w : weights) at::mm(x, w.t());
                       }));
    best[2] = std::min(best[2], Seconds([&] {
                         for (const at::Tensor& w : weights) {
                           const at::Tensor y = at::mm(x, w.t());
                           if (layer.gated) ops::Glu(y, Activation::kSilu);
                         }
                       }));
  }
  const double flops = 2.0 * 6 * double(rows * layer.inputs * layer.outputs);
  std::printf(
      "%-8s %5ld x %4ld x %5ld  packed %4.0f GFLOP/s  int8 %4.0f (%.2fx)  mm %4.0f  mm and "
      "activation %4.0f\n",
      layer.name, long(rows), long(layer.inputs), long(layer.outputs), flops / best[0] / 1e9,
      flops / best[3] / 1e9, best[0] / best[3], flops / best[1] / 1e9, flops / best[2] / 1e9);
}

}  // namespace
}  // namespace prm

int main(int argc, char** argv) {
  at::set_num_threads(int(std::thread::hardware_concurrency()));
  std::vector<int64_t> rows;
  for (int i = 1; i < argc; ++i) rows.push_back(std::atol(argv[i]));
  if (rows.empty()) rows = {1, 32, 128, 512, 2048};
  for (const int64_t r : rows) {
    prm::Measure({"qkv", 896, 1152, false}, r);
    prm::Measure({"out", 896, 896, false}, r);
    prm::Measure({"gate_up", 896, 9728, true}, r);
    prm::Measure({"down", 4864, 896, false}, r);
  }
}
