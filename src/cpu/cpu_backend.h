// The CPU as a backend: oneDNN for matrices and convolutions, vectorised kernels for the rest.
#pragma once

#include <memory>

#include "cpu/int8_kernels.h"
#include "cpu/kernels.h"
#include "cpu/memory_pool.h"
#include "tensor/backend.h"

namespace echo::cpu {

struct CpuOptions {
  int threads = 0;                            // 0: as many as processor_allowance() says
  const Kernels* kernels = nullptr;           // null: the best that the machine supports
  const Int8Kernels* int8 = nullptr;          // null: the best that the machine supports, if any
  size_t max_free_bytes = size_t{768} << 20;  // kept for reuse
};

// One thread at a time may call operations; memory may be released from any thread. Every result
// depends on the inputs and the number of threads only, not on what ran before.
std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options = {});

}  // namespace echo::cpu
