#include "data/agreement/ratings.h"

#include <algorithm>

#include "data/error.h"

namespace prm {
namespace {

int IndexOf(std::string_view name, std::vector<std::string>* names,
            std::unordered_map<std::string, int>* index) {
  const auto [found, is_new] = index->try_emplace(std::string(name), int(names->size()));
  if (is_new) names->emplace_back(name);
  return found->second;
}

}  // namespace

Ratings::Ratings(std::vector<std::string> labels) : labels_(std::move(labels)) {
  if (labels_.empty()) throw Error(ErrorCode::kInvalidArgument, "labels: expected at least one");
  for (size_t i = 0; i < labels_.size(); ++i) {
    if (std::find(labels_.begin(), labels_.begin() + long(i), labels_[i]) !=
        labels_.begin() + long(i)) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat("labels: \"", labels_[i], "\" is declared twice"));
    }
  }
}

int Ratings::Trace(std::string_view id) { return IndexOf(id, &traces_, &trace_index_); }

int Ratings::Annotator(std::string_view id) { return IndexOf(id, &annotators_, &annotator_index_); }

int Ratings::Unit(const RatedUnit& unit) {
  const auto [found, is_new] =
      unit_index_.try_emplace({unit.trace, unit.step, unit.text_version}, int(units_.size()));
  if (is_new) {
    units_.push_back(unit);
    ratings_.emplace_back();
  }
  return found->second;
}

std::optional<int> Ratings::FindUnit(std::string_view trace, int step, int text_version) const {
  const auto index = trace_index_.find(std::string(trace));
  if (index == trace_index_.end()) return std::nullopt;
  const auto unit = unit_index_.find({index->second, step, text_version});
  if (unit == unit_index_.end()) return std::nullopt;
  return unit->second;
}

std::optional<int> Ratings::FindLabel(std::string_view name) const {
  const auto found = std::find(labels_.begin(), labels_.end(), name);
  if (found == labels_.end()) return std::nullopt;
  return int(found - labels_.begin());
}

void Ratings::Add(int unit, const Rating& rating) {
  std::vector<Rating>& ratings = ratings_[size_t(unit)];
  const auto at = std::lower_bound(ratings.begin(), ratings.end(), rating.annotator,
                                   [](const Rating& r, int a) { return r.annotator < a; });
  if (at != ratings.end() && at->annotator == rating.annotator) {
    throw Error(ErrorCode::kAlreadyExists,
                StrCat("annotator \"", annotators_[size_t(rating.annotator)], "\" has rated ",
                       NameOf(unit), " already"));
  }
  ratings.insert(at, rating);
}

std::string Ratings::NameOf(int unit) const {
  const RatedUnit& u = units_[size_t(unit)];
  std::string name = StrCat("step ", u.step, " of trace ", traces_[size_t(u.trace)]);
  if (u.text_version != 1) name += StrCat(", text version ", u.text_version);
  return name;
}

LabelView SameLabels(const Ratings& ratings) {
  LabelView view{{}, int(ratings.labels().size())};
  for (int label = 0; label < view.labels; ++label) view.view.push_back(label);
  return view;
}

LabelCounts CountLabels(const Ratings& ratings, const LabelView& view, int without) {
  LabelCounts counts{view.labels, {}, {}, int(ratings.traces().size())};
  counts.counts.assign(ratings.units().size() * size_t(view.labels), 0);
  counts.trace.reserve(ratings.units().size());
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    counts.trace.push_back(ratings.units()[u].trace);
    for (const Rating& rating : ratings.Of(int(u))) {
      if (!rating.label || rating.annotator == without) continue;
      const int label = view.view[size_t(*rating.label)];
      if (label >= 0) ++counts.counts[u * size_t(view.labels) + size_t(label)];
    }
  }
  return counts;
}

std::map<std::pair<int, int>, std::vector<double>> PairTables(const Ratings& ratings) {
  const size_t q = ratings.labels().size();
  std::map<std::pair<int, int>, std::vector<double>> tables;
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    const std::span<const Rating> of = ratings.Of(int(u));
    for (size_t i = 0; i < of.size(); ++i) {
      for (size_t j = i + 1; of[i].label && j < of.size(); ++j) {
        if (!of[j].label) continue;
        std::vector<double>& table = tables[{of[i].annotator, of[j].annotator}];
        table.resize(q * q, 0);
        ++table[size_t(*of[i].label) * q + size_t(*of[j].label)];
      }
    }
  }
  return tables;
}

std::string RatingsCsv(const Ratings& ratings) {
  const auto quoted = [](std::string_view text) {
    std::string field = "\"";
    for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
    return field + "\"";
  };
  std::string csv = "trace,step,text_version";
  for (const std::string& annotator : ratings.annotators()) csv += "," + quoted(annotator);
  csv += "\r\n";
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    const RatedUnit& unit = ratings.units()[u];
    csv += StrCat(quoted(ratings.traces()[size_t(unit.trace)]), ",", unit.step, ",",
                  unit.text_version);
    const std::span<const Rating> of = ratings.Of(int(u));
    size_t next = 0;
    for (int a = 0; a < int(ratings.annotators().size()); ++a) {
      csv += ",";
      if (next >= of.size() || of[next].annotator != a) continue;
      if (of[next].label) csv += quoted(ratings.labels()[size_t(*of[next].label)]);
      ++next;
    }
    csv += "\r\n";
  }
  return csv;
}

}  // namespace prm
