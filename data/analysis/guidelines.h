// Annotation guidelines by domain: what one step may contain before a lint warns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// The unit of which a step should contain only one.
enum class StepUnit : uint8_t {
  kTransformation,  // one chain of relations
  kEvidence,        // one quoted passage
  kSource,          // one cited source
  kAuthority,       // one statute, article or case
  kInference,       // one conclusion drawn
};
inline constexpr int kNumStepUnits = 5;
// "transformation", "evidence", ...
std::string_view StepUnitName(StepUnit unit);

struct Guideline {
  std::string name;
  std::vector<std::string> domains;  // "math" is also the guideline of "math-gsm8k"
  std::string rule;                  // for people, in one sentence
  StepUnit unit = StepUnit::kInference;
  int max_units = 1;
  int max_words = 60;
  int max_sentences = 2;
  int max_jump = 2;             // elementary operations from the context to a new equation
  bool quantities = false;      // lint numbers without a source
  double max_similarity = 0.9;  // to an earlier step; above 1: repeats are normal here
};

// The guidelines of a project. Immutable; safe from any thread.
class Guidelines {
 public:
  // The guidelines shipped with the program, in the format of Parse.
  static const Guidelines& Default();

  // {"guidelines": [{"name", "domains": [..], "rule", "unit", "max_units", "max_words",
  // "max_sentences", "max_jump", "quantities", "max_similarity"}]}; only name and domains are
  // required. A guideline with the domain "*" covers domains that no other names; without one, the
  // shipped one does. Throws Error(kInvalidArgument) naming `where` and the field for malformed
  // text, unknown fields, values out of range and a repeated domain.
  static Guidelines Parse(std::string_view json, std::string_view where);
  static Guidelines Read(const std::filesystem::path& path);

  // The guideline with the longest domain that equals `domain` or precedes a "-" in it.
  const Guideline& Of(std::string_view domain) const;
  const std::vector<Guideline>& all() const { return all_; }

 private:
  std::vector<Guideline> all_;
};

}  // namespace prm
