// prm data dedup, prm data split
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "data/command_flags.h"
#include "data/commands.h"
#include "data/curation/split.h"
#include "data/error.h"
#include "data/io/text_io.h"
#include "data/similarity/duplicates.h"

namespace prm {
namespace {

void WarnOfLeftOut(int64_t comparisons) {
  if (comparisons == 0) return;
  std::cerr << "warning: " << comparisons
            << " comparisons were left out, among traces that all look alike\n";
}

}  // namespace

void AddDedupCommand(CLI::App& data) {
  auto options = std::make_shared<DedupOptions>();
  auto exact = std::make_shared<bool>(false);
  CLI::App* dedup = data.add_subcommand(
      "dedup", "Removes traces that repeat an earlier one with the same labels.");
  AddInput(dedup, options->in, "Traces")->required();
  AddOutput(dedup, options->out, "The traces that stay")->required();
  dedup->add_option("--report", options->report,
                    "File with one JSON line per trace that repeats or resembles an earlier one");
  dedup->add_flag("--exact", *exact, "Remove only traces of equal text, keep near-duplicates");
  AddThreads(dedup, options->threads);
  AddExamples(dedup, {"prm data dedup traces.jsonl --out kept.jsonl --report duplicates.jsonl"});
  dedup->callback([options, exact] {
    options->near = !*exact;
    CheckOutputs({options->in}, {options->out, options->report});
    const DedupResult result = Deduplicate(*options);
    std::cerr << result.rows << " traces, " << result.kept << " kept; found";
    for (size_t kind = 0; kind < kNumDuplicateKinds; ++kind) {
      std::cerr << (kind ? ", " : " ") << result.found[kind] << " "
                << DuplicateKindName(DuplicateKind(kind));
    }
    std::cerr << "\n";
    WarnOfLeftOut(result.comparisons_left_out);
  });
}

void AddSplitCommand(CLI::App& data) {
  auto options = std::make_shared<SplitOptions>();
  CLI::App* split = data.add_subcommand(
      "split", "Splits traces so that no problem, nor one like it, is in two parts.");
  split->add_option("--in,in", options->in, "Traces, read twice: no pipe")->required();
  for (size_t part = 0; part < kNumParts; ++part) {
    const std::string name(kPartNames[part]);
    split->add_option("--" + name, options->out[part], "File for the " + name + " part");
    split
        ->add_option("--" + name + "-share", options->shares[part],
                     "Its share of the traces; all are scaled to sum to 1")
        ->capture_default_str();
  }
  split->add_option("--seed", options->seed, "Equal seeds give equal parts")->capture_default_str();
  AddThreads(split, options->threads);
  AddExamples(split, {"prm data split traces.jsonl --train train.jsonl --dev dev.jsonl"});
  split->callback([options] {
    // A part that is not asked for takes no share.
    for (size_t part = 0; part < kNumParts; ++part) {
      if (options->out[part].empty()) options->shares[part] = 0;
    }
    CheckOutputs({options->in},
                 std::vector<std::filesystem::path>(options->out.begin(), options->out.end()));
    const SplitResult result = SplitByGroup(*options);
    std::cerr << result.problems << " problems; largest group " << result.largest_group
              << " traces\n";
    for (size_t part = 0; part < kNumParts; ++part) {
      if (options->out[part].empty()) continue;
      std::cerr << kPartNames[part] << ": " << result.traces[part] << " traces, "
                << result.groups[part] << " groups\n";
    }
  });
}

}  // namespace prm
