#include "tensor/ops.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"

namespace echo {
namespace {

std::string shape_text(const Tensor& x) {
  return "(" + std::to_string(x.rows()) + ", " + std::to_string(x.cols()) + ") " +
         std::string(dtype_name(x.dtype()));
}

[[noreturn]] void mismatch(const char* op, const Tensor& a, const Tensor& b) {
  throw_internal(std::string(op) + ": shapes " + shape_text(a) + " and " + shape_text(b) +
                 " do not fit");
}

void require(bool ok, const char* op, const Tensor& a, const Tensor& b) {
  if (!ok) mismatch(op, a, b);
}

bool is_float(const Tensor& x) { return x.dtype() != DType::kInt32; }

// A (1, cols) float32 row, or empty.
void require_row(const char* op, const Tensor& row, int64_t cols, const Tensor& x) {
  require(
      row.rows() == 0 || (row.rows() == 1 && row.cols() == cols && row.dtype() == DType::kFloat32),
      op, x, row);
}

void require_sequences(const char* op, const Tensor& x, const Sequences& sequences) {
  int64_t rows = 0;
  bool valid = true;
  for (const Sequence& sequence : sequences) {
    rows += sequence.rows;
    valid &= sequence.rows >= 0 && sequence.first_position >= 0;
  }
  if (!valid || rows != x.rows()) {
    throw_internal(std::string(op) + ": sequences hold " + std::to_string(rows) +
                   " rows, the tensor " + shape_text(x));
  }
}

// Values for each sequence, or one row for all.
void require_per_sequence(const char* op, const Tensor& x, const Tensor& values,
                          const Sequences& sequences) {
  require_sequences(op, x, sequences);
  require(is_float(x) && values.cols() == x.cols() && values.dtype() == DType::kFloat32 &&
              (values.rows() == 1 || values.rows() == static_cast<int64_t>(sequences.size())),
          op, x, values);
}

Tensor like(const Tensor& x, DType dtype) { return empty(x.backend(), x.rows(), x.cols(), dtype); }

void require_weights(const char* op, const Tensor& x, const PackedWeights& w, const Tensor& bias) {
  if (x.cols() != w.in() || x.dtype() != w.dtype()) {
    throw_internal(std::string(op) + ": input " + shape_text(x) + ", weights (" +
                   std::to_string(w.out()) + ", " + std::to_string(w.in()) + ", " +
                   std::to_string(w.taps()) + ") " + std::string(dtype_name(w.dtype())));
  }
  require_row(op, bias, w.out(), x);
}

void require_matrix(const char* op, const Tensor& x, const PackedWeights& w, const Tensor& bias) {
  require_weights(op, x, w, bias);
  if (w.taps() != 1 || w.stride() != 1) {
    throw_internal(std::string(op) + ": input " + shape_text(x) + ", weights of a convolution of " +
                   std::to_string(w.taps()) + " taps and stride " + std::to_string(w.stride()));
  }
}

int64_t conv_rows(const Tensor& x, const PackedWeights& w) {
  const int64_t span = w.dilation() * (w.taps() - 1) + 1;
  if (x.rows() < span) {
    throw_internal("conv1d: " + std::to_string(x.rows()) + " rows, " + std::to_string(span) +
                   " needed");
  }
  return (x.rows() - span) / w.stride() + 1;
}

}  // namespace

Tensor empty(Backend& backend, int64_t rows, int64_t cols, DType dtype) {
  constexpr int64_t kMax = int64_t{1} << 31;  // so that the product cannot overflow
  if (rows < 0 || cols < 0 || rows > kMax || cols > kMax) {
    throw_internal("empty: a tensor of (" + std::to_string(rows) + ", " + std::to_string(cols) +
                   ")");
  }
  const size_t bytes = static_cast<size_t>(rows) * static_cast<size_t>(cols) * dtype_size(dtype);
  return Tensor(backend, backend.allocate(bytes), rows, cols, dtype);
}

Tensor zeros(Backend& backend, int64_t rows, int64_t cols, DType dtype) {
  Tensor result = empty(backend, rows, cols, dtype);
  if (!result.empty()) backend.fill_zero(result);
  return result;
}

Tensor from_host(Backend& backend, std::span<const float> values, int64_t rows, int64_t cols) {
  if (static_cast<int64_t>(values.size()) != rows * cols) {
    throw_internal("from_host: " + std::to_string(values.size()) + " values for (" +
                   std::to_string(rows) + ", " + std::to_string(cols) + ")");
  }
  Tensor result = empty(backend, rows, cols, DType::kFloat32);
  if (!result.empty()) backend.upload(values.data(), result);
  return result;
}

Tensor from_host(Backend& backend, std::span<const int32_t> values) {
  Tensor result = empty(backend, static_cast<int64_t>(values.size()), 1, DType::kInt32);
  if (!result.empty()) backend.upload(values.data(), result);
  return result;
}

void copy(const Tensor& from, const Tensor& to) {
  require(from.rows() == to.rows() && from.cols() == to.cols() && is_float(from) == is_float(to),
          "copy", from, to);
  if (!from.empty()) from.backend().copy(from, to);
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor result = like(x, dtype);
  copy(x, result);
  return result;
}

Tensor linear(const Tensor& x, const PackedWeights& w, const Tensor& bias, DType out) {
  require_matrix("linear", x, w, bias);
  Tensor result = empty(x.backend(), x.rows(), w.out(), out);
  if (!result.empty()) x.backend().linear(x, w, bias, false, result);
  return result;
}

void linear_add(const Tensor& x, const PackedWeights& w, const Tensor& bias, const Tensor& to) {
  require_matrix("linear_add", x, w, bias);
  require(to.rows() == x.rows() && to.cols() == w.out() && is_float(to), "linear_add", x, to);
  if (!to.empty()) x.backend().linear(x, w, bias, true, to);
}

Tensor conv1d(const Tensor& x, const PackedWeights& w, const Tensor& bias, DType out) {
  require_weights("conv1d", x, w, bias);
  Tensor result = empty(x.backend(), conv_rows(x, w), w.out(), out);
  x.backend().conv1d(x, w, bias, false, result);
  return result;
}

void conv1d_add(const Tensor& x, const PackedWeights& w, const Tensor& bias, const Tensor& to) {
  require_weights("conv1d_add", x, w, bias);
  require(to.rows() == conv_rows(x, w) && to.cols() == w.out() && is_float(to), "conv1d_add", x,
          to);
  x.backend().conv1d(x, w, bias, true, to);
}

Tensor depthwise_conv1d(const Tensor& x, const Tensor& w, const Tensor& bias) {
  require(x.cols() == w.cols() && x.rows() >= w.rows() && w.rows() > 0 &&
              w.dtype() == DType::kFloat32 && w.contiguous() && x.dtype() == DType::kFloat32,
          "depthwise_conv1d", x, w);
  require_row("depthwise_conv1d", bias, x.cols(), x);
  Tensor result = empty(x.backend(), x.rows() - w.rows() + 1, x.cols(), DType::kFloat32);
  x.backend().depthwise_conv1d(x, w, bias, result);
  return result;
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps, DType out) {
  require(is_float(x) && weight.rows() == 1, "rms_norm", x, weight);
  require_row("rms_norm", weight, x.cols(), x);
  Tensor result = like(x, out);
  if (!x.empty()) x.backend().rms_norm(x, weight, eps, result);
  return result;
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps, DType out) {
  require(is_float(x) && weight.rows() == 1 && bias.rows() == 1, "layer_norm", x, weight);
  require_row("layer_norm", weight, x.cols(), x);
  require_row("layer_norm", bias, x.cols(), x);
  Tensor result = like(x, out);
  if (!x.empty()) x.backend().layer_norm(x, weight, bias, eps, result);
  return result;
}

Tensor modulate(const Tensor& x, const Tensor& shift, const Tensor& scale, float eps,
                const Sequences& sequences, DType out) {
  require_per_sequence("modulate", x, shift, sequences);
  require_per_sequence("modulate", x, scale, sequences);
  require(shift.rows() == scale.rows(), "modulate", shift, scale);
  Tensor result = like(x, out);
  if (!x.empty()) x.backend().modulate(x, shift, scale, eps, sequences, result);
  return result;
}

Tensor rotary_table(Backend& backend, int64_t positions, int64_t head_dim, float theta,
                    bool rounded) {
  std::vector<float> table(static_cast<size_t>(positions * head_dim));
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    // float32, as the reference computes its frequencies and angles.
    const float frequency =
        1.0f / std::pow(theta, static_cast<float>(2 * i) / static_cast<float>(head_dim));
    for (int64_t p = 0; p < positions; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      float c = std::cos(angle), s = std::sin(angle);
      if (rounded) {
        c = bfloat16_to_float(float_to_bfloat16(c));
        s = bfloat16_to_float(float_to_bfloat16(s));
      }
      table[static_cast<size_t>(p * head_dim + 2 * i)] = c;
      table[static_cast<size_t>(p * head_dim + 2 * i + 1)] = s;
    }
  }
  return from_host(backend, table, positions, head_dim);
}

