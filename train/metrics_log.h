// metrics.jsonl: a line for each step and evaluation of a run.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json_fwd.hpp>

namespace prm {

// One JSON object per line, each with its `step`. Resuming drops lines of later steps, and a last
// line cut off by a crash.
class MetricsLog {
 public:
  // resumed_step 0 starts a new file. Throws Error naming file and line if it is not such a log.
  MetricsLog(const std::filesystem::path& path, int64_t resumed_step);
  // Flushed when it returns. Throws Error with the path.
  void Write(const nlohmann::json& entry);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace prm
