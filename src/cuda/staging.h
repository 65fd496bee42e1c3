// Host memory that the device can read while the host goes on.
#pragma once

#include <array>

#include "cuda/handles.h"
#include "cuda/readers.h"
#include "cuda/view.h"

namespace echo::cuda {

// Copies between pageable host memory and the device, through pieces of pinned memory: while the
// device takes one, several threads fill the next. One caller at a time.
class Staging {
 public:
  Staging();

  // The host's elements are contiguous and have been read when this returns; the device may still
  // be at work.
  void upload(const void* host, const View& to, cudaStream_t stream);
  // Waits for the device.
  void download(const View& from, void* host, cudaStream_t stream);

 private:
  struct Piece {
    PinnedMemory memory;
    Event used;  // the device has read it
  };
  static constexpr size_t kPieceBytes = size_t{8} << 20;

  Piece& next_piece();

  std::array<Piece, 4> pieces_;
  size_t next_ = 0;
  Readers readers_;
};

}  // namespace echo::cuda
