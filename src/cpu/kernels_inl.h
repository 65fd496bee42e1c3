// The kernels' one source; ECHO_KERNELS names the instruction set that the including file is built
// for. Everything here has internal linkage, as in cpu/simd_inl.h.
#ifndef ECHO_KERNELS
#error "define ECHO_KERNELS to the name of the instruction set before including this file"
#endif

#include <math.h>

#include "cpu/kernels.h"
#include "cpu/simd_inl.h"

namespace echo::cpu {
namespace {

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
template <class T>
struct Pointee;
template <class T>
struct Pointee<T*> {
  using type = T;
};

// Rows that lie one after the other, as a single one: narrow rows do not fill a vector.
inline View joined_rows(View x) {
  x.cols *= x.rows;
  x.stride = x.cols;
  x.rows = 1;
  return x;
}
inline bool contiguous(const View& x) { return x.stride == x.cols; }

// f(row of x, row of out) for each row, as pointers to their elements.
template <class F>
void for_each_row(const View& x, const View& out, F f) {
  with_type(x.dtype, [&](auto* px) {
    with_type(out.dtype, [&](auto* po) {
      using In = typename Pointee<decltype(px)>::type;
      using Out = typename Pointee<decltype(po)>::type;
      for (int64_t r = 0; r < out.rows; ++r) f(row<In>(x, r), row<Out>(out, r), r);
    });
  });
}

// out = f(x), element by element.
template <class F>
void map(const View& x, const View& out, F f) {
  if (x.rows > 1 && contiguous(x) && contiguous(out)) {
    return map(joined_rows(x), joined_rows(out), f);
  }
  for_each_row(x, out, [&](auto* in, auto* o, int64_t) {
    over(x.cols, [&](auto part, int64_t c) { part.store(o + c, f(part.load(in + c))); });
  });
}

void convert(const View& from, const View& to) {
  map(from, to, [](Vec v) { return v; });
}

template <class T>
float inverse_rms(const T* x, int64_t n, float eps) {
  const float sum = sum_over(n, [&](auto part, int64_t c) {
    const Vec value = part.load(x + c);
    return value * value;
  });
  return 1.0f / sqrtf(sum / static_cast<float>(n) + eps);
}

void rms_norm(const View& x, const float* weight, float eps, const View& out) {
  for_each_row(x, out, [&](auto* in, auto* o, int64_t) {
    const float inverse = inverse_rms(in, x.cols, eps);
    over(x.cols, [&](auto part, int64_t c) {
      part.store(o + c, part.load(in + c) * inverse * part.load(weight + c));
    });
  });
}

void layer_norm(const View& x, const float* weight, const float* bias, float eps, const View& out) {
  for_each_row(x, out, [&](auto* in, auto* o, int64_t) {
    const float count = static_cast<float>(x.cols);
    const float mean =
        sum_over(x.cols, [&](auto part, int64_t c) { return part.load(in + c); }) / count;
    const float squares = sum_over(x.cols, [&](auto part, int64_t c) {
      const Vec d = part.load(in + c) - part.only(all(mean));
      return d * d;
    });
    const float inverse = 1.0f / sqrtf(squares / count + eps);
    over(x.cols, [&](auto part, int64_t c) {
      part.store(o + c, (part.load(in + c) - mean) * inverse * part.load(weight + c) +
                            part.load(bias + c));
    });
  });
}

void modulate(const View& x, const float* shift, const float* scale_row, float eps,
              const View& out) {
  for_each_row(x, out, [&](auto* in, auto* o, int64_t) {
    const float inverse = inverse_rms(in, x.cols, eps);
    over(x.cols, [&](auto part, int64_t c) {
      part.store(o + c, part.load(in + c) * inverse * (1.0f + part.load(scale_row + c)) +
                            part.load(shift + c));
    });
  });
}

// Adjacent lanes are a pair (a, b); angles hold cosine and sine of each.
inline Vec rotated(Vec x, Vec angles) {
  const Vec cosines = first_of_pairs(angles), sines = second_of_pairs(angles);
  return x * cosines + swapped_pairs(x) * with_alternating_sign(sines);
}

void head_norm_rotary(const View& x, const float* weight, float eps, const float* rotary,
                      int64_t heads, int64_t rotated_heads, int64_t position, int64_t step) {
  const int64_t width = x.cols / heads;
  for_each_row(x, x, [&](auto* begin, auto*, int64_t r) {
    const float* angles = rotary ? rotary + (position + r * step) * width : nullptr;
    for (int64_t h = 0; h < heads; ++h) {
      auto* head = begin + h * width;
      const float* w = weight ? weight + h * width : nullptr;
      const float inverse = w ? inverse_rms(head, width, eps) : 1.0f;
      const auto normalised = [&](auto part, int64_t c) {
        const Vec value = part.load(head + c);
        return w ? value * inverse * part.load(w + c) : value;
      };
      if (h < rotated_heads) {
        over(width, [&](auto part, int64_t c) {
          part.store(head + c, rotated(normalised(part, c), part.load(angles + c)));
        });
      } else if (w) {
        over(width, [&](auto part, int64_t c) { part.store(head + c, normalised(part, c)); });
      }
    }
  });
}

void unary(Unary op, const View& x, const View& out) {
  switch (op) {
    case Unary::kSilu:
      return map(x, out, [](Vec v) { return v * sigmoid(v); });
    case Unary::kGelu:
      return map(x, out, [](Vec v) { return 0.5f * v * (1.0f + erf(v * 0.707106781f)); });
    case Unary::kTanh:
      return map(x, out, [](Vec v) { return tanh(v); });
  }
}

void silu_mul(const View& a, const View& b, const View& out) {
  with_type(a.dtype, [&](auto* type) {
    using T = typename Pointee<decltype(type)>::type;
    for (int64_t r = 0; r < a.rows; ++r) {
      const T *left = row<T>(a, r), *right = row<T>(b, r);
      T* o = row<T>(out, r);
      over(a.cols, [&](auto part, int64_t c) {
        const Vec value = part.load(left + c);
        part.store(o + c, value * sigmoid(value) * part.load(right + c));
      });
    }
  });
}

void sigmoid_mul(const View& x, const View& gate) {
  for_each_row(gate, x, [&](auto* g, auto* o, int64_t) {
    over(x.cols, [&](auto part, int64_t c) {
      part.store(o + c, part.load(o + c) * sigmoid(part.load(g + c)));
    });
  });
}

void snake(const View& x, const float* alpha, const View& out) {
  for_each_row(x, out, [&](auto* in, auto* o, int64_t) {
    over(x.cols, [&](auto part, int64_t c) {
      const Vec value = part.load(in + c), a = part.load(alpha + c);
      part.store(o + c, value + sin_squared(a * value) / (a + 1e-9f));
    });
  });
}

void add_gated(const View& x, const float* gate, const View& to) {
  for_each_row(x, to, [&](auto* in, auto* o, int64_t) {
    if (gate) {
      over(x.cols, [&](auto part, int64_t c) {
        part.store(o + c, part.load(o + c) + part.load(gate + c) * part.load(in + c));
      });
    } else {
      over(x.cols,
           [&](auto part, int64_t c) { part.store(o + c, part.load(o + c) + part.load(in + c)); });
    }
  });
}

void scale(const View& x, float factor) {
  map(x, x, [=](Vec v) { return v * factor; });
}

void depthwise(const View& x, const float* w, int64_t taps, const float* bias, const View& out) {
  for (int64_t r = 0; r < out.rows; ++r) {
    const float* in = row<float>(x, r);
    float* o = row<float>(out, r);
    over(out.cols, [&](auto part, int64_t c) {
      Vec sum = bias ? part.load(bias + c) : Vec{};
      for (int64_t j = 0; j < taps; ++j) {
        sum += part.load(w + j * out.cols + c) * part.load(in + j * x.stride + c);
      }
      part.store(o + c, sum);
    });
  }
}

// Lanes are candidates.
void nearest(const View& x, const View& candidates, int32_t* ids) {
  IntVec first_ids;
  for (int i = 0; i < kLanes; ++i) first_ids[i] = i;
  for (int64_t r = 0; r < x.rows; ++r) {
    const float* query = row<float>(x, r);
    Vec best = all(-__builtin_inff());
    IntVec best_ids = first_ids;
    over(candidates.cols, [&](auto part, int64_t i) {
      Vec dot{};
      for (int64_t c = 0; c < x.cols; ++c)
        dot += query[c] * part.load(row<float>(candidates, c) + i);
      const IntVec better = dot > part.only(best, __builtin_inff());
      best = better ? dot : best;
      best_ids = better ? first_ids + static_cast<int32_t>(i) : best_ids;
    });
    int winner = 0;
    for (int i = 1; i < kLanes; ++i) {
      if (best[i] > best[winner] || (best[i] == best[winner] && best_ids[i] < best_ids[winner])) {
        winner = i;
      }
    }
    ids[r] = best_ids[winner];
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
    over(x.cols, [&](auto part, int64_t c) {
      const Vec now = part.load(state + c), with_all = part.load(cond + c);
      Vec value = with_all + step.cfg_scale_text * (with_all - part.load(text + c)) +
                  step.cfg_scale_speaker * (with_all - part.load(speaker + c));
      if (rescale) value = (ratio * ((1 - t) * value + now) - now) / (1 - t);
      part.store(state + c, now + value * dt);
    });
  }
}

}  // namespace
}  // namespace echo::cpu

#include "cpu/attention_inl.h"

#define ECHO_NAME_TEXT2(name) #name
#define ECHO_NAME_TEXT(name) ECHO_NAME_TEXT2(name)
#define ECHO_GETTER2(name) name##_kernels
#define ECHO_GETTER(name) ECHO_GETTER2(name)

namespace echo::cpu {

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
                                  depthwise,
                                  nearest,
                                  guided_step,
                                  attention_workspace,
                                  attention};
  return kernels;
}

}  // namespace echo::cpu
