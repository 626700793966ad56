// Trace files of any known format as native traces.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "data/conversion/report.h"
#include "data/formats/format.h"

namespace prm {

struct ImportOptions {
  std::string format = "auto";  // a name of Formats(), or auto: by the first rows
  ReadOptions read;
  LabelPolicy policy;
  bool strict = false;  // the first refusal is thrown
  // Called for each refusal and now and then; may be empty.
  std::function<void(const Refusal&)> on_refusal;
  std::function<void(const ConversionReport&)> on_progress;
};

// Reads `in` (plain, gzip, xz, "-") in memory of the longest row and at most 16 bytes an id, and
// hands each trace to `write` in the order of the rows. Every row is kept whole or refused with its
// place and reason: what the format's reader refuses, an id that came before, is blank or holds
// control characters, a problem without text. Throws Error for a file that cannot be read or whose
// format is unknown or not clear, and what `write` throws.
ConversionReport ImportTraces(const std::filesystem::path& in, const ImportOptions& options,
                              const std::function<void(const Trace&)>& write);

}  // namespace prm
