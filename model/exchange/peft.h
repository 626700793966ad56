// Merging a PEFT LoRA adapter into the weights of its base.
// Source: Hu et al. 2021, LoRA, section 4.1; Liu et al. 2024, DoRA, section 4; Kalajdzievski 2023,
// rsLoRA; file names and keys are those of PyPI peft 0.21.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace prm {

// Whether `folder` holds an adapter_config.json.
bool IsAdapterFolder(const std::filesystem::path& folder);

struct MergeReport {
  int64_t merged = 0;                 // matrices that a low-rank product was added to
  std::vector<std::string> replaced;  // names in the base of what the adapter holds whole
  std::vector<std::string> added;     // what the base lacks, after the base's in the file
};

// Writes `out`/model.safetensors: the tensors of the folder `base` in its order and number formats,
// with W + scaling * B A (float32, rounded once) for W where `adapter` has A [r, in] and B [out,
// r]; then the adapter's own tensors (modules_to_save), as stored. Equals peft's
// merge_and_unload(): in a base with tied embeddings a change of the embedding changes the output
// layer too. One matrix is in memory at a time. `out` is created; a shard's index or a
// configuration is not written.
//
// Throws Error naming the file, the tensor and what was expected, before anything is written:
// kUnimplemented for what is no low-rank difference (adapter_config.json) and pickled weights;
// kNotFound without weights; kInvalidArgument for a tensor that fits no module of the base, half a
// pair, a wrong shape: every tensor of the adapter is used, or refused; kAlreadyExists if the file
// to be written is there. A merged value that is not finite in the base's format is
// kInvalidArgument, and the file is removed. One thread, and those of LibTorch.
MergeReport MergeAdapter(const std::filesystem::path& base, const std::filesystem::path& adapter,
                         const std::filesystem::path& out);

}  // namespace prm
