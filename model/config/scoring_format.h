// What is needed to score with the weights of a published model: how steps become ids, which
// tensors judge them, and what the outputs mean. Its JSON form is in scoring_json.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/records/step_format.h"
#include "data/trace.h"

namespace prm {

// How each kind of label was treated in training; "unknown" if a published model does not state it.
struct LabelPolicyNames {
  std::string redundant = "own_class";       // positive | negative | masked | own_class
  std::string incomplete = "own_class";      // own_class | masked | negative
  std::string after_first_error = "masked";  // masked | negative
  std::string unlabelled = "masked";         // masked
  friend bool operator==(const LabelPolicyNames&, const LabelPolicyNames&) = default;
};

// One line for people: "redundant=own_class, incomplete=own_class, ...".
std::string LabelPolicyString(const LabelPolicyNames& policy);

// Maps the hidden state [D] at a step's read position to its score: linear layers with ReLU between
// them, then softmax or sigmoid in float32.
struct Head {
  enum class Activation { kSoftmax, kSigmoid };
  // Which outputs of the last layer are computed: all; for lm_head, those of the tokens `rows`; or
  // one, the mean of all.
  enum class Outputs { kAll, kRows, kMean };

  // Names of the layers in the weights. "score.0" has score.0.weight [out, in] and optionally
  // score.0.bias [out]; an ensemble of E heads has [E, in, out] and [E, out]. The single layer
  // "lm_head" is a language model's output layer (the embedding if tied), including its softcap.
  std::vector<std::string> layers = {"score"};
  Outputs outputs = Outputs::kAll;
  std::vector<int32_t> rows;
  Activation activation = Activation::kSoftmax;
  // Label of each softmax output: one of kLabelNames, "correct" or "wrong". p_correct is the sum
  // over labels that begin with "correct". Empty for sigmoids: p_correct is their mean.
  std::vector<std::string> labels = {kLabelNames.begin(), kLabelNames.end()};
  // Set for an implicit reward model, which has no layers. p_correct of a step is the sigmoid of
  // beta times a sum over the tokens from the first step to the read: log p(token) of this language
  // model minus that of the model in the checkpoint's folder reference/.
  // Source: Yuan et al. 2024, "Free Process Rewards without Process Labels", section 3.
  std::optional<double> implicit_beta;
  // Name prefixes of tensors that are in the weights but not used.
  std::vector<std::string> unused;

  // The label of each output if all are among the four of kLabelNames; else empty.
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
