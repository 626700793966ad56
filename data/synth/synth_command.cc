// prm data synth
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "data/command_flags.h"
#include "data/commands.h"
#include "data/synth/synth.h"

namespace prm {

void AddSynthCommand(CLI::App& data) {
  struct Flags {
    std::string folder;
    SynthFiles files;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* synth = data.add_subcommand(
      "synth",
      "Writes labelled traces whose labels are known because the traces were built from them.");
  synth
      ->add_option("--out", flags->folder,
                   "Folder for train.jsonl, dev.jsonl and rerank.jsonl, which must not be there")
      ->required();
  SynthFiles& files = flags->files;
  AddNumber(synth, "--train", files.train, 0, 1'000'000'000, "Traces to train on");
  AddNumber(synth, "--dev", files.dev, 0, 1'000'000'000,
            "Traces to evaluate on, from other problem templates");
  AddNumber(synth, "--rerank", files.rerank, 0, 1'000'000'000,
            "Problems with eight candidates each");
  synth->add_option("--seed", files.seed, "Equal seeds give equal files")->capture_default_str();
  AddExamples(synth, {"prm data synth --out synthetic --train 1000 --dev 100 --rerank 10"});
  synth->callback([flags] {
    WriteSynthFiles(flags->folder, flags->files);
    std::cerr << "wrote " << flags->files.train << " train traces, " << flags->files.dev
              << " dev traces and " << flags->files.rerank << " rerank problems to "
              << flags->folder << "\n";
  });
}

}  // namespace prm
