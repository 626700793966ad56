// prm.json: what a checkpoint says about itself beyond its weights.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/step_format.h"
#include "model/step_scorer.h"

namespace prm {

// What the labels were turned into for training; named, never implied.
struct LabelPolicy {
  std::string redundant = "own_class";       // positive | negative | masked | own_class
  std::string incomplete = "own_class";      // own_class | masked | negative
  std::string after_first_error = "masked";  // masked | negative
  std::string unlabelled = "masked";         // masked
  friend bool operator==(const LabelPolicy&, const LabelPolicy&) = default;
};

// One line for people: "redundant=own_class, incomplete=own_class, ...".
std::string LabelPolicyString(const LabelPolicy& policy);

struct DataSource {
  std::string name;
  std::string sha256;  // 64 lower-case hexadecimal digits
  friend bool operator==(const DataSource&, const DataSource&) = default;
};

// A trace and the scores it had when the checkpoint was written, compared at load.
struct SelfTest {
  TraceTokens tokens;
  std::vector<LabelProbs> label_probs;  // [S]
};

struct PrmJson {
  int version = 1;
  StepFormat format;
  std::string read = "separator";  // the position a step is read at: its separator's last id
  std::string head = "linear";     // score.weight [labels, D], score.bias [labels]; softmax
  std::vector<std::string> labels = {kLabelNames.begin(), kLabelNames.end()};
  double threshold = 0.5;  // p_correct below it: the step is judged wrong
  int max_tokens = 0;      // longest trace
  LabelPolicy label_policy;
  std::string base_model;
  std::vector<DataSource> training_data;
  std::string training_options_json;  // a JSON object; empty: absent
  std::vector<SelfTest> self_tests;
};

// Throws Error(kInvalidArgument; kUnimplemented for a version, read position, head or label order
// that this program does not know) naming `where` and the field.
PrmJson ParsePrmJson(std::string_view json, std::string_view where);
PrmJson ReadPrmJson(const std::filesystem::path& file);

// The text of prm.json. Throws Error(kInvalidArgument) for what ParsePrmJson would refuse.
std::string WritePrmJson(const PrmJson& prm);

}  // namespace prm
