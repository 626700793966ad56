// What readers of rows share: named members, all others kept for meta.
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
  // Refuses a name that was added before, since one of the two would be lost.
  void Add(std::string_view name, const JsonField& field);
  void AddText(std::string_view name, std::string_view text);
  void AddJson(std::string_view name, std::string_view json);
  // {"a":..}, or empty where nothing was added.
  std::string Take();

 private:
  std::string json_;
  std::set<std::string, std::less<>> names_;
};

// The members of one row by name. Throws what data/io/json_lines throws.
class RowFields {
 public:
  RowFields(const JsonField& row, std::initializer_list<std::string_view> names);

  // Refuses what is absent; null is left to who reads the value.
  const JsonField& Need(std::string_view name) const;
  const JsonMember& Get(std::string_view name) const;
  bool Has(std::string_view name) const { return Get(name).has_value(); }
  std::string Text(std::string_view name) const { return ReadString(Need(name)); }
  // nullopt where absent or null.
  std::optional<std::string> OptionalText(std::string_view name) const;

  // Every member that was not named.
  void KeepOthers(MetaFields* meta) const;
  // The same as the whole of `meta`.
  std::string OthersAsMeta() const;
  // The named member as it is, if it is there.
  void Keep(std::string_view name, MetaFields* meta) const;

 private:
  const JsonField& row_;
  std::vector<std::string_view> names_;
  std::vector<JsonField> others_;  // filled while members_ is made
  std::vector<JsonMember> members_;
};

// "prm800k/17": the id of a row that has none.
std::string NumberedId(const Row& row, const ReadOptions& options, std::string_view format);
// The member "id", text or number, which `fields` must name; else the numbered one.
std::string OwnOrNumberedId(const RowFields& fields, const Row& row, const ReadOptions& options,
                            std::string_view format);
// options.source, or `fallback` where that is empty.
std::string SourceName(const ReadOptions& options, std::string_view fallback);

// The strings of an array.
std::vector<std::string> ReadStrings(const JsonField& field);

// Appends steps; blank ones and none at all are refused.
void SetSteps(std::vector<std::string> texts, const JsonField& field, Trace* trace);

// "Step 3: text", "Step 3 - text" as 3 and "text"; nullopt where no such mark starts `text` or
// nothing follows it.
struct NumberedText {
  int number = 0;
  std::string_view text;
};
std::optional<NumberedText> ReadStepNumber(std::string_view text);

// Takes these marks off the texts if every one has one and the numbers rise.
void StripStepNumbers(std::vector<std::string>* texts);

// What the traces of one row hold together: steps that many of them share, as the paths of a tree
// do, could fill the memory from a small file.
class TraceBudget {
 public:
  static constexpr size_t kMaxBytes = size_t{1} << 28;
  // Refuses the row at `field` where `trace` goes past kMaxBytes.
  void Take(const Trace& trace, const JsonField& field);

 private:
  size_t bytes_ = 0;
};

// Correct before `first_error`, incorrect there, no label behind; -1: all correct. Which correct
// step was needed stays unknown.
void LabelAroundFirstError(int first_error, Trace* trace);

// The lines of `text`, trimmed; blank ones are left out.
std::vector<std::string> TrimmedLines(std::string_view text);

// True, "true", "correct", "yes" in any case, 1; and their opposites. Refuses all else.
bool ReadVerdict(const JsonField& field);

// A number in [0, 1].
float ReadShare(const JsonField& field);

// A string or a number as text.
std::string ReadScalarText(const JsonField& field);

}  // namespace prm
