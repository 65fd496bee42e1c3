#include "support/reference_ops.h"

#include <algorithm>
#include <cmath>

namespace echo::reference {
namespace {

// A sum and the magnitude of its roundings (see kSumUnits).
class Sum {
 public:
  void add(double term) {
    value_ += term;
    squares_ += term * term;
    ++count_;
  }
  double value() const { return value_; }
  double magnitude() const { return std::sqrt(static_cast<double>(count_) * squares_); }

 private:
  double value_ = 0, squares_ = 0;
  int64_t count_ = 0;
};

double inverse_rms(const Matrix& x, int64_t r, int64_t begin, int64_t count, double eps) {
  double sum = 0;
  for (int64_t c = begin; c < begin + count; ++c) sum += x.at(r, c) * x.at(r, c);
  return 1 / std::sqrt(sum / static_cast<double>(count) + eps);
}

// f(sequence, its row within the sequence, row of the whole).
template <class F>
void for_each_row(const Sequences& sequences, F f) {
  int64_t row = 0;
  for (size_t sequence = 0; sequence < sequences.size(); ++sequence) {
    for (int64_t r = 0; r < sequences[sequence].rows; ++r)
      f(static_cast<int64_t>(sequence), r, row++);
  }
}

int64_t sequence_row(const Matrix& values, int64_t sequence) {
  return values.rows == 1 ? 0 : sequence;
}

}  // namespace

Expected exact(Matrix value) {
  Expected result{value, std::move(value)};
  for (double& m : result.magnitude.values) m = std::abs(m);
  return result;
}

Expected linear(const Matrix& x, const Matrix& weight, const Matrix& bias) {
  return conv1d(x, weight, 1, 1, 1, bias);
}

Expected conv1d(const Matrix& x, const Matrix& weight, int64_t taps, int64_t stride,
                int64_t dilation, const Matrix& bias) {
  const int64_t rows = (x.rows - dilation * (taps - 1) - 1) / stride + 1;
  Expected result{Matrix(rows, weight.rows), Matrix(rows, weight.rows)};
  std::vector<double> seen(static_cast<size_t>(weight.cols));  // by one row, in the weights' order
  for (int64_t t = 0; t < rows; ++t) {
    for (int64_t i = 0; i < x.cols; ++i) {
      for (int64_t j = 0; j < taps; ++j) {
        seen[static_cast<size_t>(i * taps + j)] = x.at(t * stride + j * dilation, i);
      }
    }
    for (int64_t o = 0; o < weight.rows; ++o) {
      Sum sum;
      if (!bias.values.empty()) sum.add(bias.at(0, o));
      const double* w = &weight.values[static_cast<size_t>(o * weight.cols)];
      for (size_t i = 0; i < seen.size(); ++i) sum.add(w[i] * seen[i]);
      result.value.at(t, o) = sum.value();
      result.magnitude.at(t, o) = sum.magnitude();
    }
  }
  return result;
}

Expected depthwise_conv1d(const Matrix& x, const Matrix& weight, const Matrix& bias) {
  const int64_t rows = x.rows - weight.rows + 1;
  Expected result{Matrix(rows, x.cols), Matrix(rows, x.cols)};
  for (int64_t t = 0; t < rows; ++t) {
    for (int64_t c = 0; c < x.cols; ++c) {
      Sum sum;
      if (!bias.values.empty()) sum.add(bias.at(0, c));
      for (int64_t j = 0; j < weight.rows; ++j) sum.add(weight.at(j, c) * x.at(t + j, c));
      result.value.at(t, c) = sum.value();
      result.magnitude.at(t, c) = sum.magnitude();
    }
  }
  return result;
}

Expected sum(const Expected& a, const Matrix& b) {
  Expected result = a;
  for (size_t i = 0; i < b.values.size(); ++i) {
    result.value.values[i] += b.values[i];
    result.magnitude.values[i] += std::abs(b.values[i]);
  }
  return result;
}

Expected rms_norm(const Matrix& x, const Matrix& weight, double eps) {
  Matrix result(x.rows, x.cols);
  for (int64_t r = 0; r < x.rows; ++r) {
    const double inverse = inverse_rms(x, r, 0, x.cols, eps);
    for (int64_t c = 0; c < x.cols; ++c) result.at(r, c) = x.at(r, c) * inverse * weight.at(0, c);
  }
  return exact(std::move(result));
}

Expected layer_norm(const Matrix& x, const Matrix& weight, const Matrix& bias, double eps) {
  Expected result{Matrix(x.rows, x.cols), Matrix(x.rows, x.cols)};
  const double count = static_cast<double>(x.cols);
  for (int64_t r = 0; r < x.rows; ++r) {
    double mean = 0, squares = 0;
    for (int64_t c = 0; c < x.cols; ++c) mean += x.at(r, c) / count;
    for (int64_t c = 0; c < x.cols; ++c) squares += std::pow(x.at(r, c) - mean, 2);
    const double inverse = 1 / std::sqrt(squares / count + eps);
    for (int64_t c = 0; c < x.cols; ++c) {
      const double factor = inverse * weight.at(0, c);
      result.value.at(r, c) = (x.at(r, c) - mean) * factor + bias.at(0, c);
      result.magnitude.at(r, c) =
          (std::abs(x.at(r, c)) + std::abs(mean)) * std::abs(factor) + std::abs(bias.at(0, c));
    }
  }
  return result;
}

Expected modulate(const Matrix& x, const Matrix& shift, const Matrix& scale, double eps,
                  const Sequences& sequences) {
  Expected result{Matrix(x.rows, x.cols), Matrix(x.rows, x.cols)};
  for_each_row(sequences, [&](int64_t sequence, int64_t, int64_t r) {
    const double inverse = inverse_rms(x, r, 0, x.cols, eps);
    for (int64_t c = 0; c < x.cols; ++c) {
      const double s = scale.at(sequence_row(scale, sequence), c),
                   b = shift.at(sequence_row(shift, sequence), c);
      result.value.at(r, c) = x.at(r, c) * inverse * (1 + s) + b;
      result.magnitude.at(r, c) = std::abs(x.at(r, c) * inverse) * (1 + std::abs(s)) + std::abs(b);
    }
  });
  return result;
}

Matrix rotary_table(int64_t positions, int64_t head_dim, double theta) {
  Matrix result(positions, head_dim);
  for (int64_t p = 0; p < positions; ++p) {
    for (int64_t i = 0; i < head_dim; i += 2) {
      const double angle = static_cast<double>(p) *
                           std::pow(theta, -static_cast<double>(i) / static_cast<double>(head_dim));
      result.at(p, i) = std::cos(angle);
      result.at(p, i + 1) = std::sin(angle);
    }
  }
  return result;
}

Expected head_norm_rotary(const Matrix& x, const Matrix& weight, double eps, const Matrix& rotary,
                          int64_t heads, int64_t rotated_heads, const Sequences& sequences,
                          int64_t position_step) {
  Expected result = exact(x);
  const int64_t width = x.cols / heads;
  for_each_row(sequences, [&](int64_t sequence, int64_t within, int64_t r) {
    const int64_t position =
        sequences[static_cast<size_t>(sequence)].first_position + within * position_step;
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t begin = h * width;
      const double inverse = weight.values.empty() ? 1 : inverse_rms(x, r, begin, width, eps);
      for (int64_t i = 0; i < width; ++i) {
        const double w = weight.values.empty() ? 1 : weight.at(h, i);
        result.value.at(r, begin + i) = x.at(r, begin + i) * inverse * w;
        result.magnitude.at(r, begin + i) = std::abs(result.value.at(r, begin + i));
      }
      if (h >= rotated_heads) continue;
      for (int64_t i = 0; i < width; i += 2) {
        double &a = result.value.at(r, begin + i), &b = result.value.at(r, begin + i + 1);
        const double cosine = rotary.at(position, i), sine = rotary.at(position, i + 1);
        const double size = std::hypot(a, b);
        const double turned = a * cosine - b * sine;
        b = a * sine + b * cosine;
        a = turned;
        result.magnitude.at(r, begin + i) = result.magnitude.at(r, begin + i + 1) = size;
      }
    }
  });
  return result;
}

