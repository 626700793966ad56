// Matrix products on AMX from operands packed as for the AVX512-BF16 bodies, 32 rows and 32 columns
// in registers. Written once for the real instructions and for an emulation on machines without
// them.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18,
// "AMX".
#pragma once

#include <cstdint>

namespace prm::ops {

// Eight tiles of 16 rows of 64 bytes: Unit is AmxUnit or an emulation of it.
//   Load<T>(from, stride in bytes), Zero<T>(), Store<T>(to, stride)
//   Dot<C, A, B>(): float32 C[m][n] += sum over p < 16 of A[m][2p] B[p][2n] + A[m][2p+1] B[p][2n+1]
inline constexpr int kAmxTile = 16;
inline constexpr int kAmxRows = 2 * kAmxTile;

template <class T>
struct AmxMatrix {
  T* data;
  int64_t row;  // distance between rows, in values
};

// [pairs, columns] words of neighbouring inputs in tiles of 16 by 16; all distances in values.
template <class T>
struct AmxWords {
  const T* data;
  int64_t row;      // to the next row of a tile
  int64_t pairs;    // to the tile of the next 16 pairs
  int64_t columns;  // to the tile of the next 16 columns
};

// out [32, columns] float32 (+)= x [32, 2 * pairs] times b [pairs, columns]. `pairs` is a multiple
// of 16, `columns` of 32. With `top_only` the last 16 rows are neither read nor written. Calls
// `meanwhile` pairs / 16 * columns / 32 times, to prefetch later data.
template <class Unit, class BFloat16, class Meanwhile>
void AmxProduct(AmxMatrix<const BFloat16> x, AmxWords<BFloat16> b, int64_t pairs, int64_t columns,
                bool top_only, AmxMatrix<float> out, bool add, Meanwhile&& meanwhile) {
  const int64_t x_bytes = x.row * int64_t(sizeof(BFloat16));
  const int64_t b_bytes = b.row * int64_t(sizeof(BFloat16));
  const int64_t out_bytes = out.row * int64_t(sizeof(float));
  const auto accumulate = [&]<bool kBoth>(const BFloat16* words) {
    for (int64_t p = 0; p < pairs; p += kAmxTile, words += b.pairs) {
      Unit::template Load<4>(x.data + 2 * p, x_bytes);
      if constexpr (kBoth) Unit::template Load<5>(x.data + kAmxTile * x.row + 2 * p, x_bytes);
      Unit::template Load<6>(words, b_bytes);
      Unit::template Load<7>(words + b.columns, b_bytes);
      Unit::template Dot<0, 4, 6>();
      if constexpr (kBoth) Unit::template Dot<2, 5, 6>();
      Unit::template Dot<1, 4, 7>();
      if constexpr (kBoth) Unit::template Dot<3, 5, 7>();
      meanwhile();
    }
  };
  for (int64_t n = 0; n < columns; n += int64_t{2} * kAmxTile) {
    float* top = out.data + n;
    float* bottom = top + kAmxTile * out.row;
    if (add) {
      Unit::template Load<0>(top, out_bytes);
      Unit::template Load<1>(top + kAmxTile, out_bytes);
      if (!top_only) {
        Unit::template Load<2>(bottom, out_bytes);
        Unit::template Load<3>(bottom + kAmxTile, out_bytes);
      }
    } else {
      Unit::template Zero<0>();
      Unit::template Zero<1>();
      Unit::template Zero<2>();
      Unit::template Zero<3>();
    }
    const BFloat16* words = b.data + n / kAmxTile * b.columns;
    top_only ? accumulate.template operator()<false>(words)
             : accumulate.template operator()<true>(words);
    Unit::template Store<0>(top, out_bytes);
    Unit::template Store<1>(top + kAmxTile, out_bytes);
    if (!top_only) {
      Unit::template Store<2>(bottom, out_bytes);
      Unit::template Store<3>(bottom + kAmxTile, out_bytes);
    }
  }
}

#if defined(__x86_64__) && defined(__GNUC__)
// The real instructions. In assembly, since gcc's intrinsics do not declare that they read memory.
struct AmxUnit {
  template <int T>
  static void Load(const void* from, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(T) : "memory");
  }
  template <int T>
  static void Store(void* to, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(T) : "memory");
  }
  template <int T>
  static void Zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(T));
  }
  template <int C, int A, int B>
  static void Dot() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
  }
};

// Configures the calling thread's tiles, all of 16 rows of 64 bytes, while it lives. Other
// libraries configure their own, so keep its lifetime short.
class AmxTiles {
 public:
  AmxTiles() {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } const config;
    asm volatile("ldtilecfg %0" ::"m"(config));
  }
  ~AmxTiles() { asm volatile("tilerelease"); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;
};
#endif

// Whether this machine has AMX for bfloat16 and the system allows this process to use it.
bool HasAmxBf16();

}  // namespace prm::ops
