// CUDA on the CPU, for kernels that include model/kernels/cuda/device.cuh after this header. The
// threads of a block are fibers on one CPU thread, and the hardware functions of device.cuh run
// lane by lane as specified in the PTX ISA.
//
// Stricter than the hardware, to expose faults. Fibers run in random order. Shared memory starts as
// NaNs. Asynchronous copies happen as late as possible or, by choice, as early, which exposes both
// a missing wait and a buffer written too soon. Lanes of a warp that request different operations,
// and deadlocked threads, end the program.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#define __global__ inline
#define __shared__ static
#define __launch_bounds__(threads)
#define PRM_DEVICE inline
#define PRM_UNROLL
#define PRM_DYNAMIC_SHARED(name) unsigned char* const name = prm::emulation::SharedMemory()

struct EmulatedDim3 {
  unsigned x = 1, y = 1, z = 1;
};
inline EmulatedDim3 threadIdx, blockIdx, blockDim, gridDim;

namespace prm::emulation {

[[noreturn]] inline void Fail(const char* what) {
  std::printf("FAIL  emulation: %s (block %u, %u, thread %u)\n", what, blockIdx.x, blockIdx.y,
              threadIdx.x);
  std::exit(1);
}

inline constexpr size_t kSharedBytes = 227 * 1024, kStackBytes = 64 * 1024;
alignas(128) inline unsigned char shared_memory[kSharedBytes];
inline unsigned char* SharedMemory() { return shared_memory; }

// All `expected` threads wait for the last of them.
struct Barrier {
  int expected = 0, arrived = 0;
  uint64_t passed = 0;
};

struct Copy {
  void* to;
  const void* from;  // null: zeros
};
inline void Perform(const Copy& copy) {
  copy.from ? std::memcpy(copy.to, copy.from, 16) : std::memset(copy.to, 0, 16);
}

struct Warp {
  static constexpr size_t kBytes = 32;
  Barrier barrier{32};
  alignas(16) unsigned char values[2][32][kBytes];  // of this exchange and the previous one
  const char* operations[2][32];
};

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
  Barrier* waits_for = nullptr;
  uint64_t passed = 0;
  bool done = false;
  int parity = 0;
  std::deque<std::vector<Copy>> copies = {{}};  // groups; the last one is open
};

// One thread block at a time; everything runs on the caller's thread.
struct Machine {
  std::mt19937 random{1};
  bool eager_copies = false;
  bool truncates = false;  // truncates sums of products, as tensor cores do
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  Barrier all;
  ucontext_t scheduler;
  std::function<void()> kernel;
};
inline Machine machine;

inline Fiber& This() { return machine.fibers[threadIdx.x]; }

inline void Wait(Barrier& barrier) {
  if (++barrier.arrived == barrier.expected) {
    barrier.arrived = 0;
    ++barrier.passed;
    return;
  }
  Fiber& self = This();
  self.waits_for = &barrier;
  self.passed = barrier.passed;
  swapcontext(&self.context, &machine.scheduler);
}

inline void RunFiber() {
  machine.kernel();
  This().done = true;
  swapcontext(&This().context, &machine.scheduler);
}

inline void RunBlock(int threads) {
  Machine& m = machine;
  std::fill_n(shared_memory, kSharedBytes, 0xff);
  m.fibers.resize(size_t(threads));
  m.warps.assign(size_t(threads) / 32, {});
  m.all = {threads};
  for (Fiber& fiber : m.fibers) {
    fiber.waits_for = nullptr;
    fiber.done = false;
    fiber.copies = {{}};
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    makecontext(&fiber.context, RunFiber, 0);
  }
  std::vector<unsigned> order(size_t(threads), 0u);
  std::iota(order.begin(), order.end(), 0u);
  for (bool runs = true; runs;) {
    runs = false;
    std::shuffle(order.begin(), order.end(), m.random);
    for (const unsigned i : order) {
      Fiber& fiber = m.fibers[i];
      if (fiber.done || (fiber.waits_for && fiber.waits_for->passed == fiber.passed)) continue;
      fiber.waits_for = nullptr;
      threadIdx.x = i;
      swapcontext(&m.scheduler, &fiber.context);
      runs = true;
    }
  }
  if (!std::all_of(m.fibers.begin(), m.fibers.end(), [](const Fiber& f) { return f.done; })) {
    Fail("threads wait for each other");
  }
}

// kernel<<<grid, threads>>>(args); grid [x, y].
template <class Args>
void Launch(void (*kernel)(Args), unsigned x, unsigned y, int threads, const Args& args) {
  if (threads % 32 != 0) Fail("threads are not whole warps");
  gridDim = {x, y};
  blockDim = {unsigned(threads)};
  machine.kernel = [&] { kernel(args); };
  for (unsigned i = 0; i < x * y; ++i) {
    blockIdx = {i % x, i / x};
    RunBlock(threads);
  }
}

