#define ECHO_KERNELS avx512bf16
#include "cpu/kernels_inl.h"
