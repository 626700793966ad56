#include <nlohmann/json.hpp>
#include <unordered_map>

#include "data/error.h"
#include "data/formats/digest.h"
#include "data/formats/prm800k.h"
#include "data/formats/writers.h"

namespace prm {
namespace {

using nlohmann::json;

// A step that may follow a prefix.
struct Continuation {
  std::string text;
  StepLabel label;
  std::string trace;  // id of the first trace that has it
  bool conflict = false;
};

// A problem and the steps so far, as one step behind another prefix.
struct Prefix {
  size_t before = 0;  // index of that prefix; its own for a problem
  std::string text;   // of the last step, or the problem
  size_t step = 0;    // of what follows
  std::vector<Continuation> continuations;
};

struct DigestHash {
  size_t operator()(const Digest128& digest) const { return size_t(digest.low); }
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
    size_t next = 0;
    hash_.Add(trace.problem);
    Digest128 digest = hash_.Take128();
    size_t prefix = PrefixOf(digest, prefixes_.size(), trace.problem, 0);
    for (size_t i = 0; i <= trace.steps.size(); ++i) {
      for (; next < alternatives.size() && alternatives[next].step == i; ++next) {
        Follow(prefix, alternatives[next].text, alternatives[next].label, trace.id);
      }
      if (i == trace.steps.size()) break;
      const Step& step = trace.steps[i];
      if (step.label) Follow(prefix, step.text, *step.label, trace.id);
      if ((step.label && IsError(*step.label)) || trace.first_error == int(i)) break;
      // Over the digest so far, so that no text can be taken for two.
      hash_.Add({reinterpret_cast<const char*>(&digest), sizeof digest});
      hash_.Add(step.text);
      digest = hash_.Take128();
      prefix = PrefixOf(digest, prefix, step.text, i + 1);
    }
    return result;
  }

  WriteResult Finish() override {
    WriteResult result;
    for (const Prefix& prefix : prefixes_) AddPairs(prefix, &result);
    return result;
  }

 private:
  size_t PrefixOf(const Digest128& digest, size_t before, const std::string& text, size_t step) {
    const auto [found, is_new] = index_.try_emplace(digest, prefixes_.size());
    if (is_new) prefixes_.push_back({before, text, step, {}});
    return found->second;
  }

  void Follow(size_t prefix, const std::string& text, StepLabel label, const std::string& trace) {
    for (Continuation& other : prefixes_[prefix].continuations) {
      if (other.text != text) continue;
      other.conflict |= IsCorrect(other.label) != IsCorrect(label);
      return;
    }
    prefixes_[prefix].continuations.push_back({text, label, trace});
  }

  std::string PromptOf(const Prefix& prefix) const {
    std::vector<std::string_view> texts = {prefix.text};
    for (const Prefix* at = &prefix; at->step > 0;) {
      at = &prefixes_[at->before];
      texts.push_back(at->text);
    }
    std::string prompt(texts.back());
    for (size_t i = texts.size() - 1; i-- > 0;) prompt += options_.joint + std::string(texts[i]);
    return prompt;
  }

  void AddPairs(const Prefix& prefix, WriteResult* result) const {
    std::string prompt;
    for (const Continuation& chosen : prefix.continuations) {
      if (chosen.conflict) ++result->left_out["steps that are labelled both valid and invalid"];
      if (chosen.conflict || !IsCorrect(chosen.label)) continue;
      for (const Continuation& rejected : prefix.continuations) {
        if (rejected.conflict || IsCorrect(rejected.label)) continue;
        if (prompt.empty()) prompt = PromptOf(prefix);
        result->rows.push_back(json{
            {"prompt", prompt},
            {"step", prefix.step},
            {"chosen", chosen.text},
            {"rejected", rejected.text},
            {"chosen_label", kLabelNames[size_t(chosen.label)]},
            {"rejected_label", kLabelNames[size_t(rejected.label)]},
            {"chosen_from", chosen.trace},
            {"rejected_from",
             rejected.trace}}.dump());
      }
    }
  }

  const WriteOptions options_;
  Sha256 hash_;
  std::vector<Prefix> prefixes_;
  std::unordered_map<Digest128, size_t, DigestHash> index_;
};

}  // namespace

std::unique_ptr<RowWriter> NewPairsWriter(const WriteOptions& options) {
  return std::make_unique<PairsWriter>(options);
}

}  // namespace prm
