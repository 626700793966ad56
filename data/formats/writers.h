// Writers of the formats that are written row by row; PRM800K's is in prm800k.h.
#pragma once

#include <memory>

#include "data/formats/format.h"

namespace prm {

std::unique_ptr<RowWriter> NewNativeWriter(const WriteOptions& options);
// Native columns, all of them in every row (see stepwise_rows.cc).
std::unique_ptr<RowWriter> NewHuggingFaceWriter(const WriteOptions& options);
std::unique_ptr<RowWriter> NewTrlWriter(const WriteOptions& options);
std::unique_ptr<RowWriter> NewMathShepherdWriter(const WriteOptions& options);
std::unique_ptr<RowWriter> NewProcessBenchWriter(const WriteOptions& options);
// {"id", "prompt", "completion"} of the traces whose steps are all labelled correct and whose
// answer is right. Source: TRL, "Dataset formats", prompt-completion; specs, annotation
// section 2.4.
std::unique_ptr<RowWriter> NewSftWriter(const WriteOptions& options);
// {"prompt", "chosen", "rejected", "chosen_label", "rejected_label", "chosen_from",
// "rejected_from", "step"}: every valid step against every invalid one behind the same problem and
// the same steps, from the steps of all traces and their PRM800K alternatives. No step before is
// labelled as an error. The pairs come with Finish, in the order in which the last step of each
// prefix came. Keeps 16 bytes a labelled step, a copy of the traces in a temporary file (TMPDIR)
// and, in Finish, the steps of the prefixes that are still open, which are few where the traces of
// a problem follow each other. Source: TRL, "Dataset formats", preference.
std::unique_ptr<RowWriter> NewPairsWriter(const WriteOptions& options);

}  // namespace prm
