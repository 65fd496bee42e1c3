#define ECHO_KERNELS avx512amx
#include "cpu/kernels_inl.h"