// The values of all lanes of the warp, all of which must request the same operation.
template <class T>
const T& OfLane(int lane) {
  const Warp& warp = machine.warps[threadIdx.x / 32];
  return *reinterpret_cast<const T*>(warp.values[This().parity][lane]);
}
template <class T>
void Exchange(const char* operation, const T& mine) {
  static_assert(sizeof(T) <= Warp::kBytes && std::is_trivially_copyable_v<T>);
  Warp& warp = machine.warps[threadIdx.x / 32];
  const int parity = This().parity ^= 1;
  std::memcpy(warp.values[parity][threadIdx.x % 32], &mine, sizeof(T));
  warp.operations[parity][threadIdx.x % 32] = operation;
  Wait(warp.barrier);
  for (const char* other : warp.operations[parity]) {
    if (std::strcmp(other, operation) != 0) Fail("lanes of a warp diverge");
  }
}

inline float FloatOf(uint32_t packed, int half) {
  return std::bit_cast<float>(half ? packed & 0xffff0000u : packed << 16);
}
inline uint16_t Bf16Of(float x) {  // to nearest even
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return uint16_t(x == x ? (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16 : (bits >> 16) | 0x40u);
}
inline void CheckAligned(const void* p) {
  if (reinterpret_cast<uintptr_t>(p) % 16 != 0) Fail("an address is not aligned to 16 bytes");
}
inline void CheckShared(const void* p) {
  const auto* at = static_cast<const unsigned char*>(p);
  if (at < shared_memory || at + 16 > shared_memory + kSharedBytes) Fail("not in shared memory");
  CheckAligned(p);
}

}  // namespace prm::emulation

inline float __uint_as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
inline void __syncthreads() { prm::emulation::Wait(prm::emulation::machine.all); }

// --- the hardware functions of model/kernels/cuda/device.cuh
// ---------------------------------------

namespace prm::cuda {

inline float ShuffleXor(float x, int lanes) {
  emulation::Exchange("shuffle", x);
  return emulation::OfLane<float>(int(threadIdx.x % 32) ^ lanes);
}

inline void CopyAsync16(void* to, const void* from, bool wanted) {
  emulation::CheckShared(to);
  emulation::CheckAligned(from);
  const emulation::Copy copy{to, wanted ? from : nullptr};
  if (emulation::machine.eager_copies) return emulation::Perform(copy);
  emulation::This().copies.back().push_back(copy);
}
inline void CommitCopies() { emulation::This().copies.emplace_back(); }
template <int kPending>
void WaitForCopies() {
  auto& groups = emulation::This().copies;
  for (; int(groups.size()) > kPending + 1; groups.pop_front()) {
    std::for_each(groups.front().begin(), groups.front().end(), emulation::Perform);
  }
}

inline void LoadMatrices(uint32_t (&r)[4], const uint16_t* row) {
  emulation::CheckShared(row);
  emulation::Exchange("ldmatrix", row);
  const int lane = int(threadIdx.x % 32);
  for (int i = 0; i < 4; ++i) {
    const uint16_t* x = emulation::OfLane<const uint16_t*>(8 * i + lane / 4) + lane % 4 * 2;
    r[i] = x[0] | uint32_t(x[1]) << 16;
  }
}
inline void LoadMatricesTransposed(uint32_t (&r)[4], const uint16_t* row) {
  emulation::CheckShared(row);
  emulation::Exchange("ldmatrix.trans", row);
  const int lane = int(threadIdx.x % 32);
  for (int i = 0; i < 4; ++i) {
    const auto element = [&](int of) {
      return emulation::OfLane<const uint16_t*>(8 * i + lane % 4 * 2 + of)[lane / 4];
    };
    r[i] = element(0) | uint32_t(element(1)) << 16;
  }
}

// Adds 16 products to `before`; truncates addends and sum below the 24 bits of the largest.
inline float SumTruncated(const double (&products)[16], float before) {
  const auto cut = [](double x, int exponent) {
    return std::ldexp(std::trunc(std::ldexp(x, 23 - exponent)), exponent - 23);
  };
  double largest = std::abs(before);
  for (const double p : products) largest = std::max(largest, std::abs(p));
  if (!(largest > 0 && std::isfinite(largest))) return before;
  double sum = cut(before, std::ilogb(largest));
  for (const double p : products) sum += cut(p, std::ilogb(largest));
  return sum == 0 ? 0.0f : float(cut(sum, std::ilogb(sum)));
}

inline void MultiplyAdd(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  struct Fragments {
    uint32_t a[4], b[2];
  };
  emulation::Exchange("mma", Fragments{{a[0], a[1], a[2], a[3]}, {b0, b1}});
  const int lane = int(threadIdx.x % 32);
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    double products[16];
    for (int k = 0; k < 16; ++k) {
      const auto& left = emulation::OfLane<Fragments>(row % 8 * 4 + k % 8 / 2);
      const auto& right = emulation::OfLane<Fragments>(column * 4 + k % 8 / 2);
      products[k] = double(emulation::FloatOf(left.a[row / 8 + k / 8 * 2], k % 2)) *
                    double(emulation::FloatOf(right.b[k / 8], k % 2));
    }
    if (emulation::machine.truncates) {
      d[i] = SumTruncated(products, d[i]);
    } else {
      for (const double p : products) d[i] += float(p);
    }
  }
}

inline uint32_t PackBf16(float low, float high) {
  return emulation::Bf16Of(low) | uint32_t(emulation::Bf16Of(high)) << 16;
}
inline float Exp2(float x) { return std::exp2(x); }

}  // namespace prm::cuda
