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

// The trace that one JSON object describes. `id`, `problem` and `steps` are required. Where
// `first_error` is absent it is taken from the labels as far as they decide it (see
// DecidedFirstError); an explicit null stays "not decidable". Unknown fields go to
// `meta_json`. Throws Error(kInvalidArgument) "`where`: field: expected .., got ..".
Trace ParseTrace(std::string_view json, std::string_view where);
// The same of an object that is parsed already.
Trace TraceFrom(const JsonField& object);

// Reads traces one by one from a plain, gzip or xz file, or "-"; blank lines are skipped. Used by
// one thread at a time.
class TraceReader {
 public:
  explicit TraceReader(const std::filesystem::path& path);
  ~TraceReader();

  // False at the end. Throws Error naming file, line and field; the next call goes on with the
  // following line.
  bool Next(Trace* trace);

  // "train.jsonl:17" of the trace that Next gave last.
  std::string Where() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Every trace of the file, or an Error for the first that is refused.
std::vector<Trace> ReadTraces(const std::filesystem::path& path);

// One line of the native format, without newline. ParseTrace gives an equal trace. Throws Error
// naming the trace for text that is not UTF-8.
std::string TraceToJson(const Trace& trace);

// Writes traces to a file that appears with Close only (see OutputFile).
class TraceWriter {
 public:
  explicit TraceWriter(const std::filesystem::path& path) : file_(path) {}
  void Write(const Trace& trace) { file_.Write(TraceToJson(trace) + "\n"); }
  void Close() { file_.Commit(); }

 private:
  OutputFile file_;
};

}  // namespace prm
