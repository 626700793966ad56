// Any bytes as a file of ratings, as gold for it and as annotators: read, or refused with
// prm::Error; what was accepted must give a report whose figures are in their ranges.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "data/agreement/agreement_report.h"
#include "data/agreement/annotators.h"
#include "tests/fuzz/refusal.h"
#include "tests/temp_folder.h"

namespace {

void Require(bool holds, const std::string& what) {
  if (holds) return;
  std::cerr << what << "\n";
  std::abort();
}

void Report(const prm::Ratings& ratings, const std::optional<prm::Gold>& gold) {
  prm::ReportOptions options;
  options.bootstrap.replicates = 5;
  const prm::AgreementReport report = prm::MakeAgreementReport(ratings, gold, options);
  for (const prm::ShownStatistic& shown : report.statistics) {
    const auto& value = shown.statistic.value;
    Require(value.has_value() == shown.statistic.why.empty(), shown.key + ": value or reason");
    Require(!value || (*value <= 1 + 1e-9 && *value >= -1e6), shown.key + ": out of range");
  }
  Require(!prm::AgreementJson(report, ratings).empty(), "no JSON");
  Require(prm::AgreementHtml(report, ratings, "fuzz").find("nan") == std::string::npos ||
              ratings.units().size() > 0,
          "a page of nothing has no number");
  Require(!prm::AgreementText(report, ratings).empty(), "no text");
  Require(!prm::RatingsCsv(ratings).empty(), "no matrix");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const prm::TempFolder folder;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto path = folder.Write("ratings.jsonl", bytes);
  for (const prm::RatingsFileOptions& options :
       {prm::RatingsFileOptions{}, prm::RatingsFileOptions{{"0", "1", "x"}}}) {
    MayRefuse([&] {
      const prm::Ratings ratings = prm::ReadRatings(path, options);
      Report(ratings, std::nullopt);
      MayRefuse([&] { Report(ratings, prm::ReadGold(path, ratings)); });
    });
  }
  MayRefuse([&] {
    const prm::AnnotatorsFile file = prm::ReadAnnotators(path);
    Require(!prm::ListAnnotators(file.annotators, {}).empty(), "no list");
  });
  return 0;
}
