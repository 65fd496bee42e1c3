// The emulated tensor-core instructions, number formats and cuBLASLt against plain matmuls.
#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "cuda/launch.h"
#include "cuda/ptx.cuh"
#include "tensor/dtype.h"

namespace echo::cuda {
namespace {

// Loads fragments element by element, as the manual's formulas say, from a (16 x k by rows) and
// b (8 x k: its columns one after the other).
template <class T, int k>
struct Fragments {
  static constexpr int kWide = 4 / sizeof(T);
  uint32_t a[4], b[2];

  Fragments(const T* a_matrix, const T* b_matrix, int sequence) {
    const int group = sequence >> 2, in_group = sequence % 4;
    for (int i = 0; i < 4 * kWide; ++i) {
      // Of .bf16: row = groupID for a0, a1, a4, a5, else groupID + 8; column = in_group * 2 +
      // (i & 1), + 8 for i >= 4. Of .s8: rows in fours, column = in_group * 4 + (i & 3), + 16 for
      // i >= 8.
      const bool lower =
          kWide == 2 ? (i == 2 || i == 3 || i == 6 || i == 7) : ((i >= 4 && i < 8) || i >= 12);
      const int row = group + (lower ? 8 : 0);
      const int column = in_group * kWide + (i & (kWide - 1)) + (i >= 2 * kWide ? k / 2 : 0);
      reinterpret_cast<T*>(a)[i] = a_matrix[row * k + column];
    }
    for (int i = 0; i < 2 * kWide; ++i) {
      const int row = in_group * kWide + (i & (kWide - 1)) + (i >= kWide ? k / 2 : 0);
      reinterpret_cast<T*>(b)[i] = b_matrix[group * k + row];
    }
  }
};

// c0, c1 in row groupID, c2, c3 in row groupID + 8; columns in_group * 2 + (i & 1).
template <class D>
void put(const D (&d)[4], int sequence, D* matrix) {
  for (int i = 0; i < 4; ++i) {
    matrix[((sequence >> 2) + (i >= 2 ? 8 : 0)) * 8 + sequence % 4 * 2 + (i & 1)] = d[i];
  }
}

__global__ void multiply_bf16(const __nv_bfloat16* a, const __nv_bfloat16* b, float* out) {
  const int sequence = static_cast<int>(threadIdx.x);
  const Fragments<__nv_bfloat16, 16> fragments(a, b, sequence);
  float d[4] = {1, 2, 3, 4};
  mma_m16n8k16_bf16(d, fragments.a, fragments.b);
  put(d, sequence, out);
}
__global__ void multiply_int8(const int8_t* a, const int8_t* b, int32_t* out) {
  const int sequence = static_cast<int>(threadIdx.x);
  const Fragments<int8_t, 32> fragments(a, b, sequence);
  int32_t d[4] = {1, 2, 3, 4};
  mma_m16n8k32_int8(d, fragments.a, fragments.b);
  put(d, sequence, out);
}
__global__ void multiply_e4m3(const __nv_fp8_e4m3* a, const __nv_fp8_e4m3* b, float* out) {
  const int sequence = static_cast<int>(threadIdx.x);
  const Fragments<__nv_fp8_e4m3, 32> fragments(a, b, sequence);
  float d[4] = {1, 2, 3, 4};
  mma_m16n8k32_e4m3(d, fragments.a, fragments.b);
  put(d, sequence, out);
}

// Small integers: exact in every format here.
template <class T, int k, class D>
void expect_matmul(void (*kernel)(const T*, const T*, D*)) {
  std::mt19937 random(1);
  std::vector<T> a(16 * k), b(8 * k);
  const auto small = [&] { return static_cast<float>(static_cast<int>(random() % 13) - 6); };
  for (T& value : a) value = T(small());
  for (T& value : b) value = T(small());
  std::vector<D> out(16 * 8);
  launch(kernel, {1, 32}, nullptr, a.data(), b.data(), out.data());
  for (size_t row = 0; row < 16; ++row) {
    for (size_t column = 0; column < 8; ++column) {
      float expected = static_cast<float>((row >= 8 ? 3 : 1) + column % 2);
      for (size_t i = 0; i < k; ++i) {
        expected += static_cast<float>(a[row * k + i]) * static_cast<float>(b[column * k + i]);
      }
      EXPECT_EQ(static_cast<float>(out[row * 8 + column]), expected) << row << " " << column;
    }
  }
}

TEST(Instructions, ProductsOfFragments) {
  expect_matmul<__nv_bfloat16, 16, float>(multiply_bf16);
  expect_matmul<int8_t, 32, int32_t>(multiply_int8);
  expect_matmul<__nv_fp8_e4m3, 32, float>(multiply_e4m3);
}

__global__ void load_matrices(uint32_t* out) {
  __shared__ __align__(16) uint16_t rows[32][8];
  const unsigned sequence = threadIdx.x;
  for (unsigned c = 0; c < 8; ++c) rows[sequence][c] = static_cast<uint16_t>(sequence * 8 + c);
  __syncwarp();
  uint32_t four[4], two[2];
  ldmatrix_x4(four, rows[sequence]);
  for (int i = 0; i < 4; ++i) out[sequence * 12 + i] = four[i];
  ldmatrix_x4_trans(four, rows[sequence]);
  for (int i = 0; i < 4; ++i) out[sequence * 12 + 4 + i] = four[i];
  ldmatrix_x2(two, rows[sequence]);
  for (int i = 0; i < 2; ++i) out[sequence * 12 + 8 + i] = two[i];
  ldmatrix_x2_trans(two, rows[sequence]);
  for (int i = 0; i < 2; ++i) out[sequence * 12 + 10 + i] = two[i];
}

TEST(Instructions, LoadsOfMatrices) {
  std::vector<uint32_t> out(32 * 12);
  launch(load_matrices, {1, 32}, nullptr, out.data());
  const auto pair = [](uint32_t low, uint32_t high) { return low | high << 16; };
  for (uint32_t sequence = 0; sequence < 32; ++sequence) {
    const uint32_t r = sequence / 4, t = sequence % 4;
    const uint32_t* mine = &out[sequence * 12];
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t plain = pair(64 * i + 8 * r + 2 * t, 64 * i + 8 * r + 2 * t + 1);
      const uint32_t turned = pair(64 * i + 16 * t + r, 64 * i + 16 * t + 8 + r);
      EXPECT_EQ(mine[i], plain);
      EXPECT_EQ(mine[4 + i], turned);
      if (i < 2) {
        EXPECT_EQ(mine[8 + i], plain);
        EXPECT_EQ(mine[10 + i], turned);
      }
    }
  }
}

TEST(Instructions, MisalignedRowsAreFound) {
  EXPECT_THROW(launch(
                   +[] {
                     __shared__ __align__(16) uint16_t rows[33 * 8];
                     uint32_t four[4];
                     ldmatrix_x4(four, rows + 8 * threadIdx.x + 4);
                   },
                   {1, 32}, nullptr),
               cuda_emulation::Violation);
}

TEST(Formats, BFloat16RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0xffff0000u; bits += 0x00003fffu) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (std::isnan(value)) continue;
    EXPECT_EQ(__bfloat16_as_ushort(__float2bfloat16(value)), float_to_bfloat16(value));
  }
  EXPECT_TRUE(std::isnan(__bfloat162float(__float2bfloat16(NAN))));
}

