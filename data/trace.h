// Reasoning traces with step labels: plain structs, no parsing.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// The order is part of the checkpoint format: row k of the step head is label k.
enum class StepLabel : uint8_t { kCorrectNecessary, kCorrectRedundant, kIncorrect, kIncomplete };
inline constexpr int kNumLabels = 4;
inline constexpr std::array<std::string_view, kNumLabels> kLabelNames = {
    "correct_necessary", "correct_redundant", "incorrect", "incomplete"};

constexpr bool IsCorrect(StepLabel label) {
  return label == StepLabel::kCorrectNecessary || label == StepLabel::kCorrectRedundant;
}
// "incorrect" and "incomplete" count as errors in every two-class view.
constexpr bool IsError(StepLabel label) { return !IsCorrect(label); }

// P(label) in kLabelNames' order; sums to 1.
using LabelProbs = std::array<float, kNumLabels>;
// P(necessary) + P(redundant).
inline float PCorrect(const LabelProbs& p) {
  return p[size_t(StepLabel::kCorrectNecessary)] + p[size_t(StepLabel::kCorrectRedundant)];
}

// The labels that a step may have; empty means "not annotated".
// Source: marginal likelihood over partial labels, Cour et al. 2011, "Learning from partial
// labels", JMLR 12, section 2.
class LabelSet {
 public:
  constexpr LabelSet() = default;
  constexpr explicit LabelSet(StepLabel label) : bits_(Bit(label)) {}
  static constexpr LabelSet Correct() { return LabelSet(uint8_t{0b0011}); }
  static constexpr LabelSet Wrong() { return LabelSet(uint8_t{0b1100}); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr int size() const { return std::popcount(bits_); }
  constexpr bool contains(StepLabel label) const { return (bits_ & Bit(label)) != 0; }
  // Whether it is not empty and a subset of `other`.
  constexpr bool IsWithin(LabelSet other) const { return !empty() && (bits_ & ~other.bits_) == 0; }
  constexpr uint8_t bits() const { return bits_; }
  friend constexpr bool operator==(LabelSet, LabelSet) = default;

 private:
  constexpr explicit LabelSet(uint8_t bits) : bits_(bits) {}
  static constexpr uint8_t Bit(StepLabel label) { return uint8_t(1u << uint8_t(label)); }
  uint8_t bits_ = 0;
};

struct Step {
  std::string text;
  std::optional<StepLabel> label;  // nullopt: not annotated
  std::optional<float> soft;       // [0, 1]: Monte-Carlo value or share of raters
};

struct Trace {
  std::string id;
  std::string problem;
  std::vector<Step> steps;
  // False: a correct_necessary label only means "correct".
  bool necessity_known = true;
  // -1: no wrong step; nullopt: absent or not decidable.
  std::optional<int> first_error;
  std::optional<bool> final_correct;
  std::optional<std::string> answer;
  std::optional<std::string> reference_answer;
  std::string domain;
  std::string strategy;
  std::string source;
  // The `annotations` array and all unknown fields (under `meta`) as JSON text; empty: absent.
  std::string annotations_json;
  std::string meta_json;
};

// Admissible labels of step `index` under trace.necessity_known (formats: "Label sets").
LabelSet AdmissibleLabels(const Trace& trace, int index);

// Index of the first step labelled incorrect or incomplete; -1 if none. An earlier step without a
// label may also be wrong.
int FirstLabelledError(const Trace& trace);
// The first error if the labels decide it: FirstLabelledError if every step before it (or of the
// whole trace) has a label; else nullopt.
std::optional<int> DecidedFirstError(const Trace& trace);

// nullopt if `name` is not one of kLabelNames.
std::optional<StepLabel> ParseLabel(std::string_view name);

}  // namespace prm
