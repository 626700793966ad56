// prm data corrupt
#include <CLI/CLI.hpp>
#include <array>
#include <iostream>
#include <memory>
#include <string>

#include "data/command_flags.h"
#include "data/commands.h"
#include "data/records/trace_reader.h"
#include "data/synth/corruption.h"

namespace prm {

void AddCorruptCommand(CLI::App& data) {
  struct Flags {
    std::string file;
    std::string out;
    uint64_t seed = 1;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* corrupt = data.add_subcommand(
      "corrupt",
      "Plants flaws with known labels into right traces: a wrong number or operator (incorrect), "
      "a repeated step (redundant), an omitted premise (incomplete). Also writes the trace "
      "itself.");
  AddInput(corrupt, flags->file, "Traces")->required();
  AddOutput(corrupt, flags->out, "Native traces")->required();
  corrupt->add_option("--seed", flags->seed, "Equal seeds give equal files")->capture_default_str();
  AddExamples(corrupt, {"prm data corrupt traces.jsonl --out corrupted.jsonl"});
  corrupt->callback([flags] {
    CheckOutputs({flags->file}, {flags->out});
    TraceReader reader(flags->file);
    TraceWriter writer(flags->out);
    std::array<int64_t, kNumCorruptions> written{};
    int64_t traces = 0;
    int64_t unused = 0;
    for (Trace trace; reader.Next(&trace);) {
      ++traces;
      bool used = false;
      for (int kind = 0; kind < kNumCorruptions; ++kind) {
        const auto planted = CorruptTrace(trace, Corruption(kind), flags->seed);
        if (!planted) continue;
        writer.Write(*planted);
        ++written[size_t(kind)];
        used = true;
      }
      unused += !used;
    }
    writer.Close();
    std::cerr << traces << " traces read, " << unused
              << " not used because a step is wrong or has no label; written:";
    for (int kind = 0; kind < kNumCorruptions; ++kind) {
      std::cerr << " " << written[size_t(kind)] << " " << kCorruptionNames[size_t(kind)];
    }
    std::cerr << "\n";
  });
}

}  // namespace prm
