// Drives a fuzz target where libFuzzer is not there: runs every seed, then mutated seeds until the
// time is up. Built with -fsanitize-coverage=trace-pc it keeps the inputs that reach new code.
//
//   NAME_fuzz [-max_total_time=SECONDS] [-runs=N] [-seed=N] [-max_len=BYTES] FILE|FOLDER...
//
// The options are libFuzzer's. Without a time or a number of runs, only the given files are run.
// A crash is the target's own (signal or sanitizer report); its input is left in crash-input.bin.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/coverage.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;

struct Options {
  double max_total_time_s = 0;
  int64_t runs = 0;
  uint64_t seed = 1;
  size_t max_len = 1 << 16;
  std::vector<std::filesystem::path> paths;
};

// The places that the inputs so far have reached.
std::array<uint8_t, kCoveragePlaces> g_seen;

const Input* g_running = nullptr;

// Only async-signal-safe calls: it runs inside a crash.
void SaveRunningInput() {
  if (g_running == nullptr) return;
  const int fd = open("crash-input.bin", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return;
  if (write(fd, g_running->data(), g_running->size()) < 0) perror("crash-input.bin");
  close(fd);
  g_running = nullptr;
}

void OnSignal(int signal) {
  SaveRunningInput();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

bool ReachesNewCode() {
  bool is_new = false;
  for (size_t i = 0; i < kCoveragePlaces; ++i) {
    if (g_coverage[i] && !g_seen[i]) {
      g_seen[i] = 1;
      is_new = true;
    }
  }
  return is_new;
}

bool Run(const Input& input) {
  std::fill_n(g_coverage, kCoveragePlaces, 0);
  g_running = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
  g_running = nullptr;
  return ReachesNewCode();
}

// Numbers and tokens that parsers of JSON and of binary headers trip over.
const std::vector<std::string> kDictionary = {"null",
                                              "true",
                                              "-1",
                                              "1e999",
                                              "18446744073709551616",
                                              "\"",
                                              "\\u0000",
                                              "\\ud800",
                                              "[",
                                              "]",
                                              "{",
                                              "}",
                                              ",",
                                              ":",
                                              "\n",
                                              "\xff",
                                              "\xed\xa0\x80",
                                              std::string(1, '\0'),
                                              std::string("\xff\xff\xff\xff\xff\xff\xff\xff"),
                                              std::string("\0\0\0\0\0\0\0\x80", 8),
                                              std::string("\xff\xff\xff\x7f"),
                                              std::string("\1\0\0\0\0\0\0\0", 8),
                                              std::string(64, '[')};

class Mutator {
 public:
  Mutator(uint64_t seed, size_t max_len) : random_(seed), max_len_(max_len) {}

  size_t Below(size_t n) { return n == 0 ? 0 : random_() % n; }

  // One to eight random changes; `other` lends its bytes to splices.
  Input Mutate(Input input, const Input& other) {
    const size_t changes = size_t{1} << Below(4);
    for (size_t i = 0; i < changes; ++i) Change(input, other);
    if (input.size() > max_len_) input.resize(max_len_);
    return input;
  }

 private:
  void Change(Input& input, const Input& other) {
    const size_t at = Below(input.size() + 1);
    switch (Below(7)) {
      case 0:
        if (at < input.size()) input[at] ^= uint8_t(1u << Below(8));
        break;
      case 1:
        if (at < input.size()) input[at] = uint8_t(random_());
        break;
      case 2:
        input.insert(input.begin() + at, uint8_t(random_()));
        break;
      case 3:
        input.erase(input.begin() + at, input.begin() + at + Below(input.size() - at + 1));
        break;
      case 4: {
        const std::string& word = kDictionary[Below(kDictionary.size())];
        input.insert(input.begin() + at, word.begin(), word.end());
        break;
      }
      case 5: {
        const std::string& word = kDictionary[Below(kDictionary.size())];
        const size_t n = std::min(word.size(), input.size() - at);
        std::copy_n(word.begin(), n, input.begin() + at);
        break;
      }
      default: {
        const size_t from = Below(other.size() + 1);
        const size_t n = Below(other.size() - from + 1);
        const Input piece(other.begin() + from, other.begin() + from + n);
        input.insert(input.begin() + at, piece.begin(), piece.end());
      }
    }
  }

  std::mt19937_64 random_;
  size_t max_len_;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    const std::string value(equals == argument.npos ? "" : argument.substr(equals + 1));
    if (argument.starts_with("-max_total_time=")) {
      options.max_total_time_s = std::stod(value);
    } else if (argument.starts_with("-runs=")) {
      options.runs = std::stoll(value);
    } else if (argument.starts_with("-seed=")) {
      options.seed = std::stoull(value);
    } else if (argument.starts_with("-max_len=")) {
      options.max_len = std::stoull(value);
    } else if (argument.starts_with("-")) {
      throw std::invalid_argument("unknown option " + std::string(argument));
    } else {
      options.paths.emplace_back(argument);
    }
  }
  return options;
}

Input ReadInput(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::invalid_argument("cannot read " + path.string());
  return Input(std::istreambuf_iterator<char>(file), {});
}

std::vector<Input> ReadSeeds(const Options& options) {
  std::vector<std::filesystem::path> files;
  for (const auto& path : options.paths) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Input> seeds;
  for (const auto& file : files) seeds.push_back(ReadInput(file));
  if (seeds.empty()) throw std::invalid_argument("no seeds: name a file or a folder with files");
  return seeds;
}

int FuzzMain(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed_s = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::vector<Input> corpus = ReadSeeds(options);
  const size_t seeds = corpus.size();
  for (const Input& seed : corpus) Run(seed);

  Mutator mutator(options.seed, options.max_len);
  int64_t runs = 0;
  while (elapsed_s() < options.max_total_time_s || runs < options.runs) {
    const Input& base = corpus[mutator.Below(corpus.size())];
    Input input = mutator.Mutate(base, corpus[mutator.Below(corpus.size())]);
    if (Run(input)) corpus.push_back(std::move(input));
    ++runs;
  }
  const auto places = std::count(g_seen.begin(), g_seen.end(), 1);
  std::cerr << seeds << " seeds, " << runs << " mutated inputs, " << corpus.size() - seeds
            << " kept, " << places << " places of code reached"
            << (places == 0 ? " (built without -fsanitize-coverage=trace-pc)" : "") << "\n";
  return 0;
}

}  // namespace

// Sanitizers call this before they end the process.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

int main(int argc, char** argv) {
  for (int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS}) std::signal(signal, OnSignal);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(SaveRunningInput);
  try {
    return FuzzMain(ParseOptions(argc, argv));
  } catch (const std::invalid_argument& error) {
    std::cerr << argv[0] << ": " << error.what() << "\n";
    return 2;
  }
}