TEST(Formats, Halves) {
  const std::vector<std::pair<float, unsigned>> known = {{0.0f, 0},
                                                         {1.0f, 0x3c00},
                                                         {-2.0f, 0xc000},
                                                         {65504.0f, 0x7bff},
                                                         {65520.0f, 0x7c00},
                                                         {5.9604645e-8f, 1},
                                                         {6.1035156e-5f, 0x400},
                                                         {1.0009766f, 0x3c01},
                                                         {1.00048828125f, 0x3c00},
                                                         {INFINITY, 0x7c00}};
  for (const auto& [value, bits] : known) EXPECT_EQ(__half(value).bits, bits) << value;
  for (unsigned bits = 0; bits < 0x7c00; ++bits) {
    const __half h(__half_raw{static_cast<unsigned short>(bits)});
    EXPECT_EQ(__half(static_cast<float>(h)).bits, bits);
  }
}

TEST(Formats, E4M3) {
  const std::vector<std::pair<float, unsigned>> known = {
      {0.0f, 0},          {1.0f, 0x38},      {-1.0f, 0xb8},   {448.0f, 0x7e},
      {1000.0f, 0x7e},    {-INFINITY, 0xfe}, {464.0f, 0x7e},  {0.001953125f, 1},
      {0.0009765625f, 0}, {0.015625f, 0x08}, {1.0625f, 0x38}, {1.1875f, 0x3a}};
  for (const auto& [value, bits] : known) EXPECT_EQ(__nv_fp8_e4m3(value).__x, bits) << value;
  EXPECT_EQ(__nv_cvt_float_to_fp8(500.0f, __NV_NOSAT, __NV_E4M3), 0x7f);
  EXPECT_TRUE(std::isnan(static_cast<float>(__nv_fp8_e4m3(NAN))));
  for (unsigned bits = 0; bits < 0x7f; ++bits) {
    __nv_fp8_e4m3 value;
    value.__x = static_cast<unsigned char>(bits);
    EXPECT_EQ(__nv_fp8_e4m3(static_cast<float>(value)).__x, bits);
  }
}

