#include "data/curation/curate.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>
#include <unordered_set>

#include "data/analysis/guidelines.h"
#include "data/analysis/trace_analysis.h"
#include "data/error.h"
#include "data/io/text_io.h"
#include "data/records/trace_stream.h"
#include "data/similarity/contamination.h"
#include "data/similarity/duplicates.h"
#include "data/similarity/normal_text.h"
#include "data/similarity/problem_table.h"
#include "data/text/ascii.h"
#include "data/text/hash.h"

namespace prm {
namespace {

constexpr double kFar = 2;  // above any distance: nothing chosen yet

// Candidates for rounds of farthest-point choice; distances are computed once per distinct path.
class Pool {
 public:
  Pool(const std::vector<Candidate>& candidates, std::vector<size_t> members, uint64_t seed)
      : candidates_(candidates) {
    const auto rank = [&](size_t i) { return std::tuple(Scramble(seed ^ Scramble(i)), i); };
    std::sort(members.begin(), members.end(),
              [&](size_t a, size_t b) { return rank(a) < rank(b); });
    for (const size_t member : members) {
      const Path& path = candidates[member].path;
      const auto [entry, is_new] = number_.try_emplace(path, groups_.size());
      if (is_new) groups_.push_back({&entry->first, {}, 0, kFar});
      groups_[entry->second].members.push_back(member);
    }
  }

  // Called when a candidate was chosen, here or elsewhere.
  void Chosen(const Path& path) {
    for (Group& group : groups_) {
      if (group.next == group.members.size()) continue;
      group.nearest = std::min(group.nearest, PathDistance(*group.path, path));
    }
  }

  // Removes and returns the allowed candidate furthest from those chosen; candidates that are not
  // allowed are dropped for good. Returns candidates.size() if there is none.
  template <class Allowed>
  size_t Take(Allowed allowed) {
    while (true) {
      Group* best = nullptr;
      for (Group& group : groups_) {
        if (group.next == group.members.size()) continue;
        if (best == nullptr || group.nearest > best->nearest) best = &group;
      }
      if (best == nullptr) return candidates_.size();
      while (best->next < best->members.size()) {
        const size_t member = best->members[best->next++];
        if (allowed(candidates_[member])) return member;
      }
    }
  }

 private:
  struct Group {
    const Path* path;
    std::vector<size_t> members;
    size_t next;
    double nearest;  // distance to the nearest chosen path
  };
  const std::vector<Candidate>& candidates_;
  std::map<Path, size_t> number_;
  std::vector<Group> groups_;
};

class Caps {
 public:
  explicit Caps(const CurateLimits& limits) : limits_(limits) {}
  bool Allow(const Candidate& candidate) const {
    const auto of_problem = problems_.find(candidate.problem);
    if (of_problem != problems_.end() && of_problem->second >= limits_.per_problem) return false;
    const auto of_path = paths_.find({candidate.problem, candidate.path_cluster});
    return of_path == paths_.end() || of_path->second < limits_.per_path;
  }
  void Count(const Candidate& candidate) {
    ++problems_[candidate.problem];
    ++paths_[{candidate.problem, candidate.path_cluster}];
  }

 private:
  const CurateLimits& limits_;
  std::map<uint32_t, int64_t> problems_;
  std::map<std::pair<uint32_t, int>, int64_t> paths_;
};

class Chooser {
 public:
  Chooser(const std::vector<Candidate>& candidates, const std::vector<CellState>& cells,
          const CurateLimits& limits)
      : candidates_(candidates), limits_(limits), caps_(limits) {
    std::map<Cell, std::vector<size_t>> by_cell;
    for (size_t i = 0; i < candidates.size(); ++i) by_cell[candidates[i].cell].push_back(i);
    for (const CellState& state : cells) {
      const std::vector<size_t>& members = by_cell[state.cell];
      cells_.push_back(
          {state.cell, state.target, 0, members, Pool(candidates, members, limits.seed)});
    }
  }

  CurateChoice Run() {
    FillDeficits();
    if (limits_.total > 0) FillByDistance();
    for (const Filling& cell : cells_) {
      if (cell.chosen >= cell.target) continue;
      choice_.unfilled.push_back(
          {cell.cell, cell.target, cell.chosen, int64_t(cell.members.size()), CappedIn(cell)});
    }
    std::sort(choice_.chosen.begin(), choice_.chosen.end());
    return std::move(choice_);
  }

