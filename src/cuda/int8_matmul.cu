// Matmuls of bfloat16 activations and weights of signed bytes: tensor-core tiles, the codes
// expanded to bfloat16 on their way into registers.
#include <cuda_bf16.h>

#include "cuda/launch.h"
#include "cuda/ptx.cuh"
#include "cuda/quantized_kernels.h"

namespace echo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kOutputs = 128;  // of a block
constexpr int kInputs = 32;    // of a tile
constexpr int kStages = 3;     // tiles in shared memory
// Bytes between rows in shared memory, so that the loads of a warp meet all banks.
constexpr int kInputStride = 96, kCodeStride = 48;
static_assert(kInputs == kQuantizedInputs);

struct MatmulCall {
  const __nv_bfloat16* x;
  int64_t x_stride;
  int rows;
  const int8_t* codes;
  int64_t code_stride;
  const float* scales;
  int in, outputs;
  const float* bias;
  void* out;
  int64_t out_stride;
  bool accumulate;
};

// Four codes as bfloat16: in `low` the first two, in `high` the others. The float 2^23 + u has u in
// its lowest bits; small whole numbers have nothing in their lower halves.
__device__ inline void expand(uint32_t codes, uint32_t& low, uint32_t& high) {
  constexpr uint32_t kTwoTo23 = 0x4b000000u;
  constexpr float kBias = 8388608.0f + 128.0f;
  const uint32_t biased = codes ^ 0x80808080u;
  uint32_t bits[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    bits[i] = __float_as_uint(__uint_as_float(kTwoTo23 | (biased >> (8 * i) & 0xffu)) - kBias);
  }
  low = bits[0] >> 16 | (bits[1] & 0xffff0000u);
  high = bits[2] >> 16 | (bits[3] & 0xffff0000u);
}

__device__ inline void write(float* to, float value, bool accumulate) {
  *to = accumulate ? *to + value : value;
}
__device__ inline void write(__nv_bfloat16* to, float value, bool accumulate) {
  *to = __float2bfloat16_rn(accumulate ? __bfloat162float(*to) + value : value);
}

// kRows x kOutputs of the result. Warps side by side take 32 rows each.
template <int kRows, class Out>
__global__ void __launch_bounds__(kThreads) int8_matmul_kernel(MatmulCall p) {
  constexpr int kWarpRows = kRows / 32, kWarpColumns = kThreads / 32 / kWarpRows;
  constexpr int kTiles = kOutputs / kWarpColumns / 8;  // of 8 outputs, for each warp
  constexpr int kInputBytes = kRows * kInputStride,
                kStageBytes = kInputBytes + kOutputs * kCodeStride;
  unsigned char* const memory = shared_memory<unsigned char>();
  const int thread = static_cast<int>(threadIdx.x);
  const int first_row = static_cast<int>(blockIdx.y) * kRows;
  const int first_output = static_cast<int>(blockIdx.x) * kOutputs;
  const int tiles = (p.in + kInputs - 1) / kInputs;

  const auto begin_copies = [&](int tile) {
    unsigned char* const stage = memory + tile % kStages * kStageBytes;
    const int first_input = tile * kInputs;
    // 16 bytes are 8 inputs, or 16 codes.
#pragma unroll
    for (int i = thread; i < kRows * 4; i += kThreads) {
      const int row = i / 4, input = first_input + i % 4 * 8;
      const bool valid = first_row + row < p.rows && input < p.in;
      cp_async_16(stage + row * kInputStride + i % 4 * 16,
                  valid ? p.x + (first_row + row) * p.x_stride + input : p.x, valid);
    }
    const int row = thread / 2, output = first_output + row;
    const bool valid = output < p.outputs;
    cp_async_16(stage + kInputBytes + row * kCodeStride + thread % 2 * 16,
                valid ? p.codes + output * p.code_stride + first_input + thread % 2 * 16 : p.codes,
                valid);
  };

  const int lane = thread % 32, warp = thread / 32;
  const int g = lane / 4, t = lane % 4;
  const int warp_row = warp / kWarpColumns * 32, warp_column = warp % kWarpColumns * kTiles * 8;
  float sums[2][kTiles][4] = {};
  for (int tile = 0; tile < kStages - 1; ++tile) {
    if (tile < tiles) begin_copies(tile);
    cp_async_commit();
  }
  for (int tile = 0; tile < tiles; ++tile) {
    cp_async_wait<kStages - 2>();
    __syncthreads();
    if (tile + kStages - 1 < tiles) begin_copies(tile + kStages - 1);
    cp_async_commit();
    const unsigned char* const x = memory + tile % kStages * kStageBytes;
    const unsigned char* const w = x + kInputBytes;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      // A sum has no order: this thread's four neighbours stand for inputs 2 t, 2 t + 1, 2 t + 8
      // and 2 t + 9 of the instruction, in x and in w.
      uint32_t a[2][4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const unsigned char* const row =
            x + (warp_row + 16 * i + g) * kInputStride + half * 32 + t * 8;
        const uint2 upper = *reinterpret_cast<const uint2*>(row);
        const uint2 lower = *reinterpret_cast<const uint2*>(row + 8 * kInputStride);
        a[i][0] = upper.x, a[i][1] = lower.x, a[i][2] = upper.y, a[i][3] = lower.y;
      }
#pragma unroll
      for (int j = 0; j < kTiles; ++j) {
        uint32_t b[2];
        expand(*reinterpret_cast<const uint32_t*>(w + (warp_column + 8 * j + g) * kCodeStride +
                                                  half * 16 + t * 4),
               b[0], b[1]);
#pragma unroll
        for (int i = 0; i < 2; ++i) mma_m16n8k16_bf16(sums[i][j], a[i], b);
      }
    }
  }

  Out* const out = static_cast<Out*>(p.out);
