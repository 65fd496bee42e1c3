// Owners of what the CUDA runtime hands out. Errors of destruction are ignored: there is nobody to
// tell, and a context that is gone has freed everything.
#pragma once

#include <utility>

#include "cuda/error.h"

namespace echo::cuda {

// destroy(handle) is called once, unless the handle is null.
template <class Handle, auto destroy>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  ~Owned() {
    if (handle_) (void)destroy(handle_);
  }
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle handle_ = nullptr;
};

inline cudaError_t destroy_stream(cudaStream_t stream) { return cudaStreamDestroy(stream); }
inline cudaError_t destroy_event(cudaEvent_t event) { return cudaEventDestroy(event); }
inline cudaError_t free_device(void* memory) { return cudaFree(memory); }
inline cudaError_t free_pinned(void* memory) { return cudaFreeHost(memory); }

using Stream = Owned<cudaStream_t, destroy_stream>;
using Event = Owned<cudaEvent_t, destroy_event>;
using DeviceMemory = Owned<void*, free_device>;
using PinnedMemory = Owned<void*, free_pinned>;

inline Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return Stream(stream);
}
// flags: cudaEventDefault for events whose times are asked for, else cudaEventDisableTiming.
inline Event make_event(unsigned flags) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, flags), "making an event");
  return Event(event);
}
inline PinnedMemory make_pinned(size_t bytes) {
  void* memory = nullptr;
  check(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault), "locking host memory");
  return PinnedMemory(memory);
}

}  // namespace echo::cuda
