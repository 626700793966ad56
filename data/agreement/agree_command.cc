// prm data agree
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "data/agreement/agreement_report.h"
#include "data/command_flags.h"
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
  if (flags.csv != "-" && flags.json != "-" && flags.html != "-") {
    std::cout << AgreementText(report, ratings);
  }
}

}  // namespace

void AddAgreeCommand(CLI::App& data) {
  auto flags = std::make_shared<Flags>();
  CLI::App* agree = data.add_subcommand(
      "agree", "Reports how well annotators agree per step, and whether they pass the gate.");
  AddInput(agree, flags->file, "Native traces with annotations, or ratings as JSON lines")
      ->required();
  agree->add_option("--gold", flags->gold, "Gold labels: native traces, or JSON lines with label");
  agree->add_option("--scores", flags->scores,
                    "Scores of the same traces by prm score, of a model that was not trained on "
                    "them: ranks steps for review in the HTML page");
  agree
      ->add_option("--labels", flags->input.labels,
                   "The declared labels, separated by commas; default: the four step labels")
      ->delimiter(',');
  agree->add_option("--votes", flags->input.votes, "Field that lists one vote per annotator")
      ->capture_default_str();
  agree->add_option("--html", flags->html, "File for the page with pictures");
  AddJson(agree, flags->json);
  agree->add_option("--csv", flags->csv, "File for the ratings, one line per step");
  BootstrapOptions& bootstrap = flags->report.bootstrap;
  AddNumber(agree, "--replicates", bootstrap.replicates, 1, 1'000'000, "Resamples of traces");
  agree->add_option("--seed", bootstrap.seed, "Equal seeds give equal intervals")
      ->capture_default_str();
  AddNumber(agree, "--worst", flags->report.worst_steps, 0, 1'000'000'000,
            "Steps listed with least agreement");
  AddExamples(agree, {"prm data agree annotated.jsonl",
                      "prm data agree annotated.jsonl --html page.html --json agreement.json"});
  agree->callback([flags] { Agree(*flags); });
}

}  // namespace prm
