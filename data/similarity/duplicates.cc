#include "data/similarity/duplicates.h"

#include <algorithm>
#include <tuple>

#include "data/io/json_text.h"
#include "data/records/trace_stream.h"
#include "data/similarity/exact_text.h"
#include "data/similarity/normal_text.h"
#include "data/text/ascii.h"
#include "data/text/hash.h"

namespace prm {
namespace {

// Labels, stated first error and verdict on the answer.
uint64_t LabelHash(const Trace& trace) {
  uint64_t hash = trace.steps.size();
  const auto add = [&hash](int64_t value) { hash = Scramble(hash ^ uint64_t(value)); };
  for (const Step& step : trace.steps) add(step.label ? int64_t(*step.label) : -1);
  add(trace.first_error ? *trace.first_error : -2);
  add(trace.final_correct ? int64_t(*trace.final_correct) : -1);
  return hash;
}

// The numbers and signs of all steps, the signs of the problem and the words of the last step:
// traces that differ in these differ in meaning, however similar the text.
uint64_t FactsHash(std::string_view exact_problem, const std::vector<std::string>& exact_steps) {
  uint64_t hash = 0;
  const auto add = [&hash](std::string_view word) { hash = Scramble(hash ^ HashText(word)); };
  for (const std::string_view word : NormalWords(exact_problem)) {
    if (IsSign(word)) add(word);
  }
  for (const std::string& step : exact_steps) {
    const bool last = &step == &exact_steps.back();
    for (const std::string_view word : NormalWords(step)) {
      if (IsNumberWord(word) || IsSign(word) || (last && IsLetter(word[0]))) add(word);
    }
  }
  return hash;
}

std::string FindingLine(std::string_view id, std::string_view of, const Duplicate& duplicate) {
  std::string line = R"({"id":)";
  AppendJsonString(id, &line);
  line += R"(,"of":)";
  AppendJsonString(of, &line);
  line += StrCat(R"(,"kind":")", DuplicateKindName(duplicate.kind), R"(","similarity":)");
  AppendJsonNumber(duplicate.similarity, &line);
  return line + "}\n";
}

}  // namespace

std::string_view DuplicateKindName(DuplicateKind kind) {
  constexpr std::array<std::string_view, kNumDuplicateKinds> kNames = {"exact", "label_conflict",
                                                                       "near", "contrast"};
  return kNames[size_t(kind)];
}

TracePrint PrintOf(const Trace& trace, std::string_view normal_problem) {
  std::string text(normal_problem);
  const std::string problem = ExactText(trace.problem);
  std::string exact = problem;  // with step boundaries
  std::vector<std::string> steps;
  for (const Step& step : trace.steps) {
    const std::string normal = NormalText(step.text);
    if (!text.empty() && !normal.empty()) text += ' ';
    text += normal;
    steps.push_back(ExactText(step.text));
    exact += '\n';
    exact += steps.back();
  }
  TracePrint print;
  print.text = KeyOf(exact);
  print.labels = LabelHash(trace);
  print.facts = FactsHash(problem, steps);
  print.grams = GramSet(text);
  print.sketch = SketchOf(print.grams);
  return print;
}

std::optional<Duplicate> DuplicateFinder::Add(const TracePrint& print) {
  std::optional<Duplicate> best;
  const auto offer = [&best](DuplicateKind kind, uint32_t of, double similarity) {
    const auto rank = [](const Duplicate& d) { return std::tuple(d.kind, -d.similarity, d.of); };
    const Duplicate found{kind, of, similarity};
    if (!best || rank(found) < rank(*best)) best = found;
  };
  const auto [begin, end] = by_text_.equal_range(print.text);
  for (auto same = begin; same != end; ++same) {
    const bool equal = labels_[same->second] == print.labels;
    offer(equal ? DuplicateKind::kExact : DuplicateKind::kLabelConflict, same->second, 1);
  }
  if (!best) {
    for (const NearIndex::Match& match : near_.Find(print.grams, print.sketch)) {
      const bool equal = labels_[match.item] == print.labels && facts_[match.item] == print.facts;
      offer(equal ? DuplicateKind::kNear : DuplicateKind::kContrast, match.item, match.similarity);
    }
  }
  if (!best || !IsRemovable(best->kind)) {
    const uint32_t item = near_.Add(print.grams, print.sketch);
    by_text_.emplace(print.text, item);
    labels_.push_back(print.labels);
    facts_.push_back(print.facts);
  }
  return best;
}

DedupResult Deduplicate(const DedupOptions& options) {
  struct Printed {
    std::string id;
    TracePrint print;
  };
  DedupResult result;
  DuplicateFinder finder;
  std::vector<std::string> kept_ids;
  OutputFile out(options.out);
  std::optional<OutputFile> report;
  if (!options.report.empty()) report.emplace(options.report);
  ForEachTrace(
      options.in, options.threads,
      [](const Trace& trace) {
        return Printed{trace.id, PrintOf(trace, NormalText(trace.problem))};
      },
      [&](const Printed& printed, const TraceLine& line) {
        ++result.rows;
        const std::optional<Duplicate> duplicate = finder.Add(printed.print);
        if (finder.kept() > kept_ids.size()) kept_ids.push_back(printed.id);
        if (duplicate) {
          ++result.found[size_t(duplicate->kind)];
          if (report) report->Write(FindingLine(printed.id, kept_ids[duplicate->of], *duplicate));
        }
        const bool removed = duplicate && IsRemovable(duplicate->kind) &&
                             (options.near || duplicate->kind == DuplicateKind::kExact);
        if (removed) return;
        ++result.kept;
        out.Write(line.bytes);
        out.Write("\n");
      },
      ThrowRefusal);
  result.comparisons_left_out = finder.comparisons_left_out();
  if (report) report->Commit();
  out.Commit();
  return result;
}

}  // namespace prm
