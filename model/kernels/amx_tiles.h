// A register tile of a matrix product on AMX: 32 rows of x and 64 outputs of a packed panel.
// Written once for the instructions and for what stands in for them where a machine lacks them.
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

// out [32, 64] float32 (+)= x [32, 2 * pairs] times a panel's part [pairs, 64] words of
// neighbouring inputs. `pairs` is a multiple of 16; rows of x are `row` values apart. With
// `top_only` the last 16 rows are neither read nor written.
template <class Unit, class BFloat16>
void AmxProduct(const BFloat16* x, int64_t row, const BFloat16* panel, int64_t pairs, bool top_only,
                float* out, bool add) {
  constexpr int64_t kOutputs = 64, kOutRow = kOutputs * int64_t(sizeof(float));
  constexpr int64_t kWordRow = kOutputs * 2 * int64_t(sizeof(BFloat16));
  const int64_t x_row = row * int64_t(sizeof(BFloat16));
  const auto accumulate = [&]<bool kBoth>(const BFloat16* b) {
    for (int64_t p = 0; p < pairs; p += kAmxTile) {
      Unit::template Load<6>(b + p * 2 * kOutputs, kWordRow);
      Unit::template Load<7>(b + p * 2 * kOutputs + 2 * kAmxTile, kWordRow);
      Unit::template Load<4>(x + 2 * p, x_row);
      Unit::template Dot<0, 4, 6>();
      Unit::template Dot<1, 4, 7>();
      if constexpr (kBoth) {
        Unit::template Load<5>(x + kAmxTile * row + 2 * p, x_row);
        Unit::template Dot<2, 5, 6>();
        Unit::template Dot<3, 5, 7>();
      }
    }
  };
  for (int64_t n = 0; n < kOutputs; n += 2 * kAmxTile) {
    float* top = out + n;
    float* bottom = top + kAmxTile * kOutputs;
    if (add) {
      Unit::template Load<0>(top, kOutRow);
      Unit::template Load<1>(top + kAmxTile, kOutRow);
      if (!top_only) {
        Unit::template Load<2>(bottom, kOutRow);
        Unit::template Load<3>(bottom + kAmxTile, kOutRow);
      }
    } else {
      Unit::template Zero<0>();
      Unit::template Zero<1>();
      Unit::template Zero<2>();
      Unit::template Zero<3>();
    }
    const BFloat16* words = panel + 2 * n;
    top_only ? accumulate.template operator()<false>(words)
             : accumulate.template operator()<true>(words);
    Unit::template Store<0>(top, kOutRow);
    Unit::template Store<1>(top + kAmxTile, kOutRow);
    if (!top_only) {
      Unit::template Store<2>(bottom, kOutRow);
      Unit::template Store<3>(bottom + kAmxTile, kOutRow);
    }
  }
}

#if defined(__x86_64__) && defined(__GNUC__)
// The instructions themselves, which gcc's intrinsics take without saying that they read memory.
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

// The calling thread's tiles, for as long as it lives: all of 16 rows of 64 bytes. Other libraries
// set theirs, so that it is short.
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

// Whether this machine has AMX for bfloat16 and the system lets this process use it.
bool HasAmxBf16();

}  // namespace prm::ops
