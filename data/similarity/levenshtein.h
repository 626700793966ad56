// Edit distance of two sequences.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace prm {

// The minimum number of insertions, removals and replacements that turn `a` into `b`. Random access
// containers; |a| |b| time, memory of one row. Source: Wagner and Fischer 1974, "The
// string-to-string correction problem", section 3.
template <class Sequence>
size_t Levenshtein(const Sequence& a, const Sequence& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t k = 0; k < b.size(); ++k) {
      const size_t replaced = diagonal + (a[i] != b[k]);
      diagonal = row[k + 1];
      row[k + 1] = std::min({replaced, row[k] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace prm
