// Scalar building blocks that the compiler vectorises: bfloat16 conversion, exp, CPU dispatch.
#pragma once

#include <bit>
#include <cstdint>

#ifndef _OPENMP
#error "compiled without OpenMP, loops with sums (#pragma omp simd) are not vectorised"
#endif

// One body compiled for AVX-512, AVX2 and the baseline; the loader picks one at program start.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define PRM_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PRM_SIMD
#endif
#define PRM_INLINE inline __attribute__((always_inline))

namespace prm::ops {

struct BFloat16 {
  uint16_t bits;
};

PRM_INLINE float ToFloat(float x) { return x; }
PRM_INLINE float ToFloat(BFloat16 x) { return std::bit_cast<float>(uint32_t(x.bits) << 16); }

template <class T>
PRM_INLINE T FromFloat(float x);
template <>
PRM_INLINE float FromFloat<float>(float x) {
  return x;
}
// Round to nearest even; a NaN stays a NaN.
template <>
PRM_INLINE BFloat16 FromFloat<BFloat16>(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return {uint16_t(x == x ? rounded : (bits >> 16) | 0x40u)};
}

// exp with relative error below 2e-7 on [-87, 88]; arguments outside are clamped to it. Range
// reduction by ln 2 in two parts and a degree-6 polynomial (Cephes expf's scheme).
PRM_INLINE float Exp(float x) {
  x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  constexpr float kRoundToInt =
      12582912.0f;  // 1.5 * 2^23: adding it leaves the integer in the mantissa
  const float n = (x * 1.44269504f + kRoundToInt) - kRoundToInt;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>(uint32_t(int32_t(n) + 127) << 23);
}

PRM_INLINE float Sigmoid(float x) { return 1.0f / (1.0f + Exp(-x)); }

// GELU's tanh form is x * Sigmoid(GeluInner(x)), with sqrt(8/pi) (x + 0.044715 x^3).
inline constexpr float kGeluScale = 1.5957691216f, kGeluCubic = 0.044715f;
PRM_INLINE float GeluInner(float x) { return kGeluScale * (x + kGeluCubic * x * x * x); }

}  // namespace prm::ops
