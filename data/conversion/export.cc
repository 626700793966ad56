#include "data/conversion/export.h"

#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/io/json_rows.h"
#include "data/records/trace_reader.h"

namespace prm {
namespace {

class Exporter {
 public:
  Exporter(const Format& format, const ExportOptions& options,
           const std::function<void(std::string_view)>& write)
      : format_(format),
        options_(options),
        write_(write),
        writer_(format.new_writer(options.write)) {
    report_.format = format.name;
    report_.policy = options.policy;
  }

  void Read(const std::filesystem::path& in) {
    JsonRows rows(in);
    while (ReadOne(&rows)) {
      if (options_.on_progress) options_.on_progress(report_);
    }
  }

  ConversionReport Finish() {
    writer_->Finish([this](const WriteResult& result) { Take(result); });
    return std::move(report_);
  }

 private:
  // Returns false at the end of the file.
  bool ReadOne(JsonRows* rows) {
    JsonField object;
    try {
      if (!rows->Next(&object)) return false;
    } catch (const Error& error) {
      ++report_.rows_in;
      Refuse(rows->where(), error, error.what());
      return true;
    }
    ++report_.rows_in;
    Trace trace;
    try {
      trace = TraceFrom(object);
    } catch (const Error& error) {
      Refuse(rows->where(), error, error.what());
      return true;
    }
    try {
      Add(std::move(trace));
    } catch (const Error& error) {
      Refuse(rows->where(), error, StrCat(rows->where(), ": ", error.what()));
    }
    return true;
  }

  void Add(Trace trace) {
    PolicyEffect changed;
    ApplyPolicy(options_.policy, &trace, &changed);
    const Trace labelled = trace;
    const WriteResult result = writer_->Add(std::move(trace));
    // From here on the trace is not refused.
    Take(result);
    ++report_.traces;
    report_.CountLabels(labelled);
    report_.changed += changed;
    for (const std::string_view part :
         PartsNotCarried(labelled, format_.carries | result.carried)) {
      ++report_.not_carried[std::string(part)];
    }
  }

  void Take(const WriteResult& result) {
    for (const std::string& row : result.rows) write_(row);
    report_.rows_out += int64_t(result.rows.size());
    for (const auto& [reason, count] : result.left_out) report_.left_out[reason] += count;
  }

  void Refuse(const std::string& where, const Error& error, const std::string& reason) {
    if (error.code() != ErrorCode::kInvalidArgument) throw error;
    if (options_.strict) throw Error(error.code(), reason);
    const Refusal refusal{where, reason};
    report_.Refuse(refusal);
    if (options_.on_refusal) options_.on_refusal(refusal);
  }

  const Format& format_;
  const ExportOptions& options_;
  const std::function<void(std::string_view)>& write_;
  std::unique_ptr<RowWriter> writer_;
  ConversionReport report_;
};

}  // namespace

void CheckPolicy(const Format& format, const LabelPolicy& policy) {
  if (format.new_writer == nullptr) {
    throw OptionError(StrCat("the format ", format.name, " can be read, but not written"));
  }
  CheckFates(policy);
  const auto check = [&](bool keeps, LabelFate fate, std::string_view label) {
    if (keeps || fate != LabelFate::kOwn) return;
    throw OptionError(StrCat("the format ", format.name, " has no class of its own for ", label,
                             " steps: choose another policy"));
  };
  check(format.keeps_redundant, policy.redundant, "redundant");
  check(format.keeps_incomplete, policy.incomplete, "incomplete");
}

ConversionReport ExportTraces(const std::vector<std::filesystem::path>& in, const Format& format,
                              const ExportOptions& options,
                              const std::function<void(std::string_view)>& write) {
  CheckPolicy(format, options.policy);
  Exporter exporter(format, options, write);
  for (const std::filesystem::path& file : in) exporter.Read(file);
  return exporter.Finish();
}

}  // namespace prm
