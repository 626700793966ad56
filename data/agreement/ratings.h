// Who gave which label to which step: the table that every agreement statistic reads.
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

// What is rated: one step of one text version of a trace.
struct RatedUnit {
  int trace = 0;  // index into Ratings::traces()
  int step = 0;   // 0-based
  int text_version = 1;
  int words = 0;        // of the step's text; 0: not known
  std::string excerpt;  // of the step's text; empty: not known
};

struct Rating {
  int annotator = 0;              // index into Ratings::annotators()
  std::optional<int> label;       // index into Ratings::labels(); nullopt: looked at, not labelled
                                  // (unsure, gave up, bad problem, not reached)
  std::optional<double> seconds;  // active time
};

// A closed set of labels, and ratings of units by annotators. Names are kept in order of their
// first appearance. Reading from any thread, adding from one.
class Ratings {
 public:
  // `labels`: the declared set; observed labels do not change it, for some statistics depend on its
  // size. Throws Error(kInvalidArgument) for an empty set and for a name that comes twice.
  explicit Ratings(std::vector<std::string> labels);

  // Index of the thing named, added where new.
  int Trace(std::string_view id);
  int Annotator(std::string_view id);
  // The unit with this trace, step and text version, added with the other fields where new.
  int Unit(const RatedUnit& unit);
  std::optional<int> FindUnit(std::string_view trace, int step, int text_version) const;
  std::optional<int> FindLabel(std::string_view name) const;

  // Throws Error(kAlreadyExists) where the annotator has rated the unit already: which of two
  // ratings counts is not for a statistic to guess.
  void Add(int unit, const Rating& rating);

  const std::vector<std::string>& labels() const { return labels_; }
  const std::vector<std::string>& traces() const { return traces_; }
  const std::vector<std::string>& annotators() const { return annotators_; }
  const std::vector<RatedUnit>& units() const { return units_; }
  // Rising by annotator, labelled or not.
  std::span<const Rating> Of(int unit) const { return ratings_[size_t(unit)]; }
  // "step 3 of trace p17", with the text version where it is not the first.
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
  int traces = 0;           // clusters, also those without a unit
  int units() const { return int(trace.size()); }
  std::span<const int> Of(int unit) const {
    return {counts.data() + size_t(unit) * size_t(labels), size_t(labels)};
  }
};

// `view[label]` is the label's index among `labels` labels of another set, or -1: such ratings are
// left out. `without`: an annotator left out, or -1.
struct LabelView {
  std::vector<int> view;
  int labels = 0;
};
LabelView SameLabels(const Ratings& ratings);
LabelCounts CountLabels(const Ratings& ratings, const LabelView& view, int without = -1);

// Of every two annotators a < b with a unit in common: the labels of one unit where both gave one;
// [labels][labels], rows are a's.
std::map<std::pair<int, int>, std::vector<double>> PairTables(const Ratings& ratings);

// The raw matrix: one line a unit, its trace, step and text version and then the label of each
// annotator; empty where there is none. Source of the quoting: RFC 4180.
std::string RatingsCsv(const Ratings& ratings);

}  // namespace prm
