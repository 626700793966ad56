#include "train/metrics_log.h"

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>

#include "data/error.h"
#include "data/io/file_error.h"
#include "data/io/text_io.h"

namespace prm {
namespace {

// The lines up to `step`.
std::string LinesUpTo(int64_t step, const std::filesystem::path& path) {
  const std::string text = ReadFile(path);
  std::string kept;
  int number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // cut off
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!entry.is_object() || !entry.contains("step") || !entry["step"].is_number_integer()) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(path.string(), ":", number, ": not a line of a training run; expected a ",
                         "JSON object with an integer \"step\""));
    }
    if (entry["step"] <= step) kept.append(line).append("\n");
  }
  return kept;
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& path, int64_t resumed_step) : path_(path) {
  const bool goes_on = resumed_step > 0 && std::filesystem::exists(path);
  WriteFileAtomically(path, goes_on ? LinesUpTo(resumed_step, path) : "");
  file_.open(path, std::ios::app);
}

void MetricsLog::Write(const nlohmann::json& entry) {
  errno = 0;
  file_ << entry.dump() << std::endl;
  if (!file_) throw FileError("append to", path_, errno);
}

}  // namespace prm
