#include "cpu/int8_kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace echo::cpu {
namespace {

#if defined(__x86_64__)
// AMX has state that Linux saves for those who ask only (arch_prctl ARCH_REQ_XCOMP_PERM).
bool may_use_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kTile = 1u << 24, kInt8 = 1u << 25;
  if ((d & kTile) == 0 || (d & kInt8) == 0) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

}  // namespace

std::vector<const Int8Kernels*> supported_int8_kernels() {
#if defined(__x86_64__)
  static const std::vector<const Int8Kernels*> found = [] {
    std::vector<const Int8Kernels*> kernels;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni")) {
      if (may_use_amx()) kernels.push_back(&amx_kernels());
      kernels.push_back(&vnni_kernels());
    }
    return kernels;
  }();
  return found;
#else
  return {};
#endif
}

}  // namespace echo::cpu
