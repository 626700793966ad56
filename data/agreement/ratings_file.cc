#include "data/agreement/ratings_file.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/records/score_lines.h"
#include "data/records/trace_reader.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

constexpr size_t kExcerptBytes = 120;

std::vector<std::string> Declared(const RatingsFileOptions& options) {
  if (!options.labels.empty()) return options.labels;
  return {kLabelNames.begin(), kLabelNames.end()};
}

int WordsIn(std::string_view text) {
  int words = 0;
  bool in_word = false;
  for (const char c : text) {
    words += !IsSpace(c) && !in_word;
    in_word = !IsSpace(c);
  }
  return words;
}

// The id of a trace or an annotator.
std::string ReadId(const JsonField& field) {
  std::string id = ReadString(field);
  if (HasControlCharacter(id)) RefuseValue(field, "an id without control characters");
  return id;
}

// A label's text; nullopt for null.
std::optional<std::string> LabelText(const JsonField& field) {
  if (field.value.is_null()) return std::nullopt;
  if (field.value.is_bool()) return std::string(ReadBool(field) ? "true" : "false");
  if (field.value.is_int64()) return std::to_string(ReadInt(field));
  if (field.value.is_string()) return ReadString(field);
  RefuseValue(field, "a label (text, whole number, true, false or null)");
}

std::optional<int> ReadLabel(const JsonField& field, const Ratings& ratings) {
  const std::optional<std::string> text = LabelText(field);
  if (!text) return std::nullopt;
  const std::optional<int> label = ratings.FindLabel(*text);
  const bool is_state =
      std::find(std::begin(kNotLabels), std::end(kNotLabels), *text) != std::end(kNotLabels);
  if (label || is_state) return label;
  std::string names;
  for (const std::string& name : ratings.labels()) names += (names.empty() ? "" : ", ") + name;
  RefuseValue(field, "one of the declared labels (" + names + ")");
}

int ReadCount(const JsonField& field, int64_t least) {
  const int64_t value = ReadInt(field);
  if (value < least || value > INT32_MAX) {
    RefuseValue(field, StrCat("a whole number from ", least, " to ", INT32_MAX));
  }
  return int(value);
}

int ReadTextVersion(const JsonMember& member) {
  return member.has_value() ? ReadCount(member.field, 1) : 1;
}

std::optional<double> ReadSeconds(const JsonMember& member) {
  if (!member.has_value()) return std::nullopt;
  const double seconds = ReadNumber(member.field);
  if (!(seconds >= 0)) RefuseValue(member.field, "seconds, not negative");
  return seconds;
}

// The rated unit of a plain line: a step of a trace.
struct Place {
  std::string trace;
  int step = 0;
  int text_version = 1;
};

Place ReadPlace(const JsonField& object) {
  static constexpr std::array<std::string_view, 5> kNames = {"trace", "step", "unit", "item",
                                                             "text_version"};
  const std::vector<JsonMember> members = ReadMembers(object, kNames, nullptr);
  const bool has_step = members[0].has_value() && members[1].has_value();
  const int named = int(has_step) + members[2].has_value() + members[3].has_value();
  if (named != 1) {
    RefuseField(object, "expected either \"trace\" with \"step\", or \"unit\", or \"item\"");
  }
  Place place;
  place.text_version = ReadTextVersion(members[4]);
  if (has_step) {
    place.trace = ReadId(members[0].field);
    place.step = ReadCount(members[1].field, 0);
  } else {
    place.trace = ReadId((members[2].has_value() ? members[2] : members[3]).field);
  }
  return place;
}

bool Has(const JsonField& object, std::string_view name) { return !object.value[name].error(); }

class RatingsReader {
 public:
  explicit RatingsReader(const RatingsFileOptions& options)
      : options_(options), ratings_(Declared(options)) {}

  void Read(const JsonField& object) {
    if (Has(object, "steps")) return ReadNative(object);
    if (Has(object, "annotator")) return ReadRating(object);
    if (Has(object, options_.votes)) return ReadVotes(object);
    RefuseField(object,
                "expected \"steps\" of a trace, or \"annotator\", or \"" + options_.votes + "\"");
  }
  Ratings Take() { return std::move(ratings_); }

 private:
  // Adds a rating; if it is refused, the error names the place of the line.
  void Add(const JsonField& field, int unit, const Rating& rating) {
    try {
      ratings_.Add(unit, rating);
    } catch (const Error& error) {
      RefuseField(field, error.what());
    }
  }

