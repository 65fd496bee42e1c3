// The kernels' one source; ECHO_KERNELS names the instruction set that the including file is built
// for. Everything here has internal linkage and uses no inline functions of other headers that the
// linker could share between the builds.
#ifndef ECHO_KERNELS
#error "define ECHO_KERNELS to the name of the instruction set before including this file"
#endif

#include <math.h>

#include "cpu/kernels.h"

namespace echo::cpu {
namespace {

// ---- Elements: float32, or bfloat16 widened on load and rounded on store. ----

inline float load(const float* p) { return *p; }
inline float load(const uint16_t* p) {
  const uint32_t bits = static_cast<uint32_t>(*p) << 16;
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}
inline uint32_t bfloat16_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t nan = (bits >> 16) | 0x40u;
  return (bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded;
}
inline void store(float* p, float value) { *p = value; }
inline void store(uint16_t* p, float value) { *p = static_cast<uint16_t>(bfloat16_bits(value)); }

// Two adjacent elements. A bfloat16 pair is one word, so that no lane has to cross another.
inline void load_pair(const float* p, float& a, float& b) {
  a = p[0];
  b = p[1];
}
inline void load_pair(const uint16_t* p, float& a, float& b) {
  uint32_t bits;
  __builtin_memcpy(&bits, p, 4);
  const uint32_t low = bits << 16, high = bits & 0xffff0000u;
  __builtin_memcpy(&a, &low, 4);
  __builtin_memcpy(&b, &high, 4);
}
inline void store_pair(float* p, float a, float b) {
  p[0] = a;
  p[1] = b;
}
inline void store_pair(uint16_t* p, float a, float b) {
  const uint32_t bits = bfloat16_bits(a) | bfloat16_bits(b) << 16;
  __builtin_memcpy(p, &bits, 4);
}

template <class T>
T* row(const View& view, int64_t r) {
  return static_cast<T*>(view.data) + r * view.stride;
}

// Calls f with a null pointer of the element type.
template <class F>
void with_type(DType dtype, F f) {
  if (dtype == DType::kBFloat16) {
    f(static_cast<uint16_t*>(nullptr));
  } else {
    f(static_cast<float*>(nullptr));
  }
}
template <class F>
void with_types(DType a, DType b, F f) {
  with_type(a, [&](auto* pa) { with_type(b, [&](auto* pb) { f(pa, pb); }); });
}
template <class T>
struct Pointee;
template <class T>
struct Pointee<T*> {
  using type = T;
};
#define ELEMENT(pointer) typename Pointee<decltype(pointer)>::type

// ---- Functions that the compiler can vectorise. ----

// Rounds to the nearest integer; |x| < 2^22.
inline float round_nearest(float x) { return (x + 12582912.0f) - 12582912.0f; }

// e^x to about one unit in the last place: x = n ln 2 + r, Taylor series of e^r, |r| <= ln(2)/2.
// NaN stays NaN.
inline float exp_fast(float x) {
  const float clamped = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float n = round_nearest(clamped * 1.44269504f);
  const float r = (clamped - n * 0.693145752f) - n * 1.42860677e-6f;
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  __builtin_memcpy(&power, &bits, 4);
  return p * power;
}

inline float sigmoid(float x) { return 1.0f / (1.0f + exp_fast(-x)); }

// sin^2 x: x modulo pi, then the Taylor series of sine on [-pi/2, pi/2].
inline float sin_squared(float x) {
  const float n = round_nearest(x * 0.318309886f);
  // pi in three parts, the first two with few enough bits that n times them is exact.
  float r = ((x - n * 3.140625f) - n * 9.67502593994140625e-4f) - n * 1.509957990978376e-7f;
  // Beyond 1e7 the phase is lost and r may lie anywhere: the result must still be within [0, 1].
  r = r > 1.6f ? 1.6f : (r < -1.6f ? -1.6f : r);
  const float s = r * r;
  float p = -1.0f / 39916800.0f;
  p = p * s + 1.0f / 362880.0f;
  p = p * s - 1.0f / 5040.0f;
  p = p * s + 1.0f / 120.0f;
  p = p * s - 1.0f / 6.0f;
  const float sine = r + r * s * p;
  return sine * sine;
}

// Abramowitz & Stegun 7.1.26: |error| <= 1.5e-7.
inline float erf_fast(float x) {
  const float a = fabsf(x);
  const float t = 1.0f / (1.0f + 0.3275911f * a);
  const float p =
      t * (0.254829592f +
           t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  const float y = 1.0f - p * exp_fast(-a * a);
  return x < 0 ? -y : y;
}

// ---- Kernels. ----

void convert(const View& from, const View& to) {
  with_types(from.dtype, to.dtype, [&](auto* pf, auto* pt) {
    for (int64_t r = 0; r < from.rows; ++r) {
      const auto* f = row<ELEMENT(pf)>(from, r);
      auto* t = row<ELEMENT(pt)>(to, r);
#pragma omp simd
      for (int64_t c = 0; c < from.cols; ++c) store(t + c, load(f + c));
    }
  });
}

template <class T>
float inverse_rms(const T* x, int64_t n, float eps) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < n; ++c) {
    const float value = load(x + c);
    sum += value * value;
  }
  return 1.0f / sqrtf(sum / static_cast<float>(n) + eps);
}

void rms_norm(const View& x, const float* weight, float eps, const View& out) {
  with_types(x.dtype, out.dtype, [&](auto* px, auto* po) {
    for (int64_t r = 0; r < x.rows; ++r) {
      const auto* in = row<ELEMENT(px)>(x, r);
      auto* o = row<ELEMENT(po)>(out, r);
      const float inverse = inverse_rms(in, x.cols, eps);
#pragma omp simd
      for (int64_t c = 0; c < x.cols; ++c) store(o + c, load(in + c) * inverse * weight[c]);
    }
  });
}

void layer_norm(const View& x, const float* weight, const float* bias, float eps, const View& out) {
  with_types(x.dtype, out.dtype, [&](auto* px, auto* po) {
    const float count = static_cast<float>(x.cols);
    for (int64_t r = 0; r < x.rows; ++r) {
      const auto* in = row<ELEMENT(px)>(x, r);
      auto* o = row<ELEMENT(po)>(out, r);
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t c = 0; c < x.cols; ++c) sum += load(in + c);
      const float mean = sum / count;
      float squares = 0;
#pragma omp simd reduction(+ : squares)
      for (int64_t c = 0; c < x.cols; ++c) {
        const float d = load(in + c) - mean;
        squares += d * d;
      }
      const float inverse = 1.0f / sqrtf(squares / count + eps);
#pragma omp simd
      for (int64_t c = 0; c < x.cols; ++c) {
        store(o + c, (load(in + c) - mean) * inverse * weight[c] + bias[c]);
      }
    }
  });
}

