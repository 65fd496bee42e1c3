// Convolutions on the tensor cores: a matmul whose left side is never written down. A block
// keeps the rows of x that its results need in shared memory, for 32 channels at a time, and every
// tap reads them where it wants them, so that x is fetched once for all taps.
#include <type_traits>

#include "cuda/conv1d.h"
#include "cuda/elements.cuh"
#include "cuda/launch.h"
#include "cuda/ptx.cuh"

namespace echo::cuda {
namespace {

constexpr int kChannels = 32;           // of a step
constexpr int kCopies = kChannels / 8;  // of 16 bytes for a row of a step
constexpr int kWarpRows = 64;
constexpr int kWeightStages = 4;
constexpr int kMaxReach = 64;  // (taps - 1) * dilation

struct TensorShape {
  const float* bias;
  int64_t rows;  // of the result
  int out, in, taps, dilation, out_tiles;
  int x_rows;    // that a block keeps
  int x_stages;  // steps of channels that are kept or on their way
  bool accumulate;
};

// Element offset of 8 channels in a tile of rows of kChannels. Eight neighbouring rows, from any
// row on, lie in all of the banks.
__device__ inline int tile_offset(int row, int copy) {
  return row * kChannels + ((copy ^ ((row >> 1) & 3)) << 3);
}

// A block computes (64 warp_rows) x (warp_outs out_groups 8) results, each warp 64 x
// (out_groups 8). out_groups is even.
template <int warp_rows, int warp_outs, int out_groups>
struct TensorTile {
  static constexpr int kThreads = 32 * warp_rows * warp_outs;
  static constexpr int kRows = kWarpRows * warp_rows;
  static constexpr int kWarpOuts = 8 * out_groups;
  static constexpr int kOuts = kWarpOuts * warp_outs;
};

template <class Out>
__device__ inline void put_pair(const TensorShape& shape, const Rows<Out>& out, int64_t row, int o,
                                float first, float second) {
  if (row >= shape.rows || o >= shape.out) return;
  Out* to = out.row(row) + o;
  const bool both = o + 1 < shape.out;
  if (shape.bias) {
    first += shape.bias[o];
    if (both) second += shape.bias[o + 1];
  }
  if (shape.accumulate) {
    first += to_float(to[0]);
    if (both) second += to_float(to[1]);
  }
  if (both && out.whole) {
    if constexpr (std::is_same_v<Out, float>) {
      *reinterpret_cast<float2*>(to) = make_float2(first, second);
    } else {
      *reinterpret_cast<uint32_t*>(to) = pair_of(first, second);
    }
  } else {
    to[0] = from_float<Out>(first);
    if (both) to[1] = from_float<Out>(second);
  }
}

// few_rows: groups of 16 rows that are not there are left out.
template <class Tile, bool few_rows, int warp_outs, int out_groups, class Out>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    conv1d_tensor_kernel(Rows<const __nv_bfloat16> x, const __nv_bfloat16* w, TensorShape shape,
                         Rows<Out> out) {
  __nv_bfloat16* const weight_tiles = shared_memory<__nv_bfloat16>();
  __nv_bfloat16* const x_tiles = weight_tiles + kWeightStages * Tile::kOuts * kChannels;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int warp_row = warp / warp_outs * kWarpRows;
  const int warp_out = warp % warp_outs * Tile::kWarpOuts;
  const unsigned out_tiles = static_cast<unsigned>(shape.out_tiles);
  const int64_t first_row = int64_t{blockIdx.x / out_tiles} * Tile::kRows;
  const int first_out = static_cast<int>(blockIdx.x % out_tiles) * Tile::kOuts;
  const int64_t weight_stride = int64_t{shape.taps} * shape.in;
  const int steps = (shape.in + kChannels - 1) / kChannels * shape.taps;

  // Step s is tap s % taps of channel step s / taps. Missing rows, channels and outputs are zeros.
  const auto load_step = [&](int step) {
    const int channel_step = step / shape.taps, tap = step - channel_step * shape.taps;
    const int first_channel = channel_step * kChannels;
    __nv_bfloat16* const weights = weight_tiles + step % kWeightStages * (Tile::kOuts * kChannels);
    for (int i = thread; i < Tile::kOuts * kCopies; i += Tile::kThreads) {
      const int o = i / kCopies, copy = i % kCopies, channel = first_channel + 8 * copy;
      const bool valid = first_out + o < shape.out && channel < shape.in;
      const __nv_bfloat16* from =
          valid ? w + (first_out + o) * weight_stride + int64_t{tap} * shape.in + channel : w;
      cp_async_16(weights + tile_offset(o, copy), from, valid);
    }
    if (tap != 0) return;
    __nv_bfloat16* const rows =
        x_tiles + channel_step % shape.x_stages * (shape.x_rows * kChannels);
    for (int i = thread; i < shape.x_rows * kCopies; i += Tile::kThreads) {
      const int r = i / kCopies, copy = i % kCopies, channel = first_channel + 8 * copy;
      const bool valid = first_row + r < x.rows && channel < shape.in;
      cp_async_16(rows + tile_offset(r, copy), valid ? x.row(first_row + r) + channel : x.data,
                  valid);
    }
  };

  float sums[4][out_groups][4] = {};
  for (int step = 0; step < kWeightStages - 1; ++step) {
    if (step < steps) load_step(step);
    cp_async_commit();
  }
  const int64_t row_groups = (shape.rows - first_row - warp_row + 15) / 16;
  for (int step = 0; step < steps; ++step) {
    cp_async_wait<kWeightStages - 2>();
    __syncthreads();
    if (step + kWeightStages - 1 < steps) load_step(step + kWeightStages - 1);
    cp_async_commit();
    if (row_groups <= 0) continue;

    const int channel_step = step / shape.taps, tap = step - channel_step * shape.taps;
    const __nv_bfloat16* const weights =
        weight_tiles + step % kWeightStages * (Tile::kOuts * kChannels);
    const __nv_bfloat16* const rows =
        x_tiles + channel_step % shape.x_stages * (shape.x_rows * kChannels);
    const int x_row = warp_row + tap * shape.dilation + lane % 16;
    const int w_row = warp_out + lane / 16 * 8 + lane % 8;
#pragma unroll
    for (int half = 0; half < kChannels / 16; ++half) {
      uint32_t b[out_groups / 2][4];
#pragma unroll
      for (int j = 0; j < out_groups / 2; ++j) {
        ldmatrix_x4(b[j], weights + tile_offset(w_row + 16 * j, 2 * half + lane / 8 % 2));
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (few_rows && i >= row_groups) break;
        uint32_t a[4];
        ldmatrix_x4(a, rows + tile_offset(x_row + 16 * i, 2 * half + lane / 16));
#pragma unroll
        for (int j = 0; j < out_groups / 2; ++j) {
          mma_m16n8k16_bf16(sums[i][2 * j], a, {b[j][0], b[j][1]});
          mma_m16n8k16_bf16(sums[i][2 * j + 1], a, {b[j][2], b[j][3]});
        }
      }
    }
  }

#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int64_t row = first_row + warp_row + 16 * i + lane / 4;
#pragma unroll
    for (int j = 0; j < out_groups; ++j) {
      const int o = first_out + warp_out + 8 * j + lane % 4 * 2;
      put_pair(shape, out, row, o, sums[i][j][0], sums[i][j][1]);
      put_pair(shape, out, row + 8, o, sums[i][j][2], sums[i][j][3]);
    }
  }
}

template <int warp_rows, int warp_outs, int out_groups>
void start(const View& x, const Convolution& convolution, const View& out, cudaStream_t stream) {
  using Tile = TensorTile<warp_rows, warp_outs, out_groups>;
  const int64_t out_tiles = (out.cols + Tile::kOuts - 1) / Tile::kOuts;
  const int64_t row_tiles = (out.rows + Tile::kRows - 1) / Tile::kRows;
  TensorShape shape{};
  shape.bias = convolution.bias;
  shape.rows = out.rows;
  shape.out = static_cast<int>(out.cols);
  shape.in = static_cast<int>(x.cols);
  shape.taps = convolution.taps;
  shape.dilation = convolution.dilation;
  shape.out_tiles = static_cast<int>(out_tiles);
  shape.x_rows = Tile::kRows + (convolution.taps - 1) * convolution.dilation;
  // Weights are fetched three steps ahead, and with the first tap's the rows of x for all taps.
  shape.x_stages = (kWeightStages - 2 + convolution.taps) / convolution.taps + 1;
  shape.accumulate = convolution.accumulate;
  const int elements = (kWeightStages * Tile::kOuts + shape.x_stages * shape.x_rows) * kChannels;
  with_float_type(out.dtype, [&](auto result) {
    using Out = decltype(result);
    launch(conv1d_tensor_kernel<Tile, warp_rows == 1, warp_outs, out_groups, Out>,
           {dim3(static_cast<unsigned>(row_tiles * out_tiles)), dim3(Tile::kThreads),
            static_cast<size_t>(elements) * sizeof(__nv_bfloat16)},
           stream, rows_as<const __nv_bfloat16>(x),
           static_cast<const __nv_bfloat16*>(convolution.w.data), shape, rows_as<Out>(out));
  });
}

}  // namespace

bool conv1d_tensor_fits(const View& x, const Convolution& convolution) {
  const auto aligned = [](const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; };
  return x.dtype == DType::kBFloat16 && convolution.stride == 1 && x.cols % 8 == 0 &&
         x.stride % 8 == 0 && aligned(x.data) && aligned(convolution.w.data) &&
         (convolution.taps - 1) * convolution.dilation <= kMaxReach;
}

// 96 outputs divide all the widths of the decoder, 64 those of the encoder. Tiles of 256 rows fetch
// the fewest bytes for a matmul; few rows take small ones, so that more blocks share the work.
void conv1d_tensor(const View& x, const Convolution& convolution, const View& out,
                   cudaStream_t stream) {
  constexpr int64_t kFewRows = 1024;
  if (out.cols % 96 == 0) {
    if (out.rows <= kFewRows) return start<1, 2, 6>(x, convolution, out, stream);
    return start<4, 2, 6>(x, convolution, out, stream);
  }
  if (out.rows <= kFewRows) return start<1, 2, 4>(x, convolution, out, stream);
  start<4, 2, 4>(x, convolution, out, stream);
}

}  // namespace echo::cuda
