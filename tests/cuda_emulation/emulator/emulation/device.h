// What CUDA C++ adds to C++ inside kernels: keywords, built-in variables and functions.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "emulation/block.h"
#include "emulation/vector_types.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __grid_constant__
// The threads of a block share an OS thread, and blocks that run at the same time do not.
#define __shared__ static thread_local

inline constexpr int warpSize = 32;

#define ECHO_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

// Barriers.
inline void __syncthreads(ECHO_PLACE) {
  echo::cuda_emulation::Block::current().barrier(false, {file, line});
}
inline int __syncthreads_count(int value, ECHO_PLACE) {
  return echo::cuda_emulation::Block::current().barrier(value != 0, {file, line});
}
inline int __syncthreads_or(int value, ECHO_PLACE) {
  return __syncthreads_count(value, file, line) != 0;
}
inline int __syncthreads_and(int value, ECHO_PLACE) {
  return __syncthreads_count(value == 0, file, line) == 0;
}
inline void __syncwarp(unsigned mask = 0xffffffffu, ECHO_PLACE) {
  echo::cuda_emulation::Block::current().collective("__syncwarp", [](void* const*, uint32_t) {},
                                                    mask, nullptr, {file, line});
}
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void __threadfence_block() {}
inline unsigned __activemask() { return echo::cuda_emulation::Block::current().active_mask(); }
[[noreturn]] inline void __trap() { throw echo::cuda_emulation::Violation("kernel: __trap"); }

// Shuffles: every lane names the lane whose value it takes.
namespace echo::cuda_emulation {

template <class T>
T shuffle(const char* operation, unsigned mask, T value, unsigned source, Place place) {
  struct Operands {
    T value, result;
    unsigned source;
    bool missing;
  } mine{value, value, source, false};
  Block::current().collective(
      operation,
      [](void* const* operands, uint32_t lanes) {
        for (unsigned i = 0; i < 32; ++i) {
          if ((lanes >> i & 1u) == 0) continue;
          auto& to = *static_cast<Operands*>(operands[i]);
          to.missing = (lanes >> to.source & 1u) == 0;
          if (!to.missing) to.result = static_cast<Operands*>(operands[to.source])->value;
        }
      },
      mask, &mine, place);
  if (mine.missing) {
    throw Violation("kernel: " + std::string(operation) + " from lane " + std::to_string(source) +
                    ", which takes no part");
  }
  return mine.result;
}

inline unsigned vote(unsigned mask, bool value, Place place) {
  struct Operands {
    bool value;
    unsigned result;
  } mine{value, 0};
  Block::current().collective(
      "a vote",
      [](void* const* operands, uint32_t lanes) {
        unsigned result = 0;
        for (unsigned i = 0; i < 32; ++i) {
          if ((lanes >> i & 1u) && static_cast<Operands*>(operands[i])->value) result |= 1u << i;
        }
        for (unsigned i = 0; i < 32; ++i) {
          if (lanes >> i & 1u) static_cast<Operands*>(operands[i])->result = result;
        }
      },
      mask, &mine, place);
  return mine.result;
}

// The lane within its group of `width` lanes, and the group's first lane.
inline unsigned lane_in(unsigned width) { return Block::current().lane() & (width - 1); }
inline unsigned group_of(unsigned width) { return Block::current().lane() & ~(width - 1); }

}  // namespace echo::cuda_emulation

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, ECHO_PLACE) {
  using namespace echo::cuda_emulation;
  const unsigned w = static_cast<unsigned>(width);
  return shuffle("__shfl_sync", mask, value,
                 group_of(w) + (static_cast<unsigned>(source) & (w - 1)), {file, line});
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, ECHO_PLACE) {
  using namespace echo::cuda_emulation;
  const unsigned w = static_cast<unsigned>(width), lane = Block::current().lane();
  const unsigned source = lane ^ static_cast<unsigned>(bits);
  return shuffle("__shfl_xor_sync", mask, value, source < group_of(w) + w ? source : lane,
                 {file, line});
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, ECHO_PLACE) {
  using namespace echo::cuda_emulation;
  const unsigned w = static_cast<unsigned>(width), lane = Block::current().lane();
  return shuffle("__shfl_down_sync", mask, value, lane_in(w) + delta < w ? lane + delta : lane,
                 {file, line});
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, ECHO_PLACE) {
  using namespace echo::cuda_emulation;
  const unsigned w = static_cast<unsigned>(width), lane = Block::current().lane();
  return shuffle("__shfl_up_sync", mask, value, lane_in(w) >= delta ? lane - delta : lane,
                 {file, line});
}
inline unsigned __ballot_sync(unsigned mask, int value, ECHO_PLACE) {
  return echo::cuda_emulation::vote(mask, value != 0, {file, line});
}
inline int __any_sync(unsigned mask, int value, ECHO_PLACE) {
  return echo::cuda_emulation::vote(mask, value != 0, {file, line}) != 0;
}
inline int __all_sync(unsigned mask, int value, ECHO_PLACE) {
  return echo::cuda_emulation::vote(mask, value != 0, {file, line}) == mask;
}

