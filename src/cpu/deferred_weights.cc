#include "cpu/deferred_weights.h"

#include <omp.h>

#include <exception>
#include <utility>

namespace echo::cpu {

DeferredWeights::DeferredWeights(const HostWeights& shape, DType dtype, Pack pack)
    : PackedWeights(shape, 1, 1, dtype), pack_(std::move(pack)) {}

const PackedWeights& DeferredWeights::ready() const {
  const std::lock_guard lock(mutex_);
  if (!packed_) {
    packed_ = pack_();
    pack_ = {};
  }
  return *packed_;
}

const PackedWeights& ready(const PackedWeights& weights) {
  const auto* deferred = dynamic_cast<const DeferredWeights*>(&weights);
  return deferred ? deferred->ready() : weights;
}

BackgroundPacker::~BackgroundPacker() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void BackgroundPacker::add(std::weak_ptr<const DeferredWeights> weights) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(weights));
    if (!thread_.joinable()) {
      thread_ = std::jthread([this](std::stop_token stop) { work(std::move(stop)); });
    }
  }
  added_.notify_one();
}

void BackgroundPacker::work(std::stop_token stop) {
  omp_set_num_threads(1);  // whoever computes has the other processors
  while (true) {
    std::shared_ptr<const DeferredWeights> next;
    {
      std::unique_lock lock(mutex_);
      if (!added_.wait(lock, stop, [&] { return !waiting_.empty(); })) return;
      if (stop.stop_requested()) return;
      next = waiting_.front().lock();
      waiting_.pop_front();
    }
    try {
      if (next) next->ready();
    } catch (const std::exception&) {
      // Whoever uses it meets it again.
    }
  }
}

}  // namespace echo::cpu
