// One reader per format: a row in, traces out. The grammar of each format is at the top of the file
// that reads it. All throw Error(kInvalidArgument) for a refused row, keep unknown members under
// meta, and may be called from any thread.
#pragma once

#include <vector>

#include "data/formats/format.h"

namespace prm {

// stepwise_rows.cc
RowTraces ReadNativeRow(const Row& row, const ReadOptions& options);
RowTraces ReadHuggingFaceRow(const Row& row, const ReadOptions& options);
RowTraces ReadTrlRow(const Row& row, const ReadOptions& options);
RowTraces ReadFoverRow(const Row& row, const ReadOptions& options);

// first_error_rows.cc
RowTraces ReadProcessBenchRow(const Row& row, const ReadOptions& options);
RowTraces ReadMrGsm8kRow(const Row& row, const ReadOptions& options);
RowTraces ReadMrBenRow(const Row& row, const ReadOptions& options);
std::vector<std::vector<JsonField>> UnpackMrBen(const JsonField& object);
RowTraces ReadBigBenchMistakeRow(const Row& row, const ReadOptions& options);
RowTraces ReadVerifyThenGenerateRow(const Row& row, const ReadOptions& options);

// flaw_rows.cc
RowTraces ReadPrmBenchRow(const Row& row, const ReadOptions& options);
RowTraces ReadRoscoeRow(const Row& row, const ReadOptions& options);
std::vector<std::vector<JsonField>> UnpackRoscoe(const JsonField& object);

// tagged_text.cc
RowTraces ReadMathShepherdRow(const Row& row, const ReadOptions& options);
RowTraces ReadErPrmRow(const Row& row, const ReadOptions& options);
RowTraces ReadRlhflowRow(const Row& row, const ReadOptions& options);

// prm800k.cc
RowTraces ReadPrm800kRow(const Row& row, const ReadOptions& options);

// math_aps.cc
RowTraces ReadMathApsRow(const Row& row, const ReadOptions& options);

// plain_text.cc
RowTraces ReadGsm8kRow(const Row& row, const ReadOptions& options);
RowTraces ReadTextBlock(const Row& row, const ReadOptions& options);

}  // namespace prm
