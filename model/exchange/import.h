// Published models made checkpoints of this project: their files copied, a prm.json beside them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/step_scorer.h"

namespace prm {

struct ModelImportOptions {
  std::string folder;     // Hugging Face layout, or a LoRA adapter of PEFT
  std::string base;       // of an adapter: the folder of the model that it changes
  std::string reference;  // of an implicit PRM: the folder of its second model
  std::string format;     // FindFormat
  std::string out;
  std::string name;      // provenance; empty: the folder's name
  ScorerOptions scorer;  // with which the self-tests are scored
};

// What a person should hear of an import, a line each.
struct ImportReport {
  std::vector<std::string> notes;
};

// Writes the checkpoint `out` atomically: copies of weights and tokenizer files (which share their
// blocks where the file system does that), the merged weights of an adapter, prm.json with the
// format's token ids, three self-test traces scored by the model, and the files' sums. Throws Error
// naming file and cause: an `out` that is there and is no empty folder; a folder with pickled
// weights only, with the command that converts it; tensors that are missing or not known; a
// tokenizer that does not fit.
ImportReport ImportModel(const ModelImportOptions& options);

}  // namespace prm
