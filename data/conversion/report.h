// Result of an import or export: rows in, traces and rows out, what was refused and why.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/formats/label_policy.h"
#include "data/trace.h"

namespace prm {

struct Refusal {
  std::string where;  // "data.jsonl:17"
  std::string reason;
};

struct ConversionReport {
  static constexpr size_t kMaxListed = 100;

  std::string format;
  bool detected = false;  // the format was detected from the rows
  LabelPolicy policy;
  int64_t rows_in = 0;
  int64_t rows_out = 0;
  int64_t traces = 0;  // written by an import, read by an export
  int64_t steps = 0;
  int64_t refused = 0;
  std::vector<Refusal> refusals;  // the first kMaxListed
  // Steps by label after the policy; "none" for steps without a label, "soft" for soft values.
  std::map<std::string, int64_t> labels;
  PolicyEffect changed;
  // Traces that have a part which the format cannot carry, by part.
  std::map<std::string, int64_t> not_carried;
  // Traces or rows that were cut, merged or not selected, by reason.
  std::map<std::string, int64_t> left_out;
  std::vector<std::string> notes;

  void CountLabels(const Trace& trace);
  void Refuse(const Refusal& refusal);
};

// For people, several lines; as JSON, one object without newline.
std::string ReportToText(const ConversionReport& report);
std::string ReportToJson(const ConversionReport& report);

}  // namespace prm
