// Merges a PEFT LoRA adapter into the weights of its base.
// Source: Hu et al. 2021, LoRA, section 4.1; Liu et al. 2024, DoRA, section 4; Kalajdzievski 2023,
// rsLoRA; file names and keys are those of PyPI peft 0.21.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace prm {

// Whether `folder` contains an adapter_config.json.
bool IsAdapterFolder(const std::filesystem::path& folder);

struct MergeReport {
  int64_t merged = 0;                 // matrices changed by a low-rank product
  std::vector<std::string> replaced;  // names of base tensors that the adapter replaces
  std::vector<std::string> added;     // tensors the base lacks; they follow the base's
};

// Writes `out`/model.safetensors: the tensors of the folder `base` in its order and number formats.
// W becomes W + scaling * B A (float32, rounded once) if `adapter` has A [r, in] and B [out, r] for
// it. The adapter's own tensors (modules_to_save) follow, as stored. Equals peft's
// merge_and_unload(): with tied embeddings, a change of the embedding also changes the output
// layer. One matrix is in memory at a time. Creates `out`; writes no shard index and no
// configuration.
//
// Throws Error naming the file, the tensor and what was expected, before writing: kUnimplemented
// for anything but a low-rank difference (adapter_config.json) and for pickled weights; kNotFound
// without weights; kAlreadyExists if the output file exists; kInvalidArgument for a tensor that
// fits no module of the base, half a pair, or a wrong shape. So every tensor of the adapter is used
// or refused. A merged value that is not finite in the base's format is kInvalidArgument, and
// removes the file. One thread, plus LibTorch's.
MergeReport MergeAdapter(const std::filesystem::path& base, const std::filesystem::path& adapter,
                         const std::filesystem::path& out);

}  // namespace prm
