// echo_kernels_bench [threads]: every kernel of the CPU backend at the shapes that the models use.
// Machines are noisy: read the ratios "of_matmul", which are of one run.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>

#include "bench/kernel_measurement.h"
#include "cpu/kernels.h"
#include "cpu/onednn.h"

namespace echo::bench {
void register_elementwise();
void register_matmuls();
}  // namespace echo::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  using namespace echo;
  const int threads = argc == 2 ? std::atoi(argv[1]) : 0;
  if (argc > 2 || (argc == 2 && threads < 1)) {
    std::fprintf(stderr, "usage: echo_kernels_bench [threads] [--benchmark_filter=REGEX ...]\n");
    return 2;
  }
  bench::backend(threads);
  benchmark::AddCustomContext("kernels", std::string(cpu::supported_kernels().front()->name));
  benchmark::AddCustomContext("library", cpu::onednn_description());
  bench::register_elementwise();
  bench::register_matmuls();
  benchmark::RunSpecifiedBenchmarks();
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    if (bench::backend().compute_dtype(dtype) != dtype) continue;
    std::printf("matmul rate, %s: %.0f GFLOP/s\n", std::string(dtype_name(dtype)).c_str(),
                bench::matmul_rate(dtype));
  }
}