void head_norm_rotary(const Tensor& x, const Tensor& weight, float eps, const Tensor& rotary,
                      int64_t heads, int64_t rotated_heads, const Sequences& sequences,
                      int64_t position_step) {
  require_sequences("head_norm_rotary", x, sequences);
  require(is_float(x) && heads > 0 && x.cols() % heads == 0, "head_norm_rotary", x, weight);
  const int64_t head_dim = x.cols() / heads;
  require(weight.empty() || (weight.rows() == heads && weight.cols() == head_dim &&
                             weight.dtype() == DType::kFloat32 && weight.contiguous()),
          "head_norm_rotary", x, weight);
  if (rotated_heads > 0) {
    int64_t last = 0;
    for (const Sequence& sequence : sequences) {
      if (sequence.rows > 0) {
        last = std::max(last, sequence.first_position + (sequence.rows - 1) * position_step);
      }
    }
    require(rotated_heads <= heads && head_dim % 2 == 0 && rotary.cols() == head_dim &&
                last < rotary.rows() && position_step >= 0 && rotary.dtype() == DType::kFloat32 &&
                rotary.contiguous(),
            "head_norm_rotary", x, rotary);
  }
  if (!x.empty()) {
    x.backend().head_norm_rotary(x, weight, eps, rotary, heads, rotated_heads, position_step,
                                 sequences);
  }
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 const Sequences& sequences, std::span<const Sections> sections) {
  require_sequences("attention", q, sequences);
  require(is_float(q) && q.cols() == k.cols() && q.dtype() == k.dtype(), "attention", q, k);
  require(k.rows() == q.rows() || (k.rows() > q.rows() && sequences.size() == 1), "attention", q,
          k);
  require(k.rows() == v.rows() && k.cols() == v.cols() && k.dtype() == v.dtype(), "attention", k,
          v);
  require(shape.heads > 0 && q.cols() % shape.heads == 0, "attention", q, k);
  if (!sections.empty() && sections.size() != sequences.size()) {
    throw_internal("attention: " + std::to_string(sections.size()) + " section lists for " +
                   std::to_string(sequences.size()) + " sequences");
  }
  for (const Sections& sequence_sections : sections) {
    for (const KeyValueSection& section : sequence_sections) {
      require(section.k.cols() == q.cols() && section.k.dtype() == q.dtype(), "attention", q,
              section.k);
      require(section.v.cols() == q.cols() && section.v.dtype() == q.dtype() &&
                  section.v.rows() == section.k.rows(),
              "attention", section.k, section.v);
    }
  }
  Tensor result = like(q, q.dtype());
  if (!q.empty()) q.backend().attention(q, k, v, shape, sequences, sections, result);
  return result;
}