 private:
  struct Filling {
    Cell cell;
    int64_t target, chosen;
    std::vector<size_t> members;
    Pool pool;
    bool exhausted = false;
    double Lack() const { return 1 - double(chosen) / double(target); }
  };

  bool IsFull() const {
    return limits_.total > 0 && int64_t(choice_.chosen.size()) >= limits_.total;
  }

  void TakeCandidate(size_t index) {
    caps_.Count(candidates_[index]);
    taken_.insert(index);
    choice_.chosen.push_back(index);
  }

  void FillDeficits() {
    while (!IsFull()) {
      Filling* most = nullptr;
      for (Filling& cell : cells_) {
        if (cell.exhausted || cell.chosen >= cell.target) continue;
        if (most == nullptr || cell.Lack() > most->Lack()) most = &cell;
      }
      if (most == nullptr) return;
      const size_t index = most->pool.Take([&](const Candidate& c) { return caps_.Allow(c); });
      if (index == candidates_.size()) {
        most->exhausted = true;
        continue;
      }
      TakeCandidate(index);
      most->pool.Chosen(candidates_[index].path);
      ++most->chosen;
      ++choice_.by_deficit;
    }
  }

  void FillByDistance() {
    std::vector<size_t> rest;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (!taken_.contains(i)) rest.push_back(i);
    }
    Pool pool(candidates_, std::move(rest), limits_.seed);
    std::map<Path, bool> known;
    const auto tell = [&](const Path& path) {
      if (known.try_emplace(path, true).second) pool.Chosen(path);
    };
    for (const size_t index : choice_.chosen) tell(candidates_[index].path);
    while (!IsFull()) {
      const size_t index = pool.Take([&](const Candidate& c) { return caps_.Allow(c); });
      if (index == candidates_.size()) return;
      TakeCandidate(index);
      tell(candidates_[index].path);
      ++choice_.by_distance;
    }
  }

  int64_t CappedIn(const Filling& cell) const {
    return std::count_if(cell.members.begin(), cell.members.end(), [&](size_t i) {
      return !taken_.contains(i) && !caps_.Allow(candidates_[i]);
    });
  }

  const std::vector<Candidate>& candidates_;
  const CurateLimits& limits_;
  Caps caps_;
  std::vector<Filling> cells_;
  std::unordered_set<size_t> taken_;
  CurateChoice choice_;
};

// The traces that may be chosen, and their positions in the file.
struct Gathered {
  std::vector<Candidate> candidates;
  std::vector<int64_t> rows;     // of each candidate
  std::vector<uint64_t> hashes;  // of every row's line
};

class Gatherer {
 public:
  explicit Gatherer(const CurateOptions& options) : options_(options) {
    for (const std::filesystem::path& path : options.against) evaluation_.AddFile(path);
  }

  Gathered Run(CurateResult* result) {
    struct Read {
      std::string problem;
      std::optional<TracePrint> print;  // of passed traces
      Cell cell;
      Path path;
      std::string answer;
    };
    const Guidelines guidelines =
        options_.guidelines.empty() ? Guidelines::Default() : Guidelines::Read(options_.guidelines);
    ForEachTrace(
        options_.in, options_.threads,
        [&](const Trace& trace) {
          const TraceAnalysis analysis = AnalyzeTrace(trace, guidelines);
          Read read{NormalText(trace.problem), {}, analysis.cell, analysis.path, ""};
          if (analysis.status == QaStatus::kPass) read.print = PrintOf(trace, read.problem);
          if (trace.reference_answer) read.answer = NormalizeAnswer(*trace.reference_answer);
          return read;
        },
        [&](Read&& read, const TraceLine& line) {
          gathered_.hashes.push_back(HashText(line.bytes));
          ++result->rows;
          if (!read.print) return;
          ++result->passed;
          const std::optional<Duplicate> duplicate = duplicates_.Add(*read.print);
          if (duplicate && IsRemovable(duplicate->kind)) {
            ++result->duplicates;
            return;
          }
          const uint32_t problem = problems_.Add(read.problem);
          answers_.resize(problems_.size());
          if (answers_[problem].empty()) answers_[problem] = std::move(read.answer);
          gathered_.candidates.push_back({read.cell, problem, 0, std::move(read.path)});
          gathered_.rows.push_back(result->rows - 1);
        },
        ThrowRefusal);
    DropContaminated(result);
    NumberClusters();
    return std::move(gathered_);
  }

