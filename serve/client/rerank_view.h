// Ranked candidates for people: text with colour, for a terminal.
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

// One problem: the question, its best and worst candidates with each step's score, bar, most likely
// label and text, and what each rule would choose. Ends with a newline.
std::string RenderProblem(const RerankProblem& problem, const RerankResult& result,
                          const ViewOptions& options);

// How often each rule chose a correct candidate, over problems where that is known.
class ChoiceTally {
 public:
  void Add(const RerankProblem& problem, const RerankResult& result);
  // One line that compares the rules, ending with a newline; empty where no problem counted.
  std::string Render(const ViewOptions& options) const;

 private:
  int problems_ = 0;  // where every candidate is known to be right or wrong
  std::array<int, kNumAggregates> chosen_{};
  int majority_ = 0;
  int weighted_ = 0;
  int any_ = 0;        // problems with a correct candidate
  double random_ = 0;  // expected hits of a random choice
};

// At most `width` columns of `text` on one line: line breaks become spaces, control characters
// become visible, and what is cut off is marked by an ellipsis. `width` 0: all of it. A column is
// a code point.
std::string OneLine(std::string_view text, int width);

// `cells` characters wide, filled from the left by `value` in [0, 1] in eighths of a cell.
std::string ScoreBar(double value, int cells);

}  // namespace prm
