// prm import, prm formats, prm check
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "model/commands.h"
#include "model/config/json_fields.h"
#include "model/config/published_formats.h"
#include "model/exchange/import.h"
#include "model/scoring/check.h"
#include "model/scoring/offline_scoring.h"

namespace prm {
namespace {

void AddImportCommand(CLI::App& app) {
  auto o = std::make_shared<ModelImportOptions>();
  CLI::App* verb = app.add_subcommand(
      "import", "Make a checkpoint of a published process reward model's folder");
  verb->add_option("folder", o->folder, "Folder in Hugging Face layout, or of a LoRA adapter")
      ->required();
  verb->add_option("--format", o->format, "A name that prm formats lists, or FILE.json")
      ->required();
  verb->add_option("--base", o->base, "Folder of the model that a LoRA adapter changes");
  verb->add_option("--reference", o->reference, "Second folder of an implicit model");
  verb->add_option("--out", o->out, "Checkpoint folder")->required();
  verb->add_option("--name", o->name, "Where the model is from; default: the folder's name");
  AddScorerFlags(verb, &o->scorer);
  verb->remove_option(verb->get_option("--weights"));  // a checkpoint keeps them as stored
  verb->callback([o] {
    for (const std::string& note : ImportModel(*o).notes) {
      std::fprintf(stderr, "note: %s\n", note.c_str());
    }
  });
}

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
  std::string model, reference, data;
  double tolerance = -1;
  OfflineOptions scoring;
  ScorerOptions scorer;
};

double ToleranceOf(const ModelDescription& model) {
  if (model.weights != ScorerOptions().weights) return kNarrowTolerance;
  return model.dtype == "float32" ? 1e-4 : 2e-2;
}

void Print(const CheckResult& result) {
  std::printf("%lld traces, %lld steps\nmean difference  %.3g\nworst difference %.3g  at %s\n",
              (long long)result.traces, (long long)result.steps, result.mean, result.worst,
              result.worst_where.c_str());
}

void Require(double worst, double tolerance, const char* from) {
  if (worst <= tolerance) return;
  throw Error(ErrorCode::kDataLoss, StrCat("the scores differ by ", worst, " from ", from,
                                           "; expected at most ", tolerance));
}

void CheckReference(const CheckOptions& options) {
  const auto scorer = OpenScorer(options.model, options.scorer);
  const CheckResult result = CheckAgainstReference(*scorer, options.reference);
  Print(result);
  Require(result.worst,
          options.tolerance >= 0 ? options.tolerance : ToleranceOf(scorer->description()),
          "the reference");
}

// What they change is reported; it is refused beyond a tolerance that was given.
void CheckWeights(const CheckOptions& options) {
  const WeightsChange change =
      CompareWeights(options.model, options.scorer, options.data, options.scoring);
  const char* weights = change.model.weights.c_str();
  std::printf("%s weights against weights as stored, %s on %s\n\nself-tests: ", weights,
              change.model.dtype.c_str(), change.model.device.c_str());
  Print(change.self_tests);
  if (change.data.traces > 0) {
    std::printf("\n%s: ", options.data.c_str());
    Print(change.data);
  }
  if (change.auroc && change.stored_auroc) {
    std::printf("step AUROC       %.4f as stored, %.4f %s: %+.4f\n", *change.stored_auroc,
                *change.auroc, weights, *change.auroc - *change.stored_auroc);
  }
  if (options.tolerance < 0) return;
  Require(std::max(change.self_tests.worst, change.data.worst), options.tolerance,
          "those of the weights as stored");
}

void RunCheck(const CheckOptions& options) {
  const bool as_stored = options.scorer.weights == ScorerOptions().weights;
  if (options.reference.empty() && as_stored) {
    throw UsageError("check: give --reference, or --weights int8 or fp8, or both");
  }
  if (!options.data.empty() && as_stored) {
    throw UsageError("check: --data goes with --weights int8 or fp8");
  }
  if (!as_stored) CheckWeights(options);
  if (!options.reference.empty()) CheckReference(options);
}

void AddCheckCommand(CLI::App& app) {
  auto o = std::make_shared<CheckOptions>();
  CLI::App* check =
      app.add_subcommand("check",
                         "Compare a checkpoint's scores with reference scores, or those of "
                         "narrow weights with those of its own");
  check->add_option("--model", o->model, "Checkpoint folder")->required();
  check->add_option("--reference", o->reference,
                    "JSON lines with problem and steps, or ids and step_reads, and scores");
  check->add_option("--data", o->data,
                    "Labelled traces: what --weights int8 or fp8 does to their scores and AUROC");
  check
      ->add_option("--tolerance", o->tolerance,
                   "Default: 1e-4 in float32, else 2e-2, of narrow weights 0.1; what these change "
                   "is only reported")
      ->check(CLI::NonNegativeNumber);
  AddScoringFlags(check, &o->scoring, &o->scorer);
  check->callback([o] { RunCheck(*o); });
}

}  // namespace

void AddImportCommands(CLI::App& app) {
  AddImportCommand(app);
  AddFormatsCommand(app);
  AddCheckCommand(app);
}

}  // namespace prm