 private:
  void DropContaminated(CurateResult* result) {
    if (evaluation_.size() == 0) return;
    std::vector<bool> bad(problems_.size(), false);
    const auto answer_of = [&](uint32_t problem) { return answers_[problem]; };
    for (const Contamination& one : evaluation_.FindIn(problems_, answer_of)) {
      bad[one.problem] = true;
    }
    size_t kept = 0;
    for (size_t i = 0; i < gathered_.candidates.size(); ++i) {
      if (bad[gathered_.candidates[i].problem]) continue;
      if (kept != i) gathered_.candidates[kept] = std::move(gathered_.candidates[i]);
      gathered_.rows[kept++] = gathered_.rows[i];
    }
    result->contaminated = int64_t(gathered_.candidates.size() - kept);
    gathered_.candidates.resize(kept);
    gathered_.rows.resize(kept);
  }

  void NumberClusters() {
    std::map<uint32_t, std::vector<size_t>> by_problem;
    for (size_t i = 0; i < gathered_.candidates.size(); ++i) {
      by_problem[gathered_.candidates[i].problem].push_back(i);
    }
    for (const auto& [problem, members] : by_problem) {
      std::vector<Path> paths;
      for (const size_t i : members) paths.push_back(gathered_.candidates[i].path);
      const std::vector<int> clusters = PathClusters(paths);
      for (size_t k = 0; k < members.size(); ++k) {
        gathered_.candidates[members[k]].path_cluster = clusters[k];
      }
    }
  }

  const CurateOptions& options_;
  EvaluationProblems evaluation_;
  DuplicateFinder duplicates_;
  ProblemTable problems_;
  std::vector<std::string> answers_;  // by problem, normalised
  Gathered gathered_;
};

// Writes the chosen lines, grouped by problem.
void WriteChosen(const CurateOptions& options, const Gathered& gathered,
                 const CurateChoice& choice) {
  std::map<int64_t, size_t> wanted;  // row to candidate
  for (const size_t index : choice.chosen) wanted[gathered.rows[index]] = index;
  std::map<uint32_t, std::string> by_problem;  // numbers rise with first appearance
  LineReader reader(options.in);
  const auto require = [&](bool same) {
    if (same) return;
    throw Error(ErrorCode::kFailedPrecondition,
                StrCat(reader.name(), ": the file changed while it was read"));
  };
  size_t row = 0;
  for (std::string_view line; reader.Next(&line);) {
    if (IsBlank(line)) continue;
    require(row < gathered.hashes.size() && gathered.hashes[row] == HashText(line));
    const auto found = wanted.find(int64_t(row++));
    if (found == wanted.end()) continue;
    by_problem[gathered.candidates[found->second].problem].append(line).append("\n");
  }
  require(row == gathered.hashes.size());
  OutputFile out(options.out);
  for (const auto& [problem, lines] : by_problem) out.Write(lines);
  out.Commit();
}

}  // namespace

CurateChoice Choose(const std::vector<Candidate>& candidates, const std::vector<CellState>& cells,
                    const CurateLimits& limits) {
  return Chooser(candidates, cells, limits).Run();
}

CurateResult Curate(const CurateOptions& options) {
  CheckReadTwice(options.in);
  const CoveragePlan plan =
      options.plan.empty() ? CoveragePlan() : CoveragePlan::Read(options.plan);
  CurateResult result;
  const Gathered gathered = Gatherer(options).Run(&result);
  Coverage coverage;
  for (const Candidate& candidate : gathered.candidates) coverage.Add(candidate.cell);
  result.choice = Choose(gathered.candidates, coverage.States(plan), options.limits);
  WriteChosen(options, gathered, result.choice);
  return result;
}

}  // namespace prm
