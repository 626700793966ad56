#include "model/scoring/self_test.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/error.h"
#include "model/decoder/checkpoint.h"
#include "model/ops/packed_linear.h"
#include "model/scoring/prefix_scoring.h"
#include "model/step_scorer.h"

namespace prm {
namespace {

double ToleranceOf(const Decoder& decoder, const PrmJson& prm) {
  const bool narrow = decoder.weights().format != ops::WeightFormat::kAsStored;
  const bool exact = decoder.compute_dtype() == at::kFloat && prm.self_test_dtype == "float32";
  return narrow ? kNarrowTolerance : exact ? 1e-4 : 2e-2;
}

double WorstDifference(const TraceScores& scores, const SelfTest& test, const std::string& where,
                       double tolerance) {
  double worst = 0.0;
  const auto compare = [&](const std::string& what, float got, float expected) {
    const double difference = std::abs(got - expected);
    worst = std::max(worst, difference);
    if (difference <= tolerance) return;  // false for NaN
    throw Error(ErrorCode::kDataLoss,
                StrCat(where, what, " is ", got, ", expected ", expected, " within ", tolerance));
  };
  for (size_t s = 0; s < test.scores.p_correct.size(); ++s) {
    const std::string step = StrCat(", step ", s, ": ");
    compare(step + "p_correct", scores.p_correct[s], test.scores.p_correct[s]);
    if (test.scores.label_probs.empty() || scores.label_probs.empty()) continue;
    for (int k = 0; k < kNumLabels; ++k) {
      compare(StrCat(step, "P(", kLabelNames[k], ")"), scores.label_probs[s][k],
              test.scores.label_probs[s][k]);
    }
  }
  return worst;
}

// --- the serving passes --------------------------------------------------------------------------

// The first `length` tokens, with the reads among them.
TraceTokens Leading(const TraceTokens& trace, size_t length) {
  TraceTokens part = trace;
  part.ids.resize(length);
  std::erase_if(part.step_reads, [&](int32_t read) { return size_t(read) >= length; });
  return part;
}

class ServedScores {
 public:
  ServedScores(const Decoder& decoder, const Head& head, std::vector<TraceTokens> traces)
      : decoder_(decoder), head_(head), traces_(std::move(traces)) {}

  // Reads half of the steps first; the tokens of the others are then already computed.
  std::vector<TraceScores> Whole() {
    PrefixScorer scorer = Scorer({.graphs = false});
    std::vector<TraceScores> scores;
    for (const TraceTokens& trace : traces_) {
      TraceTokens half = trace;
      half.step_reads.clear();
      for (size_t i = 1; i < trace.step_reads.size(); i += 2) {
        half.step_reads.push_back(trace.step_reads[i]);
      }
      scorer.Score({&half, 1});
      scores.push_back(scorer.Score({&trace, 1})[0]);
    }
    return scores;
  }

  std::vector<TraceScores> InThirds() {
    PrefixScorer scorer = Scorer({.graphs = false});
    std::vector<TraceScores> scores;
    for (size_t third = 1; third <= 3; ++third) {
      std::vector<TraceTokens> parts;
      for (const TraceTokens& t : traces_) {
        parts.push_back(Leading(t, std::max<size_t>(1, t.ids.size() * third / 3)));
      }
      scores = scorer.Score(parts);
    }
    return scores;
  }

  // Empty if passes are not recorded. Records the first piece, replays those after it.
  std::vector<TraceScores> Played() {
    constexpr size_t kPiece = 48;  // tokens
    PrefixScorer scorer = Scorer({.graphs = true, .graphs_at_once = true});
    std::vector<TraceScores> scores;
    for (size_t i = 0; scorer.graphs() && i < traces_.size(); ++i) {
      const TraceTokens& trace = traces_[i];
      for (size_t end = std::min(kPiece, trace.ids.size());;
           end = std::min(end + kPiece, trace.ids.size())) {
        const TraceTokens piece = Leading(trace, end);
        std::vector<TraceScores> scored = scorer.Score({&piece, 1});
        if (end < trace.ids.size()) continue;
        scores.push_back(std::move(scored[0]));
        break;
      }
    }
    return scores;
  }

 private:
  // With room for all traces at once. A piece may use a block that the next piece copies.
  PrefixScorer Scorer(PrefixCacheOptions options) const {
    int64_t blocks = 0;
    for (const TraceTokens& trace : traces_) {
      blocks += int64_t(trace.ids.size()) / kBlockTokens + 4;
    }
    options.bytes = blocks * PrefixScorer::BlockBytes(decoder_);
    return PrefixScorer(decoder_, head_, options);
  }

  const Decoder& decoder_;
  const Head& head_;
  const std::vector<TraceTokens> traces_;
};

double WorstOfTraining(const Decoder& decoder, const PrmJson& prm, size_t test,
                       const std::string& where, const Decoder* reference) {
  const SelfTest& t = prm.self_tests[test];
  const std::vector<TraceScores> scores = ScoreSteps(decoder, prm.head, {&t.tokens, 1}, reference);
  return WorstDifference(scores[0], t, StrCat(where, ": self-test ", test),
                         ToleranceOf(decoder, prm));
}

}  // namespace

double CheckSelfTests(const Decoder& decoder, const PrmJson& prm, const std::string& where,
                      const Decoder* reference) {
  double worst = 0.0;
  for (size_t t = 0; t < prm.self_tests.size(); ++t) {
    worst = std::max(worst, WorstOfTraining(decoder, prm, t, where, reference));
  }
  return worst;
}

double CheckServedSelfTests(const Decoder& decoder, const PrmJson& prm, const std::string& where,
                            ServedSelfTest options) {
  double worst = 0.0;
  std::vector<size_t> tests;  // those served by PrefixScorer
  std::vector<TraceTokens> traces;
  for (size_t t = 0; t < prm.self_tests.size(); ++t) {
    const TraceTokens& trace = prm.self_tests[t].tokens;
    if (PrefixScorer::Takes(decoder.config(), trace)) {
      tests.push_back(t);
      traces.push_back(trace);
    } else {
      worst = std::max(worst, WorstOfTraining(decoder, prm, t, where, nullptr));
    }
  }
  if (tests.empty()) return worst;
  ServedScores served(decoder, prm.head, std::move(traces));
  const std::vector<TraceScores> whole = served.Whole();
  const auto check = [&](const std::vector<TraceScores>& scores, const std::string& way) {
    for (size_t i = 0; i < scores.size(); ++i) {
      const std::string test = StrCat(where, ": self-test ", tests[i], way);
      worst = std::max(worst, WorstDifference(scores[i], prm.self_tests[tests[i]], test,
                                              ToleranceOf(decoder, prm)));
      if (!options.bitwise || SameScores(scores[i], whole[i])) continue;
      throw Error(ErrorCode::kDataLoss,
                  test + ": bits differ from the whole trace's; expected batch-invariant scores");
    }
  };
  check(whole, " as served");
  check(served.InThirds(), " in thirds, with the others");
  if (options.graphs) check(served.Played(), " from recorded passes");
  return worst;
}

}  // namespace prm