// Atomic operations return what was there before.
namespace echo::cuda_emulation {
template <class T, class F>
T atomic_update(T* address, F f) {
  std::atomic_ref<T> cell(*address);
  T before = cell.load();
  while (!cell.compare_exchange_weak(before, f(before))) {
  }
  return before;
}
}  // namespace echo::cuda_emulation
template <class T>
T atomicAdd(T* address, T value) {
  return echo::cuda_emulation::atomic_update(address, [=](T old) { return old + value; });
}
template <class T>
T atomicMax(T* address, T value) {
  return echo::cuda_emulation::atomic_update(address, [=](T old) { return std::max(old, value); });
}
template <class T>
T atomicMin(T* address, T value) {
  return echo::cuda_emulation::atomic_update(address, [=](T old) { return std::min(old, value); });
}
template <class T>
T atomicExch(T* address, T value) {
  return echo::cuda_emulation::atomic_update(address, [=](T) { return value; });
}
template <class T>
T atomicCAS(T* address, T compare, T value) {
  return echo::cuda_emulation::atomic_update(address,
                                             [=](T old) { return old == compare ? value : old; });
}

// Loads and stores with a hint for the caches.
template <class T>
T __ldg(const T* address) {
  return *address;
}
template <class T>
T __ldcs(const T* address) {
  return *address;
}
template <class T>
T __ldcg(const T* address) {
  return *address;
}
template <class T>
void __stcs(T* address, T value) {
  *address = value;
}
template <class T>
void __stcg(T* address, T value) {
  *address = value;
}

// Mathematics. Where the device approximates, this is exact: tests of accuracy need a device. The
// C library has declared some of these names already, so they are macros.
using std::max;
using std::min;
#define __expf(x) ::expf(x)
#define __exp10f(x) ::powf(10.0f, x)
#define __logf(x) ::logf(x)
#define __log2f(x) ::log2f(x)
#define __sinf(x) ::sinf(x)
#define __cosf(x) ::cosf(x)
#define __powf(x, y) ::powf(x, y)
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __frsqrt_rn(float x) { return 1.0f / std::sqrt(x); }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return std::fma(x, y, z); }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }
// Never joined with what follows into one rounding.
inline float __fmul_rn(float x, float y) {
  volatile float result = x * y;
  return result;
}
inline float __fadd_rn(float x, float y) {
  volatile float result = x + y;
  return result;
}
inline float __fsub_rn(float x, float y) {
  volatile float result = x - y;
  return result;
}

namespace echo::cuda_emulation {
template <class To, class From>
To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
}  // namespace echo::cuda_emulation
inline int __float_as_int(float x) { return echo::cuda_emulation::bit_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return echo::cuda_emulation::bit_cast<unsigned>(x); }
inline float __int_as_float(int x) { return echo::cuda_emulation::bit_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return echo::cuda_emulation::bit_cast<float>(x); }
inline int __float2int_rn(float x) {
  // Saturates; not a number is zero.
  if (std::isnan(x)) return 0;
  if (x >= 2147483648.0f) return 2147483647;
  if (x <= -2147483648.0f) return -2147483647 - 1;
  return static_cast<int>(std::nearbyint(x));
}
inline int __float2int_rd(float x) { return __float2int_rn(std::floor(x)); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>((uint64_t{x} * y) >> 32);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
// Four bytes picked from the eight of (y, x) by the low three bits of each nibble of `selector`.
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const uint64_t bytes = uint64_t{y} << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    result |= static_cast<unsigned>(bytes >> (8 * (selector >> (4 * i) & 7u)) & 0xffu) << (8 * i);
  }
  return result;
}
#undef ECHO_PLACE