Tensor silu(const Tensor& x, DType out) {
  require(is_float(x), "silu", x, x);
  Tensor result = like(x, out);
  if (!x.empty()) x.backend().silu(x, result);
  return result;
}

Tensor gelu(const Tensor& x, DType out) {
  require(is_float(x), "gelu", x, x);
  Tensor result = like(x, out);
  if (!x.empty()) x.backend().gelu(x, result);
  return result;
}

Tensor tanh(const Tensor& x) {
  require(is_float(x), "tanh", x, x);
  Tensor result = like(x, x.dtype());
  if (!x.empty()) x.backend().tanh(x, result);
  return result;
}

Tensor silu_mul(const Tensor& a, const Tensor& b) {
  require(a.rows() == b.rows() && a.cols() == b.cols() && a.dtype() == b.dtype() && is_float(a),
          "silu_mul", a, b);
  Tensor result = like(a, a.dtype());
  if (!a.empty()) a.backend().silu_mul(a, b, result);
  return result;
}

void sigmoid_mul(const Tensor& x, const Tensor& gate) {
  require(x.rows() == gate.rows() && x.cols() == gate.cols() && is_float(x) && is_float(gate),
          "sigmoid_mul", x, gate);
  if (!x.empty()) x.backend().sigmoid_mul(x, gate);
}

