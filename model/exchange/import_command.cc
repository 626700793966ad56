// prm model import, formats and compare
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "data/command_flags.h"
#include "data/error.h"
#include "model/commands.h"
#include "model/config/json_fields.h"
#include "model/config/published_formats.h"
#include "model/exchange/import.h"
#include "model/scoring/check.h"
#include "model/scoring/offline_scoring.h"

namespace prm {
namespace {

void AddImportCommand(CLI::App& model) {
  auto o = std::make_shared<ModelImportOptions>();
  CLI::App* verb =
      model.add_subcommand("import", "Makes a checkpoint of a published process reward model.");
  verb->add_option("folder", o->folder, "Folder in Hugging Face layout, or of a LoRA adapter")
      ->required();
  verb->add_option("--format", o->format, "A name that prm model formats lists, or FILE.json")
      ->required();
  verb->add_option("--base", o->base, "Folder of the model that a LoRA adapter changes");
  verb->add_option("--reference", o->reference, "Second folder of an implicit model");
  verb->add_option("--out", o->out, "New checkpoint folder")->required();
  verb->add_option("--name", o->name, "Name of the model; default: the folder's");
  AddScorerFlags(verb, &o->scorer);
  verb->remove_option(verb->get_option("--weights"));  // a checkpoint keeps them as stored
  AddExamples(verb, {"prm model import Qwen2.5-Math-PRM-7B --format qwen-prm --out model"});
  verb->callback([o] {
    for (const std::string& note : ImportModel(*o).notes) {
      std::fprintf(stderr, "note: %s\n", note.c_str());
    }
  });
}

void AddFormatsCommand(CLI::App& model) {
  auto name = std::make_shared<std::string>();
  CLI::App* formats =
      model.add_subcommand("formats", "Lists the formats of prm model import, or prints one.");
  formats->add_option("name", *name, "Print this format file, as a start for your own");
  AddExamples(formats, {"prm model formats", "prm model formats qwen-prm >format.json"});
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
      throw Error(ErrorCode::kNotFound,
                  StrCat("no format '", *name, "'; prm model formats lists them"));
    }
  });
}

struct CompareOptions {
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

void CheckReference(const CompareOptions& options) {
  const auto scorer = OpenScorer(options.model, options.scorer);
  const CheckResult result = CheckAgainstReference(*scorer, options.reference);
  Print(result);
  Require(result.worst,
          options.tolerance >= 0 ? options.tolerance : ToleranceOf(scorer->description()),
          "the reference");
}

// What they change is reported; it is refused beyond a tolerance that was given.
void CheckWeights(const CompareOptions& options) {
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

void RunCompare(const CompareOptions& options) {
  const bool as_stored = options.scorer.weights == ScorerOptions().weights;
  if (options.reference.empty() && as_stored) {
    throw OptionError("compare: expected --reference, or --weights int8 or fp8, or both");
  }
  if (!options.data.empty() && as_stored) {
    throw OptionError("compare: --data: expected --weights int8 or fp8 beside it");
  }
  if (!as_stored) CheckWeights(options);
  if (!options.reference.empty()) CheckReference(options);
}

void AddCompareCommand(CLI::App& model) {
  auto o = std::make_shared<CompareOptions>();
  CLI::App* compare = model.add_subcommand(
      "compare",
      "Compares a checkpoint's scores with those of another program, or scores by narrow weights "
      "with those by the stored weights.");
  compare->add_option("--model", o->model, "Checkpoint folder")->required();
  compare->add_option("--reference", o->reference,
                      "JSON lines with problem and steps, or ids and step_reads, and scores");
  compare->add_option(
      "--data", o->data,
      "Labelled traces, for what --weights int8 or fp8 changes in scores and AUROC");
  const NumberRange<double> differences{0, 1};
  compare
      ->add_option(
          "--tolerance", o->tolerance,
          "Largest difference; default: 1e-4 in float32, else 2e-2. For narrow weights the "
          "difference is only reported without this flag")
      ->check(differences, differences.Text());
  AddScoringFlags(compare, &o->scoring, &o->scorer);
  AddExamples(compare, {"prm model compare --model model --reference reference.jsonl",
                        "prm model compare --model model --weights int8 --data traces.jsonl"});
  compare->callback([o] { RunCompare(*o); });
}

}  // namespace

void AddImportCommands(CLI::App& model) {
  AddImportCommand(model);
  AddFormatsCommand(model);
  AddCompareCommand(model);
}

}  // namespace prm
