// Renders ranked candidates as coloured text for a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data/metrics/aggregates.h"
#include "data/records/rerank_file.h"

namespace prm {

struct ViewOptions {
  AggregateKind by = AggregateKind::kMin;  // the aggregate that orders the candidates
  int best = 3;                            // candidates shown from the top
  int worst = 1;                           // and from the bottom
  bool color = false;                      // ANSI escape sequences
  int width = 100;  // columns; longer text is cut with an ellipsis; 0: text is shown whole
};

// Renders one problem: the question, its best and worst candidates with each step's score, bar,
// most likely label and text, and each rule's choice. Ends with a newline.
std::string RenderProblem(const RerankProblem& problem, const RerankResult& result,
                          const ViewOptions& options);

// Counts how often each rule chose a correct candidate, over problems where that is known.
class ChoiceTally {
 public:
  void Add(const RerankProblem& problem, const RerankResult& result);
  // Returns one line that compares the rules, with a newline; empty if no problem counted.
  std::string Render(const ViewOptions& options) const;

 private:
  int problems_ = 0;  // problems whose candidates are all known to be right or wrong
  std::array<int, kNumAggregates> chosen_{};
  int majority_ = 0;
  int weighted_ = 0;
  int any_ = 0;        // problems with a correct candidate
  double random_ = 0;  // expected hits of a random choice
};

// Returns at most `width` columns (code points) of `text` on one line: line breaks become spaces,
// control characters become visible, an ellipsis marks a cut. `width` 0: all of it.
std::string OneLine(std::string_view text, int width);

// Returns a bar `cells` characters wide, filled from the left by `value` in [0, 1], in eighths of a
// cell.
std::string ScoreBar(double value, int cells);

}  // namespace prm