void snake(const Tensor& x, const Tensor& alpha, const Tensor& out) {
  require(x.rows() == out.rows() && x.cols() == out.cols() && is_float(x) && is_float(out), "snake",
          x, out);
  require(alpha.rows() == 1, "snake", x, alpha);
  require_row("snake", alpha, x.cols(), x);
  if (!x.empty()) x.backend().snake(x, alpha, out);
}

Tensor snake(const Tensor& x, const Tensor& alpha, DType out) {
  Tensor result = like(x, out);
  snake(x, alpha, result);
  return result;
}

void add(const Tensor& x, const Tensor& to) {
  require(x.rows() == to.rows() && x.cols() == to.cols() && is_float(x) && is_float(to), "add", x,
          to);
  if (!x.empty()) x.backend().add(x, to);
}

void add_gated(const Tensor& x, const Tensor& gate, const Sequences& sequences, const Tensor& to) {
  require(x.rows() == to.rows() && x.cols() == to.cols() && is_float(x) && is_float(to),
          "add_gated", x, to);
  require_per_sequence("add_gated", x, gate, sequences);
  if (!x.empty()) x.backend().add_gated(x, gate, sequences, to);
}

void scale(const Tensor& x, float factor) {
  require(is_float(x), "scale", x, x);
  if (!x.empty()) x.backend().scale(x, factor);
}

Tensor gather_rows(const Tensor& table, const Tensor& ids) {
  require(ids.cols() == 1 && ids.dtype() == DType::kInt32 && is_float(table), "gather_rows", table,
          ids);
  Tensor result = empty(table.backend(), ids.rows(), table.cols(), table.dtype());
  if (!result.empty()) table.backend().gather_rows(table, ids, result);
  return result;
}

Tensor nearest_rows(const Tensor& x, const Tensor& table) {
  require(x.cols() == table.cols() && x.dtype() == DType::kFloat32 && !table.empty() &&
              table.dtype() == DType::kFloat32,
          "nearest_rows", x, table);
  Tensor ids = empty(x.backend(), x.rows(), 1, DType::kInt32);
  if (!x.empty()) x.backend().nearest_rows(x, table, ids);
  return ids;
}

void guided_step(const Tensor& x, const Tensor& v, const Tensor& v_text, const Tensor& v_speaker,
                 const GuidedStep& step) {
  for (const Tensor* other : {&v, &v_text, &v_speaker}) {
    if (other != &v && other->empty()) continue;
    require(other->rows() == x.rows() && other->cols() == x.cols() &&
                other->dtype() == DType::kFloat32 && x.dtype() == DType::kFloat32,
            "guided_step", x, *other);
  }
  if (!x.empty()) x.backend().guided_step(x, v, v_text, v_speaker, step);
}

}  // namespace echo