Expected attention(const Matrix& q, const Matrix& k, const Matrix& v, const AttentionShape& shape,
                   const std::vector<KeyValues>& sections, const std::vector<int64_t>& queries,
                   DType dtype) {
  struct Key {
    const Matrix *k, *v;
    int64_t row;
    double scale;
  };
  const double probability_units =
      dtype == DType::kBFloat16 ? kBFloat16Rounding / kFloat32Rounding / kSumUnits : 0;
  const int64_t width = q.cols / shape.heads;
  Expected result{Matrix(static_cast<int64_t>(queries.size()), q.cols),
                  Matrix(static_cast<int64_t>(queries.size()), q.cols)};
  for (size_t i = 0; i < queries.size(); ++i) {
    const int64_t query = queries[i];
    std::vector<Key> keys;
    for (int64_t row = 0; row < k.rows; ++row) {
      const int64_t distance = query + (k.rows - q.rows) - row;
      if (shape.causal && distance < 0) continue;
      if (shape.causal && shape.window > 0 && distance >= shape.window) continue;
      keys.push_back({&k, &v, row, 1});
    }
    for (const KeyValues& section : sections) {
      for (int64_t row = 0; row < section.k.rows; ++row) {
        keys.push_back({&section.k, &section.v, row, section.scale});
      }
    }
    for (int64_t h = 0; h < shape.heads; ++h) {
      std::vector<double> scores;
      // The largest absolute error of a score in units of 2^-24, which is a relative error
      // of its probability.
      double score_size = 0;
      for (const Key& key : keys) {
        Sum dot;
        for (int64_t c = h * width; c < (h + 1) * width; ++c) {
          dot.add(q.at(query, c) * key.k->at(key.row, c) * key.scale);
        }
        const double factor = 1 / std::sqrt(static_cast<double>(width));
        scores.push_back(dot.value() * factor);
        score_size = std::max(score_size, dot.magnitude() * factor);
      }
      double largest = -INFINITY, total = 0;
      for (double score : scores) largest = std::max(largest, score);
      for (double& score : scores) total += score = std::exp(score - largest);
      const double relative = 1 + score_size + probability_units;
      for (int64_t c = h * width; c < (h + 1) * width; ++c) {
        Sum sum;
        double size = 0;
        for (size_t j = 0; j < keys.size(); ++j) {
          const double term = scores[j] / total * keys[j].scale * keys[j].v->at(keys[j].row, c);
          sum.add(term);
          size += std::abs(term);
        }
        const int64_t r = static_cast<int64_t>(i);
        result.value.at(r, c) = sum.value();
        result.magnitude.at(r, c) = sum.magnitude() + size * relative;
      }
    }
  }
  return result;
}

