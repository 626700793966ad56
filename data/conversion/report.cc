#include "data/conversion/report.h"

#include <array>
#include <nlohmann/json.hpp>

#include "data/error.h"

namespace prm {
namespace {

using Counts = std::map<std::string, int64_t>;

void AppendCounts(std::string_view title, const Counts& counts, std::string* text) {
  if (counts.empty()) return;
  *text += StrCat(title, ":\n");
  for (const auto& [name, count] : counts) *text += StrCat("  ", name, ": ", count, "\n");
}

void AppendRefusals(const ConversionReport& report, std::string* text) {
  if (report.refused == 0) return;
  *text += StrCat("refused: ", report.refused, "\n");
  for (const Refusal& refusal : report.refusals) *text += StrCat("  ", refusal.reason, "\n");
  const int64_t more = report.refused - int64_t(report.refusals.size());
  if (more > 0) *text += StrCat("  and ", more, " more\n");
}

}  // namespace

void ConversionReport::CountLabels(const Trace& trace) {
  std::array<int64_t, kNumLabels> count{};
  int64_t none = 0, soft = 0;
  for (const Step& step : trace.steps) {
    ++(step.label ? count[size_t(*step.label)] : none);
    soft += step.soft.has_value();
  }
  const auto add = [this](std::string_view name, int64_t more) {
    if (more > 0) labels[std::string(name)] += more;
  };
  for (size_t i = 0; i < count.size(); ++i) add(kLabelNames[i], count[i]);
  add("none", none);
  add("soft", soft);
  steps += int64_t(trace.steps.size());
}

void ConversionReport::Refuse(const Refusal& refusal) {
  ++refused;
  if (refusals.size() < kMaxListed) refusals.push_back(refusal);
}

std::string ReportToText(const ConversionReport& report) {
  std::string text =
      StrCat("format: ", report.format, report.detected ? " (detected)" : "", "\n",
             "policy: redundant ", LabelFateName(report.policy.redundant), ", incomplete ",
             LabelFateName(report.policy.incomplete), ", after the first error ",
             LabelFateName(report.policy.after_first_error), ", null masked\n",
             "rows in: ", report.rows_in, "\nrows out: ", report.rows_out,
             "\ntraces: ", report.traces, "\nsteps: ", report.steps, "\n");
  AppendCounts("labels", report.labels, &text);
  Counts changed;
  if (report.changed.redundant > 0) changed["redundant"] = report.changed.redundant;
  if (report.changed.incomplete > 0) changed["incomplete"] = report.changed.incomplete;
  if (report.changed.after_first_error > 0) {
    changed["after the first error"] = report.changed.after_first_error;
  }
  AppendCounts("labels changed by the policy", changed, &text);
  AppendCounts("not carried by the format (traces)", report.not_carried, &text);
  AppendCounts("left out", report.left_out, &text);
  AppendRefusals(report, &text);
  for (const std::string& note : report.notes) text += StrCat("note: ", note, "\n");
  return text;
}

std::string ReportToJson(const ConversionReport& report) {
  using nlohmann::json;
  json refusals = json::array();
  for (const Refusal& refusal : report.refusals) {
    refusals.push_back({{"where", refusal.where}, {"reason", refusal.reason}});
  }
  const json object = {{"format", report.format},
                       {"detected", report.detected},
                       {"policy", json::parse(PolicyToJson(report.policy))},
                       {"rows_in", report.rows_in},
                       {"rows_out", report.rows_out},
                       {"traces", report.traces},
                       {"steps", report.steps},
                       {"labels", report.labels},
                       {"changed",
                        {{"redundant", report.changed.redundant},
                         {"incomplete", report.changed.incomplete},
                         {"after_first_error", report.changed.after_first_error}}},
                       {"not_carried", report.not_carried},
                       {"left_out", report.left_out},
                       {"refused", report.refused},
                       {"refusals", std::move(refusals)},
                       {"notes", report.notes}};
  // Reasons may quote bytes that are not valid UTF-8.
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace prm
