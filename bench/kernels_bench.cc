// Element-wise operations and norms at the models' shapes. Each first proves its result on
// a small case.
#include <cmath>
#include <string>

#include "bench/kernel_measurement.h"
#include "support/reference_ops.h"

namespace echo::bench {
namespace {

constexpr DType kF32 = DType::kFloat32, kBf16 = DType::kBFloat16;
constexpr double kUnits = 16;  // enough for any of these operations
constexpr int64_t kHeads = 16;

Tensor make(int64_t rows, int64_t cols, DType dtype) {
  return on_device(backend(), random_matrix(rows, cols, 1, 3, dtype), dtype);
}
Tensor row(int64_t cols, uint64_t seed) {
  return on_device(backend(), random_matrix(1, cols, seed));
}

double bytes_of(std::initializer_list<const Tensor*> tensors) {
  double bytes = 0;
  for (const Tensor* x : tensors)
    bytes += static_cast<double>(x->size()) * static_cast<double>(dtype_size(x->dtype()));
  return bytes;
}

// An operation of one tensor with a result of type `out`: proved on 3 x cols, timed on rows x cols.
template <class Op, class Reference>
void map_bench(const std::string& name, int64_t rows, int64_t cols, DType in, DType out, Op op,
               Reference reference) {
  const std::string full = name + "/" + std::to_string(rows) + "x" + std::to_string(cols) + "/" +
                           type_text(in) + "_" + type_text(out);
  benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
    const Matrix small = random_matrix(3, cols, 1, 3, in);
    if (!proved(state, is_close(op(on_device(backend(), small, in)), reference(small), kUnits)))
      return;
    const Tensor x = make(rows, cols, in);
    const Tensor y = op(x);
    measure(state, {0, bytes_of({&x, &y}), static_cast<double>(y.size())}, out, [&] { op(x); });
  })->Unit(benchmark::kMicrosecond);
}

// An operation in place on `to`, from x.
template <class Op, class Reference>
void in_place_bench(const std::string& name, int64_t rows, int64_t cols, DType in, DType out, Op op,
                    Reference reference) {
  const std::string full = name + "/" + std::to_string(rows) + "x" + std::to_string(cols) + "/" +
                           type_text(in) + "_" + type_text(out);
  benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
    const Matrix small = random_matrix(3, cols, 1, 3, in),
                 before = random_matrix(3, cols, 2, 3, out);
    const Tensor result = on_device(backend(), before, out);
    op(on_device(backend(), small, in), result);
    if (!proved(state, is_close(result, reference(small, before), kUnits))) return;
    const Tensor x = make(rows, cols, in), to = make(rows, cols, out);
    measure(state, {0, bytes_of({&x, &to, &to}), static_cast<double>(to.size())}, out,
            [&] { op(x, to); });
  })->Unit(benchmark::kMicrosecond);
}

Expected product(const Matrix& a, const Matrix& b, double (*f)(double, double)) {
  Expected result = reference::exact(a);
  for (size_t i = 0; i < a.values.size(); ++i) {
    result.value.values[i] = f(a.values[i], b.values[i]);
    result.magnitude.values[i] =
        std::abs(result.value.values[i]) * (1 + std::abs(a.values[i]) + std::abs(b.values[i]));
  }
  return result;
}

Expected snake_of(const Matrix& x, const Matrix& alpha) {
  Expected result = reference::exact(x);
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t c = 0; c < x.cols; ++c) {
      result.value.at(r, c) = reference::snake(x.at(r, c), alpha.at(0, c));
      result.magnitude.at(r, c) +=
          (1 + std::abs(alpha.at(0, c) * x.at(r, c))) / std::abs(alpha.at(0, c));
    }
  }
  return result;
}

