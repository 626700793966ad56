// Imports and exports of texts, for the tests of data/formats.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/conversion/export.h"
#include "data/conversion/import.h"
#include "data/records/trace_reader.h"
#include "tests/temp_folder.h"

namespace prm {

struct Imported {
  std::vector<Trace> traces;
  ConversionReport report;
};

inline Imported ImportFile(const std::filesystem::path& file, const ImportOptions& options = {}) {
  Imported imported;
  imported.report =
      ImportTraces(file, options, [&](const Trace& trace) { imported.traces.push_back(trace); });
  return imported;
}

inline Imported Import(std::string_view text, const ImportOptions& options = {}) {
  const TempFolder folder;
  return ImportFile(folder.Write("in.jsonl", text), options);
}

inline Imported ImportAs(std::string_view format, std::string_view text) {
  ImportOptions options;
  options.format = format;
  return Import(text, options);
}

struct Exported {
  std::vector<std::string> rows;
  ConversionReport report;

  std::string text() const {
    std::string all;
    for (const std::string& row : rows) all += row + "\n";
    return all;
  }
};

// Uses the format's own policy.
inline Exported Export(const std::vector<Trace>& traces, std::string_view format,
                       ExportOptions options = {}) {
  options.policy = FormatNamed(format).write_policy;
  std::string text;
  for (const Trace& trace : traces) text += TraceToJson(trace) + "\n";
  const TempFolder folder;
  Exported exported;
  exported.report = ExportTraces({folder.Write("native.jsonl", text)}, FormatNamed(format), options,
                                 [&](std::string_view row) { exported.rows.emplace_back(row); });
  return exported;
}

inline std::string LabelsOf(const Trace& trace) {
  std::string text;
  for (const Step& step : trace.steps) text += step.label ? "NRXI"[size_t(*step.label)] : '.';
  return text;
}

// Steps "a", "b", ..; labels N necessary, R redundant, X incorrect, I incomplete, . none.
inline Trace TraceWith(std::string_view id, std::string_view labels) {
  Trace trace;
  trace.id = id;
  trace.problem = "What is 2 + 2?";
  for (size_t i = 0; i < labels.size(); ++i) {
    Step step{std::string(1, char('a' + i)), std::nullopt, std::nullopt};
    if (labels[i] != '.') step.label = StepLabel(std::string_view("NRXI").find(labels[i]));
    trace.steps.push_back(std::move(step));
  }
  trace.first_error = DecidedFirstError(trace);
  return trace;
}

}  // namespace prm