void modulate(const View& x, const float* shift, const float* scale_row, float eps,
              const View& out) {
  with_types(x.dtype, out.dtype, [&](auto* px, auto* po) {
    for (int64_t r = 0; r < x.rows; ++r) {
      const auto* in = row<ELEMENT(px)>(x, r);
      auto* o = row<ELEMENT(po)>(out, r);
      const float inverse = inverse_rms(in, x.cols, eps);
#pragma omp simd
      for (int64_t c = 0; c < x.cols; ++c) {
        store(o + c, load(in + c) * inverse * (1.0f + scale_row[c]) + shift[c]);
      }
    }
  });
}

// angle: cosine, sine.
template <class T>
inline void rotate_pair(float a, float b, const float* angle, T* out) {
  store_pair(out, a * angle[0] - b * angle[1], a * angle[1] + b * angle[0]);
}

void head_norm_rotary(const View& x, const float* weight, float eps, const float* rotary,
                      int64_t heads, int64_t rotated_heads, int64_t position, int64_t step) {
  const int64_t width = x.cols / heads;
  with_type(x.dtype, [&](auto* px) {
    using T = ELEMENT(px);
    for (int64_t r = 0; r < x.rows; ++r) {
      const float* angles = rotary ? rotary + (position + r * step) * width : nullptr;
      for (int64_t h = 0; h < heads; ++h) {
        T* head = row<T>(x, r) + h * width;
        const float inverse = weight ? inverse_rms(head, width, eps) : 1.0f;
        const float* w = weight ? weight + h * width : nullptr;
        if (h >= rotated_heads) {
          if (!w) continue;
#pragma omp simd
          for (int64_t c = 0; c < width; ++c) store(head + c, load(head + c) * inverse * w[c]);
        } else if (w) {
#pragma omp simd
          for (int64_t c = 0; c < width; c += 2) {
            float a, b;
            load_pair(head + c, a, b);
            rotate_pair(a * inverse * w[c], b * inverse * w[c + 1], angles + c, head + c);
          }
        } else {
#pragma omp simd
          for (int64_t c = 0; c < width; c += 2) {
            float a, b;
            load_pair(head + c, a, b);
            rotate_pair(a, b, angles + c, head + c);
          }
        }
      }
    }
  });
}

