// How many bytes of text per second does one core tokenize? Runs every tokenizer of the shared data
// over all problems and steps of its training file, each encoded by itself. The target for
// byte-level BPE is 20 MB/s (bytes_per_second).
//
//   tokenizer_bench [--benchmark_filter=Encode/gpt2]
#include <benchmark/benchmark.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/error.h"
#include "data/io/text_io.h"
#include "data/tokenizers/load_tokenizer.h"
#include "data/tokenizers/tokenizer.h"
#include "tests/shared_data.h"

namespace prm {
namespace {

// Problems and steps, in file order.
std::vector<std::string> TrainingTexts() {
  std::vector<std::string> texts;
  LineReader reader(SharedData() / "steps/train.jsonl.xz");
  std::string_view line;
  while (reader.Next(&line)) {
    const nlohmann::json trace = nlohmann::json::parse(line);
    texts.push_back(trace.at("problem"));
    for (const auto& step : trace.at("steps")) {
      texts.push_back(step.is_string() ? step : step.at("text"));
    }
  }
  return texts;
}

void EncodeTexts(benchmark::State& state, const std::filesystem::path& path) {
  static const std::vector<std::string> texts = TrainingTexts();
  const std::shared_ptr<const Tokenizer> tokenizer = LoadTokenizer(path);
  std::vector<TokenId> ids;
  size_t bytes = 0, tokens = 0;
  for (auto _ : state) {
    for (const std::string& text : texts) {
      ids.clear();
      tokenizer->Encode(text, SpecialTokens::kText, &ids);
      benchmark::DoNotOptimize(ids.data());
      bytes += text.size();
      tokens += ids.size();
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.counters["tokens_per_second"] =
      benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
  state.counters["text_bytes"] =
      static_cast<double>(bytes) / static_cast<double>(state.iterations());
}

void LoadOnly(benchmark::State& state, const std::filesystem::path& path) {
  for (auto _ : state) benchmark::DoNotOptimize(LoadTokenizer(path));
}

void Register() {
  for (const char* name : {"gpt2", "smollm2", "qwen", "qwen/qwen.tiktoken", "llama3", "llama2",
                           "mistral_v1", "mistral_v3"}) {
    const std::filesystem::path path = SharedData() / "tokenizers" / name;
    benchmark::RegisterBenchmark(StrCat("Encode/", name).c_str(), EncodeTexts, path)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(StrCat("Load/", name).c_str(), LoadOnly, path)
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace
}  // namespace prm

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (!std::filesystem::exists(prm::SharedData() / "steps/train.jsonl.xz")) {
    std::fprintf(stderr, "no shared data; set PRM_SHARED_DATA\n");
    return 1;
  }
  prm::Register();
  benchmark::RunSpecifiedBenchmarks();
}
