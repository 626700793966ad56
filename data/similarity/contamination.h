// Problems of a training set that also occur in an evaluation set, with the evidence.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/similarity/problem_table.h"
#include "data/text/hash.h"

namespace prm {

enum class ContaminationKind : uint8_t {
  kSimilar,   // Jaccard >= .5 of the problems' word 5-grams
  kThirteen,  // 13 words in a row, letters and digits only
  kTemplate,  // equal with numbers masked, and equal answers
};
inline constexpr int kNumContaminationKinds = 3;
std::string_view ContaminationKindName(ContaminationKind kind);

struct Contamination {
  uint32_t problem;  // index in the training set's ProblemTable
  ContaminationKind kind;
  std::string file;      // evaluation file
  std::string id;        // id of its trace or problem
  double similarity;     // Jaccard
  std::string evidence;  // the words shared, or the evaluation problem's text
};

// The problems of evaluation files, indexed for search. Used by one thread at a time. Source:
// 13-grams, and the rule that a gram found in more than 10 problems is boilerplate: Brown et al.
// 2020, "Language models are few-shot learners", appendix C. Here a gram is boilerplate if any
// 8-word phrase in it is: five more words next to a common phrase are no evidence. Numbers in
// phrases are masked, and variants of one training problem (a group of its ProblemTable) count
// once.
class EvaluationProblems {
 public:
  static constexpr double kMinSimilarity = 0.5;
  static constexpr size_t kLongGram = 13;
  static constexpr size_t kPhrase = 8;
  static constexpr int kBoilerplate = 10;

  // Adds native trace files, rerank files and benchmarks, as JSON lines or one array; reads only
  // "id", "problem" and the answers. Throws Error for a row without the first two.
  void AddFile(const std::filesystem::path& path);
  size_t size() const { return problems_.size(); }

  // The strongest evidence for each contaminated problem of `table`, by problem. Similarity comes
  // first (most similar), then 13-grams, then templates; ties go to the evaluation problem added
  // first. `answer_of` returns a problem's normalised answer; empty: unknown.
  std::vector<Contamination> FindIn(const ProblemTable& table,
                                    const std::function<std::string(uint32_t)>& answer_of) const;

 private:
  struct Problem {
    std::string file, id, text, answer;
    uint32_t grams = 0;  // distinct 5-grams
  };
  void Add(Problem problem);
  // The groups of `table`, at most kBoilerplate + 1, with a phrase of the evaluation problems.
  using Groups = std::unordered_map<uint64_t, std::vector<uint32_t>>;
  Groups GroupsOfPhrases(const ProblemTable& table) const;
  // Whether a phrase is in more than kBoilerplate problems of the evaluation or training set.
  bool IsBoilerplate(uint64_t phrase, const Groups& groups) const;

  // The number of 5-grams of one text, and how many of them each evaluation problem shares.
  struct Shared {
    size_t grams = 0;
    std::unordered_map<uint32_t, uint32_t> with;
  };
  void CountShared(std::string_view text, Shared* shared) const;
  double SimilarityTo(uint32_t eval, const Shared& shared) const;
  // One for each kind of evidence.
  class Best;
  Best FindSimilar(const Shared& shared) const;
  Best FindThirteenGram(std::string_view text, const Shared& shared, const Groups& groups) const;
  Best FindTemplate(std::string_view text, const Shared& shared,
                    const std::function<std::string()>& answer_of) const;

  std::vector<Problem> problems_;
  std::unordered_map<TextKey, uint32_t, TextKeyHash> by_text_;
  std::unordered_map<uint32_t, std::vector<uint32_t>> by_gram_;
  std::unordered_map<uint64_t, std::vector<uint32_t>> by_long_gram_;  // at most kBoilerplate + 1
  std::unordered_map<uint64_t, int> phrases_;  // number of problems that contain it
  std::unordered_map<TextKey, std::vector<uint32_t>, TextKeyHash> by_template_;
};

// The runs of 13 words of letters and digits in `normal`: hash of the words, hashes of their
// phrases with numbers masked, and the bytes of the run.
struct LongGram {
  static constexpr size_t kPhrases =
      EvaluationProblems::kLongGram - EvaluationProblems::kPhrase + 1;
  uint64_t hash;
  std::array<uint64_t, kPhrases> phrases;
  size_t begin, end;
};
std::vector<LongGram> LongGramsOf(std::string_view normal);

}  // namespace prm
