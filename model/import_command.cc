// prm import, prm formats, prm check
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "data/error.h"
#include "model/check.h"
#include "model/commands.h"
#include "model/import.h"
#include "model/published_formats.h"

namespace prm {
namespace {

void AddImportCommand(CLI::App& app) {
  auto o = std::make_shared<ImportOptions>();
  CLI::App* import = app.add_subcommand(
      "import", "Make a checkpoint of a published process reward model's folder");
  import->add_option("folder", o->folder, "Folder in Hugging Face layout, or of a LoRA adapter")
      ->required();
  import->add_option("--format", o->format, "A name that prm formats lists, or FILE.json")
      ->required();
  import->add_option("--base", o->base, "Folder of the model that a LoRA adapter changes");
  import->add_option("--reference", o->reference, "Second folder of an implicit model");
  import->add_option("--out", o->out, "Checkpoint folder")->required();
  import->add_option("--name", o->name, "Where the model is from; default: the folder's name");
  AddScorerFlags(import, &o->scorer);
  import->callback([o] {
    for (const std::string& note : ImportModel(*o).notes) {
      std::fprintf(stderr, "note: %s\n", note.c_str());
}
}  // namespace
);
}  // namespace prm

void AddFormatsCommand(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  CLI::App* formats = app.add_subcommand("formats", "List the formats of prm import, or show one");
  formats->add_option("name", *name, "Print this format file, to be changed and imported with");
  formats->callback([name] {
    for (const PublishedFormat& format : PublishedFormats()) {
      if (name->empty()) {
        const nlohmann::json document = ParseJson(format.json, format.name);
        std::cout << format.name << std::string(18 - format.name.size(), ' ')
                  << document.at("about").get<std::string>() << "\n";
      } else if (format.name == *name) {
        std::cout << format.json << "\n";
        return;
      }
    }
    if (!name->empty()) {
      throw Error(ErrorCode::kNotFound, StrCat("no format '", *name, "'; prm formats lists them"));
    }
  });
}

struct CheckOptions {
  std::string model, reference;
  double tolerance = -1;
  ScorerOptions scorer;
};

void RunCheck(const CheckOptions& options) {
  const auto scorer = LoadStepScorer(options.model, options.scorer);
  const CheckResult result = CheckAgainstReference(*scorer, options.reference);
  const double tolerance = options.tolerance >= 0                     ? options.tolerance
                           : scorer->description().dtype == "float32" ? 1e-4
                                                                      : 2e-2;
  std::printf("%lld traces, %lld steps\nmean difference  %.3g\nworst difference %.3g  at %s\n",
              (long long)result.traces, (long long)result.steps, result.mean, result.worst,
              result.worst_where.c_str());
  if (result.worst <= tolerance) return;
  throw Error(ErrorCode::kDataLoss, StrCat("the scores differ by ", result.worst,
                                           " from the reference; expected at most ", tolerance));
}

void AddCheckCommand(CLI::App& app) {
  auto o = std::make_shared<CheckOptions>();
  CLI::App* check =
      app.add_subcommand("check", "Compare a checkpoint's scores with reference scores");
  check->add_option("--model", o->model, "Checkpoint folder")->required();
  check
      ->add_option("--reference", o->reference,
                   "JSON lines with problem and steps, or ids and step_reads, and scores")
      ->required();
  check->add_option("--tolerance", o->tolerance, "Default: 1e-4 in float32, else 2e-2")
      ->check(CLI::NonNegativeNumber);
  AddScorerFlags(check, &o->scorer);
  check->callback([o] { RunCheck(*o); });
}

}  // namespace

void AddImportCommands(CLI::App& app) {
  AddImportCommand(app);
  AddFormatsCommand(app);
  AddCheckCommand(app);
}

}  // namespace prm
