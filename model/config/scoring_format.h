// What it takes to score with the weights of a published model: how steps become ids, which
// tensors judge them, what the outputs mean. Its JSON is in scoring_json.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/records/step_format.h"
#include "data/trace.h"

namespace prm {

// What the labels were turned into for training; named, never implied. "unknown" where a published
// model does not say.
struct LabelPolicyNames {
  std::string redundant = "own_class";       // positive | negative | masked | own_class
  std::string incomplete = "own_class";      // own_class | masked | negative
  std::string after_first_error = "masked";  // masked | negative
  std::string unlabelled = "masked";         // masked
  friend bool operator==(const LabelPolicyNames&, const LabelPolicyNames&) = default;
};

// One line for people: "redundant=own_class, incomplete=own_class, ...".
std::string LabelPolicyString(const LabelPolicyNames& policy);

// From the hidden state [D] at a step's read to its score: linear layers with ReLU between, then
// softmax or sigmoid in float32.
struct Head {
  enum class Activation { kSoftmax, kSigmoid };
  // Which outputs of the last layer are computed: all; of lm_head, those of the tokens `rows`, or
  // one, the mean of all.
  enum class Outputs { kAll, kRows, kMean };

  // Names of the layers in the weights: "score.0" has score.0.weight and maybe score.0.bias, of
  // shapes [out, in] and [out], or those of an ensemble of E heads: [E, in, out] and [E, out].
  // "lm_head", alone, is a language model's output layer (of tied weights the embedding), its soft
  // cap included.
  std::vector<std::string> layers = {"score"};
  Outputs outputs = Outputs::kAll;
  std::vector<int32_t> rows;
  Activation activation = Activation::kSoftmax;
  // Of each softmax output: one of kLabelNames, "correct" or "wrong"; p_correct is the sum over
  // those that begin with "correct". Empty for sigmoids: p_correct is their mean.
  std::vector<std::string> labels = {kLabelNames.begin(), kLabelNames.end()};
  // An implicit reward model, which has no layers: p_correct of a step is the sigmoid of beta times
  // the sum, over the tokens from the first step to the read, of log p(token) of this language
  // model less that of the one in the checkpoint's folder reference/. Yuan et al. 2024, "Free
  // Process Rewards without Process Labels", section 3.
  std::optional<double> implicit_beta;
  // What the names of tensors begin with that lie among the weights and are not used.
  std::vector<std::string> unused;

  // The label of each output where all of them are among the four; else empty.
  std::vector<StepLabel> StepLabels() const;
  bool ReadsLmHead() const { return layers == std::vector<std::string>{"lm_head"}; }
  friend bool operator==(const Head&, const Head&) = default;
};

struct ScoringFormat {
  StepFormat format;
  Head head;
  LabelPolicyNames label_policy;
  double threshold = 0.5;  // p_correct below it: the step is judged wrong
};

}  // namespace prm
