// Converts trace files of any known format to native traces.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "data/conversion/report.h"
#include "data/formats/format.h"

namespace prm {

struct ImportOptions {
  std::string format = "auto";  // a name of Formats(), or auto: detected from the first rows
  ReadOptions read;
  LabelPolicy policy;
  bool strict = false;  // throw the first refusal
  // Called for each refusal and periodically; may be empty.
  std::function<void(const Refusal&)> on_refusal;
  std::function<void(const ConversionReport&)> on_progress;
};

// Reads `in` (plain, gzip, xz, "-") and passes each trace to `write` in row order. Memory: the
// longest row plus at most 16 bytes per id. Every row is kept whole or refused with its place and
// reason: errors of the format's reader, a repeated or blank id or one with control characters, a
// problem without text. Throws Error for a file that cannot be read or whose format is unknown or
// ambiguous, and whatever `write` throws.
ConversionReport ImportTraces(const std::filesystem::path& in, const ImportOptions& options,
                              const std::function<void(const Trace&)>& write);

}  // namespace prm
