// prm data curate
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "data/command_flags.h"
#include "data/commands.h"
#include "data/curation/curate.h"
#include "data/io/text_io.h"

namespace prm {

void AddCurateCommand(CLI::App& data) {
  auto options = std::make_shared<CurateOptions>();
  CLI::App* curate = data.add_subcommand(
      "curate", "Chooses traces that pass QA: missing strategies first, then different paths.");
  curate->add_option("--in,in", options->in, "Traces, read twice: no pipe")->required();
  AddOutput(curate, options->out, "The chosen traces")->required();
  curate->add_option("--plan", options->plan, "Coverage targets, JSON; default: 20 per cell");
  curate->add_option("--against", options->against, "Evaluation files whose problems stay out");
  curate->add_option("--guidelines", options->guidelines, "Guidelines by domain, JSON");
  CurateLimits& limits = options->limits;
  AddNumber(curate, "--total", limits.total, 0, 1'000'000'000,
            "Largest number of traces; 0: what the targets ask for");
  AddNumber(curate, "--per-problem", limits.per_problem, 1, 1'000'000'000,
            "Largest number of traces per problem");
  AddNumber(curate, "--per-path", limits.per_path, 1, 1'000'000'000,
            "Largest number of traces per path of a problem");
  curate->add_option("--seed", limits.seed, "Decides between equals")->capture_default_str();
  AddThreads(curate, options->threads);
  AddExamples(curate, {"prm data curate traces.jsonl --out chosen.jsonl --against dev.jsonl"});
  curate->callback([options] {
    std::vector<std::filesystem::path> inputs = options->against;
    inputs.insert(inputs.end(), {options->in, options->guidelines, options->plan});
    CheckOutputs(inputs, {options->out});
    const CurateResult result = Curate(*options);
    const CurateChoice& choice = result.choice;
    std::cerr << result.rows << " traces, " << result.passed << " passed QA; left out "
              << result.duplicates << " duplicates and " << result.contaminated
              << " of evaluation problems\nchose " << choice.chosen.size() << ": "
              << choice.by_deficit << " to fill cells, " << choice.by_distance
              << " for their distance\n";
    for (const CurateChoice::Shortfall& cell : choice.unfilled) {
      std::cerr << "not filled: " << CellText(cell.cell) << ": " << cell.chosen << " of "
                << cell.target << "; " << cell.candidates << " candidates";
      if (cell.capped > 0) std::cerr << ", " << cell.capped << " kept out by the caps";
      std::cerr << "\n";
    }
  });
}

}  // namespace prm
