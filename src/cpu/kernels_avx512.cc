#define ECHO_KERNELS avx512
#include "cpu/kernels_inl.h"