void register_diffusion() {
  for (const int64_t rows : {640, 1920}) {
    const Sequences sequences = rows == 640 ? Sequences{{640}} : Sequences{{640}, {640}, {640}};
    map_bench(
        "rms_norm", rows, kWidth, kF32, kBf16,
        [](const Tensor& x) { return rms_norm(x, row(kWidth, 2), 1e-5f, kBf16); },
        [](const Matrix& x) { return reference::rms_norm(x, random_matrix(1, kWidth, 2), 1e-5f); });
    map_bench(
        "modulate", rows, kWidth, kF32, kBf16,
        [sequences](const Tensor& x) {
          const Sequences fitting = x.rows() == 3 ? Sequences{{3}} : sequences;
          return modulate(x, row(kWidth, 2), row(kWidth, 3), 1e-5f, fitting, kBf16);
        },
        [](const Matrix& x) {
          return reference::modulate(x, random_matrix(1, kWidth, 2), random_matrix(1, kWidth, 3),
                                     1e-5f, {{3}});
        });
    for (const DType dtype : {kBf16, kF32}) {
      const auto other = [dtype](int64_t count, int64_t cols) { return make(count, cols, dtype); };
      const Tensor mlp = other(rows, kMlpWidth);
      map_bench(
          "silu_mul", rows, kMlpWidth, dtype, dtype,
          [mlp](const Tensor& x) { return silu_mul(x, mlp.row_range(0, x.rows())); },
          [mlp](const Matrix& x) {
            return product(x, host(mlp.row_range(0, 3)),
                           [](double a, double b) { return reference::silu(a) * b; });
          });
      in_place_bench(
          "sigmoid_mul", rows, kWidth, dtype, dtype,
          [](const Tensor& x, const Tensor& to) { sigmoid_mul(to, x); },
          [](const Matrix& x, const Matrix& to) {
            return product(to, x, [](double a, double b) { return a * reference::sigmoid(b); });
          });
      const Matrix table = reference::rotary_table(700, 128, 10000);
      const Tensor weight = on_device(backend(), random_matrix(kHeads, 128, 5));
      const Tensor rotary = on_device(backend(), table);
      const auto turn = [=](const Tensor& to) {
        const Sequences fitting = to.rows() == 3 ? Sequences{{3}} : sequences;
        head_norm_rotary(to, weight, 1e-5f, rotary, kHeads, kHeads / 2, fitting);
      };
      in_place_bench(
          "head_norm_rotary", rows, kWidth, dtype, dtype,
          [=](const Tensor&, const Tensor& to) { turn(to); },
          [=](const Matrix&, const Matrix& to) {
            return reference::head_norm_rotary(to, random_matrix(kHeads, 128, 5), 1e-5f,
                                               rounded(table, kF32), kHeads, kHeads / 2, {{3}}, 1);
          });
    }
    in_place_bench(
        "add_gated", rows, kWidth, kF32, kF32,
        [sequences](const Tensor& x, const Tensor& to) {
          add_gated(x, row(kWidth, 2), x.rows() == 3 ? Sequences{{3}} : sequences, to);
        },
        [](const Matrix& x, const Matrix& to) {
          return reference::add_gated(x, random_matrix(1, kWidth, 2), {{3}}, to);
        });
    map_bench(
        "cast", rows, kWidth, kF32, kBf16, [](const Tensor& x) { return cast(x, kBf16); },
        [](const Matrix& x) { return reference::exact(x); });
  }
  in_place_bench(
      "guided_step", 640, 80, kF32, kF32,
      [](const Tensor& x, const Tensor& to) {
        guided_step(to, x, x, x, {0.7f, 0.6f, 3, 8, true, 1.2f, 3});
      },
      [](const Matrix& x, const Matrix& to) {
        return reference::guided_step(to, x, x, x, {0.7f, 0.6f, 3, 8, true, 1.2f, 3});
      });
}

void register_codec() {
  for (const DType dtype : {kBf16, kF32}) {
    for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{256, 1536},
                                     {2048, 768},
                                     {16384, 384},
                                     {65536, 192},
                                     {131072, 96}}) {
      const Matrix alpha = random_matrix(1, cols, 7);
      const Tensor alphas = on_device(backend(), alpha);
      map_bench(
          "snake", rows, cols, kF32, dtype,
          [=](const Tensor& x) { return snake(x, alphas, dtype); },
          [=](const Matrix& x) { return snake_of(x, alpha); });
    }
    map_bench(
        "layer_norm", 1024, 1024, kF32, dtype,
        [=](const Tensor& x) { return layer_norm(x, row(1024, 2), row(1024, 3), 1e-6f, dtype); },
        [](const Matrix& x) {
          return reference::layer_norm(x, random_matrix(1, 1024, 2), random_matrix(1, 1024, 3),
                                       1e-6f);
        });
    map_bench(
        "gelu", 1024, 4096, dtype, dtype, [=](const Tensor& x) { return gelu(x, dtype); },
        [](const Matrix& x) {
          return reference::map(x, reference::gelu, [](double v) { return std::abs(v); });
        });
    map_bench(
        "silu", 640, 6144, dtype, dtype, [=](const Tensor& x) { return silu(x, dtype); },
        [](const Matrix& x) {
          return reference::map(x, reference::silu, [](double v) { return v; });
        });
  }
  map_bench(
      "tanh", 131072, 1, kF32, kF32, [](const Tensor& x) { return tanh(x); },
      [](const Matrix& x) {
        return reference::map(
            x, [](double v) { return std::tanh(v); }, [](double v) { return std::tanh(v); });
      });
  const Matrix taps = random_matrix(7, 1024, 4), bias = random_matrix(1, 1024, 5);
  benchmark::RegisterBenchmark("depthwise_conv1d/1024x1024x7/f32", [=](benchmark::State& state) {
    const Tensor w = on_device(backend(), taps), b = on_device(backend(), bias);
    const Matrix small = random_matrix(9, 1024, 1);
    if (!proved(state, is_close(depthwise_conv1d(on_device(backend(), small), w, b),
                                reference::depthwise_conv1d(small, taps, bias), kUnits)))
      return;
    const Tensor x = make(1030, 1024, kF32);
    measure(state, {2.0 * 1024 * 1024 * 7, 2.0 * 1024 * 1024 * 4, 1024.0 * 1024}, kF32,
            [&] { depthwise_conv1d(x, w, b); });
  })->Unit(benchmark::kMicrosecond);
  for (const int64_t candidates : {1024, 4096}) {
    benchmark::RegisterBenchmark(
        ("nearest_rows/215x" + std::to_string(candidates) + "x8/f32").c_str(),
        [=](benchmark::State& state) {
          const Tensor table = make(candidates, 8, kF32), x = make(215, 8, kF32);
          // Each candidate is its own nearest when all have the same length.
          const Tensor unit = rms_norm(table, on_device(backend(), Matrix(1, 8, 1.0)), 0, kF32);
          const std::vector<int32_t> ids = nearest_rows(unit, unit).to_host_ints();
          for (size_t i = 0; i < ids.size(); ++i) {
            if (ids[i] != static_cast<int32_t>(i)) return state.SkipWithError("wrong result");
          }
          measure(state, {2.0 * 215 * static_cast<double>(candidates) * 8}, kF32,
                  [&] { nearest_rows(x, table); });
        })
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

void register_elementwise() {
  register_diffusion();
  register_codec();
}

}  // namespace echo::bench
