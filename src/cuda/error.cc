#include "cuda/error.h"

#include <atomic>
#include <mutex>

namespace echo::cuda {
namespace {

// Of the process: a context that met an error is lost for all of it.
struct Failure {
  std::atomic<bool> happened = false;
  std::mutex mutex;
  std::string text;
};
Failure& failure() {
  static Failure instance;
  return instance;
}

}  // namespace

void fail(const std::string& text) {
  Failure& first = failure();
  {
    const std::lock_guard lock(first.mutex);
    if (!first.happened) {
      first.text = text;
      first.happened = true;
    }
  }
  throw_internal(text);
}

void require_healthy() {
  Failure& first = failure();
  if (!first.happened) return;
  const std::lock_guard lock(first.mutex);
  throw_internal("CUDA: the device failed before: " + first.text);
}

}  // namespace echo::cuda
