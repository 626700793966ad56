// Turns published models into checkpoints of this project: copies their files, adds a prm.json.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/step_scorer.h"

namespace prm {

struct ModelImportOptions {
  std::string folder;     // Hugging Face layout, or a LoRA adapter of PEFT
  std::string base;       // for an adapter: the folder of its base model
  std::string reference;  // for an implicit PRM: the folder of its second model
  std::string format;     // see FindFormat
  std::string out;
  std::string name;      // provenance; empty: the folder's name
  ScorerOptions scorer;  // to score the self-tests
};

// Notes for the user, one line each.
struct ImportReport {
  std::vector<std::string> notes;
};

// Writes the checkpoint `out` atomically: copies of weights and tokenizer files (reflinks if the
// file system supports them), an adapter's merged weights, prm.json with the format's token ids,
// three self-test traces scored by the model, and the files' sums. Throws Error naming file and
// cause: `out` exists and is not an empty folder; a folder has only pickled weights (with the
// command that converts them); tensors are missing or unknown; the tokenizer does not fit.
ImportReport ImportModel(const ModelImportOptions& options);

}  // namespace prm
