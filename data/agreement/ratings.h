// Who gave which label to which step: the table that every agreement statistic uses.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace prm {

// The unit of rating: one step of one text version of a trace.
struct RatedUnit {
  int trace = 0;  // index into Ratings::traces()
  int step = 0;   // 0-based
  int text_version = 1;
  int words = 0;        // of the step's text; 0: unknown
  std::string excerpt;  // of the step's text; empty: unknown
};

struct Rating {
  int annotator = 0;         // index into Ratings::annotators()
  std::optional<int> label;  // index into Ratings::labels(); nullopt: seen, not labelled (unsure,
                             // gave up, bad problem, not reached)
  std::optional<double> seconds;  // active time
};

// Ratings of units by annotators, with a closed set of labels. Names keep the order of their first
// appearance. Any thread may read; one thread may add.
class Ratings {
 public:
  // `labels`: the declared set. Observed labels do not change it, since some statistics depend on
  // its size. Throws Error(kInvalidArgument) for an empty set and for a repeated name.
  explicit Ratings(std::vector<std::string> labels);

  // Index of the name; adds it if it is new.
  int Trace(std::string_view id);
  int Annotator(std::string_view id);
  // Index of the unit with this trace, step and text version; adds it with all fields if new.
  int Unit(const RatedUnit& unit);
  std::optional<int> FindUnit(std::string_view trace, int step, int text_version) const;
  std::optional<int> FindLabel(std::string_view name) const;

  // Throws Error(kAlreadyExists) if the annotator has already rated the unit: which rating counts
  // is not for a statistic to guess.
  void Add(int unit, const Rating& rating);

  const std::vector<std::string>& labels() const { return labels_; }
  const std::vector<std::string>& traces() const { return traces_; }
  const std::vector<std::string>& annotators() const { return annotators_; }
  const std::vector<RatedUnit>& units() const { return units_; }
  // Sorted by annotator, labelled or not.
  std::span<const Rating> Of(int unit) const { return ratings_[size_t(unit)]; }
  // "step 3 of trace p17", plus the text version unless it is the first.
  std::string NameOf(int unit) const;

 private:
  std::vector<std::string> labels_, traces_, annotators_;
  std::unordered_map<std::string, int> trace_index_, annotator_index_;
  std::map<std::tuple<int, int, int>, int> unit_index_;
  std::vector<RatedUnit> units_;
  std::vector<std::vector<Rating>> ratings_;  // [units]
};

// How many annotators gave each label to each unit.
struct LabelCounts {
  int labels = 0;           // declared
  std::vector<int> counts;  // [units][labels]
  std::vector<int> trace;   // [units] cluster of the unit
  int traces = 0;           // clusters, including those without units
  int units() const { return int(trace.size()); }
  std::span<const int> Of(int unit) const {
    return {counts.data() + size_t(unit) * size_t(labels), size_t(labels)};
  }
};

// `view[label]` is the label's index among `labels` labels of another set, or -1 to leave such
// ratings out. `without`: index of an annotator left out, or -1.
struct LabelView {
  std::vector<int> view;
  int labels = 0;
};
LabelView SameLabels(const Ratings& ratings);
LabelCounts CountLabels(const Ratings& ratings, const LabelView& view, int without = -1);

// For every two annotators a < b with a unit in common: a table of their labels on units that both
// labelled, [labels][labels], rows are a's labels.
std::map<std::pair<int, int>, std::vector<double>> PairTables(const Ratings& ratings);

// The raw matrix: one line per unit with trace, step, text version and each annotator's label
// (empty if not given). Source of the quoting: RFC 4180.
std::string RatingsCsv(const Ratings& ratings);

}  // namespace prm
