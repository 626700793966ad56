// What the kernels need from the hardware beyond CUDA C++: number formats, asynchronous copies and
// matrix products by warps. Under g++ (tests/model/kernels/cuda_emulation.h, included before this
// file) the same functions are emulated lane by lane, and the kernels run on the CPU.
//
// Source: NVIDIA, "PTX ISA": cp.async, ldmatrix, mma.m16n8k16 and cvt; all from sm_80 on.
#pragma once

#include <cstdint>

namespace prm::cuda {

#ifdef __CUDACC__

#define PRM_DEVICE __device__ __forceinline__
#define PRM_UNROLL _Pragma("unroll")
#define PRM_DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]

PRM_DEVICE uint32_t SharedAddress(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Copies 16 bytes asynchronously from device to shared memory, both aligned to 16. Writes zeros if
// not `wanted`; `from` must be a valid address even then.
PRM_DEVICE void CopyAsync16(void* to, const void* from, bool wanted) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(SharedAddress(to)), "l"(from),
               "r"(wanted ? 16 : 0)
               : "memory");
}
// Closes a group of this thread's copies.
PRM_DEVICE void CommitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until all but the last `kPending` groups have arrived.
template <int kPending>
PRM_DEVICE void WaitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// Loads four 8x8 matrices of 16-bit values. Lane l passes the address of row l % 8 of matrix l / 8
// (16 bytes, aligned). Register i gets channels 2(l % 4), +1 of row l / 4 of matrix i.
PRM_DEVICE void LoadMatrices(uint32_t (&r)[4], const uint16_t* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(SharedAddress(row))
               : "memory");
}
// The same for the transposed matrices.
PRM_DEVICE void LoadMatricesTransposed(uint32_t (&r)[4], const uint16_t* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(SharedAddress(row))
               : "memory");
}

// d [16, 8] float32 += a [16, 16] * b [16, 8], both bfloat16. With g = lane / 4, t = 2(lane % 4):
// d[i] is (g + 8(i / 2), t + i % 2); a[i] is (g + 8(i % 2), t + 8(i / 2)) and its neighbour in the
// row; b0 is (t, g) and its neighbour in the column, b1 that 8 rows below.
PRM_DEVICE void MultiplyAdd(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Packs two bfloat16, rounded to nearest even; `low` in the lower half.
PRM_DEVICE uint32_t PackBf16(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}
// 2^x, relative error 2^-22; 0 far below zero.
PRM_DEVICE float Exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
PRM_DEVICE float ShuffleXor(float x, int lanes) { return __shfl_xor_sync(0xffffffffu, x, lanes); }

#endif

// --- the same on CUDA and in the emulation
// --------------------------------------------------------

inline constexpr float kLog2E = 1.4426950408889634f;

struct Bf16 {
  uint16_t bits;
};
PRM_DEVICE float ToFloat(float x) { return x; }
PRM_DEVICE float ToFloat(Bf16 x) { return __uint_as_float(uint32_t(x.bits) << 16); }
template <class T>
PRM_DEVICE T FromFloat(float x);
template <>
PRM_DEVICE float FromFloat<float>(float x) {
  return x;
}
template <>
PRM_DEVICE Bf16 FromFloat<Bf16>(float x) {
  return {uint16_t(PackBf16(x, 0.0f))};
}

PRM_DEVICE float Sigmoid(float x) { return 1.0f / (1.0f + Exp2(-kLog2E * x)); }
PRM_DEVICE float Tanh(float x) { return 2.0f * Sigmoid(2.0f * x) - 1.0f; }
// As in model/kernels/glu.cc: both activations are x * sigmoid(inner(x)).
PRM_DEVICE float GatedUnit(float x, float up, bool gelu) {
  const float inner = gelu ? 1.5957691216f * (x + 0.044715f * x * x * x) : x;
  return x * Sigmoid(inner) * up;
}

// N neighbours in one access; the pointer must be aligned to the size of T[N].
template <class T, int N>
struct alignas(sizeof(T) * N) Vector {
  T at[N];
};
template <int N, class T>
PRM_DEVICE Vector<T, N> Load(const T* from) {
  return *reinterpret_cast<const Vector<T, N>*>(from);
}
template <int N, class T>
PRM_DEVICE void Store(T* to, const Vector<T, N>& x) {
  *reinterpret_cast<Vector<T, N>*>(to) = x;
}

PRM_DEVICE float WarpSum(float x) {
  for (int lanes = 16; lanes > 0; lanes /= 2) x += ShuffleXor(x, lanes);
  return x;
}
PRM_DEVICE float WarpMax(float x) {
  for (int lanes = 16; lanes > 0; lanes /= 2) x = fmaxf(x, ShuffleXor(x, lanes));
  return x;
}
// Called by all threads of a thread block of whole warps, at most 32. Every thread gets the sum.
PRM_DEVICE float BlockSum(float x) {
  __shared__ float of_warp[32];
  x = WarpSum(x);
  __syncthreads();  // others may still read the sums of the last call
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
  __syncthreads();
  float sum = 0.0f;
  for (int warp = 0; warp < int(blockDim.x) / 32; ++warp) sum += of_warp[warp];
  return sum;
}

}  // namespace prm::cuda
