#include "bench/kernel_measurement.h"

#include <time.h>

#include <algorithm>

#include "cpu/cpu_backend.h"

namespace echo::bench {
namespace {

constexpr int64_t kRows = 640;

bool one_thread = false;

double seconds_now() {
  timespec now;
  clock_gettime(one_thread ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(const std::function<void()>& call) {
  const double begin = seconds_now();
  call();
  return seconds_now() - begin;
}

}  // namespace

Backend& backend(int threads) {
  static const std::unique_ptr<Backend> instance = [&] {
    one_thread = threads == 1;
    return cpu::make_cpu_backend({threads});
  }();
  return *instance;
}

double matmul_rate(DType dtype) {
  static std::map<DType, std::unique_ptr<BareMatmuls>> matmuls;
  static std::map<DType, double> best;
  std::unique_ptr<BareMatmuls>& found = matmuls[dtype];
  if (!found) {
    found = std::make_unique<BareMatmuls>(backend(), dtype, dtype, kWidth, kMlpWidth);
    found->run(backend(), kRows, 4);
  }
  const double seconds = seconds_of([&] { found->run(backend(), kRows, 1); });
  return best[dtype] = std::max(best[dtype], found->flops(kRows, 1) / seconds / 1e9);
}

void measure(benchmark::State& state, const Work& work, DType dtype,
             const std::function<void()>& call) {
  call();  // builds what the first call needs
  double fastest = 1e30;
  for (auto _ : state) fastest = std::min(fastest, seconds_of(call));
  state.counters["best_us"] = fastest * 1e6;
  if (work.flops > 0) {
    state.counters["GFLOP/s"] = work.flops / fastest / 1e9;
    state.counters["of_matmul"] = work.flops / fastest / 1e9 / matmul_rate(dtype);
  }
  if (work.bytes > 0) state.counters["GB/s"] = work.bytes / fastest / 1e9;
  if (work.elements > 0) state.counters["Gelem/s"] = work.elements / fastest / 1e9;
}

bool proved(benchmark::State& state, const testing::AssertionResult& result) {
  if (!result) state.SkipWithError(("wrong result: " + std::string(result.message())).c_str());
  return static_cast<bool>(result);
}

}  // namespace echo::bench
