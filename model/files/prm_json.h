// prm.json: what a checkpoint says about itself beyond its weights.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/scores.h"
#include "model/config/scoring_format.h"
#include "model/files/checkpoint_files.h"
#include "model/files/file_sums.h"

namespace prm {

struct DataSource {
  std::string name;
  std::string sha256;  // 64 lower-case hexadecimal digits
  friend bool operator==(const DataSource&, const DataSource&) = default;
};

// A trace and the scores it had when the checkpoint was written, compared at load.
struct SelfTest {
  TraceTokens tokens;
  TraceScores scores;  // [S]
};

struct PrmJson : ScoringFormat {
  int version = 1;
  int max_tokens = 0;  // longest trace
  std::string base_model;
  std::vector<DataSource> training_data;
  std::string training_options_json;        // a JSON object; empty: absent
  std::string self_test_dtype = "float32";  // of the products that the scores were made with
  std::vector<SelfTest> self_tests;
  FileSums files;  // of the checkpoint; empty: written before sums were kept
};

// Those of `files` that are needed to train on (state) or to score.
FileSums TrainingFiles(const PrmJson& prm);
FileSums ModelFiles(const PrmJson& prm);
// What prm.json says of its files, for people: how many sums, or that there are none.
std::string DescribeSums(const PrmJson& prm, bool verified);

// Throws Error(kInvalidArgument; kUnimplemented for a version that this program does not know)
// naming `where` and the field.
PrmJson ParsePrmJson(std::string_view json, std::string_view where);
PrmJson ReadPrmJson(const std::filesystem::path& file);

// The text of prm.json. Throws Error(kInvalidArgument) for what ParsePrmJson would refuse.
std::string WritePrmJson(const PrmJson& prm);

// The end of writing a checkpoint: prm.json with the sums of all files that are in writer.folder(),
// and Commit. Throws as these do.
void CommitCheckpoint(PrmJson prm, CheckpointWriter* writer);

}  // namespace prm
