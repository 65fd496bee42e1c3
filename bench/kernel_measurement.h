// How the kernel benchmarks measure: the fastest of the calls, beside the machine's own rate for
// matmuls in the same run. With one thread the time is the processor's, which other programs
// on the machine do not lengthen.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "bench/bare_matmuls.h"
#include "support/matrix.h"
#include "tensor/ops.h"

namespace echo::bench {

// The one backend of the program, with the number of threads given at first (0: all).
Backend& backend(int threads = 0);

// The widths of the published model's transformer.
inline constexpr int64_t kWidth = 2048, kMlpWidth = 5888;

// As the measurements' names have it.
inline std::string type_text(DType dtype) { return dtype == DType::kFloat32 ? "f32" : "bf16"; }

// The best rate seen so far for the matmuls of a diffusion layer on 640 rows, in GFLOP/s.
// Each call measures once more, because other work on the machine only ever slows a run down.
double matmul_rate(DType dtype);

// What one call computes and moves.
struct Work {
  double flops = 0;
  double bytes = 0;     // read and written once each
  double elements = 0;  // of the result
};

// Times calls and sets the counters: GFLOP/s and its ratio to the matmul rate ("of_matmul"), GB/s,
// and elements in 1e9/s. All are of the fastest call.
void measure(benchmark::State& state, const Work& work, DType dtype,
             const std::function<void()>& call);

// Ends the benchmark with an error unless the result is right.
bool proved(benchmark::State& state, const testing::AssertionResult& result);

}  // namespace echo::bench
