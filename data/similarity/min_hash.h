// Near-duplicates: sets of word grams, their MinHash sketches, and exactly confirmed pairs.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace prm {

inline constexpr int kMinHashes = 128;
inline constexpr int kBands = 16;
inline constexpr int kRowsPerBand = kMinHashes / kBands;
inline constexpr size_t kGramWords = 5;

// The distinct grams of `words` words as sorted hashes; a shorter text is one gram. With 32 bits,
// one in 50,000 pairs of texts of 400 grams has two grams that collide.
std::vector<uint32_t> GramSet(std::string_view normal, size_t words = kGramWords);

// |a and b| / |a or b| of sorted sets; 1 for two empty ones.
double Jaccard(std::span<const uint32_t> a, std::span<const uint32_t> b);

// The minimum of each of 128 hash functions over a set, reduced to what is used: one key per band
// of 8, and 8 bits per function to estimate the Jaccard similarity. Source: Broder 1997, "On the
// resemblance and containment of documents"; Leskovec et al., "Mining of massive datasets", section
// 3.4 (bands); Li & König 2010, "b-bit minwise hashing".
struct MinHashSketch {
  std::array<uint32_t, kBands> bands;
  std::array<uint8_t, kMinHashes> low_bits;
};
MinHashSketch SketchOf(std::span<const uint32_t> grams);

// Jaccard similarity, standard deviation at most 0.045.
double EstimateJaccard(const MinHashSketch& a, const MinHashSketch& b);

// An index of sets that finds similar ones. Two sets of similarity s share a band with probability
// 1 - (1 - s^8)^16: 0.95 at 0.8. About 0.3 kB per set plus 4 bytes per gram. Used by one thread at
// a time.
class NearIndex {
 public:
  // Reports sets whose similarity to the query is at least `min_similarity`.
  explicit NearIndex(double min_similarity = 0.8) : min_similarity_(min_similarity) {}

  struct Match {
    uint32_t item;      // as returned by Add
    double similarity;  // exact
  };
  // The items similar to `grams`, by item; each confirmed by exact Jaccard.
  std::vector<Match> Find(std::span<const uint32_t> grams, const MinHashSketch& sketch);

  // Returns 0, 1, 2, ..
  uint32_t Add(std::span<const uint32_t> grams, const MinHashSketch& sketch);

  size_t size() const { return sketches_.size(); }
  // Comparisons skipped because a band's bucket held more than kMaxBucket other sets.
  int64_t left_out() const { return left_out_; }

  static constexpr int kMaxBucket = 2000;

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  size_t SlotOf(uint32_t key) const;
  void Grow();

  double min_similarity_;
  std::vector<MinHashSketch> sketches_;
  std::vector<uint64_t> ends_;  // end of each set in grams_
  std::vector<uint32_t> grams_;
  std::array<std::vector<uint32_t>, kBands> heads_;  // newest item of each slot
  std::vector<std::array<uint32_t, kBands>> next_;   // the previous item in the same slot
  std::vector<uint32_t> seen_;                       // by item: the last query that met it
  uint32_t question_ = 0;
  int64_t left_out_ = 0;
};

}  // namespace prm
