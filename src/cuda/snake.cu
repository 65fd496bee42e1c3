#include "cuda/elementwise.cuh"
#include "cuda/kernels.h"

namespace echo::cuda {
namespace {

// sin(x)^2 has the period pi, so the sign of the reduced sine does not matter, and no branch is
// needed for large x. Products and differences are kept apart: joined into one rounding, n times
// the first parts of pi would still be exact.
__device__ inline float sin_squared(float x) {
  const float n = rintf(x * 0.318309886f);
  // pi in three parts, the first two with few enough bits that n times them is exact.
  float r =
      fmaf(n, -1.509957990978376e-7f, fmaf(n, -9.67502593994140625e-4f, fmaf(n, -3.140625f, x)));
  // Beyond 1e7 the phase is lost and r may lie anywhere: the result must still be within [0, 1]. A
  // comparison keeps NaN, unlike fminf.
  r = r > 1.5708f ? 1.5708f : r < -1.5708f ? -1.5708f : r;
  const float s = r * r;
  // Chebyshev fit of (sin r - r) / r^3; the error of the sine is below 2^-24.
  float p = fmaf(s, 2.63481547e-06f, -0.000198227615f);
  p = fmaf(p, s, 0.0083332425f);
  p = fmaf(p, s, -0.166666657f);
  const float sine = fmaf(r * s, p, r);
  return sine * sine;
}

template <class In, class Out>
__global__ void snake_kernel(Rows<const In> x, const float* alpha, bool alpha_whole,
                             Rows<Out> out) {
  const GroupPlace at = group_place(x.rows, x.cols);
  if (at.count == 0) return;
  float values[kGroup], factors[kGroup];
  load(x.row(at.row) + at.column, at.count, x.whole, values);
  load(alpha + at.column, at.count, alpha_whole, factors);
#pragma unroll
  for (int i = 0; i < kGroup; ++i) {
    values[i] += sin_squared(factors[i] * values[i]) / (factors[i] + 1e-9f);
  }
  store(out.row(at.row) + at.column, at.count, out.whole, values);
}

}  // namespace

void snake(const View& x, const float* alpha, const View& out, cudaStream_t stream) {
  const bool whole = reinterpret_cast<uintptr_t>(alpha) % 16 == 0;
  with_float_type(x.dtype, [&](auto in) {
    with_float_type(out.dtype, [&](auto result) {
      using In = decltype(in);
      using Out = decltype(result);
      launch(snake_kernel<In, Out>, elementwise_shape(x.rows, x.cols), stream, rows_as<const In>(x),
             alpha, whole, rows_as<Out>(out));
    });
  });
}

}  // namespace echo::cuda
