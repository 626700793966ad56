#include "data/similarity/contamination.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <tuple>
#include <unordered_set>

#include "data/answers/answers.h"
#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/io/json_rows.h"
#include "data/similarity/normal_text.h"
#include "data/text/ascii.h"
#include "data/text/hash.h"

namespace prm {
namespace {

bool IsPlainWord(std::string_view word) {
  return IsDigit(word[0]) || IsLetter(word[0]) || (word[0] & 0x80);
}

// A string, or a number as text; empty if the member is absent, null or of another type.
std::string AnswerText(const JsonMember& member) {
  if (!member.has_value()) return "";
  std::string_view text;
  if (!member.field.value.get(text)) return NormalizeAnswer(text);
  if (member.field.value.is_number()) return NormalizeAnswer(simdjson::minify(member.field.value));
  return "";
}

}  // namespace

std::string_view ContaminationKindName(ContaminationKind kind) {
  constexpr std::array<std::string_view, kNumContaminationKinds> kNames = {"similar", "13_gram",
                                                                           "template"};
  return kNames[size_t(kind)];
}

std::vector<LongGram> LongGramsOf(std::string_view normal) {
  constexpr size_t kLength = EvaluationProblems::kLongGram;
  std::vector<std::string_view> words = NormalWords(normal);
  std::erase_if(words, [](std::string_view word) { return !IsPlainWord(word); });
  std::vector<uint64_t> hashes, masked;
  for (const std::string_view word : words) {
    hashes.push_back(HashText(word));
    masked.push_back(IsNumberWord(word) ? 0 : hashes.back());
  }
  const auto hash_of = [](const std::vector<uint64_t>& of, size_t first, size_t length) {
    uint64_t hash = 0;
    for (size_t k = 0; k < length; ++k) hash = Scramble(hash ^ of[first + k]);
    return hash;
  };
  std::vector<LongGram> grams;
  for (size_t i = 0; i + kLength <= words.size(); ++i) {
    const std::string_view last = words[i + kLength - 1];
    LongGram gram{hash_of(hashes, i, kLength),
                  {},
                  size_t(words[i].data() - normal.data()),
                  size_t(last.data() + last.size() - normal.data())};
    for (size_t k = 0; k < gram.phrases.size(); ++k) {
      const bool shared = k + 1 < gram.phrases.size() && !grams.empty();
      gram.phrases[k] = shared ? grams.back().phrases[k + 1]
                               : hash_of(masked, i + k, EvaluationProblems::kPhrase);
    }
    grams.push_back(gram);
  }
  return grams;
}

void EvaluationProblems::AddFile(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 5> kNames = {"id", "problem", "reference_answer",
                                                      "ground_truth", "answer"};
  JsonRows rows(path);
  for (JsonField object; rows.Next(&object);) {
    const std::vector<JsonMember> members = ReadMembers(object, kNames, nullptr);
    Problem problem;
    problem.file = path.filename().string();
    problem.id = ReadString(Required(members[0], "id", object));
    problem.text = NormalText(ReadString(Required(members[1], "problem", object)));
    for (const size_t i : {2u, 3u, 4u}) {
      if (problem.answer.empty()) problem.answer = AnswerText(members[i]);
    }
    Add(std::move(problem));
  }
}

void EvaluationProblems::Add(Problem problem) {
  const auto index = uint32_t(problems_.size());
  if (!by_text_.try_emplace(KeyOf(problem.text), index).second) return;
  const std::vector<uint32_t> grams = GramSet(problem.text);
  problem.grams = uint32_t(grams.size());
  for (const uint32_t gram : grams) by_gram_[gram].push_back(index);
  std::unordered_set<uint64_t> phrases;
  for (const LongGram& gram : LongGramsOf(problem.text)) {
    std::vector<uint32_t>& in = by_long_gram_[gram.hash];
    const bool again = !in.empty() && in.back() == index;
    if (!again && in.size() <= size_t(kBoilerplate)) in.push_back(index);
    for (const uint64_t phrase : gram.phrases) {
      if (phrases.insert(phrase).second) ++phrases_[phrase];
    }
  }
  by_template_[KeyOf(MaskNumbers(problem.text))].push_back(index);
  problems_.push_back(std::move(problem));
}

EvaluationProblems::Groups EvaluationProblems::GroupsOfPhrases(const ProblemTable& table) const {
  Groups groups;
  for (uint32_t problem = 0; problem < table.size(); ++problem) {
    const uint32_t group = table.GroupOf(problem);
    for (const LongGram& gram : LongGramsOf(table.Text(problem))) {
      for (const uint64_t phrase : gram.phrases) {
        if (!phrases_.contains(phrase)) continue;
        std::vector<uint32_t>& in = groups[phrase];
        const bool again = std::find(in.begin(), in.end(), group) != in.end();
        if (!again && in.size() <= size_t(kBoilerplate)) in.push_back(group);
      }
    }
  }
  return groups;
}

bool EvaluationProblems::IsBoilerplate(uint64_t phrase, const Groups& groups) const {
  return phrases_.at(phrase) > kBoilerplate || groups.at(phrase).size() > size_t(kBoilerplate);
}

// The most similar candidate; ties go to the evaluation problem added first, so the result does not
// depend on the order of the candidates.
class EvaluationProblems::Best {
 public:
  explicit Best(ContaminationKind kind) : kind_(kind) {}