// d (m x n by columns) = alpha op(a) op(b) + beta c + bias.
template <class T>
void expect_matmul(cudaDataType type, int64_t m, int64_t n, int64_t k, bool turn_a, bool turn_b,
                   bool with_bias) {
  std::mt19937 random(2);
  const auto fill = [&](auto& values) {
    for (auto& value : values) {
      value = std::decay_t<decltype(value)>(static_cast<float>(static_cast<int>(random() % 9) - 4));
    }
  };
  std::vector<T> a(static_cast<size_t>(m * k)), b(static_cast<size_t>(k * n));
  std::vector<float> d(static_cast<size_t>(m * n)), bias(static_cast<size_t>(m));
  fill(a), fill(b), fill(d), fill(bias);
  const std::vector<float> before = d;
  cublasLtMatmulDesc_t op = nullptr;
  cublasLtMatrixLayout_t a_layout = nullptr, b_layout = nullptr, d_layout = nullptr;
  cublasLtMatmulDescCreate(&op, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  const int32_t transposed = CUBLAS_OP_T;
  if (turn_a) cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, 4);
  if (turn_b) cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_TRANSB, &transposed, 4);
  if (with_bias) {
    const uint32_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    const float* pointer = bias.data();
    cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, 4);
    cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &pointer, 8);
  }
  const auto size = [](int64_t value) { return static_cast<uint64_t>(value); };
  cublasLtMatrixLayoutCreate(&a_layout, type, size(turn_a ? k : m), size(turn_a ? m : k),
                             turn_a ? k : m);
  cublasLtMatrixLayoutCreate(&b_layout, type, size(turn_b ? n : k), size(turn_b ? k : n),
                             turn_b ? n : k);
  cublasLtMatrixLayoutCreate(&d_layout, CUDA_R_32F, size(m), size(n), m);
  cublasLtHandle_t handle = nullptr;
  cublasLtCreate(&handle);
  const float alpha = 2, beta = 3;
  ASSERT_EQ(cublasLtMatmul(handle, op, &alpha, a.data(), a_layout, b.data(), b_layout, &beta,
                           d.data(), d_layout, d.data(), d_layout, nullptr, nullptr, 0, nullptr),
            CUBLAS_STATUS_SUCCESS);
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t column = 0; column < n; ++column) {
      const auto at = static_cast<size_t>(column * m + row);
      float sum = 0;
      for (int64_t i = 0; i < k; ++i) {
        sum += static_cast<float>(a[static_cast<size_t>(turn_a ? row * k + i : i * m + row)]) *
               static_cast<float>(b[static_cast<size_t>(turn_b ? i * n + column : column * k + i)]);
      }
      EXPECT_EQ(d[at],
                2 * sum + 3 * before[at] + (with_bias ? bias[static_cast<size_t>(row)] : 0.0f));
    }
  }
  cublasLtDestroy(handle);
  for (cublasLtMatrixLayout_t layout : {a_layout, b_layout, d_layout}) {
    cublasLtMatrixLayoutDestroy(layout);
  }
  cublasLtMatmulDescDestroy(op);
}

TEST(CublasLt, ProductsOfEveryLayout) {
  for (const bool turn_a : {false, true}) {
    for (const bool turn_b : {false, true}) {
      expect_matmul<float>(CUDA_R_32F, 5, 7, 3, turn_a, turn_b, true);
      expect_matmul<__nv_bfloat16>(CUDA_R_16BF, 33, 18, 40, turn_a, turn_b, false);
    }
  }
  expect_matmul<__nv_fp8_e4m3>(CUDA_R_8F_E4M3, 32, 5, 48, true, false, false);
}

}  // namespace
}  // namespace echo::cuda
