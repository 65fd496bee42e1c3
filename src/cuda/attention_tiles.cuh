// Which keys a block of queries goes through: those of each part that any of its queries sees, some
// at a time.
#pragma once

#include "cuda/kernels.h"

namespace echo::cuda {

// Queries of one sequence that a block computes.
struct QueryTile {
  int sequence = 0;
  int begin = 0, rows = 0;  // within the sequence
};

// The block's tile: sequences are cut into tiles of `most` queries, numbered on.
__device__ inline QueryTile query_tile(const AttentionTable& table, int index, int most) {
  QueryTile tile;
  for (; tile.sequence < table.sequence_count; ++tile.sequence) {
    const int rows = table.sequences[tile.sequence].rows;
    const int tiles = (rows + most - 1) / most;
    if (index < tiles) {
      tile.begin = index * most;
      tile.rows = rows - tile.begin < most ? rows - tile.begin : most;
      break;
    }
    index -= tiles;
  }
  return tile;
}
inline int query_tiles(const AttentionTable& table, int most) {
  int tiles = 0;
  for (int i = 0; i < table.sequence_count; ++i)
    tiles += (table.sequences[i].rows + most - 1) / most;
  return tiles;
}

// Goes through the parts of a sequence, `most` keys at a time.
class KeyTiles {
 public:
  __device__ KeyTiles(const AttentionCall& call, const AttentionTable& table, const QueryTile& tile,
                      int most)
      : most_(most) {
    const AttentionSequence& sequence = table.sequences[tile.sequence];
    part_ = sequence.first_part;
    last_part_ = sequence.first_part + sequence.parts;
    own_ = sequence.first_part;
    end_ = table.parts[part_].rows;
    if (call.causal) {
      const int first = sequence.earlier + tile.begin;
      end_ = end_ < first + tile.rows ? end_ : first + tile.rows;
      if (call.window > 0 && first - call.window + 1 > 0) begin_ = first - call.window + 1;
    }
    skip_finished(table);
  }

  __device__ bool done() const { return part_ == last_part_; }
  __device__ int part() const { return part_; }
  __device__ int begin() const { return begin_; }
  __device__ int rows() const { return end_ - begin_ < most_ ? end_ - begin_ : most_; }
  // Of the sequence's own keys, which causal and window are about.
  __device__ bool own() const { return part_ == own_; }
  __device__ void next(const AttentionTable& table) {
    begin_ += most_;
    skip_finished(table);
  }

 private:
  __device__ void skip_finished(const AttentionTable& table) {
    while (begin_ >= end_ && part_ != last_part_) {
      ++part_;
      begin_ = 0;
      end_ = part_ == last_part_ ? 0 : table.parts[part_].rows;
    }
  }

  int most_, part_, last_part_, own_;
  int begin_ = 0, end_ = 0;
};

// Whether a query at a position among the sequence's own keys sees the key of that number.
__device__ inline bool sees(const AttentionCall& call, int position, int key) {
  if (!call.causal) return true;
  return key <= position && (call.window == 0 || position - key < call.window);
}

}  // namespace echo::cuda
