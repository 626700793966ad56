// Whether a model gives the scores that its checkpoint holds: asked when it is saved and loaded.
#pragma once

#include <string>

#include "model/decoder/decoder.h"
#include "model/files/prm_json.h"

namespace prm {

// Largest |p - expected| over the self-tests, each trace whole and alone by the passes of training.
// Throws Error(kDataLoss) naming `where` and the test when it exceeds 1e-4 (both in float32), 2e-2
// (otherwise) or, with narrow weights, kNarrowTolerance.
double CheckSelfTests(const Decoder& decoder, const PrmJson& prm, const std::string& where,
                      const Decoder* reference = nullptr);

// The same by the passes that serve, which have kernels of their own (PrefixScorer): each trace
// whole, with half of its steps read again over what was kept; all of them in thirds, beside each
// other; and with `graphs`, where passes can be recorded, in pieces that are played from
// recordings. With `bitwise` these must agree in every bit. Of an implicit model nothing is served
// so. The largest of the differences; throws likewise.
struct ServedSelfTest {
  bool graphs = true, bitwise = false;
};
double CheckServedSelfTests(const Decoder& decoder, const PrmJson& prm, const std::string& where,
                            ServedSelfTest options);

}  // namespace prm
