#define ECHO_KERNELS generic
#include "cpu/kernels_inl.h"
