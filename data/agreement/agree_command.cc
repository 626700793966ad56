// prm data agree
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "data/agreement/agreement_report.h"
#include "data/commands.h"
#include "data/io/text_io.h"

namespace prm {
namespace {

struct Flags {
  std::string file, gold, scores, html, json, csv;
  RatingsFileOptions input;
  ReportOptions report;
};

void Agree(const Flags& flags) {
  CheckOutputs({flags.file, flags.gold, flags.scores}, {flags.html, flags.json, flags.csv});
  // Opened first: the intervals may take long.
  std::optional<OutputFile> json, html, csv;
  if (!flags.json.empty()) json.emplace(flags.json);
  if (!flags.html.empty()) html.emplace(flags.html);
  if (!flags.csv.empty()) csv.emplace(flags.csv);
  const Ratings ratings = ReadRatings(flags.file, flags.input);
  std::optional<Gold> gold;
  if (!flags.gold.empty()) gold = ReadGold(flags.gold, ratings);
  std::optional<ReviewRanking> ranking;
  if (!flags.scores.empty()) {
    ranking = RankForReview(ratings, ReadModelProbs(flags.scores, ratings));
  }
  const AgreementReport report = MakeAgreementReport(ratings, gold, flags.report);
  if (json) json->Write(AgreementJson(report, ratings));
  if (html) {
    html->Write(AgreementHtml(report, ratings,
                              std::filesystem::path(flags.file).filename().string(),
                              ranking ? &*ranking : nullptr));
  }
  if (csv) csv->Write(RatingsCsv(ratings));
  for (std::optional<OutputFile>* file : {&json, &html, &csv}) {
    if (*file) (*file)->Commit();
  }
  if (flags.csv != "-" && flags.json != "-" && flags.html != "-")
    std::cout << AgreementText(report, ratings);
}

}  // namespace

void AddAgreeCommand(CLI::App& data) {
  auto flags = std::make_shared<Flags>();
  CLI::App* agree = data.add_subcommand(
      "agree", "Says how far annotators agree, step by step, and whether their gate passes.");
  agree
      ->add_option("file", flags->file,
                   "Native traces with annotations, or ratings as JSON lines; - is standard input")
      ->required();
  agree->add_option("--gold", flags->gold, "Gold labels: native traces, or JSON lines with label");
  agree->add_option("--scores", flags->scores,
                    "What prm score wrote of the same traces, by a model that has not seen their "
                    "problems: ranks steps for review in the HTML page");
  agree
      ->add_option("--labels", flags->input.labels,
                   "The declared labels, comma separated; default: the four step labels")
      ->delimiter(',');
  agree->add_option("--votes", flags->input.votes, "Field that lists one vote an annotator")
      ->capture_default_str();
  agree->add_option("--html", flags->html, "Writes a page with pictures");
  agree->add_option("--json", flags->json, "Writes every figure; - is standard output");
  agree->add_option("--csv", flags->csv, "Writes the raw matrix, a line a step");
  BootstrapOptions& bootstrap = flags->report.bootstrap;
  agree->add_option("--replicates", bootstrap.replicates, "Resamples of traces")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  agree->add_option("--seed", bootstrap.seed, "Equal seeds give equal intervals")
      ->capture_default_str();
  agree->add_option("--worst", flags->report.worst_steps, "Steps listed with least agreement")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  agree->callback([flags] { Agree(*flags); });
}

}  // namespace prm
