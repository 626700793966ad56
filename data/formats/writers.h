// Writers of the row formats; PRM800K's is in prm800k.h.
#pragma once

#include <memory>

#include "data/formats/format.h"

namespace prm {

std::unique_ptr<RowWriter> NewNativeWriter(const WriteOptions& options);
// Native columns, all present in every row (see stepwise_rows.cc).
std::unique_ptr<RowWriter> NewHuggingFaceWriter(const WriteOptions& options);
std::unique_ptr<RowWriter> NewTrlWriter(const WriteOptions& options);
std::unique_ptr<RowWriter> NewMathShepherdWriter(const WriteOptions& options);
std::unique_ptr<RowWriter> NewProcessBenchWriter(const WriteOptions& options);
// {"id", "prompt", "completion"} of traces whose steps are all labelled correct and whose answer is
// right. Source: TRL, "Dataset formats", prompt-completion; specs, annotation section 2.4.
std::unique_ptr<RowWriter> NewSftWriter(const WriteOptions& options);
// {"prompt", "chosen", "rejected", "chosen_label", "rejected_label", "chosen_from",
// "rejected_from", "step"}: every valid step against every invalid one after the same problem and
// preceding steps, from the steps of all traces and their PRM800K alternatives. No preceding step
// is labelled as an error. Finish writes the pairs, in the order of the last step of each prefix.
// Keeps 16 bytes per labelled step, a copy of the traces in a temporary file (TMPDIR) and, in
// Finish, the steps of open prefixes, which are few if the traces of a problem are adjacent.
// Source: TRL, "Dataset formats", preference.
std::unique_ptr<RowWriter> NewPairsWriter(const WriteOptions& options);

}  // namespace prm
