#include "data/synth/solution.h"

#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "data/error.h"
#include "data/synth/slips.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

using LeadIns = std::vector<std::string_view>;

// Uses the same words for steps of every label.
std::string_view LeadIn(bool first, bool last, SynthRandom* random) {
  static const LeadIns kFirst = {"", "", "First, ", "To begin, ", "Note that ", "We see that "};
  static const LeadIns kMiddle = {
      "", "", "Next, ", "Then ", "Note that ", "We know that ", "We see that ", "Now "};
  static const LeadIns kLast = {"", "", "So ", "Finally, ", "Therefore ", "Thus "};
  return random->Pick(last ? kLast : first ? kFirst : kMiddle);
}

std::string Sentence(std::string_view lead_in, const std::string& clause) {
  std::string text = StrCat(lead_in, clause);
  const bool is_unknown = text.starts_with("x ");
  if (!is_unknown) {
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  }
  return text;
}

// Whether `number` occurs in `text`, not as part of a longer one.
bool Mentions(std::string_view text, std::string_view number) {
  const auto digit_at = [&](size_t at) { return at < text.size() && IsDigit(text[at]); };
  for (size_t at = text.find(number); at != text.npos; at = text.find(number, at + 1)) {
    if ((at == 0 || !digit_at(at - 1)) && !digit_at(at + number.size())) return true;
  }
  return false;
}

class SolutionWriter {
 public:
  SolutionWriter(const SynthProblem& problem, const SynthSolutionPlan& plan, SynthRandom* random,
                 Trace* trace)
      : problem_(problem), plan_(plan), random_(random), trace_(trace), values_(problem.values) {
    const std::string_view times[] = {"×", "*"};
    const std::string_view divided_by[] = {"÷", "/"};
    const uint64_t style = random_->Below(2);
    notation_ = {times[style], divided_by[style]};
  }

  bool Write(std::string* flaw_kind) {
    const int conclusion = static_cast<int>(plan_.strategy->operations.size());
    for (int at = 0; at <= conclusion; ++at) {
      const bool merged = at == conclusion && !plan_.separate_conclusion && !force_conclusion_;
      if (!merged && random_->Chance(plan_.redundant_percent)) AddRedundant();
      const bool flawed = plan_.flaw != SynthFlaw::kNone && at == plan_.flaw_at;
      if (flawed && !(at == conclusion ? AddMisquotedAnswer() : AddFlaw(&at))) return false;
      if ((!flawed || resume_here_) && !AddSound(at, merged)) return false;
    }
    if (random_->Chance(plan_.redundant_percent)) AddRedundant();
    return Finish(flaw_kind);
  }

 private:
  // A formula with its value and wording.
  struct Draft {
    Expression formula;
    Rational value;
    std::string_view phrase;
    Values values;
  };

  const SynthOperation& Operation(int at) const { return plan_.strategy->operations[at]; }
  int NumOperations() const { return static_cast<int>(plan_.strategy->operations.size()); }

  void AddStep(std::string text, StepLabel label) {
    Step step;
    step.text = std::move(text);
    if (trace_->first_error == -1) step.label = label;
    if (IsError(label) && trace_->first_error == -1) {
      trace_->first_error = static_cast<int>(trace_->steps.size());
    }
    trace_->steps.push_back(std::move(step));
  }

  std::string Clause(const Draft& draft) const {
    PhraseContext context{.values = &draft.values};
    context.result = ToText(draft.value);
    context.equation =
        StrCat(Render(draft.formula, draft.values, notation_), " = ", context.result);
    return FillPhrase(draft.phrase, problem_, context);
  }

  std::string Text(const std::string& clause, bool last) {
    return Sentence(LeadIn(trace_->steps.empty(), last, random_), clause) + ".";
  }

  std::string Conclusion(Rational answer) {
    const PhraseContext context{.values = &values_, .answer = ToText(answer)};
    answer_ = answer;
    return Text(FillPhrase(PickPhrase(problem_.source->conclusions, random_), problem_, context),
                true);
  }

