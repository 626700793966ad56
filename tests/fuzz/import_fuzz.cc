// Any bytes as a file of every format that can be read: kept or refused row by row; what was kept
// must be a native trace that survives being written and read again, and every writer carries or
// refuses it.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/conversion/import.h"
#include "data/formats/format.h"
#include "data/formats/label_policy.h"
#include "data/records/trace_reader.h"
#include "tests/fuzz/refusal.h"

namespace {

constexpr size_t kMaxTraces = 64;

// In memory where that is mounted, as importers read files.
const std::filesystem::path& InputFile() {
  // Never destroyed: it is removed at the very end.
  static const auto* file = [] {
    const std::filesystem::path folder = std::filesystem::is_directory("/dev/shm")
                                             ? "/dev/shm"
                                             : std::filesystem::temp_directory_path();
    const std::filesystem::path path = folder / ("prm-import-fuzz-" + std::to_string(getpid()));
    std::atexit([] { std::filesystem::remove(InputFile()); });
    return new std::filesystem::path(path);
  }();
  return *file;
}

[[noreturn]] void Fail(std::string_view what, std::string_view about) {
  std::cerr << what << ": " << about << "\n";
  std::abort();
}

void CheckRoundTrip(const prm::Trace& trace) {
  const std::string written = prm::TraceToJson(trace);
  const std::string again = prm::TraceToJson(prm::ParseTrace(written, "written"));
  if (again != written) Fail("changed when read again", written + "\n" + again);
}

void Write(const prm::Format& format, const std::vector<prm::Trace>& traces) {
  const std::unique_ptr<prm::RowWriter> writer = format.new_writer({});
  for (prm::Trace trace : traces) {
    prm::PolicyEffect effect;
    prm::ApplyPolicy(format.write_policy, &trace, &effect);
    MayRefuse([&] { writer->Add(std::move(trace)); });
  }
  writer->Finish([](const prm::WriteResult&) {});
}

void Import(const std::string& name, std::vector<prm::Trace>* traces) {
  prm::ImportOptions options;
  options.format = name;
  options.read.references = true;
  options.read.alternatives = true;
  MayRefuse([&] {
    const auto keep = [&](const prm::Trace& trace) {
      CheckRoundTrip(trace);
      if (traces->size() < kMaxTraces) traces->push_back(trace);
    };
    const prm::ConversionReport report = prm::ImportTraces(InputFile(), options, keep);
    if (report.rows_in != report.rows_out + report.refused) Fail("rows were lost", name);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::ofstream(InputFile(), std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(data), std::streamsize(size));
  std::vector<prm::Trace> traces;
  Import("auto", &traces);
  for (const prm::Format& format : prm::Formats()) {
    if (format.read) Import(std::string(format.name), &traces);
  }
  for (const prm::Format& format : prm::Formats()) {
    if (format.new_writer) Write(format, traces);
  }
  return 0;
}
