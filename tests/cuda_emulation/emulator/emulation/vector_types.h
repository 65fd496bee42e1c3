// The vector types of CUDA, with its sizes and alignments.
#pragma once

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_count = 1, unsigned y_count = 1, unsigned z_count = 1)
      : x(x_count), y(y_count), z(z_count) {}
};

#define ECHO_VECTOR_TYPES(name, type, size)                                   \
  struct __attribute__((aligned(2 * size))) name##2 {                         \
    type x, y;                                                                \
  };                                                                          \
  struct name##3 {                                                            \
    type x, y, z;                                                             \
  };                                                                          \
  struct __attribute__((aligned(4 * size > 16 ? 16 : 4 * size))) name##4 {    \
    type x, y, z, w;                                                          \
  };                                                                          \
  inline name##2 make_##name##2(type x, type y) { return {x, y}; }            \
  inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; } \
  inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

ECHO_VECTOR_TYPES(char, signed char, 1)
ECHO_VECTOR_TYPES(uchar, unsigned char, 1)
ECHO_VECTOR_TYPES(short, short, 2)
ECHO_VECTOR_TYPES(ushort, unsigned short, 2)
ECHO_VECTOR_TYPES(int, int, 4)
ECHO_VECTOR_TYPES(uint, unsigned, 4)
ECHO_VECTOR_TYPES(float, float, 4)
ECHO_VECTOR_TYPES(longlong, long long, 8)
ECHO_VECTOR_TYPES(ulonglong, unsigned long long, 8)
ECHO_VECTOR_TYPES(double, double, 8)
#undef ECHO_VECTOR_TYPES
