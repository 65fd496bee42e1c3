// Matrices that are packed when they are used first, or before that by a thread in the background:
// a start need not wait for gigabytes of copies, and the first result needs each of them once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "tensor/backend.h"

namespace echo::cpu {

class DeferredWeights : public PackedWeights {
 public:
  using Pack = std::function<std::shared_ptr<PackedWeights>()>;
  // shape: of what `pack` will give, whose dtype() is `dtype`. What `pack` holds is let go once it
  // has packed.
  DeferredWeights(const HostWeights& shape, DType dtype, Pack pack);

  // Packs, unless it is done. Any thread; others wait. Throws what `pack` throws, and the next call
  // tries again.
  const PackedWeights& ready() const;

 private:
  mutable std::mutex mutex_;
  mutable Pack pack_;
  mutable std::shared_ptr<PackedWeights> packed_;
};

// The weights themselves, or what was deferred, packed.
const PackedWeights& ready(const PackedWeights& weights);

// Packs what was deferred on one thread of its own, in the order in which it was added, and leaves
// out what is no longer used. Any thread may call it.
class BackgroundPacker {
 public:
  BackgroundPacker() = default;
  // Ends after the matrix that is at hand; the others are packed when they are used.
  ~BackgroundPacker();
  BackgroundPacker(const BackgroundPacker&) = delete;
  BackgroundPacker& operator=(const BackgroundPacker&) = delete;

  void add(std::weak_ptr<const DeferredWeights> weights);

 private:
  void work(std::stop_token stop);

  std::mutex mutex_;
  std::condition_variable_any added_;
  std::deque<std::weak_ptr<const DeferredWeights>> waiting_;
  std::jthread thread_;  // starts with the first; last, since it uses the above
};

}  // namespace echo::cpu