double silu(double x) { return x * sigmoid(x); }
double gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double snake(double x, double alpha) {
  const double sine = std::sin(alpha * x);
  return x + sine * sine / (alpha + 1e-9);
}

Expected add_gated(const Matrix& x, const Matrix& gate, const Sequences& sequences,
                   const Matrix& to) {
  Expected result = exact(to);
  for_each_row(sequences, [&](int64_t sequence, int64_t, int64_t r) {
    for (int64_t c = 0; c < x.cols; ++c) {
      const double term = gate.at(sequence_row(gate, sequence), c) * x.at(r, c);
      result.value.at(r, c) += term;
      result.magnitude.at(r, c) += std::abs(term);
    }
  });
  return result;
}

Expected guided_step(const Matrix& x, const Matrix& v, const Matrix& v_text,
                     const Matrix& v_speaker, const GuidedStep& step) {
  Expected result = exact(x);
  const double t = step.t;
  for (size_t i = 0; i < x.values.size(); ++i) {
    const double cond = v.values[i];
    double value = cond, size = std::abs(cond);
    if (!v_text.values.empty()) {
      value += step.cfg_scale_text * (cond - v_text.values[i]);
      size += std::abs(step.cfg_scale_text) * (std::abs(cond) + std::abs(v_text.values[i]));
    }
    if (!v_speaker.values.empty()) {
      value += step.cfg_scale_speaker * (cond - v_speaker.values[i]);
      size += std::abs(step.cfg_scale_speaker) * (std::abs(cond) + std::abs(v_speaker.values[i]));
    }
    if (step.rescale && t < 1) {
      const double sigma2 = double{step.rescale_sigma} * step.rescale_sigma;
      const double snr = (1 - t) * (1 - t) / (t * t);
      const double ratio = (snr * sigma2 + 1) / (snr * sigma2 / step.rescale_k + 1);
      value = (ratio * ((1 - t) * value + x.values[i]) - x.values[i]) / (1 - t);
      // x is added and taken away again, then what is left is divided by 1 - t.
      size = ratio * size + (ratio + 1) * std::abs(x.values[i]) / (1 - t);
    }
    const double dt = double{step.t_next} - t;
    result.value.values[i] += value * dt;
    result.magnitude.values[i] += size * std::abs(dt);
  }
  return result;
}

}  // namespace echo::reference