#pragma unroll
  for (int j = 0; j < kTiles; ++j) {
#pragma unroll
    for (int k = 0; k < 2; ++k) {
      const int output = first_output + warp_column + 8 * j + 2 * t + k;
      if (output >= p.outputs) continue;
      const float scale = p.scales[output], bias = p.bias ? p.bias[output] : 0.0f;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = first_row + warp_row + g + 8 * i;
        if (row < p.rows) {
          write(out + row * p.out_stride + output, sums[i / 2][j][i % 2 * 2 + k] * scale + bias,
                p.accumulate);
        }
      }
    }
  }
}

template <int kRows, class Out>
void start(const MatmulCall& p, cudaStream_t stream) {
  const LaunchShape shape{dim3(static_cast<unsigned>((p.outputs + kOutputs - 1) / kOutputs),
                               static_cast<unsigned>((p.rows + kRows - 1) / kRows)),
                          dim3(kThreads),
                          size_t{kStages} * (kRows * kInputStride + kOutputs * kCodeStride)};
  launch(int8_matmul_kernel<kRows, Out>, shape, stream, p);
}

template <class Out>
void start(const MatmulCall& p, cudaStream_t stream) {
  // Smaller blocks where the larger ones would leave much of the device idle.
  constexpr int kBusy = 200;
  const int blocks = (p.outputs + kOutputs - 1) / kOutputs * ((p.rows + 127) / 128);
  if (p.rows <= 64 || blocks < kBusy) {
    start<64, Out>(p, stream);
  } else {
    start<128, Out>(p, stream);
  }
}

}  // namespace

void int8_matmul(const View& x, const Int8Matrix& w, const float* bias, bool accumulate,
                 const View& out, cudaStream_t stream) {
  const MatmulCall p{static_cast<const __nv_bfloat16*>(x.data),
                     x.stride,
                     static_cast<int>(x.rows),
                     w.codes,
                     w.stride(),
                     w.scales,
                     static_cast<int>(x.cols),
                     static_cast<int>(w.out),
                     bias,
                     out.data,
                     out.stride,
                     accumulate};
  if (out.dtype == DType::kBFloat16) {
    start<__nv_bfloat16>(p, stream);
  } else {
    start<float>(p, stream);
  }
}

}  // namespace echo::cuda
