// Synthesized reasoning traces: every step's label is known by construction.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/synth/templates.h"
#include "data/trace.h"

namespace prm {

struct SynthOptions {
  SynthSplit split = SynthSplit::kTrain;  // each has its own problem templates
  int count = 1200;                       // traces
  int traces_per_problem = 3;
  uint64_t seed = 1;
  // Chances in percent, drawn at every step, so that a step's position reveals little about its
  // label.
  int redundant_percent = 14;
  int flaw_percent = 20;
  int incomplete_percent = 38;  // of the flaws; the others are incorrect steps
  int cancel_percent = 20;      // of the incorrect steps: a second slip restores the right answer
};

// Traces with all four labels; steps after the first wrong one carry no label but continue from the
// wrong value. `meta_json` names the template, the split and the kind of flaw. Equal options give
// equal traces on every machine. Throws Error(kInvalidArgument) for a negative count, fewer than
// one trace per problem or a chance outside 0..100. Source: perturbations with known truth, Xia et
// al. 2024, "Evaluating mathematical reasoning beyond accuracy" (ReasonEval), section 4.
std::vector<Trace> Synthesize(const SynthOptions& options);

// One problem with candidate solutions, right and wrong, in random order.
struct SynthRerankProblem {
  std::string id;
  std::string problem;
  std::string ground_truth;
  std::vector<Trace> candidates;
};

struct SynthRerankOptions {
  int problems = 12;
  uint64_t seed = 1;
};

// Eight candidates per problem: three sound, one incomplete, one right through two slips if the
// problem allows it, and incorrect ones. Throws Error(kInvalidArgument) for a negative count.
std::vector<SynthRerankProblem> SynthesizeRerank(const SynthRerankOptions& options);

// A line of a rerank file, without newline; labels are left out.
std::string RerankProblemToJson(const SynthRerankProblem& problem);

struct SynthFiles {
  int train = 1200;  // traces
  int dev = 150;     // traces
  int rerank = 12;   // problems
  uint64_t seed = 1;
};

// Writes train.jsonl, dev.jsonl and rerank.jsonl into `folder`, creating it if needed. Throws Error
// naming what cannot be written.
void WriteSynthFiles(const std::filesystem::path& folder, const SynthFiles& files);

}  // namespace prm