  Rational CurrentAnswer() const { return values_.find(plan_.strategy->answer)->second; }

  std::optional<Draft> SoundDraft(const SynthOperation& operation) {
    Draft draft{
        ParseExpression(operation.formula), {}, PickPhrase(operation.phrases, random_), values_};
    const auto value = Evaluate(draft.formula, values_);
    if (!value) return std::nullopt;
    draft.value = *value;
    return draft;
  }

  void Store(const SynthOperation& operation, Draft draft, StepLabel label) {
    AddStep(Text(Clause(draft), false), label);
    values_ = std::move(draft.values);
    values_[std::string(operation.result)] = draft.value;
    done_.push_back(&operation);
  }

  // Returns false if a wrong value led to a division by zero.
  bool AddSound(int at, bool merged) {
    if (at == NumOperations()) {
      std::string conclusion = Conclusion(CurrentAnswer());
      if (merged) {
        trace_->steps.back().text += " " + conclusion;
      } else {
        AddStep(std::move(conclusion), StepLabel::kCorrectNecessary);
      }
      return true;
    }
    std::optional<Draft> draft = SoundDraft(Operation(at));
    if (!draft) return false;
    if (plan_.flaw == SynthFlaw::kCancelling && Operation(at).result == plan_.strategy->answer) {
      cancelled_ = !(draft->value == problem_.answer);
      draft->value = problem_.answer;
    }
    Store(Operation(at), *std::move(draft), StepLabel::kCorrectNecessary);
    return true;
  }

  // --- redundant steps ---------------------------------------------------------------------------

  // Half of them repeat a step, so only the preceding steps tell them from necessary ones.
  void AddRedundant() {
    std::vector<std::string> clauses;
    const SynthGiven& given = random_->Pick(problem_.source->givens);
    clauses.push_back(
        FillPhrase(PickPhrase(given.phrases, random_), problem_, {.values = &values_}));
    if (const auto aside = Aside()) clauses.push_back(Clause(*aside));
    for (size_t repeats = clauses.size(); repeats > 0 && !done_.empty(); --repeats) {
      if (const auto again = SoundDraft(*random_->Pick(done_))) clauses.push_back(Clause(*again));
    }
    AddStep(Text(random_->Pick(clauses), false), StepLabel::kCorrectRedundant);
  }

  // nullopt if the solution needs the result, so that the step might be useful.
  std::optional<Draft> Aside() {
    auto draft = SoundDraft(random_->Pick(problem_.source->asides));
    if (!draft || !draft->value.IsInteger()) return std::nullopt;
    for (const SynthStrategy& strategy : problem_.source->strategies) {
      Values values = problem_.values;
      for (const SynthOperation& operation : strategy.operations) {
        const auto value = Evaluate(ParseExpression(operation.formula), values);
        if (!value || *value == draft->value) return std::nullopt;
        values[std::string(operation.result)] = *value;
      }
    }
    return draft;
  }

  // --- flaws -------------------------------------------------------------------------------------

  // May advance *at past steps that it omits or has written.
  bool AddFlaw(int* at) {
    std::vector<bool (SolutionWriter::*)(int*)> kinds;
    if (plan_.flaw == SynthFlaw::kIncomplete) {
      kinds = {&SolutionWriter::SkipStep, &SolutionWriter::SkipStep, &SolutionWriter::SkipStep,
               &SolutionWriter::LeaveOpen};
    } else {
      kinds = {&SolutionWriter::WrongResult,   &SolutionWriter::WrongResult,
               &SolutionWriter::WrongOperator, &SolutionWriter::WrongOperand,
               &SolutionWriter::SubjectSlip,   &SolutionWriter::SubjectSlip,
               &SolutionWriter::WrongOperator, &SolutionWriter::MisreadGiven};
    }
    random_->Shuffle(&kinds);
    for (const auto kind : kinds) {
      if ((this->*kind)(at)) return true;
    }
    return false;
  }

  bool StoreWrong(int at, Draft draft, std::string_view kind) {
    flaw_kind_ = kind;
    Store(Operation(at), std::move(draft), StepLabel::kIncorrect);
    return true;
  }

