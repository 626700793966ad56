#include "data/curation/split.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <numeric>
#include <tuple>

#include "data/io/text_io.h"
#include "data/records/trace_stream.h"
#include "data/similarity/normal_text.h"
#include "data/similarity/problem_table.h"
#include "data/text/ascii.h"
#include "data/text/hash.h"

namespace prm {
namespace {

struct Problems {
  ProblemTable table;
  std::vector<uint32_t> of_trace;
  std::vector<uint64_t> lines;  // hash of each trace's line
};

Problems ReadProblems(const SplitOptions& options) {
  struct Read {
    std::string problem;
    std::optional<std::string> source_id;
  };
  Problems problems;
  ForEachTrace(
      options.in, options.threads,
      [](const Trace& trace) {
        return Read{NormalText(trace.problem), SourceProblemId(trace)};
      },
      [&](const Read& read, const TraceLine& line) {
        problems.of_trace.push_back(problems.table.Add(read.problem, read.source_id));
        problems.lines.push_back(HashText(line.bytes));
      },
      ThrowRefusal);
  return problems;
}

// The part of each problem. A group's key is the lowest key of its problems, so the order of the
// file does not matter.
std::vector<int> PartsOfProblems(const Problems& problems, const SplitOptions& options,
                                 SplitResult* result) {
  const ProblemTable& table = problems.table;
  std::vector<SplitGroup> by_problem(table.size(), {~uint64_t{0}, 0});
  for (uint32_t problem = 0; problem < table.size(); ++problem) {
    SplitGroup& group = by_problem[table.GroupOf(problem)];
    group.key = std::min(group.key, HashText(table.Text(problem)));
  }
  for (const uint32_t problem : problems.of_trace) ++by_problem[table.GroupOf(problem)].traces;
  std::vector<SplitGroup> groups;
  std::vector<uint32_t> index(table.size());
  for (uint32_t problem = 0; problem < table.size(); ++problem) {
    if (table.GroupOf(problem) != problem) continue;
    index[problem] = uint32_t(groups.size());
    groups.push_back(by_problem[problem]);
  }
  const std::vector<int> parts = AssignParts(groups, options.shares, options.seed);
  for (size_t i = 0; i < groups.size(); ++i) {
    ++result->groups[size_t(parts[i])];
    result->largest_group = std::max(result->largest_group, groups[i].traces);
  }
  std::vector<int> of_problem(table.size());
  for (uint32_t problem = 0; problem < table.size(); ++problem) {
    of_problem[problem] = parts[index[table.GroupOf(problem)]];
  }
  result->problems = table.size();
  return of_problem;
}

void WriteParts(const SplitOptions& options, const Problems& problems,
                const std::vector<int>& part_of_problem, SplitResult* result) {
  std::array<std::unique_ptr<OutputFile>, kNumParts> out;
  for (size_t part = 0; part < kNumParts; ++part) {
    if (!options.out[part].empty()) out[part] = std::make_unique<OutputFile>(options.out[part]);
  }
  LineReader reader(options.in);
  size_t trace = 0;
  const auto require = [&](bool same) {
    if (same) return;
    throw Error(ErrorCode::kFailedPrecondition,
                StrCat(reader.name(), ": the file changed while it was split"));
  };
  for (std::string_view line; reader.Next(&line);) {
    if (IsBlank(line)) continue;
    require(trace < problems.lines.size() && problems.lines[trace] == HashText(line));
    const auto part = size_t(part_of_problem[problems.of_trace[trace++]]);
    ++result->traces[part];
    if (!out[part]) continue;
    out[part]->Write(line);
    out[part]->Write("\n");
  }
  require(trace == problems.lines.size());
  for (const auto& file : out) {
    if (file) file->Commit();
  }
}

void CheckOptions(const SplitOptions& options) {
  CheckReadTwice(options.in);
  double sum = 0;
  for (size_t part = 0; part < kNumParts; ++part) {
    const double share = options.shares[part];
    if (!(share >= 0) || share > 1e9) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat("split: share of ", kPartNames[part],
                         ": expected a number of at least 0, got ", share));
    }
    sum += share;
    if (share > 0 && options.out[part].empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat("split: ", kPartNames[part], " has a share and no file"));
    }
  }
  if (sum <= 0)
    throw OptionError(
        "split: no part has a file and a share; expected --train, --dev or --test FILE");
}

}  // namespace

std::vector<int> AssignParts(const std::vector<SplitGroup>& groups,
                             const std::array<double, kNumParts>& shares, uint64_t seed) {
  std::vector<size_t> order(groups.size());
  std::iota(order.begin(), order.end(), 0);
  const auto rank = [&](size_t i) {
    const SplitGroup& group = groups[i];
    return std::tuple(-int(std::bit_width(uint64_t(group.traces))), Scramble(group.key ^ seed),
                      group.key);
  };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  int64_t traces = 0;
  for (const SplitGroup& group : groups) traces += group.traces;
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::array<double, kNumParts> lacking;
  for (size_t part = 0; part < kNumParts; ++part) {
    lacking[part] = double(traces) * shares[part] / sum;
  }
  std::vector<int> parts(groups.size());
  for (const size_t i : order) {
    size_t best = kNumParts;
    for (size_t part = 0; part < kNumParts; ++part) {
      if (shares[part] <= 0) continue;
      if (best == kNumParts || lacking[part] > lacking[best]) best = part;
    }
    lacking[best] -= double(groups[i].traces);
    parts[i] = int(best);
  }
  return parts;
}

SplitResult SplitByGroup(const SplitOptions& options) {
  CheckOptions(options);
  SplitResult result;
  const Problems problems = ReadProblems(options);
  const std::vector<int> parts = PartsOfProblems(problems, options, &result);
  WriteParts(options, problems, parts, &result);
  return result;
}

}  // namespace prm
