// How long does loading a checkpoint take, and how much memory? Loading/<dtype> opens it as prm
// serve does, without the self-test; Reading reads the same bytes into fresh memory, which is the
// lower bound. Before every round the files are dropped from the page cache, unless --warm.
//
//   loading_bench --model CHECKPOINT [--rounds N] [--warm] [--benchmark_out=RESULT.json]
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/model_bench.h"
#include "data/io/file_error.h"
#include "model/step_scorer.h"

namespace prm::bench {
namespace {

struct Options {
  std::string model, device = "cpu", dtype = "auto", weights = "as-stored";
  int rounds = 3, threads = 0;
  bool warm = false, verify = true;
};

std::vector<std::filesystem::path> WeightFiles(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  return files;
}

// Calls f(descriptor) for each weights file.
template <class F>
void ForEachFile(const Options& options, const F& f) {
  for (const auto& path : WeightFiles(options.model)) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw FileError("open", path, errno);
    f(file);
    close(file);
  }
}

void DropFromCache(const Options& options) {
  if (options.warm) return;
  ForEachFile(options, [](int file) {
    fdatasync(file);
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  });
}

double WeightBytes(const Options& options) {
  double size = 0;
  for (const auto& path : WeightFiles(options.model)) size += double(file_size(path));
  return size;
}

void ReadAll(const Options& options) {
  constexpr size_t kRead = size_t{8} << 20;
  const size_t size = size_t(WeightBytes(options)) + kRead;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw FileError("map memory for", options.model, errno);
  madvise(memory, size, MADV_HUGEPAGE);
  char* next = static_cast<char*>(memory);
  ForEachFile(options, [&](int file) {
    for (ssize_t got = 1; got > 0; next += got) got = read(file, next, kRead);
  });
  munmap(memory, size);
}

void Reading(benchmark::State& state, const Options& options) {
  for (auto _ : state) {
    state.PauseTiming();
    DropFromCache(options);
    state.ResumeTiming();
    ReadAll(options);
  }
  state.SetBytesProcessed(int64_t(WeightBytes(options)) * state.iterations());
}

void Loading(benchmark::State& state, const Options& options) {
  const double size = WeightBytes(options);
  for (auto _ : state) {
    state.PauseTiming();
    DropFromCache(options);
    state.ResumeTiming();
    auto scorer = LoadStepScorer(options.model, {.dtype = options.dtype,
                                                 .weights = options.weights,
                                                 .device = options.device,
                                                 .threads = options.threads,
                                                 .self_test = false,
                                                 .verify = options.verify});
    AwaitDevice(TargetOf(*scorer).device);
    state.PauseTiming();
    scorer.reset();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(int64_t(size) * state.iterations());
  state.counters["weights_bytes"] = size;
  state.counters["peak_rss_bytes"] = PeakRssBytes();
  state.counters["peak_rss_to_weights"] = PeakRssBytes() / size;
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  CLI::App app("Seconds until a checkpoint can score (and Google Benchmark's --benchmark_* flags)");
  Options options;
  app.add_option("--model", options.model, "checkpoint folder")->required();
  AddDeviceFlag(app, &options.device);
  app.add_option("--dtype", options.dtype)->capture_default_str();
  app.add_option("--weights", options.weights, "as-stored | int8 | fp8")->capture_default_str();
  app.add_option("--threads", options.threads, "0: all cores")->capture_default_str();
  app.add_flag("!--no-verify", options.verify, "Do not compare the files with their sums");
  app.add_option("--rounds", options.rounds)->capture_default_str();
  app.add_flag("--warm", options.warm, "leave the files in the page cache");
  CLI11_PARSE(app, argc, argv);
  using Bench = void (*)(benchmark::State&, const Options&);
  for (const auto& [name, run] : std::initializer_list<std::pair<const char*, Bench>>{
           {"Reading", Reading}, {"Loading", Loading}}) {
    benchmark::RegisterBenchmark(name, run, options)
        ->Iterations(options.rounds)
        ->UseRealTime()
        ->Unit(benchmark::kSecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace prm::bench

int main(int argc, char** argv) {
  return prm::bench::ReportErrors("loading_bench", prm::bench::Main, argc, argv);
}
