// Matmuls and convolutions in bfloat16 on processors with AMX, whose tiles multiply 16 rows by 32
// inputs with 32 inputs by 16 outputs and add in float32. This project's own code: oneDNN 2.6
// reaches a fifth of what the tiles can.
#pragma once

#include <memory>
#include <string>

#include "cpu/kernels.h"
#include "cpu/memory_pool.h"
#include "cpu/weight_arena.h"
#include "tensor/backend.h"

namespace echo::cpu {

constexpr int64_t kTileRows = 16, kTileOutputs = 16, kTileInputs = 32;
constexpr int64_t kTileValues = kTileRows * kTileInputs;

// So many rows of packed activations: tiles of 16 rows and 32 inputs one behind the other, those of
// a panel of 16 rows together. rows: padded to kTileRows; inputs: to kTileInputs.
struct TileRows {
  uint16_t* values = nullptr;
  int64_t rows = 0, inputs = 0;
};

// So many rows of packed activations: 32 inputs of all rows, then the next 32. So the rows of a
// tile may begin anywhere, as the taps of a convolution ask. inputs: padded to kTileInputs.
struct TileColumns {
  uint16_t* values = nullptr;
  int64_t rows = 0, inputs = 0;
};

struct TileTaps {
  int64_t taps = 1, stride = 1, dilation = 1;
  // Rows of the input that so many rows of the output are made of.
  int64_t input_rows(int64_t rows) const { return (rows - 1) * stride + (taps - 1) * dilation + 1; }
};

// Panels of 16 outputs, padded likewise, in which two inputs of an output stand side by side; of a
// convolution the tiles of all taps of 32 inputs together.
struct TileOutputs {
  const uint16_t* values = nullptr;
  const float* bias = nullptr;  // of each output, not padded; may be null
  bool accumulate = false;      // add to what is there
};

// x: rows of bfloat16, at most kTileRows, into one panel.
void pack_tile_rows(const View& x, const TileRows& to);
// out[r, o] = (out[r, o] +) x[r] . w[o] + bias[o] for the rows of out, on the calling thread.
// out: float32 or bfloat16.
void multiply_tiles(const TileRows& x, const TileOutputs& w, const View& out);

// As pack_tile_rows, for x of at most to.rows; the others become zeros.
void pack_tile_columns(const View& x, const TileColumns& to);
// As multiply_tiles, but out[r, o] is the sum over taps j of x[r * stride + j * dilation] . w[o,
// j]. x: input_rows() of the rows of out padded to kTileRows.
void convolve_tiles(const TileColumns& x, const TileOutputs& w, const TileTaps& taps,
                    const View& out);

// Whether the machine has AMX for bfloat16 and lets the process use it.
bool has_bfloat16_tiles();

// The layout of a packed matrix, as Backend::packed_layout.
std::string tile_layout(int64_t out, int64_t in);

// Packs a matrix or a convolution; a matrix that has tile_layout() is used where it lies. Errors:
// kInternal for another layout. The memory is the arena's.
std::shared_ptr<PackedWeights> pack_tiles(const HostWeights& weights, int64_t stride,
                                          int64_t dilation, WeightArena& arena);
// Whether the weights are of pack_tiles, and their bytes.
bool is_tiles(const PackedWeights& weights);
std::span<const std::byte> tile_bytes(const PackedWeights& weights);

// As Backend::linear, with weights of pack_tiles, on as many threads; the packed x lies in memory
// of the pool meanwhile. A row of the result depends on nothing but that row of x.
void linear_tiles(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
                  const Tensor& out, int threads, MemoryPool& pool);
// As Backend::conv1d, likewise. A row of the result depends on nothing but the rows that its taps
// see.
void conv1d_tiles(const Tensor& x, const PackedWeights& w, const Tensor& bias, bool accumulate,
                  const Tensor& out, int threads, MemoryPool& pool);

}  // namespace echo::cpu
