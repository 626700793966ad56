// The AMX tile against plain sums, with emulated tiles, so that every machine tests the indexing.
// On a CPU with AMX, also with the real instructions.
#include "model/kernels/cpu/amx_tiles.h"

#include <cstring>

#include "tests/model/kernels/reference.h"

namespace prm {
namespace {

struct EmulatedUnit {
  static inline uint8_t tiles[8][16][64];
  template <int T>
  static void Load(const void* from, int64_t stride) {
    for (int r = 0; r < 16; ++r) {
      std::memcpy(tiles[T][r], static_cast<const char*>(from) + r * stride, 64);
    }
  }
  template <int T>
  static void Store(void* to, int64_t stride) {
    for (int r = 0; r < 16; ++r) std::memcpy(static_cast<char*>(to) + r * stride, tiles[T][r], 64);
  }
  template <int T>
  static void Zero() {
    std::memset(tiles[T], 0, sizeof(tiles[T]));
  }
  template <int C, int A, int B>
  static void Dot() {
    const auto value = [](const uint8_t* row, int i) {
      c10::BFloat16 x;
      std::memcpy(&x, row + 2 * i, 2);
      return float(x);
    };
    for (int m = 0; m < 16; ++m) {
      for (int n = 0; n < 16; ++n) {
        float sum;
        std::memcpy(&sum, tiles[C][m] + 4 * n, 4);
        for (int p = 0; p < 16; ++p) {
          for (int i = 0; i < 2; ++i) {
            sum += value(tiles[A][m], 2 * p + i) * value(tiles[B][p], 2 * n + i);
          }
        }
        std::memcpy(tiles[C][m] + 4 * n, &sum, 4);
      }
    }
  }
};

// x [32, inputs] within rows of inputs + 6; weight [64, inputs] as words in tiles or in rows.
template <class Unit>
void TestTile(const char* unit, int64_t inputs, bool top_only, bool tiled) {
  const Case c{at::kCPU, at::kBFloat16};
  const at::Tensor wide = Random({32, inputs + 6}, c), x = wide.narrow(1, 0, inputs);
  const at::Tensor weight = Random({64, inputs}, c);
  // [column tiles, columns, pair tiles, pairs, 2]
  const at::Tensor split = weight.view({4, 16, inputs / 32, 16, 2});
  const at::Tensor words =
      split.permute(tiled ? at::IntArrayRef{2, 0, 3, 1, 4} : at::IntArrayRef{2, 3, 0, 1, 4})
          .contiguous();
  const at::Tensor product = at::mm(Double(x), Double(weight).t());
  const at::Tensor before = Random({32, 64}, c, false);
  const auto data = [](const at::Tensor& t) {
    return static_cast<const c10::BFloat16*>(t.const_data_ptr());
  };
  for (const bool add : {false, true}) {
    at::Tensor out = before.clone(), expected = add ? Double(before) + product : product;
    if (top_only) expected = at::cat({expected.narrow(0, 0, 16), Double(before).narrow(0, 16, 16)});
    int64_t steps = 0;
    ops::AmxProduct<Unit, c10::BFloat16>(
        {data(x), inputs + 6}, {data(words), tiled ? 32 : 128, 2048, tiled ? 512 : 32}, inputs / 2,
        64, top_only, {out.mutable_data_ptr<float>(), 64}, add, [&] { ++steps; });
    const std::string name = std::string("amx tile ") + unit + " of " + std::to_string(inputs) +
                             (tiled ? " tiled" : "") + (add ? " added" : "") +
                             (top_only ? " top" : "");
    ExpectClose(name.c_str(), out, expected, 1e-4 * std::sqrt(double(inputs)));
    Expect((name + ", steps").c_str(), steps == inputs / 32 * 2);
  }
}

}  // namespace
}  // namespace prm

int main() {
  using namespace prm;
  at::manual_seed(5);
  for (const int64_t inputs : {32, 64, 896}) {
    for (const int kind : {0, 1, 2, 3}) {
      const bool top_only = kind % 2 != 0, tiled = kind / 2 != 0;
      TestTile<EmulatedUnit>("emulated", inputs, top_only, tiled);
      if (!ops::HasAmxBf16()) continue;
      const ops::AmxTiles tiles;
      TestTile<ops::AmxUnit>("of the machine", inputs, top_only, tiled);
    }
  }
  return Failures();
}
