// prm.json: a checkpoint's metadata beyond its weights.
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

// A trace and its scores when the checkpoint was written, compared at load.
struct SelfTest {
  TraceTokens tokens;
  TraceScores scores;  // [S]
};

struct PrmJson : ScoringFormat {
  int version = 1;
  int max_tokens = 0;  // longest trace
  std::string base_model;
  std::vector<DataSource> training_data;
  std::string training_options_json;        // a JSON object; empty if absent
  std::string self_test_dtype = "float32";  // dtype of the matrix products behind the scores
  std::vector<SelfTest> self_tests;
  FileSums files;  // of the checkpoint; empty if written before sums were stored
};

// The subset of `files` needed to continue training (state), or to score.
FileSums TrainingFiles(const PrmJson& prm);
FileSums ModelFiles(const PrmJson& prm);
// For people: how many files have sums, or that there are none.
std::string DescribeSums(const PrmJson& prm, bool verified);

// The files that make up the checkpoint in `folder`, which no verb that reads it may replace:
// prm.json and those it has sums of. None for "".
std::vector<std::filesystem::path> CheckpointFiles(const std::filesystem::path& folder);

// Throws Error naming `where` and the field: kUnimplemented (unknown version), kInvalidArgument, or
// kDataLoss if prm.json has a sum of itself that differs.
PrmJson ParsePrmJson(std::string_view json, std::string_view where);
PrmJson ReadPrmJson(const std::filesystem::path& file);

// Returns the text of prm.json. Throws Error(kInvalidArgument) for what ParsePrmJson would refuse.
std::string WritePrmJson(const PrmJson& prm);

// Finishes a checkpoint: writes prm.json with the sums of all files in writer.folder(), then calls
// Commit. Throws as these do.
void CommitCheckpoint(PrmJson prm, CheckpointWriter* writer);

}  // namespace prm
