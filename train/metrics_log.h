// metrics.jsonl: what a run says of each step and evaluation.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json_fwd.hpp>

namespace prm {

// One JSON object a line, each with its `step`. On resuming, lines of later steps are dropped, and
// a last line that a crash cut off.
class MetricsLog {
 public:
  // `resumed_step` 0: a new file. Throws Error naming file and line for what is no such log.
  MetricsLog(const std::filesystem::path& path, int64_t resumed_step);
  // On the disk's way when it returns. Throws Error with the path.
  void Write(const nlohmann::json& entry);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace prm
