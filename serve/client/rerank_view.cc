#include "serve/client/rerank_view.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

#include "data/metrics/aggregates.h"
#include "data/records/score_lines.h"

namespace prm {
namespace {

constexpr int kBarCells = 6;
constexpr int kLabelWidth = 10;
// In kLabelNames' order; the scores already say "correct".
constexpr std::array<std::string_view, kNumLabels> kShortNames = {"necessary", "redundant",
                                                                  "incorrect", "incomplete"};
// From the 256-colour palette: green, blue, red, orange.
constexpr std::array<int, kNumLabels> kLabelColors = {35, 75, 203, 215};

// Wraps text in escape sequences if colours are on.
class Pen {
 public:
  explicit Pen(bool color) : color_(color) {}
  std::string Bold(std::string_view text) const { return Wrap("1", text); }
  std::string Dim(std::string_view text) const { return Wrap("2", text); }
  std::string Ink(int palette, std::string_view text) const {
    return Wrap(fmt::format("38;5;{}", palette), text);
  }
  std::string Green(std::string_view text) const { return Ink(kLabelColors[0], text); }
  std::string Red(std::string_view text) const { return Ink(kLabelColors[2], text); }

 private:
  std::string Wrap(std::string_view code, std::string_view text) const {
    return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
  bool color_;
};

// A palette from red through yellow to green.
int ScoreColor(double score) {
  constexpr std::array<int, 5> kRamp = {203, 209, 221, 149, 35};
  const double place = std::clamp(score, 0.0, 1.0) * double(kRamp.size() - 1);
  return kRamp[size_t(std::lround(place))];
}

int Rest(int width, int used) { return width == 0 ? 0 : std::max(16, width - used); }

std::string Verdict(const Pen& pen, std::optional<bool> correct) {
  if (!correct) return pen.Dim("·");
  return *correct ? pen.Green("✔") : pen.Red("✘");
}

std::string StepLine(const Pen& pen, const RerankCandidate& candidate, const ScoreLine& line,
                     size_t step, const ViewOptions& options) {
  const double score = line.scores.p_correct[step];
  std::string out =
      fmt::format("     {} {} ", pen.Ink(ScoreColor(score), fmt::format("{:.2f}", score)),
                  pen.Ink(ScoreColor(score), ScoreBar(score, kBarCells)));
  int used = 5 + 4 + 1 + kBarCells + 1;
  if (step < line.scores.label_probs.size()) {
    const LabelProbs& probs = line.scores.label_probs[step];
    const auto best = size_t(std::max_element(probs.begin(), probs.end()) - probs.begin());
    out += pen.Ink(kLabelColors[best], fmt::format("● {:<{}}", kShortNames[best], kLabelWidth));
    out += "  ";
    used += 2 + kLabelWidth + 2;
  }
  const std::string text = OneLine(candidate.steps[step], Rest(options.width, used));
  const bool first_wrong = int(step) == line.first_error;
  return out + (first_wrong ? pen.Bold(text) : text) + "\n";
}

std::string CandidateBlock(const Pen& pen, const RerankProblem& problem, const RerankResult& result,
                           int index, int rank, const ViewOptions& options) {
  const ScoreLine& line = result.candidates[size_t(index)];
  const auto& answer = result.answers[size_t(index)];
  const double score = line.aggregate[options.by];
  std::string out = fmt::format(
      " {} {} {} {}  {}\n", pen.Bold(fmt::format("{:>2}.", rank)),
      pen.Bold(pen.Ink(ScoreColor(score), fmt::format("{:.2f}", score))),
      Verdict(pen, CandidateIsCorrect(problem, index)),
      answer ? pen.Bold(OneLine(answer->text, Rest(options.width, 40))) : pen.Dim("no answer"),
      pen.Dim(line.first_error
                  ? fmt::format("candidate {}, first error in step {}", index, *line.first_error)
                  : fmt::format("candidate {}", index)));
  for (size_t step = 0; step < line.scores.size(); ++step) {
    out += StepLine(pen, problem.candidates[size_t(index)], line, step, options);
  }
  return out;
}

std::string ChoiceLine(const Pen& pen, const RerankProblem& problem, const Ranking& ranking) {
  std::string out = pen.Dim("     chosen by");
  const auto add = [&](std::string_view name, std::optional<int> index) {
    if (!index) return;
    out += fmt::format("  {} {} {}", name, pen.Dim(fmt::format("#{}", *index)),
                       Verdict(pen, CandidateIsCorrect(problem, *index)));
  };
  for (int k = 0; k < kNumAggregates; ++k)
    add(kAggregateNames[size_t(k)], ranking.choice[size_t(k)]);
  add("majority", ranking.majority);
  add("weighted", ranking.weighted);
  return out + "\n";
}

// Breaks text at spaces into lines of at most `width` columns; a longer word gets its own line.
// `width` 0: one line.
std::vector<std::string> WrapWords(const std::string& text, int width) {
  std::vector<std::string> lines(1);
  int columns = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const int length =
        int(std::count_if(word.begin(), word.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    if (columns > 0 && width > 0 && columns + 1 + length > width) {
      lines.emplace_back();
      columns = 0;
    }
    if (columns > 0) lines.back() += ' ';
    lines.back() += word;
    columns += length + (columns > 0);
    begin = end + 1;
  }
  return lines;
}

std::string Heading(const Pen& pen, const RerankProblem& problem, const RerankResult& result,
                    const ViewOptions& options) {
  int correct = 0, known = 0, failed = 0;
  for (size_t i = 0; i < problem.candidates.size(); ++i) {
    const auto is_correct = CandidateIsCorrect(problem, int(i));
    known += is_correct.has_value();
    correct += is_correct.value_or(false);
    failed += result.candidates[i].error.has_value();
  }
  std::string facts = fmt::format("{} candidates", problem.candidates.size());
  if (known > 0) facts += fmt::format(", {} correct", correct);
  if (failed > 0) facts += fmt::format(", {} could not be scored", failed);
  if (problem.ground_truth) {
    facts += fmt::format(", expected answer {}",
                         OneLine(*problem.ground_truth, Rest(options.width, 60)));
  }
  std::string out = fmt::format(
      "{}  {}\n", pen.Ink(75, pen.Bold("▌ " + OneLine(problem.id, 40))),
      pen.Dim(fmt::format("{}; ranked by {}", facts, kAggregateNames[size_t(options.by)])));
  for (const std::string& line : WrapWords(OneLine(problem.problem, 0), Rest(options.width, 2))) {
    out += fmt::format("  {}\n", pen.Bold(line));
  }
  return out;
}

}  // namespace

std::string RenderProblem(const RerankProblem& problem, const RerankResult& result,
                          const ViewOptions& options) {
  const Pen pen(options.color);
  const std::vector<int>& order = result.ranking.order[size_t(options.by)];
  const int count = int(order.size());
  const int best = std::min(options.best, count);
  const int worst_begin = std::max(best, count - options.worst);
  std::string out = Heading(pen, problem, result, options);
  for (int rank = 0; rank < best; ++rank) {
    out += CandidateBlock(pen, problem, result, order[size_t(rank)], rank + 1, options);
  }
  if (worst_begin > best) out += pen.Dim(fmt::format("  ⋮  {} more", worst_begin - best)) + "\n";
  for (int rank = worst_begin; rank < count; ++rank) {
    out += CandidateBlock(pen, problem, result, order[size_t(rank)], rank + 1, options);
  }
  return out + ChoiceLine(pen, problem, result.ranking);
}

void ChoiceTally::Add(const RerankProblem& problem, const RerankResult& result) {
  const int count = int(problem.candidates.size());
  int correct = 0;
  for (int i = 0; i < count; ++i) {
    const auto is_correct = CandidateIsCorrect(problem, i);
    if (!is_correct) return;
    correct += *is_correct;
  }
  const auto hit = [&](std::optional<int> index) {
    return index && CandidateIsCorrect(problem, *index).value_or(false) ? 1 : 0;
  };
  ++problems_;
  for (size_t k = 0; k < kNumAggregates; ++k) chosen_[k] += hit(result.ranking.choice[k]);
  majority_ += hit(result.ranking.majority);
  weighted_ += hit(result.ranking.weighted);
  any_ += correct > 0;
  random_ += double(correct) / count;
}

std::string ChoiceTally::Render(const ViewOptions& options) const {
  if (problems_ == 0) return "";
  const Pen pen(options.color);
  std::string out = pen.Bold(
      fmt::format("Correct choices in {} problem{}:", problems_, problems_ == 1 ? "" : "s"));
  const auto add = [&](std::string_view name, int hits) {
    out += fmt::format("  {} {}", name, pen.Bold(std::to_string(hits)));
  };
  for (size_t k = 0; k < kNumAggregates; ++k) add(kAggregateNames[k], chosen_[k]);
  add("majority", majority_);
  add("weighted", weighted_);
  return out + pen.Dim(fmt::format("  (at random {:.1f}, at best {})", random_, any_)) + "\n";
}

std::string OneLine(std::string_view text, int width) {
  std::string out;
  int columns = 0;
  size_t cut = 0;  // bytes of `out` that leave a column for the ellipsis
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    size_t length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    length = std::min(length, text.size() - i);
    const bool space = byte == '\n' || byte == '\t' || byte == '\r' || byte == ' ';
    if (space && (out.empty() || out.back() == ' ')) {
      i += length;
      continue;
    }
    if (width > 0 && columns == width - 1) cut = out.size();
    if (width > 0 && columns == width) return out.substr(0, cut) + "…";
    // The terminal would execute C0, DEL and C1 as commands.
    const bool c1 = byte == 0xC2 && length == 2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (space) {
      out += ' ';
    } else if (byte < 0x20 || byte == 0x7F || c1) {
      out += "�";
    } else {
      out += text.substr(i, length);
    }
    ++columns;
    i += length;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string ScoreBar(double value, int cells) {
  static constexpr std::array<std::string_view, 9> kEighths = {" ", "▏", "▎", "▍", "▌",
                                                               "▋", "▊", "▉", "█"};
  int eighths = int(std::lround(std::clamp(value, 0.0, 1.0) * cells * 8));
  std::string bar;
  for (int cell = 0; cell < cells; ++cell, eighths -= 8) {
    bar += kEighths[size_t(std::clamp(eighths, 0, 8))];
  }
  return bar;
}

}  // namespace prm
