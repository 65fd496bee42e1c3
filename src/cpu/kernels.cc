#include "cpu/kernels.h"

#include "cpu/bfloat16_tiles.h"

namespace echo::cpu {

std::vector<const Kernels*> supported_kernels() {
  std::vector<const Kernels*> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    if (has_bfloat16_tiles()) found.push_back(&avx512amx_kernels());
    if (__builtin_cpu_supports("avx512bf16")) found.push_back(&avx512bf16_kernels());
    found.push_back(&avx512_kernels());
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    found.push_back(&avx2_kernels());
  }
#endif
  found.push_back(&generic_kernels());
  return found;
}

}  // namespace echo::cpu