  void Offer(uint32_t eval, double similarity, std::string_view evidence) {
    if (found_ && std::tuple(-similarity, eval) >= std::tuple(-similarity_, eval_)) return;
    found_ = true;
    eval_ = eval;
    similarity_ = similarity;
    evidence_ = evidence;
  }
  std::optional<Contamination> Found(uint32_t problem, const std::vector<Problem>& problems) const {
    if (!found_) return std::nullopt;
    const Problem& other = problems[eval_];
    return Contamination{problem, kind_, other.file, other.id, similarity_, std::string(evidence_)};
  }

 private:
  const ContaminationKind kind_;
  bool found_ = false;
  uint32_t eval_ = 0;
  double similarity_ = 0;
  std::string_view evidence_;
};

void EvaluationProblems::CountShared(std::string_view text, Shared* shared) const {
  const std::vector<uint32_t> grams = GramSet(text);
  shared->grams = grams.size();
  shared->with.clear();
  for (const uint32_t gram : grams) {
    const auto in = by_gram_.find(gram);
    if (in == by_gram_.end()) continue;
    for (const uint32_t eval : in->second) ++shared->with[eval];
  }
}

double EvaluationProblems::SimilarityTo(uint32_t eval, const Shared& shared) const {
  const auto common = shared.with.find(eval);
  const double both = common == shared.with.end() ? 0 : common->second;
  const double either = double(shared.grams) + problems_[eval].grams - both;
  return either == 0 ? 1 : both / either;
}

EvaluationProblems::Best EvaluationProblems::FindSimilar(const Shared& shared) const {
  Best best(ContaminationKind::kSimilar);
  for (const auto& [eval, common] : shared.with) {
    const double similarity = SimilarityTo(eval, shared);
    if (similarity >= kMinSimilarity) best.Offer(eval, similarity, problems_[eval].text);
  }
  return best;
}

EvaluationProblems::Best EvaluationProblems::FindThirteenGram(std::string_view text,
                                                              const Shared& shared,
                                                              const Groups& groups) const {
  Best best(ContaminationKind::kThirteen);
  for (const LongGram& gram : LongGramsOf(text)) {
    const auto in = by_long_gram_.find(gram.hash);
    if (in == by_long_gram_.end()) continue;
    const bool boilerplate =
        std::any_of(gram.phrases.begin(), gram.phrases.end(),
                    [&](uint64_t phrase) { return IsBoilerplate(phrase, groups); });
    if (boilerplate) continue;
    const std::string_view evidence = text.substr(gram.begin, gram.end - gram.begin);
    for (const uint32_t eval : in->second) best.Offer(eval, SimilarityTo(eval, shared), evidence);
  }
  return best;
}

EvaluationProblems::Best EvaluationProblems::FindTemplate(
    std::string_view text, const Shared& shared,
    const std::function<std::string()>& answer_of) const {
  Best best(ContaminationKind::kTemplate);
  const auto same = by_template_.find(KeyOf(MaskNumbers(text)));
  if (same == by_template_.end()) return best;
  const std::string answer = answer_of();
  for (const uint32_t eval : same->second) {
    if (answer.empty() || problems_[eval].answer != answer) continue;
    best.Offer(eval, SimilarityTo(eval, shared), problems_[eval].text);
  }
  return best;
}

std::vector<Contamination> EvaluationProblems::FindIn(
    const ProblemTable& table, const std::function<std::string(uint32_t)>& answer_of) const {
  const Groups groups = GroupsOfPhrases(table);
  std::vector<Contamination> found;
  Shared shared;
  for (uint32_t problem = 0; problem < table.size(); ++problem) {
    const std::string_view text = table.Text(problem);
    CountShared(text, &shared);
    auto one = FindSimilar(shared).Found(problem, problems_);
    if (!one) one = FindThirteenGram(text, shared, groups).Found(problem, problems_);
    if (!one) {
      const auto answer = [&] { return answer_of(problem); };
      one = FindTemplate(text, shared, answer).Found(problem, problems_);
    }
    if (one) found.push_back(std::move(*one));
  }
  return found;
}

}  // namespace prm
