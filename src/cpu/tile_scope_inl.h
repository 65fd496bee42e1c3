// AMX's tile registers, all of 16 rows of 64 bytes, for as long as this lives. Included by the
// files that are built for AMX.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace echo::cpu {
namespace {

// Intel SDM, LDTILECFG: the shape of each tile register.
struct alignas(64) TileShapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t bytes_per_row[16] = {};
  uint8_t rows[16] = {};
};

// Tiles 0 to 3 hold sums, 4 and 5 activations, 6 and 7 weights.
class TileScope {
 public:
  TileScope() {
    TileShapes shapes;
    for (int i = 0; i < 8; ++i) {
      shapes.bytes_per_row[i] = 64;
      shapes.rows[i] = 16;
    }
    _tile_loadconfig(&shapes);
  }
  ~TileScope() { _tile_release(); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

}  // namespace
}  // namespace echo::cpu