  void ReadNative(const JsonField& object) {
    const Trace trace = TraceFrom(object);
    if (HasControlCharacter(trace.id)) {
      RefuseField(object, "id: expected an id without control characters");
    }
    static constexpr std::array<std::string_view, 1> kAnnotations = {"annotations"};
    const JsonMember member = ReadMembers(object, kAnnotations, nullptr)[0];
    if (!member.has_value()) return;
    size_t index = 0;
    for (const JsonElement element : ReadArray(member.field)) {
      ReadAnnotation(trace, member.field.Item(index++, element));
    }
  }

  void ReadAnnotation(const Trace& trace, const JsonField& annotation) {
    static constexpr std::array<std::string_view, 5> kNames = {"annotator", "step", "label",
                                                               "seconds", "text_version"};
    if (!annotation.value.is_object()) RefuseValue(annotation, "an annotation");
    const std::vector<JsonMember> members = ReadMembers(annotation, kNames, nullptr);
    const JsonField& step_field = Required(members[1], kNames[1], annotation);
    const int64_t step = ReadInt(step_field);
    if (step < 0 || step >= int64_t(trace.steps.size())) {
      RefuseValue(step_field, StrCat("a step from 0 to ", int64_t(trace.steps.size()) - 1));
    }
    const std::string& text = trace.steps[size_t(step)].text;
    const int unit =
        ratings_.Unit({ratings_.Trace(trace.id), int(step), ReadTextVersion(members[4]),
                       WordsIn(text), ClipText(text, kExcerptBytes, "…")});
    const size_t hash = std::hash<std::string>()(text);
    if (text_hash_.emplace(unit, hash).first->second != hash) {
      RefuseField(step_field, "another text than on an earlier line for " + ratings_.NameOf(unit) +
                                  "; a changed text needs another \"text_version\"");
    }
    Rating rating{ratings_.Annotator(ReadId(Required(members[0], kNames[0], annotation))),
                  std::nullopt, ReadSeconds(members[3])};
    if (members[2].present) rating.label = ReadLabel(members[2].field, ratings_);
    Add(annotation, unit, rating);
  }

  void ReadRating(const JsonField& object) {
    static constexpr std::array<std::string_view, 3> kNames = {"annotator", "label", "seconds"};
    const std::vector<JsonMember> members = ReadMembers(object, kNames, nullptr);
    if (!members[1].present) Required(members[1], kNames[1], object);
    const int unit = UnitOf(ReadPlace(object));
    Add(object, unit,
        {ratings_.Annotator(ReadId(Required(members[0], kNames[0], object))),
         ReadLabel(members[1].field, ratings_), ReadSeconds(members[2])});
  }

  void ReadVotes(const JsonField& object) {
    const std::string_view names[] = {options_.votes};
    const JsonField votes = ReadMembers(object, names, nullptr)[0].field;
    const int unit = UnitOf(ReadPlace(object));
    size_t index = 0;
    for (const JsonElement element : ReadArray(votes)) {
      const JsonField vote = votes.Item(index++, element);
      const int annotator = ratings_.Annotator(std::to_string(index));
      // A null in a list of votes keeps the position of an annotator without a vote.
      if (element.is_null()) continue;
      Add(vote, unit, {annotator, ReadLabel(vote, ratings_), std::nullopt});
    }
  }

  int UnitOf(const Place& place) {
    return ratings_.Unit({ratings_.Trace(place.trace), place.step, place.text_version, 0, ""});
  }

  const RatingsFileOptions& options_;
  Ratings ratings_;
  std::unordered_map<int, size_t> text_hash_;  // by unit
};

class GoldReader {
 public:
  explicit GoldReader(const Ratings& ratings) : ratings_(ratings) {
    gold_.labels.resize(ratings.units().size());
    gold_.set.label_counts.assign(ratings.labels().size(), 0);
  }

  void Read(const JsonField& object) {
    if (Has(object, "steps")) return ReadNative(TraceFrom(object), object);
    static constexpr std::array<std::string_view, 1> kNames = {"label"};
    const JsonMember member = ReadMembers(object, kNames, nullptr)[0];
    const std::optional<int> label = ReadLabel(Required(member, kNames[0], object), ratings_);
    if (label) Add(object, ReadPlace(object), *label);
  }

