// Shared by the row readers: access to named members; all others are kept for meta.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "data/formats/format.h"
#include "data/io/json_lines.h"
#include "data/trace.h"

namespace prm {

// Collects the members of `meta`.
class MetaFields {
 public:
  // Refuses a name that was added before, since one value would be lost.
  void Add(std::string_view name, const JsonField& field);
  void AddText(std::string_view name, std::string_view text);
  void AddJson(std::string_view name, std::string_view json);
  // {"a":..}, or empty if nothing was added.
  std::string Take();

 private:
  std::string json_;
  std::set<std::string, std::less<>> names_;
};

// The members of one row by name. Throws like data/io/json_lines.
class RowFields {
 public:
  RowFields(const JsonField& row, std::initializer_list<std::string_view> names);

  // Refuses an absent member; null is left to the code that reads the value.
  const JsonField& Need(std::string_view name) const;
  const JsonMember& Get(std::string_view name) const;
  bool Has(std::string_view name) const { return Get(name).has_value(); }
  std::string Text(std::string_view name) const { return ReadString(Need(name)); }
  // nullopt if absent or null.
  std::optional<std::string> OptionalText(std::string_view name) const;

  // Adds every member that was not named.
  void KeepOthers(MetaFields* meta) const;
  // The members that were not named, as the whole `meta`.
  std::string OthersAsMeta() const;
  // Adds the named member unchanged, if present.
  void Keep(std::string_view name, MetaFields* meta) const;

 private:
  const JsonField& row_;
  std::vector<std::string_view> names_;
  std::vector<JsonField> others_;  // filled while members_ is built
  std::vector<JsonMember> members_;
};

// "prm800k/17": the id of a row without one.
std::string NumberedId(const Row& row, const ReadOptions& options, std::string_view format);
// The member "id" (text or number), which `fields` must name; else the numbered id.
std::string OwnOrNumberedId(const RowFields& fields, const Row& row, const ReadOptions& options,
                            std::string_view format);
// options.source, or `fallback` if that is empty.
std::string SourceName(const ReadOptions& options, std::string_view fallback);

// The strings of an array.
std::vector<std::string> ReadStrings(const JsonField& field);

// Appends steps; refuses blank steps and an empty list.
void SetSteps(std::vector<std::string> texts, const JsonField& field, Trace* trace);

// Parses "Step 3: text" or "Step 3 - text" into 3 and "text"; nullopt if `text` does not start with
// such a mark or nothing follows it.
struct NumberedText {
  int number = 0;
  std::string_view text;
};
std::optional<NumberedText> ReadStepNumber(std::string_view text);

// Removes these marks if every text has one and the numbers rise.
void StripStepNumbers(std::vector<std::string>* texts);

// Total size of the traces of one row. Steps shared by many traces, such as the paths of a tree,
// could otherwise fill the memory from a small file.
class TraceBudget {
 public:
  static constexpr size_t kMaxBytes = size_t{1} << 28;
  // Refuses the row at `field` if `trace` exceeds kMaxBytes in total.
  void Take(const Trace& trace, const JsonField& field);

 private:
  size_t bytes_ = 0;
};

// Labels steps before `first_error` correct and that step incorrect; later steps get no label. -1:
// all correct. Whether a correct step was needed stays unknown.
void LabelAroundFirstError(int first_error, Trace* trace);

// The lines of `text`, trimmed; blank ones are left out.
std::vector<std::string> TrimmedLines(std::string_view text);

// True for true, "true", "correct", "yes" in any case, 1; false for the opposites; refuses others.
bool ReadVerdict(const JsonField& field);

// A number in [0, 1].
float ReadShare(const JsonField& field);

// A string or a number as text.
std::string ReadScalarText(const JsonField& field);

}  // namespace prm
