#include "data/synth/templates.h"

namespace prm {

const std::vector<SynthTemplate>& SynthTemplates() {
  static const std::vector<SynthTemplate> kTemplates = [] {
    std::vector<SynthTemplate> all;
    for (const auto& part : {ArithmeticTemplates(), EquationTemplates(), PercentTemplates(),
                             RateTemplates(), UnitTemplates()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return kTemplates;
}

}  // namespace prm
