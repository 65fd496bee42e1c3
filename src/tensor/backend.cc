#include "tensor/backend.h"

#include <chrono>

#include "base/error.h"

namespace echo {
namespace {

// Of backends whose operations are done when they return.
struct HostMark : TimeMark {
  std::chrono::steady_clock::time_point at = std::chrono::steady_clock::now();
};

class PlainRepeatedWork : public RepeatedWork {
 public:
  Tensor run(const WorkKey&, std::span<const Tensor> inputs, const Work& work) override {
    return work(inputs);
  }
};

}  // namespace

std::unique_ptr<RepeatedWork> Backend::make_repeated_work() {
  return std::make_unique<PlainRepeatedWork>();
}

std::shared_ptr<PackedWeights> Backend::pack_stacked(std::span<const HostWeights>, DType) {
  throw_internal(name() + ": matrices are packed one by one");
}

std::shared_ptr<TimeMark> Backend::mark() { return std::make_shared<HostMark>(); }

void Backend::wait(const TimeMark&) const {}

double Backend::seconds_between(const TimeMark& begin, const TimeMark& end) const {
  const auto& first = static_cast<const HostMark&>(begin);
  const auto& last = static_cast<const HostMark&>(end);
  return std::chrono::duration<double>(last.at - first.at).count();
}

}  // namespace echo
