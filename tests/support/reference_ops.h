// The operations of tensor/ops.h as plain loops in double precision. Each takes and gives whole
// matrices and says how large the numbers are whose rounding cannot be avoided in float32.
#pragma once

#include "support/matrix.h"

namespace echo::reference {

// The magnitude of each element is its own absolute value.
Expected exact(Matrix value);

Expected linear(const Matrix& x, const Matrix& weight, const Matrix& bias);  // weight (out, in)
// weight (out, in * taps), taps innermost.
Expected conv1d(const Matrix& x, const Matrix& weight, int64_t taps, int64_t stride,
                int64_t dilation, const Matrix& bias);
Expected depthwise_conv1d(const Matrix& x, const Matrix& weight, const Matrix& bias);
// a + b, where both are rounded.
Expected sum(const Expected& a, const Matrix& b);

Expected rms_norm(const Matrix& x, const Matrix& weight, double eps);
Expected layer_norm(const Matrix& x, const Matrix& weight, const Matrix& bias, double eps);
Expected modulate(const Matrix& x, const Matrix& shift, const Matrix& scale, double eps,
                  const Sequences& sequences);
// The table that rotary_table() must give.
Matrix rotary_table(int64_t positions, int64_t head_dim, double theta);
Expected head_norm_rotary(const Matrix& x, const Matrix& weight, double eps, const Matrix& rotary,
                          int64_t heads, int64_t rotated_heads, const Sequences& sequences,
                          int64_t position_step);

struct KeyValues {
  Matrix k, v;
  double scale = 1;
};
// Of one sequence. Only the rows `queries` of q are computed; the result has a row for each. The
// softmax's results may be rounded to `dtype` before they multiply v. Magnitudes are for kSumUnits.
Expected attention(const Matrix& q, const Matrix& k, const Matrix& v, const AttentionShape& shape,
                   const std::vector<KeyValues>& sections, const std::vector<int64_t>& queries,
                   DType dtype);

double silu(double x);
double gelu(double x);
double sigmoid(double x);
double snake(double x, double alpha);
// f of each element. `condition` is the size of the numbers that an element was computed from.
template <class F, class G>
Expected map(const Matrix& x, F f, G condition) {
  Expected result{x, x};
  for (size_t i = 0; i < x.values.size(); ++i) {
    result.value.values[i] = f(x.values[i]);
    result.magnitude.values[i] = condition(x.values[i]);
  }
  return result;
}
// to + gate * x, gate (1, C) or a row for each sequence.
Expected add_gated(const Matrix& x, const Matrix& gate, const Sequences& sequences,
                   const Matrix& to);

Expected guided_step(const Matrix& x, const Matrix& v, const Matrix& v_text,
                     const Matrix& v_speaker, const GuidedStep& step);

}  // namespace echo::reference
