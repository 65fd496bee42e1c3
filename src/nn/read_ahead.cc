#include "nn/read_ahead.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace echo {
namespace {

constexpr size_t kPiece = size_t{8} << 20;  // read by one thread at a time

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22  // Linux 5.14
#endif

void read_pages(std::span<const std::byte> range, ReadInto into) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(range.data()) / page * page;
  const auto size = reinterpret_cast<uintptr_t>(range.data() + range.size()) - begin;
  auto* const start = reinterpret_cast<char*>(begin);
  // The whole piece becomes one request of the disk; then its end is waited for.
  ::madvise(start, size, MADV_WILLNEED);
  ::madvise(start, size, MADV_POPULATE_READ);
  if (into == ReadInto::kPageCache) ::madvise(start, size, MADV_DONTNEED);
}

}  // namespace

ReadAhead::ReadAhead(std::span<const TensorView* const> tensors, ReadInto into, int threads)
    : into_(into) {
  std::vector<Range> whole;
  for (const TensorView* tensor : tensors) {
    if (tensor->mapped && !tensor->bytes.empty()) whole.push_back(tensor->bytes);
    bytes_ += tensor->bytes.size();
  }
  std::sort(whole.begin(), whole.end(),
            [](const Range& a, const Range& b) { return a.data() < b.data(); });
  for (size_t i = 0; i < whole.size();) {
    // Neighbours are read as one.
    const std::byte* const begin = whole[i].data();
    const std::byte* end = begin + whole[i].size();
    for (++i; i < whole.size() && whole[i].data() <= end; ++i) {
      end = std::max(end, whole[i].data() + whole[i].size());
    }
    for (const std::byte* at = begin; at < end; at += kPiece) {
      ranges_.emplace_back(at, std::min<size_t>(kPiece, static_cast<size_t>(end - at)));
    }
  }
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  }
}

ReadAhead::~ReadAhead() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void ReadAhead::wait() {
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void ReadAhead::work(std::stop_token stop) {
  for (size_t i = next_++; i < ranges_.size() && !stop.stop_requested(); i = next_++) {
    read_pages(ranges_[i], into_);
  }
}

}  // namespace echo