  bool WrongResult(int* at) {
    auto draft = SoundDraft(Operation(*at));
    if (!draft) return false;
    const Rational wrong = Misread(draft->value, random_);
    if (!Believable(wrong, draft->value)) return false;
    draft->value = wrong;
    return StoreWrong(*at, *std::move(draft), "wrong_result");
  }

  bool WrongOperator(int* at) {
    auto draft = SoundDraft(Operation(*at));
    if (!draft || draft->formula.kind != Expression::Kind::kBinary) return false;
    const char right_op = draft->formula.op;
    std::vector<char> others;
    for (const char op : {'+', '-', '*', '/'}) {
      if (op != right_op) others.push_back(op);
    }
    draft->formula.op = random_->Pick(others);
    const auto wrong = Evaluate(draft->formula, values_);
    if (!Believable(wrong, draft->value)) return false;
    draft->value = *wrong;
    return StoreWrong(*at, *std::move(draft), "wrong_operator");
  }

  bool WrongOperand(int* at) {
    auto draft = SoundDraft(Operation(*at));
    if (!draft) return false;
    Expression* leaf = random_->Pick(Leaves(&draft->formula));
    const bool constant = leaf->kind == Expression::Kind::kNumber;
    const Rational right = *Evaluate(*leaf, values_);
    Rational taken = Misread(right, random_);
    if (constant) {
      taken = Rational{WrongConstant(right.num), 1};
    } else if (random_->Chance(50)) {
      taken = values_.find(random_->Pick(problem_.visible))->second;
    }
    if (taken == right || taken.num < 1) return false;
    *leaf = Expression{.number = taken};
    const auto wrong = Evaluate(draft->formula, values_);
    if (!Believable(wrong, draft->value)) return false;
    draft->value = *wrong;
    return StoreWrong(*at, *std::move(draft), constant ? "wrong_constant" : "wrong_operand");
  }

  bool SubjectSlip(int* at) {
    const SynthOperation& operation = Operation(*at);
    if (operation.slips.empty()) return false;
    const SynthSlip& slip = random_->Pick(operation.slips);
    Draft draft{ParseExpression(slip.formula),
                {},
                PickPhrase(slip.phrases.empty() ? operation.phrases : slip.phrases, random_),
                values_};
    if (const size_t equals = slip.assign.find('='); equals != std::string_view::npos) {
      const std::string name(slip.assign.substr(0, slip.assign.find(' ')));
      draft.values[name] = *Evaluate(ParseExpression(slip.assign.substr(equals + 1)), values_);
    }
    const auto right = Evaluate(ParseExpression(operation.formula), values_);
    const auto wrong = Evaluate(draft.formula, draft.values);
    if (!right || !Believable(wrong, *right)) return false;
    draft.value = *wrong;
    return StoreWrong(*at, std::move(draft), slip.kind);
  }

  // Misquotes a number of the problem and continues from it.
  bool MisreadGiven(int*) {
    const SynthGiven& given = random_->Pick(problem_.source->givens);
    const std::string name(given.value);
    const Rational wrong = Misread(values_[name], random_);
    if (!Believable(wrong, values_[name]) || wrong.num < 2) return false;
    values_[name] = wrong;
    AddStep(
        Text(FillPhrase(PickPhrase(given.phrases, random_), problem_, {.values = &values_}), false),
        StepLabel::kIncorrect);
    flaw_kind_ = "misread_given";
    resume_here_ = true;
    return true;
  }

  bool AddMisquotedAnswer() {
    if (plan_.flaw != SynthFlaw::kIncorrect || !plan_.separate_conclusion) return false;
    const Rational right = CurrentAnswer();
    Rational wrong = Misread(right, random_);
    if (random_->Chance(40)) wrong = values_.find(done_.front()->result)->second;
    if (!Believable(wrong, right)) return false;
    AddStep(Conclusion(wrong), StepLabel::kIncorrect);
    flaw_kind_ = "misquoted_answer";
    return true;
  }

