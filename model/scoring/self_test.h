// Checks at save and at load that a model gives the scores stored in its checkpoint.
#pragma once

#include <string>

#include "model/decoder/decoder.h"
#include "model/files/prm_json.h"

namespace prm {

// Returns the largest |p - expected| over the self-tests, each trace whole, one at a time, with the
// training passes. Throws Error(kDataLoss) naming `where` and the test if it exceeds 1e-4 (both in
// float32), 2e-2 (otherwise) or, with narrow weights, kNarrowTolerance.
double CheckSelfTests(const Decoder& decoder, const PrmJson& prm, const std::string& where,
                      const Decoder* reference = nullptr);

// The same with the serving passes, which have their own kernels (PrefixScorer): each trace whole,
// with half of its steps reread from the cache; all traces in thirds, in the same batches; and with
// `graphs`, if passes can be recorded, in pieces replayed from recordings. With `bitwise` all must
// agree in every bit. Skips implicit models, which are not served this way. Returns the largest
// difference; throws likewise.
struct ServedSelfTest {
  bool graphs = true, bitwise = false;
};
double CheckServedSelfTests(const Decoder& decoder, const PrmJson& prm, const std::string& where,
                            ServedSelfTest options);

}  // namespace prm
