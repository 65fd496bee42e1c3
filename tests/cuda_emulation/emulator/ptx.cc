#include "emulation/ptx.h"

#include <cstring>

#include "cuda_bf16.h"
#include "cuda_fp8.h"

namespace echo::cuda {
namespace {

using cuda_emulation::Block;
using cuda_emulation::Violation;

constexpr uint32_t kAllLanes = 0xffffffffu;

// Element i of a fragment's registers.
float bf16_element(const uint32_t* registers, int i) {
  __nv_bfloat16_raw raw{static_cast<unsigned short>(registers[i / 2] >> (16 * (i % 2)))};
  return static_cast<float>(__nv_bfloat16(raw));
}
int8_t byte_element(const uint32_t* registers, int i) {
  return static_cast<int8_t>(registers[i / 4] >> (8 * (i % 4)) & 0xffu);
}
float e4m3_element(const uint32_t* registers, int i) {
  __nv_fp8_e4m3 value;
  value.__x = static_cast<unsigned char>(byte_element(registers, i));
  return static_cast<float>(value);
}

template <class D>
struct MmaOperands {
  D* d;
  const uint32_t* a;
  const uint32_t* b;
};

// One matmul of a warp: `wide` elements lie in a register. The manual's fragments, for g = lane /
// 4 and t = lane % 4: element i of a is in row g (+ 8 in every second register) and column
// wide t + i % wide (+ half of k from the third register on); element i of b in row
// wide t + i % wide (+ half of k in the second register) and column g.
template <int k, int wide, class Sum, class D, class Element>
void multiply(void* const* lanes, Element element) {
  Sum a[16][k], b[k][8];
  for (int lane = 0; lane < 32; ++lane) {
    const auto& mine = *static_cast<const MmaOperands<D>*>(lanes[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4 * wide; ++i) {
      const int in_register = i % wide, number = i / wide;
      a[g + 8 * (number % 2)][wide * t + in_register + k / 2 * (number / 2)] =
          static_cast<Sum>(element(mine.a, i));
    }
    for (int i = 0; i < 2 * wide; ++i) {
      b[wide * t + i % wide + k / 2 * (i / wide)][g] = static_cast<Sum>(element(mine.b, i));
    }
  }
  Sum d[16][8] = {};
  for (int row = 0; row < 16; ++row) {
    for (int i = 0; i < k; ++i) {
      for (int column = 0; column < 8; ++column) d[row][column] += a[row][i] * b[i][column];
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    D* to = static_cast<const MmaOperands<D>*>(lanes[lane])->d;
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
      to[i] = static_cast<D>(to[i] + d[g + 8 * (i / 2)][2 * t + i % 2]);
    }
  }
}

template <class D>
void collective_mma(const char* name, Block::Complete complete, D* d, const uint32_t* a,
                    const uint32_t* b) {
  MmaOperands<D> mine{d, a, b};
  Block::current().collective(name, complete, kAllLanes, &mine, {"ptx.cuh", 0});
}

struct LoadOperands {
  uint32_t* to;
  const void* row;
};

template <int matrices, bool transposed>
void load(void* const* lanes, uint32_t) {
  for (int i = 0; i < matrices; ++i) {
    uint16_t matrix[8][8];
    for (int row = 0; row < 8; ++row) {
      const void* from = static_cast<const LoadOperands*>(lanes[8 * i + row])->row;
      if (reinterpret_cast<uintptr_t>(from) % 16 != 0) {
        throw Violation("kernel: ldmatrix from an address that is not aligned to 16 bytes");
      }
      std::memcpy(matrix[row], from, sizeof matrix[row]);
    }
    for (int lane = 0; lane < 32; ++lane) {
      const int r = lane / 4, t = lane % 4;
      const uint32_t low = transposed ? matrix[2 * t][r] : matrix[r][2 * t];
      const uint32_t high = transposed ? matrix[2 * t + 1][r] : matrix[r][2 * t + 1];
      static_cast<LoadOperands*>(lanes[lane])->to[i] = low | high << 16;
    }
  }
}

template <int matrices, bool transposed>
void collective_load(uint32_t* to, const void* row) {
  LoadOperands mine{to, row};
  Block::current().collective(transposed ? "ldmatrix.trans" : "ldmatrix",
                              load<matrices, transposed>, kAllLanes, &mine, {"ptx.cuh", 0});
}

}  // namespace

void mma_m16n8k16_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  collective_mma(
      "mma.m16n8k16.bf16",
      [](void* const* lanes, uint32_t) { multiply<16, 2, float, float>(lanes, bf16_element); }, d,
      a, b);
}
void mma_m16n8k32_int8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  collective_mma(
      "mma.m16n8k32.s8",
      [](void* const* lanes, uint32_t) { multiply<32, 4, int32_t, int32_t>(lanes, byte_element); },
      d, a, b);
}
void mma_m16n8k32_e4m3(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  collective_mma(
      "mma.m16n8k32.e4m3",
      [](void* const* lanes, uint32_t) { multiply<32, 4, float, float>(lanes, e4m3_element); }, d,
      a, b);
}

void ldmatrix_x4(uint32_t (&m)[4], const void* row) { collective_load<4, false>(m, row); }
void ldmatrix_x4_trans(uint32_t (&m)[4], const void* row) { collective_load<4, true>(m, row); }
void ldmatrix_x2(uint32_t (&m)[2], const void* row) { collective_load<2, false>(m, row); }
void ldmatrix_x2_trans(uint32_t (&m)[2], const void* row) { collective_load<2, true>(m, row); }

}  // namespace echo::cuda
