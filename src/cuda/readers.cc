#include "cuda/readers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace echo::cuda {
namespace {

constexpr size_t kSliceBytes = size_t{512} << 10;
constexpr int kMaxThreads = 4;  // then the bus is the limit

// Maps the pages of a part of a file at once instead of by a fault for every few. Only a hint:
// kernels before 5.14 do not know it.
void populate(const char* begin, size_t bytes) {
#ifdef MADV_POPULATE_READ
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin) & ~(page - 1);
  const uintptr_t last = reinterpret_cast<uintptr_t>(begin) + bytes;
  (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_POPULATE_READ);
#endif
}

int thread_count(int wanted) {
  if (wanted > 0) return wanted;
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(processors, 1, kMaxThreads);
}

}  // namespace

Readers::Readers(int threads) {
  for (int i = 1; i < thread_count(threads); ++i) others_.emplace_back([this] { run(); });
}

Readers::~Readers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void Readers::copy(void* to, const void* from, size_t bytes) {
  const Work work{static_cast<char*>(to), static_cast<const char*>(from), bytes};
  if (bytes <= kSliceBytes || others_.empty()) {
    next_ = 0;
    return copy_slices(work);
  }
  {
    const std::lock_guard lock(mutex_);
    work_ = work;
    next_ = 0;
    busy_ = static_cast<unsigned>(others_.size());
    ++generation_;
  }
  changed_.notify_all();
  copy_slices(work);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return busy_ == 0; });
}

void Readers::run() {
  unsigned seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || generation_ != seen; });
    if (stopping_) return;
    seen = generation_;
    const Work work = work_;
    lock.unlock();
    copy_slices(work);
    lock.lock();
    if (--busy_ == 0) changed_.notify_all();
  }
}

void Readers::copy_slices(const Work& work) {
  for (size_t begin = kSliceBytes * next_++; begin < work.bytes; begin = kSliceBytes * next_++) {
    const size_t bytes = std::min(kSliceBytes, work.bytes - begin);
    populate(work.from + begin, bytes);
    std::memcpy(work.to + begin, work.from + begin, bytes);
  }
}

}  // namespace echo::cuda