  // Makes the next step use a number that nothing before it states.
  bool SkipStep(int* at) {
    const SynthOperation& skipped = Operation(*at);
    const auto missing = SoundDraft(skipped);
    if (!missing || Known(missing->value)) return false;
    const int next = *at + 1;
    const bool concludes = next == NumOperations();
    const bool used = concludes
                          ? plan_.separate_conclusion
                          : DependsOn(ParseExpression(Operation(next).formula), skipped.result);
    if (!used) return false;
    values_[std::string(skipped.result)] = missing->value;
    if (concludes) {
      AddStep(Conclusion(CurrentAnswer()), StepLabel::kIncomplete);
    } else {
      auto draft = SoundDraft(Operation(next));
      if (!draft || !Mentions(Clause(*draft), ToText(missing->value))) return false;
      Store(Operation(next), *std::move(draft), StepLabel::kIncomplete);
    }
    flaw_kind_ = "skipped_step";
    *at = next;
    return true;
  }

  bool Known(Rational value) const {
    const std::string number = ToText(value);
    if (Mentions(trace_->problem, number)) return true;
    for (const Step& step : trace_->steps) {
      if (Mentions(step.text, number)) return true;
    }
    return false;
  }

  // Ends the statement before its result.
  bool LeaveOpen(int* at) {
    auto draft = SoundDraft(Operation(*at));
    if (!draft) return false;
    const bool has_equation = draft->phrase.find("{=}") != std::string_view::npos;
    const size_t cut = draft->phrase.find(has_equation ? "{=}" : "{r}");
    PhraseContext context{.values = &draft->values};
    context.equation = Render(draft->formula, draft->values, notation_);
    std::string_view kept = draft->phrase.substr(0, cut + (has_equation ? 3 : 0));
    const std::string_view rest = draft->phrase.substr(kept.size());
    const bool keep_rest = has_equation && rest.find('{') == std::string_view::npos &&
                           rest.find(',') == std::string_view::npos && random_->Chance(50);
    if (keep_rest) kept = draft->phrase;
    std::string text = Text(FillPhrase(kept, problem_, context), false);
    if (!keep_rest) {
      text.pop_back();
      while (text.back() == ' ') text.pop_back();
      if (has_equation) text += " =";
    }
    AddStep(std::move(text), StepLabel::kIncomplete);
    values_[std::string(Operation(*at).result)] = draft->value;
    flaw_kind_ = "unfinished";
    force_conclusion_ = true;
    return true;
  }

  bool Finish(std::string* flaw_kind) {
    if (plan_.flaw == SynthFlaw::kCancelling && !cancelled_) return false;
    if (plan_.wrong_answer && answer_ == problem_.answer) return false;
    if (answer_.den > 100 || answer_.num > 1000000) return false;
    *flaw_kind = StrCat(flaw_kind_, cancelled_ ? "+cancelled" : "");
    trace_->answer = ToText(answer_);
    trace_->reference_answer = ToText(problem_.answer);
    trace_->final_correct = answer_ == problem_.answer;
    trace_->strategy = plan_.strategy->name;
    return true;
  }

  const SynthProblem& problem_;
  const SynthSolutionPlan& plan_;
  SynthRandom* random_;
  Trace* trace_;
  Values values_;
  Notation notation_;
  std::vector<const SynthOperation*> done_;
  std::string_view flaw_kind_ = "none";
  Rational answer_;
  bool resume_here_ = false;       // the flaw did not replace the operation at this position
  bool force_conclusion_ = false;  // the last operation has no text to append the answer to
  bool cancelled_ = false;
};

}  // namespace

bool WriteSolution(const SynthProblem& problem, const SynthSolutionPlan& plan, SynthRandom* random,
                   Trace* trace, std::string* flaw_kind) {
  trace->problem = problem.text;
  trace->domain = problem.source->domain;
  trace->source = "synth";
  trace->steps.clear();
  trace->first_error = -1;
  return SolutionWriter(problem, plan, random, trace).Write(flaw_kind);
}

}  // namespace prm
