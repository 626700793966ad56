// Works in two passes, so that memory does not grow with the texts. Add copies each trace, up to
// its first error, to a temporary file and stores 16 bytes per labelled step: the digest of its
// prefix, and whether it is valid. Sorted, these show which prefixes have both valid and invalid
// steps, and how many. Finish reads the file again, collects only the steps of those prefixes and
// writes a prefix's pairs after its last step.
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <unordered_map>

#include "data/error.h"
#include "data/formats/prm800k.h"
#include "data/formats/writers.h"
#include "data/records/trace_reader.h"
#include "data/text/sha256.h"

namespace prm {
namespace {

using nlohmann::json;

// Lines that are written, then read. The file has no name, so it disappears with the program.
class ScratchFile {
 public:
  ScratchFile() {
    std::string path = (std::filesystem::temp_directory_path() / "prm-pairs-XXXXXX").string();
    const int fd = mkstemp(path.data());
    if (fd < 0) Throw(path);
    unlink(path.c_str());
    file_ = fdopen(fd, "w");
    if (file_ == nullptr) {
      const int cause = errno;
      close(fd);
      errno = cause;
      Throw(path);
    }
    // Opens the same bytes from the start.
    path_ = StrCat("/proc/self/fd/", fd);
  }
  ~ScratchFile() { std::fclose(file_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void WriteLine(const std::string& line) {
    const bool written = std::fwrite(line.data(), 1, line.size(), file_) == line.size();
    if (!written || std::fputc('\n', file_) == EOF) Throw("a temporary file");
  }
  // Returns the file to read; call after the last line.
  const std::string& Finish() {
    if (std::fflush(file_) != 0) Throw("a temporary file");
    return path_;
  }

 private:
  [[noreturn]] static void Throw(const std::string& what) {
    throw Error(
        ErrorCode::kUnavailable,
        StrCat("cannot write ", what, " for the pairs: ", std::generic_category().message(errno)));
  }

  std::FILE* file_ = nullptr;
  std::string path_;
};

// A labelled step after the problem and preceding steps of a trace, which it borrows from.
struct Following {
  Digest128 prefix;
  size_t step = 0;
  const std::string& text;
  StepLabel label;
};

// Passes the labelled steps and alternatives of `trace` up to the first error to `use`. Returns the
// number of these steps.
template <class Use>
size_t ForEachFollowing(const Trace& trace, const std::vector<Alternative>& alternatives,
                        Sha256* hash, const Use& use) {
  hash->Add(trace.problem);
  Digest128 prefix = hash->Take128();
  size_t next = 0;
  for (size_t i = 0; i <= trace.steps.size(); ++i) {
    for (; next < alternatives.size() && alternatives[next].step == i; ++next) {
      use(Following{prefix, i, alternatives[next].text, alternatives[next].label});
    }
    if (i == trace.steps.size()) break;
    const Step& step = trace.steps[i];
    if (step.label) use(Following{prefix, i, step.text, *step.label});
    if ((step.label && IsError(*step.label)) || trace.first_error == int(i)) return i + 1;
    // Includes the digest so far, so that different sequences of texts get different digests.
    hash->Add({reinterpret_cast<const char*>(&prefix), sizeof prefix});
    hash->Add(step.text);
    prefix = hash->Take128();
  }
  return trace.steps.size();
}

bool IsBefore(const Digest128& a, const Digest128& b) {
  return a.high != b.high ? a.high < b.high : a.low < b.low;
}

// The steps of one prefix.
class Meeting {
 public:
  void Add(const Following& step, const std::string& trace) {
    ++size_;
    const auto found = index_.find(step.text);
    if (found != index_.end()) {
      Choice& same = *found->second;
      same.conflict |= IsCorrect(same.label) != IsCorrect(step.label);
      return;
    }
    choices_.push_back({step.text, step.label, trace});
    index_.emplace(choices_.back().text, &choices_.back());
  }
  // Steps so far, equal ones included.
  size_t size() const { return size_; }

  // Writes every valid step against every invalid one, in one part per valid step.
  void Write(const std::string& prompt, size_t step,
             const std::function<void(const WriteResult&)>& take) const {
    for (const Choice& chosen : choices_) {
      WriteResult result;
      if (chosen.conflict) ++result.left_out["steps that are labelled both valid and invalid"];
      for (const Choice& rejected : choices_) {
        if (chosen.conflict || !IsCorrect(chosen.label)) break;
        if (rejected.conflict || IsCorrect(rejected.label)) continue;
        result.rows.push_back(json{
            {"prompt", prompt},
            {"step", step},
            {"chosen", chosen.text},
            {"rejected", rejected.text},
            {"chosen_label", kLabelNames[size_t(chosen.label)]},
            {"rejected_label", kLabelNames[size_t(rejected.label)]},
            {"chosen_from", chosen.trace},
            {"rejected_from",
             rejected.trace}}.dump());
      }
      take(result);
    }
  }

 private:
  struct Choice {
    std::string text;
    StepLabel label;
    std::string trace;  // id of the first trace that has it
    bool conflict = false;
  };
  size_t size_ = 0;
  std::deque<Choice> choices_;
  std::unordered_map<std::string_view, Choice*> index_;  // by text
};

class PairsWriter : public RowWriter {
 public:
  explicit PairsWriter(const WriteOptions& options) : options_(options) {}

  WriteResult Add(Trace trace) override {
    WriteResult result;
    if (IsAlternative(trace)) {
      ++result.left_out["alternatives, which come with the trace they belong to"];
      return result;
    }
    const std::vector<Alternative> alternatives = AlternativesOf(trace);
    std::vector<Digest128> notes;
    const size_t steps =
        ForEachFollowing(trace, alternatives, &hash_, [&notes](const Following& step) {
          notes.push_back(Key(step.prefix));
          notes.back().low |= IsCorrect(step.label);
        });
    if (notes.empty()) return result;
    file_.WriteLine(TraceToJson(Copy(trace, steps, !alternatives.empty())));
    // Only steps that are in the file are expected.
    notes_.insert(notes_.end(), notes.begin(), notes.end());
    return result;
  }

  void Finish(const std::function<void(const WriteResult&)>& take) override {
    const std::vector<Expected> expected = TakeExpected();
    std::unordered_map<Digest128, Meeting, DigestHash> meetings;
    TraceReader reader(file_.Finish());
    for (Trace trace; reader.Next(&trace);) {
      ForEachFollowing(trace, AlternativesOf(trace), &hash_, [&](const Following& step) {
        const Digest128 key = Key(step.prefix);
        const auto at = std::lower_bound(
            expected.begin(), expected.end(), key,
            [](const Expected& e, const Digest128& digest) { return IsBefore(e.prefix, digest); });
        if (at == expected.end() || !(at->prefix == key)) return;
        Meeting& meeting = meetings[key];
        meeting.Add(step, trace.id);
        if (meeting.size() < at->steps) return;
        meeting.Write(PromptOf(trace, step.step), step.step, take);
        meetings.erase(key);
      });
    }
    if (!meetings.empty()) throw Error(ErrorCode::kInternal, "pairs: the passes differ");
  }

 private:
  // A prefix with valid and invalid steps, and their number.
  struct Expected {
    Digest128 prefix;
    size_t steps = 0;
  };
  struct DigestHash {
    size_t operator()(const Digest128& digest) const { return size_t(digest.low >> 1); }
  };

  // Drops the bit that marks the step as valid.
  static Digest128 Key(Digest128 digest) {
    digest.low &= ~uint64_t{1};
    return digest;
  }

  // What the second pass needs.
  static Trace Copy(const Trace& trace, size_t steps, bool has_alternatives) {
    Trace copy;
    copy.id = trace.id;
    copy.problem = trace.problem;
    for (size_t i = 0; i < steps; ++i) {
      copy.steps.push_back({trace.steps[i].text, trace.steps[i].label, std::nullopt});
    }
    if (trace.first_error && *trace.first_error < int(steps)) copy.first_error = trace.first_error;
    if (has_alternatives) copy.meta_json = trace.meta_json;
    return copy;
  }

  std::vector<Expected> TakeExpected() {
    std::sort(notes_.begin(), notes_.end(), IsBefore);
    std::vector<Expected> expected;
    for (size_t begin = 0, end = 0; begin < notes_.size(); begin = end) {
      while (end < notes_.size() && Key(notes_[end]) == Key(notes_[begin])) ++end;
      if (notes_[begin] == notes_[end - 1]) continue;  // all valid, or none
      expected.push_back({Key(notes_[begin]), end - begin});
    }
    notes_ = {};
    return expected;
  }

  std::string PromptOf(const Trace& trace, size_t steps) const {
    std::string prompt = trace.problem;
    for (size_t i = 0; i < steps; ++i) prompt += options_.joint + trace.steps[i].text;
    return prompt;
  }

  const WriteOptions options_;
  Sha256 hash_;
  std::vector<Digest128> notes_;
  ScratchFile file_;
};

}  // namespace

std::unique_ptr<RowWriter> NewPairsWriter(const WriteOptions& options) {
  return std::make_unique<PairsWriter>(options);
}

}  // namespace prm
