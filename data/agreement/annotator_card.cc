#include "data/agreement/annotator_card.h"

#include <algorithm>
#include <cmath>

namespace prm {
namespace {

// Intermediate sums that are not shown.
struct Tally {
  double shares = 0;  // share of the others with the same label
  int64_t co_rated = 0;
  std::vector<double> seconds;
};

double Median(std::vector<double>* values) {
  std::sort(values->begin(), values->end());
  const size_t n = values->size();
  return n % 2 == 1 ? (*values)[n / 2] : ((*values)[n / 2 - 1] + (*values)[n / 2]) / 2;
}

void AddGold(int gold, int given, std::optional<int> incorrect, size_t labels,
             AnnotatorCard* card) {
  card->gold.hits += gold == given;
  ++card->gold.tries;
  card->gold_confusion[size_t(gold) * labels + size_t(given)] += 1;
  if (!incorrect) return;
  Rate& rate = gold == *incorrect ? card->gold_incorrect : card->false_alarms;
  rate.hits += given == *incorrect;
  ++rate.tries;
}

void AddTime(double seconds, int words, AnnotatorCard* card, Tally* tally) {
  ++card->timed;
  card->seconds += seconds;
  tally->seconds.push_back(seconds);
  if (words == 0) return;
  const double floor = words / kReadingWordsPerSecond;
  card->floor_seconds += floor;
  card->seconds_of_floored += seconds;
  card->below_floor.hits += seconds < floor;
  ++card->below_floor.tries;
}

}  // namespace

RateInterval WilsonInterval(const Rate& rate) {
  if (rate.tries == 0) return {};
  constexpr double z = 1.959963984540054;
  const double n = double(rate.tries), p = double(rate.hits) / n;
  const double centre = p + z * z / (2 * n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  return {std::max(0.0, (centre - half) / scale), std::min(1.0, (centre + half) / scale)};
}

std::vector<AnnotatorCard> MakeCards(const Ratings& ratings, const GoldLabels& gold,
                                     std::optional<int> incorrect) {
  const size_t q = ratings.labels().size();
  std::vector<AnnotatorCard> cards(ratings.annotators().size());
  std::vector<Tally> tallies(cards.size());
  for (size_t a = 0; a < cards.size(); ++a) {
    cards[a].annotator = int(a);
    cards[a].label_counts.assign(q, 0);
    cards[a].gold_confusion.assign(q * q, 0);
  }
  std::vector<std::vector<bool>> has_trace(cards.size(),
                                           std::vector<bool>(ratings.traces().size()));
  const LabelCounts counts = CountLabels(ratings, SameLabels(ratings));
  for (int u = 0; u < counts.units(); ++u) {
    int64_t n = 0;
    for (const int count : counts.Of(u)) n += count;
    const RatedUnit& unit = ratings.units()[size_t(u)];
    for (const Rating& rating : ratings.Of(u)) {
      AnnotatorCard& card = cards[size_t(rating.annotator)];
      Tally& tally = tallies[size_t(rating.annotator)];
      if (rating.seconds) AddTime(*rating.seconds, unit.words, &card, &tally);
      if (!rating.label) {
        ++card.not_labelled;
        continue;
      }
      ++card.labelled;
      ++card.label_counts[size_t(*rating.label)];
      has_trace[size_t(rating.annotator)][size_t(unit.trace)] = true;
      if (n > 1) {
        tally.shares += double(counts.Of(u)[size_t(*rating.label)] - 1) / double(n - 1);
        ++tally.co_rated;
      }
      if (!gold.empty() && gold[size_t(u)]) {
        AddGold(*gold[size_t(u)], *rating.label, incorrect, q, &card);
      }
    }
  }
  for (size_t a = 0; a < cards.size(); ++a) {
    cards[a].traces = std::count(has_trace[a].begin(), has_trace[a].end(), true);
    cards[a].with_others = tallies[a].co_rated > 0
                               ? Statistic{tallies[a].shares / double(tallies[a].co_rated)}
                               : Statistic::Undefined("shares no unit with another annotator");
    if (!tallies[a].seconds.empty()) cards[a].median_seconds = Median(&tallies[a].seconds);
  }
  return cards;
}

}  // namespace prm
