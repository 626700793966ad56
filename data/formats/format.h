// What a trace format is: how its rows are told, read and written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/formats/label_policy.h"
#include "data/io/json_lines.h"
#include "data/trace.h"

namespace prm {

// --- in -----------------------------------------------------------------------------------------

// How plain text is cut into steps.
enum class SplitRule { kNumbered, kLines, kParagraphs, kSentences };
// What becomes of GSM8K's calculator marks <<16-3=13>>.
enum class CalculatorMarks { kMeta, kStrip, kKeep };

struct ReadOptions {
  // The `source` of traces whose rows name none, and the head of ids of rows that have none;
  // empty: the format's name.
  std::string source;
  // Reference solutions that stand beside the judged one become traces of their own, taken as
  // correct; else they are kept under meta only.
  bool references = false;
  // PRM800K's rated alternatives become traces of their own beside being kept under meta.
  bool alternatives = false;
  SplitRule split = SplitRule::kNumbered;
  CalculatorMarks calculator_marks = CalculatorMarks::kMeta;
  // Where the first step begins in formats that join it to the problem.
  std::string first_step_mark = "Step 1:";
};

// One row of a file: what is kept or refused as a whole.
struct Row {
  std::string_view where;          // "data.jsonl:17"
  int64_t number = 0;              // from 0, refused rows included
  std::vector<JsonField> objects;  // one; the instances of one response in ROSCOE; none in text
  std::string_view text;           // plain text only
};

struct RowTraces {
  std::vector<Trace> traces;
  // Only with ReadOptions::references. Rows may share one; it is kept once.
  std::vector<Trace> references;
};

// --- out ----------------------------------------------------------------------------------------

struct WriteOptions {
  // Between the steps of one text, and between problem and steps.
  std::string joint = "\n\n";
  // Steps without a label: written as null, or as the format's own tag, where true; else those at
  // the end are cut, which changes no loss, and a trace with one further in front is refused.
  bool keep_masked = false;
  // Keep traces whose answer is not known to be right among the SFT positives.
  bool unknown_answers = false;
};

// What became of traces that are no refused ones, counted by reason.
using Counts = std::map<std::string, int64_t>;

struct WriteResult {
  std::vector<std::string> rows;  // without newline
  Counts left_out;                // not selected, or cut, by reason
  uint32_t carried = 0;           // TraceParts that these rows carry beyond Format::carries
};

class RowWriter {
 public:
  virtual ~RowWriter() = default;
  // Throws Error(kInvalidArgument) for a trace that the format cannot carry.
  virtual WriteResult Add(Trace trace) = 0;
  // Hands over, in parts, what waited for the last trace. Once, last.
  virtual void Finish(const std::function<void(const WriteResult&)>& /*take*/) {}
};

// The parts of a trace beside problem and step texts.
enum TracePart : uint32_t {
  kPartId = 1,
  kPartSoft = 2,
  kPartFirstError = 4,
  kPartFinalCorrect = 8,
  kPartAnswer = 16,
  kPartReferenceAnswer = 32,
  kPartDomain = 64,
  kPartStrategy = 128,
  kPartSource = 256,
  kPartAnnotations = 512,
  kPartMeta = 1024,
  kAllParts = 2047,
  // Of a format: the first error is carried where the labels decide it.
  kPartDecidedFirstError = 2048,
};
// The parts that are there, by name. `carried`: TraceParts bits to leave out.
std::vector<std::string_view> PartsNotCarried(const Trace& trace, uint32_t carried);

// --- both ---------------------------------------------------------------------------------------

// A member by which rows are recognised.
struct RowMember {
  enum Kind : uint8_t { kAny, kString, kInteger, kArray, kStringArray, kObject };
  std::string_view name;
  Kind kind = kAny;
};

struct Format {
  std::string_view name;
  std::string_view rows;  // one line for --help
  // All of them are there in a row of this format; empty: not recognised by its rows.
  std::vector<RowMember> members = {};

  // nullptr: cannot be read. Throws Error(kInvalidArgument) for a row that is refused.
  RowTraces (*read)(const Row& row, const ReadOptions& options) = nullptr;
  // The rows of one top-level object; nullptr: the object is the row.
  std::vector<std::vector<JsonField>> (*unpack)(const JsonField& object) = nullptr;
  // Rows are blocks of text, not JSON.
  bool is_text = false;

  // nullptr: cannot be written.
  std::unique_ptr<RowWriter> (*new_writer)(const WriteOptions& options) = nullptr;
  LabelPolicy write_policy = {};  // where none is asked for
  bool keeps_redundant = true;    // whether "own" is possible
  bool keeps_incomplete = true;
  uint32_t carries = 0;  // TraceParts
};

// Every format, in the order of --help.
std::span<const Format> Formats();

// Throws UsageError that lists the names.
const Format& FormatNamed(std::string_view name);

// The one whose members are all in every object; of two, where one's members include the other's,
// the more particular one. Throws Error(kInvalidArgument) saying what was found where that is none
// or several.
const Format& DetectFormat(std::span<const JsonField> objects);

}  // namespace prm
