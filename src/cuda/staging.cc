#include "cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace echo::cuda {
namespace {

// Rows of bytes on the device, `pitch` apart.
struct ByteRows {
  char* data;
  size_t width, height, pitch;
};

// f(part of the rows, bytes before it on the host), each part at most `most` bytes.
template <class F>
void for_each_part(const View& x, size_t most, F f) {
  const size_t element = dtype_size(x.dtype);
  ByteRows all{static_cast<char*>(x.data), static_cast<size_t>(x.cols) * element,
               static_cast<size_t>(x.rows), static_cast<size_t>(x.stride) * element};
  if (all.width == all.pitch || all.height == 1) all = {all.data, all.width * all.height, 1, 0};
  size_t before = 0;
  if (all.width <= most) {
    const size_t rows = most / all.width;
    for (size_t r = 0; r < all.height; r += rows) {
      const ByteRows part{all.data + r * all.pitch, all.width, std::min(rows, all.height - r),
                          all.pitch};
      f(part, before);
      before += part.width * part.height;
    }
    return;
  }
  for (size_t r = 0; r < all.height; ++r) {
    for (size_t c = 0; c < all.width; c += most) {
      const ByteRows part{all.data + r * all.pitch + c, std::min(most, all.width - c), 1, 0};
      f(part, before);
      before += part.width;
    }
  }
}

void check_copy(cudaError_t status) { check(status, "copying between host and device"); }

}  // namespace

Staging::Staging() {
  for (Piece& piece : pieces_) {
    piece.memory = make_pinned(kPieceBytes);
    piece.used = make_event(cudaEventDisableTiming);
  }
}

Staging::Piece& Staging::next_piece() {
  Piece& piece = pieces_[next_++ % pieces_.size()];
  check(cudaEventSynchronize(piece.used.get()), "waiting for a copy");
  return piece;
}

void Staging::upload(const void* host, const View& to, cudaStream_t stream) {
  for_each_part(to, kPieceBytes, [&](const ByteRows& part, size_t before) {
    Piece& piece = next_piece();
    readers_.copy(piece.memory.get(), static_cast<const char*>(host) + before,
                  part.width * part.height);
    check_copy(part.height == 1
                   ? cudaMemcpyAsync(part.data, piece.memory.get(), part.width,
                                     cudaMemcpyHostToDevice, stream)
                   : cudaMemcpy2DAsync(part.data, part.pitch, piece.memory.get(), part.width,
                                       part.width, part.height, cudaMemcpyHostToDevice, stream));
    check(cudaEventRecord(piece.used.get(), stream), "marking a copy");
  });
}

void Staging::download(const View& from, void* host, cudaStream_t stream) {
  for_each_part(from, kPieceBytes, [&](const ByteRows& part, size_t before) {
    Piece& piece = next_piece();
    check_copy(part.height == 1
                   ? cudaMemcpyAsync(piece.memory.get(), part.data, part.width,
                                     cudaMemcpyDeviceToHost, stream)
                   : cudaMemcpy2DAsync(piece.memory.get(), part.width, part.data, part.pitch,
                                       part.width, part.height, cudaMemcpyDeviceToHost, stream));
    check(cudaStreamSynchronize(stream), "waiting for the device");
    std::memcpy(static_cast<char*>(host) + before, piece.memory.get(), part.width * part.height);
  });
}

}  // namespace echo::cuda
