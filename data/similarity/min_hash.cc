#include "data/similarity/min_hash.h"

#include <algorithm>

#include "data/similarity/normal_text.h"
#include "data/text/hash.h"

namespace prm {
namespace {

constexpr size_t kFirstSlots = 1024;
// Five standard deviations: an estimate this far below the threshold is not a match.
constexpr double kEstimateSlack = 0.2;

struct Functions {
  std::array<uint32_t, kMinHashes> multiply;
  std::array<uint32_t, kMinHashes> add;
};

constexpr Functions MakeFunctions() {
  Functions functions = {};
  for (size_t i = 0; i < kMinHashes; ++i) {
    const uint64_t random = Scramble(i);
    functions.multiply[i] = uint32_t(random) | 1;
    functions.add[i] = uint32_t(random >> 32);
  }
  return functions;
}

constexpr Functions kFunctions = MakeFunctions();

}  // namespace

std::vector<uint32_t> GramSet(std::string_view normal, size_t words) {
  const std::vector<std::string_view> parts = NormalWords(normal);
  std::vector<uint32_t> grams;
  if (parts.empty()) return grams;
  const size_t count = parts.size() < words ? 1 : parts.size() - words + 1;
  grams.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view last = parts[std::min(i + words, parts.size()) - 1];
    const char* begin = parts[i].data();
    grams.push_back(uint32_t(HashText({begin, size_t(last.data() + last.size() - begin)})));
  }
  std::sort(grams.begin(), grams.end());
  grams.erase(std::unique(grams.begin(), grams.end()), grams.end());
  return grams;
}

double Jaccard(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  size_t common = 0;
  for (size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    const uint32_t x = a[i], y = b[k];
    common += x == y;
    i += x <= y;
    k += y <= x;
  }
  const size_t either = a.size() + b.size() - common;
  return either == 0 ? 1 : double(common) / double(either);
}

MinHashSketch SketchOf(std::span<const uint32_t> grams) {
  std::array<uint32_t, kMinHashes> least;
  least.fill(~uint32_t{0});
  for (const uint32_t gram : grams) {
    for (size_t i = 0; i < kMinHashes; ++i) {
      const uint32_t hash = gram * kFunctions.multiply[i] + kFunctions.add[i];
      least[i] = std::min(least[i], hash);
    }
  }
  MinHashSketch sketch;
  for (size_t band = 0; band < kBands; ++band) {
    uint64_t key = band;
    for (size_t row = 0; row < kRowsPerBand; ++row) {
      key = Scramble(key ^ least[band * kRowsPerBand + row]);
    }
    sketch.bands[band] = uint32_t(key);
  }
  // The low bits of one multiplication are poorly mixed; after a second one they are not.
  for (size_t i = 0; i < kMinHashes; ++i) sketch.low_bits[i] = uint8_t(Scramble(least[i]));
  return sketch;
}

double EstimateJaccard(const MinHashSketch& a, const MinHashSketch& b) {
  int same = 0;
  for (size_t i = 0; i < kMinHashes; ++i) same += a.low_bits[i] == b.low_bits[i];
  constexpr double kByChance = 1.0 / 256;
  return (double(same) / kMinHashes - kByChance) / (1 - kByChance);
}

size_t NearIndex::SlotOf(uint32_t key) const { return key & (heads_[0].size() - 1); }

std::vector<NearIndex::Match> NearIndex::Find(std::span<const uint32_t> grams,
                                              const MinHashSketch& sketch) {
  std::vector<Match> matches;
  if (sketches_.empty()) return matches;
  ++question_;
  for (size_t band = 0; band < kBands; ++band) {
    int compared = 0;
    for (uint32_t item = heads_[band][SlotOf(sketch.bands[band])]; item != kNone;
         item = next_[item][band]) {
      if (sketches_[item].bands[band] != sketch.bands[band] || seen_[item] == question_) continue;
      if (++compared > kMaxBucket) {
        ++left_out_;
        continue;
      }
      seen_[item] = question_;
      if (EstimateJaccard(sketch, sketches_[item]) < min_similarity_ - kEstimateSlack) continue;
      const uint64_t begin = item == 0 ? 0 : ends_[item - 1];
      const std::span<const uint32_t> other(grams_.data() + begin, ends_[item] - begin);
      const double similarity = Jaccard(grams, other);
      if (similarity >= min_similarity_) matches.push_back({item, similarity});
    }
  }
  std::sort(matches.begin(), matches.end(),
            [](const Match& a, const Match& b) { return a.item < b.item; });
  return matches;
}

uint32_t NearIndex::Add(std::span<const uint32_t> grams, const MinHashSketch& sketch) {
  const uint32_t item = uint32_t(sketches_.size());
  sketches_.push_back(sketch);
  grams_.insert(grams_.end(), grams.begin(), grams.end());
  ends_.push_back(grams_.size());
  next_.emplace_back();
  seen_.push_back(0);
  if (sketches_.size() > heads_[0].size()) {
    Grow();
    return item;
  }
  for (size_t band = 0; band < kBands; ++band) {
    uint32_t& head = heads_[band][SlotOf(sketch.bands[band])];
    next_[item][band] = head;
    head = item;
  }
  return item;
}

void NearIndex::Grow() {
  const size_t slots = std::max(kFirstSlots, 2 * heads_[0].size());
  for (std::vector<uint32_t>& heads : heads_) heads.assign(slots, kNone);
  for (uint32_t item = 0; item < sketches_.size(); ++item) {
    for (size_t band = 0; band < kBands; ++band) {
      uint32_t& head = heads_[band][SlotOf(sketches_[item].bands[band])];
      next_[item][band] = head;
      head = item;
    }
  }
}

}  // namespace prm