void unary(Unary op, const View& x, const View& out) {
  with_types(x.dtype, out.dtype, [&](auto* px, auto* po) {
    for (int64_t r = 0; r < x.rows; ++r) {
      const auto* in = row<ELEMENT(px)>(x, r);
      auto* o = row<ELEMENT(po)>(out, r);
      if (op == Unary::kSilu) {
#pragma omp simd
        for (int64_t c = 0; c < x.cols; ++c) store(o + c, load(in + c) * sigmoid(load(in + c)));
      } else if (op == Unary::kGelu) {
#pragma omp simd
        for (int64_t c = 0; c < x.cols; ++c) {
          const float value = load(in + c);
          store(o + c, 0.5f * value * (1.0f + erf_fast(value * 0.707106781f)));
        }
      } else {
        for (int64_t c = 0; c < x.cols; ++c) store(o + c, tanhf(load(in + c)));
      }
    }
  });
}

void silu_mul(const View& a, const View& b, const View& out) {
  with_type(a.dtype, [&](auto* pa) {
    using T = ELEMENT(pa);
    for (int64_t r = 0; r < a.rows; ++r) {
      const T *left = row<T>(a, r), *right = row<T>(b, r);
      T* o = row<T>(out, r);
#pragma omp simd
      for (int64_t c = 0; c < a.cols; ++c) {
        const float value = load(left + c);
        store(o + c, value * sigmoid(value) * load(right + c));
      }
    }
  });
}

void sigmoid_mul(const View& x, const View& gate) {
  with_types(x.dtype, gate.dtype, [&](auto* px, auto* pg) {
    for (int64_t r = 0; r < x.rows; ++r) {
      auto* o = row<ELEMENT(px)>(x, r);
      const auto* g = row<ELEMENT(pg)>(gate, r);
#pragma omp simd
      for (int64_t c = 0; c < x.cols; ++c) store(o + c, load(o + c) * sigmoid(load(g + c)));
    }
  });
}

void snake(const View& x, const float* alpha, const View& out) {
  with_types(x.dtype, out.dtype, [&](auto* px, auto* po) {
    for (int64_t r = 0; r < x.rows; ++r) {
      const auto* in = row<ELEMENT(px)>(x, r);
      auto* o = row<ELEMENT(po)>(out, r);
#pragma omp simd
      for (int64_t c = 0; c < x.cols; ++c) {
        const float value = load(in + c);
        store(o + c, value + sin_squared(alpha[c] * value) / (alpha[c] + 1e-9f));
      }
    }
  });
}

void add_gated(const View& x, const float* gate, const View& to) {
  with_types(x.dtype, to.dtype, [&](auto* px, auto* pt) {
    for (int64_t r = 0; r < x.rows; ++r) {
      const auto* in = row<ELEMENT(px)>(x, r);
      auto* o = row<ELEMENT(pt)>(to, r);
      if (gate) {
#pragma omp simd
        for (int64_t c = 0; c < x.cols; ++c) store(o + c, load(o + c) + gate[c] * load(in + c));
      } else {
#pragma omp simd
        for (int64_t c = 0; c < x.cols; ++c) store(o + c, load(o + c) + load(in + c));
      }
    }
  });
}

void scale(const View& x, float factor) {
  with_type(x.dtype, [&](auto* px) {
    for (int64_t r = 0; r < x.rows; ++r) {
      auto* o = row<ELEMENT(px)>(x, r);
#pragma omp simd
      for (int64_t c = 0; c < x.cols; ++c) store(o + c, load(o + c) * factor);
    }
  });
}