  Gold Take() {
    gold_.set.traces = int64_t(traces_.size());
    return std::move(gold_);
  }

 private:
  void ReadNative(const Trace& trace, const JsonField& object) {
    bool is_complete = true, has_error = false, has_incorrect = false, has_gold = false;
    for (size_t i = 0; i < trace.steps.size(); ++i) {
      const LabelSet admissible = AdmissibleLabels(trace, int(i));
      if (admissible.empty()) {
        is_complete = false;
        continue;
      }
      has_gold = true;
      const StepLabel label = *trace.steps[i].label;
      has_error = has_error || IsError(label);
      has_incorrect = has_incorrect || label == StepLabel::kIncorrect;
      if (admissible.size() > 1) {
        ++gold_.partial;
        continue;
      }
      const std::string_view name = kLabelNames[size_t(label)];
      const std::optional<int> index = ratings_.FindLabel(name);
      if (!index) {
        RefuseField(object, StrCat("labels[", i, "]: \"", name, "\" is not declared"));
      }
      Add(object, {trace.id, int(i), 1}, *index);
    }
    if (!has_gold) return;
    auto& set = gold_.set;
    set.clean = set.clean.value_or(0) + (is_complete && !has_error);
    if (trace.final_correct) {
      set.right_answer_wrong_step =
          set.right_answer_wrong_step.value_or(0) + (*trace.final_correct && has_incorrect);
    }
  }

  void Add(const JsonField& field, const Place& place, int label) {
    if (!places_.insert({place.trace, place.step, place.text_version}).second) {
      RefuseField(field,
                  StrCat("a second gold label for step ", place.step, " of trace ", place.trace));
    }
    traces_.insert(place.trace);
    ++gold_.set.steps;
    ++gold_.set.label_counts[size_t(label)];
    const std::optional<int> unit = ratings_.FindUnit(place.trace, place.step, place.text_version);
    if (unit) {
      gold_.labels[size_t(*unit)] = label;
    } else {
      ++gold_.unrated;
    }
  }

  const Ratings& ratings_;
  Gold gold_;
  std::set<std::string> traces_;
  std::set<std::tuple<std::string, int, int>> places_;
};

}  // namespace

Ratings ReadRatings(const std::filesystem::path& path, const RatingsFileOptions& options) {
  RatingsReader reader(options);
  JsonLines lines(path);
  for (JsonField object; lines.Next(&object);) reader.Read(object);
  return reader.Take();
}

Gold ReadGold(const std::filesystem::path& path, const Ratings& ratings) {
  GoldReader reader(ratings);
  JsonLines lines(path);
  for (JsonField object; lines.Next(&object);) reader.Read(object);
  return reader.Take();
}

bool AreStepLabels(const std::vector<std::string>& labels) {
  return std::equal(labels.begin(), labels.end(), kLabelNames.begin(), kLabelNames.end());
}

std::vector<double> ReadModelProbs(const std::filesystem::path& path, const Ratings& ratings) {
  if (!AreStepLabels(ratings.labels())) {
    throw Error(ErrorCode::kInvalidArgument,
                "scores: a model's probabilities need ratings with the four step labels");
  }
  std::vector<double> probs(ratings.units().size() * kNumLabels, -1);
  ScoreLineReader lines(path);
  const auto refuse = [&lines](const std::string& what) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(lines.Where(), ": ", what));
  };
  for (ScoreLine line; lines.Next(&line);) {
    if (line.error) refuse(StrCat("the trace was not scored: ", line.error->what()));
    const std::vector<LabelProbs>& label_probs = line.scores.label_probs;
    if (label_probs.empty()) {
      refuse("label_probs: expected probabilities of the four labels, got none");
    }
    for (size_t step = 0; step < label_probs.size(); ++step) {
      const std::optional<int> unit = ratings.FindUnit(line.id, int(step), 1);
      if (!unit) continue;
      for (size_t k = 0; k < kNumLabels; ++k) {
        probs[size_t(*unit) * kNumLabels + k] = label_probs[step][k];
      }
    }
  }
  for (size_t u = 0; u < ratings.units().size(); ++u) {
    if (probs[u * kNumLabels] >= 0) continue;
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(path.string(), ": no probabilities for ", ratings.NameOf(int(u))));
  }
  return probs;
}

}  // namespace prm
