// A template filled with numbers, names and things.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/synth/expression.h"
#include "data/synth/templates.h"
#include "data/text/random.h"

namespace prm {

struct SynthProblem {
  const SynthTemplate* source = nullptr;  // not null
  Values values;                          // of SynthTemplate::values
  std::vector<std::string> visible;       // names of the values stated in the problem text
  std::string person;
  std::string other_person;
  std::string things;
  std::string text;
  Rational answer;
};

// Draws until every value and every result of every strategy is a whole number of at least 2 and
// the stated numbers differ. Throws Error(kInternal) naming a template that allows no draw or whose
// strategies disagree.
SynthProblem DrawProblem(const SynthTemplate& source, SynthRandom* random);

// What a phrase may refer to besides the problem's values.
struct PhraseContext {
  const Values* values = nullptr;  // not null
  std::string equation = {};       // {=}
  std::string result = {};         // {r}
  std::string answer = {};         // {ans}
};

// `phrase` with every placeholder replaced. Throws Error(kInternal) for an unknown one.
std::string FillPhrase(std::string_view phrase, const SynthProblem& problem,
                       const PhraseContext& context);

// One of the alternatives separated by '|'.
std::string_view PickPhrase(std::string_view phrases, SynthRandom* random);

}  // namespace prm
