#define ECHO_KERNELS avx2
#include "cpu/kernels_inl.h"
