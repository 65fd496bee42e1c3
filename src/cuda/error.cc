#include "cuda/error.h"

#include <cxxabi.h>

#include <atomic>
#include <cstdlib>
#include <memory>
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

struct Free {
  void operator()(char* text) const { std::free(text); }
};

std::string name_of(const void* kernel) {
  const char* mangled = nullptr;
  if (cudaFuncGetName(&mangled, kernel) != cudaSuccess || !mangled) return "a kernel";
  int status = 0;
  const std::unique_ptr<char, Free> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status));
  return name ? name.get() : mangled;
}

}  // namespace

void check_start(cudaError_t status, const void* kernel) {
  if (status != cudaSuccess) check(status, ("starting " + name_of(kernel)).c_str());
}

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
