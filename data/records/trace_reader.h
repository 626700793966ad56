// The native trace file: JSON lines in and out.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/io/text_io.h"
#include "data/trace.h"

namespace prm {

struct JsonField;

// Parses the trace of one JSON object. `id`, `problem` and `steps` are required. An absent
// `first_error` is derived from the labels if they decide it (DecidedFirstError); an explicit null
// stays "not decidable". Unknown fields go to `meta_json`. Throws Error(kInvalidArgument) "`where`:
// field: expected .., got ..".
Trace ParseTrace(std::string_view json, std::string_view where);
// Like ParseTrace, for an object that is already parsed.
Trace TraceFrom(const JsonField& object);

// Reads traces one by one from a plain, gzip or xz file, or "-"; blank lines are skipped. Used by
// one thread at a time.
class TraceReader {
 public:
  explicit TraceReader(const std::filesystem::path& path);
  ~TraceReader();

  // Returns false at the end. Throws Error naming file, line and field; the next call continues
  // with the following line.
  bool Next(Trace* trace);

  // "train.jsonl:17": the place of the trace that Next returned last.
  std::string Where() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Every trace of the file; throws Error for the first that is refused.
std::vector<Trace> ReadTraces(const std::filesystem::path& path);

// One line of the native format, without newline; ParseTrace returns an equal trace. Throws Error
// naming the trace for text that is not UTF-8.
std::string TraceToJson(const Trace& trace);

// Writes traces to a file that appears only with Close (see OutputFile).
class TraceWriter {
 public:
  explicit TraceWriter(const std::filesystem::path& path) : file_(path) {}
  void Write(const Trace& trace) { file_.Write(TraceToJson(trace) + "\n"); }
  void Close() { file_.Commit(); }

 private:
  OutputFile file_;
};

}  // namespace prm