void softmax_row(float* scores, float factor, const ScoreSegment* segments, int64_t count,
                 int64_t lo, int64_t hi, void* out, DType out_dtype) {
  float largest = -__builtin_inff();
  for (int64_t s = 0; s < count; ++s) {
    const int64_t begin = s == 0 ? lo : segments[s].begin, end = s == 0 ? hi : segments[s].end;
    const float f = factor * segments[s].scale;
#pragma omp simd reduction(max : largest)
    for (int64_t c = begin; c < end; ++c) {
      const float value = scores[c] * f;
      scores[c] = value;
      largest = value > largest ? value : largest;
    }
  }
  float sum = 0;
  for (int64_t s = 0; s < count; ++s) {
    const int64_t begin = s == 0 ? lo : segments[s].begin, end = s == 0 ? hi : segments[s].end;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = begin; c < end; ++c) {
      const float value = exp_fast(scores[c] - largest);
      scores[c] = value;
      sum += value;
    }
  }
  with_type(out_dtype, [&](auto* po) {
    auto* o = static_cast<ELEMENT(po)*>(out);
    for (int64_t s = 0; s < count; ++s) {
      const int64_t begin = s == 0 ? lo : segments[s].begin, end = s == 0 ? hi : segments[s].end;
      const float f = segments[s].scale / sum;
      for (int64_t c = segments[s].begin; c < begin; ++c) store(o + c, 0.0f);
#pragma omp simd
      for (int64_t c = begin; c < end; ++c) store(o + c, scores[c] * f);
      for (int64_t c = end; c < segments[s].end; ++c) store(o + c, 0.0f);
    }
  });
}

void depthwise(const View& x, const float* w, int64_t taps, const float* bias, const View& out) {
  for (int64_t r = 0; r < out.rows; ++r) {
    float* o = row<float>(out, r);
#pragma omp simd
    for (int64_t c = 0; c < out.cols; ++c) o[c] = bias ? bias[c] : 0.0f;
    for (int64_t j = 0; j < taps; ++j) {
      const float* in = row<float>(x, r + j);
      const float* tap = w + j * out.cols;
#pragma omp simd
      for (int64_t c = 0; c < out.cols; ++c) o[c] += tap[c] * in[c];
    }
  }
}

void nearest(const View& x, const View& table, int32_t* ids) {
  for (int64_t r = 0; r < x.rows; ++r) {
    const float* query = row<float>(x, r);
    float best = -__builtin_inff();
    int32_t best_id = 0;
    for (int64_t i = 0; i < table.rows; ++i) {
      const float* candidate = row<float>(table, i);
      float dot = 0;
#pragma omp simd reduction(+ : dot)
      for (int64_t c = 0; c < x.cols; ++c) dot += query[c] * candidate[c];
      if (dot > best) {
        best = dot;
        best_id = static_cast<int32_t>(i);
      }
    }
    ids[r] = best_id;
  }
}

void guided_step(const View& x, const View& v, const View* v_text, const View* v_speaker,
                 const GuidedStep& step) {
  const float t = step.t, dt = step.t_next - step.t;
  const bool rescale = step.rescale && t < 1.0f;
  // Temporal score rescaling (arXiv 2510.01184).
  const float snr = (1 - t) * (1 - t) / (t * t);
  const float sigma2 = step.rescale_sigma * step.rescale_sigma;
  const float ratio = (snr * sigma2 + 1) / (snr * sigma2 / step.rescale_k + 1);
  for (int64_t r = 0; r < x.rows; ++r) {
    float* state = row<float>(x, r);
    const float* cond = row<float>(v, r);
    const float* text = v_text ? row<float>(*v_text, r) : cond;
    const float* speaker = v_speaker ? row<float>(*v_speaker, r) : cond;
    for (int64_t c = 0; c < x.cols; ++c) {
      float value = cond[c] + step.cfg_scale_text * (cond[c] - text[c]) +
                    step.cfg_scale_speaker * (cond[c] - speaker[c]);
      if (rescale) value = (ratio * ((1 - t) * value + state[c]) - state[c]) / (1 - t);
      state[c] += value * dt;
    }
  }
}

#undef ELEMENT

}  // namespace

#define ECHO_NAME_TEXT2(name) #name
#define ECHO_NAME_TEXT(name) ECHO_NAME_TEXT2(name)
#define ECHO_GETTER2(name) name##_kernels
#define ECHO_GETTER(name) ECHO_GETTER2(name)

const Kernels& ECHO_GETTER(ECHO_KERNELS)() {
  static const Kernels kernels = {ECHO_NAME_TEXT(ECHO_KERNELS),
                                  convert,
                                  rms_norm,
                                  layer_norm,
                                  modulate,
                                  head_norm_rotary,
                                  unary,
                                  silu_mul,
                                  sigmoid_mul,
                                  snake,
                                  add_gated,
                                  scale,
                                  softmax_row,
                                  depthwise,
                                  nearest,
                                  guided_step};
  return kernels;
}

}  // namespace echo::cpu
