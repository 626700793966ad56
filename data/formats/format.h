// The definition of a trace format: how its rows are recognised, read and written.
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

// How plain text is split into steps.
enum class SplitRule { kNumbered, kLines, kParagraphs, kSentences };
// How GSM8K's calculator marks <<16-3=13>> are treated.
enum class CalculatorMarks { kMeta, kStrip, kKeep };

struct ReadOptions {
  // Used as `source` if a row names none, and as the prefix of generated ids; empty: the format's
  // name.
  std::string source;
  // Reference solutions beside the judged one become traces of their own, taken as correct;
  // otherwise they are kept only under meta.
  bool references = false;
  // PRM800K's rated alternatives become traces of their own as well as staying under meta.
  bool alternatives = false;
  SplitRule split = SplitRule::kNumbered;
  CalculatorMarks calculator_marks = CalculatorMarks::kMeta;
  // Marks the first step in formats that join it to the problem.
  std::string first_step_mark = "Step 1:";
};

// One row of a file: the unit that is kept or refused.
struct Row {
  std::string_view where;          // "data.jsonl:17"
  int64_t number = 0;              // from 0, refused rows included
  std::vector<JsonField> objects;  // one; in ROSCOE, the instances of one response; in text, none
  std::string_view text;           // plain text only
};

struct RowTraces {
  std::vector<Trace> traces;
  // Only with ReadOptions::references. A reference shared by several rows is kept once.
  std::vector<Trace> references;
};

// --- out ----------------------------------------------------------------------------------------

struct WriteOptions {
  // Separator between steps of one text, and between problem and steps.
  std::string joint = "\n\n";
  // true: steps without a label are written as null or as the format's own tag. false: they are cut
  // at the end, which changes no loss; a trace with one further forward is refused.
  bool keep_masked = false;
  // Keep traces whose answer is not known to be right in the SFT positives.
  bool unknown_answers = false;
};

// Traces and steps that are left out without a refusal, counted by reason.
using Counts = std::map<std::string, int64_t>;

struct WriteResult {
  std::vector<std::string> rows;  // without newline
  Counts left_out;                // not selected, or cut, by reason
  uint32_t carried = 0;           // TraceParts that these rows carry beyond Format::carries
};

class RowWriter {
 public:
  virtual ~RowWriter() = default;
  // Throws Error(kInvalidArgument) for a trace that the format cannot represent.
  virtual WriteResult Add(Trace trace) = 0;
  // Passes the rows that waited for the last trace to the callback, in parts. Called once, last.
  virtual void Finish(const std::function<void(const WriteResult&)>& /*take*/) {}
};

// Parts of a trace other than problem and step texts.
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
  // Of a format: carries the first error if the labels decide it.
  kPartDecidedFirstError = 2048,
};
// Names of the parts present in `trace`. `carried`: TraceParts bits to leave out.
std::vector<std::string_view> PartsNotCarried(const Trace& trace, uint32_t carried);

// --- both ---------------------------------------------------------------------------------------

// A JSON member by which rows are recognised.
struct RowMember {
  enum Kind : uint8_t { kAny, kString, kInteger, kArray, kStringArray, kObject };
  std::string_view name;
  Kind kind = kAny;
};

struct Format {
  std::string_view name;
  std::string_view rows;  // one line for --help
  // A row of this format has all of them; empty: the format is not detected from rows.
  std::vector<RowMember> members = {};

  // nullptr: cannot be read. Throws Error(kInvalidArgument) for a refused row.
  RowTraces (*read)(const Row& row, const ReadOptions& options) = nullptr;
  // The rows of one top-level object; nullptr: the object is the row.
  std::vector<std::vector<JsonField>> (*unpack)(const JsonField& object) = nullptr;
  // Rows are blocks of text, not JSON.
  bool is_text = false;

  // nullptr: cannot be written.
  std::unique_ptr<RowWriter> (*new_writer)(const WriteOptions& options) = nullptr;
  LabelPolicy write_policy = {};  // the default policy
  bool keeps_redundant = true;    // whether "own" is allowed
  bool keeps_incomplete = true;
  uint32_t carries = 0;  // TraceParts
};

// All formats, in the order of --help.
std::span<const Format> Formats();

// Throws OptionError listing the names if `name` is unknown.
const Format& FormatNamed(std::string_view name);

// The format whose members are all in every object. If one matching format's members include
// another's, the more specific one. Throws Error(kInvalidArgument) stating what was found if none
// or several match.
const Format& DetectFormat(std::span<const JsonField> objects);

}  // namespace prm
