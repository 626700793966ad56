// prm data curate
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "data/commands.h"
#include "data/curation/curate.h"
#include "data/io/text_io.h"

namespace prm {

void AddCurateCommand(CLI::App& data) {
  auto options = std::make_shared<CurateOptions>();
  CLI::App* curate = data.add_subcommand(
      "curate", "Chooses traces that pass QA: missing strategies first, then different paths.");
  curate->add_option("file", options->in, "Traces")->required();
  curate->add_option("--out", options->out, "File for the chosen; - for standard output")
      ->required();
  curate->add_option("--plan", options->plan, "Coverage targets, JSON; default 20 a cell");
  curate->add_option("--against", options->against, "Evaluation files whose problems stay out");
  curate->add_option("--guidelines", options->guidelines, "Guidelines by domain, JSON");
  CurateLimits& limits = options->limits;
  curate->add_option("--total", limits.total, "Traces at most; 0: what the targets ask for")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  curate->add_option("--per-problem", limits.per_problem, "Traces at most of one problem")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  curate->add_option("--per-path", limits.per_path, "Traces at most of one path of a problem")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  curate->add_option("--seed", limits.seed, "Between equals")->capture_default_str();
  curate->add_option("--threads", options->threads, "Threads")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
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
