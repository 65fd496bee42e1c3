#include "cuda/quantized_matmuls.h"

#include <string>

#include "base/error.h"
#include "cuda/handles.h"
#include "cuda/kernels.h"

namespace echo::cuda {
namespace {

// cuBLASLt multiplies e4m3 in sixteens only.
constexpr int64_t kFloat8Multiple = 16;
// Fewer rows than this read each expanded weight too seldom.
constexpr int64_t kMinExpandedRows = 256;

int64_t rounded_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

bool is_aligned(const View& x) {
  return reinterpret_cast<uintptr_t>(x.data) % 16 == 0 &&
         x.stride * static_cast<int64_t>(dtype_size(x.dtype)) % 16 == 0;
}

// Milliseconds of f(), which puts work on the stream.
template <class F>
float milliseconds_of(cudaStream_t stream, F f) {
  constexpr int kRuns = 3;
  const Event begin = make_event(cudaEventDefault), end = make_event(cudaEventDefault);
  f();
  check(cudaEventRecord(begin.get(), stream), "timing");
  for (int i = 0; i < kRuns; ++i) f();
  check(cudaEventRecord(end.get(), stream), "timing");
  check(cudaEventSynchronize(end.get()), "timing");
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "timing");
  return milliseconds;
}

}  // namespace

bool QuantizedMatmuls::can_pack(const HostWeights& weights, DType type) {
  if (weights.taps != 1) return false;
  if (type == DType::kInt8) return true;
  return type == DType::kFloat8 && weights.in % kFloat8Multiple == 0 &&
         weights.out % kFloat8Multiple == 0;
}

std::shared_ptr<QuantizedWeights> QuantizedMatmuls::pack(const HostWeights& weights,
                                                         std::span<const View> parts, DType type,
                                                         cudaStream_t stream) {
  const bool int8 = type == DType::kInt8;
  const int64_t stride = int8 ? quantized_stride(weights.in) : weights.in;
  auto codes = pool_.allocate(static_cast<size_t>(weights.out * stride));
  auto scales = pool_.allocate(sizeof(float) * static_cast<size_t>(int8 ? weights.out : 1));
  auto packed =
      std::make_shared<QuantizedWeights>(weights, type, std::move(codes), std::move(scales));
  // One scale for all parts, as the matmul takes one.
  const auto pieces = pool_.allocate(parts.size() * kMaxMagnitudes * sizeof(float));
  auto* const piece = static_cast<float*>(pieces->data());
  Magnitudes magnitudes{piece};
  for (const View& part : parts) {
    if (!int8) magnitudes.count += largest_magnitudes(part, piece + magnitudes.count, stream);
  }
  int64_t row = 0;
  for (const View& part : parts) {
    char* const to = static_cast<char*>(packed->codes()) + row * stride;
    if (int8) {
      quantize_int8(part,
                    {reinterpret_cast<int8_t*>(to), packed->scales() + row, part.rows, part.cols},
                    stream);
    } else {
      quantize_float8(part, magnitudes,
                      {reinterpret_cast<uint8_t*>(to), part.rows, stride, packed->scales()},
                      stream);
    }
    row += part.rows;
  }
  return packed;
}

void QuantizedMatmuls::multiply(const View& x, const QuantizedWeights& w, const float* bias,
                                bool accumulate, const View& out, cudaStream_t stream) {
  if (w.type() == DType::kFloat8) {
    return multiply_float8(x, w, bias, accumulate, out, stream);
  }
  const Int8Matrix matrix{static_cast<int8_t*>(w.codes()), w.scales(), w.out(), w.in()};
  if (expansion_pays(x, matrix, out, stream) &&
      multiply_expanded(x, matrix, bias, accumulate, out, stream)) {
    return;
  }
  multiply_int8(x, matrix, bias, accumulate, out, stream);
}

void QuantizedMatmuls::multiply_int8(const View& x, const Int8Matrix& w, const float* bias,
                                     bool accumulate, const View& out, cudaStream_t stream) {
  if (is_whole(x)) return int8_matmul(x, w, bias, accumulate, out, stream);
  View padded{nullptr, x.rows, w.stride(), w.stride(), DType::kBFloat16};
  const auto buffer =
      pool_.allocate(static_cast<size_t>(padded.rows * padded.cols) * dtype_size(padded.dtype));
  padded.data = buffer->data();
  pad_columns(x, padded, stream);
  int8_matmul(padded, w, bias, accumulate, out, stream);
}

bool QuantizedMatmuls::multiply_expanded(const View& x, const Int8Matrix& w, const float* bias,
                                         bool accumulate, const View& out, cudaStream_t stream) {
  // The library adds a float32 bias to float32 results only.
  if (bias && out.dtype != DType::kFloat32) return false;
  View expanded{nullptr, w.out, w.in, w.stride(), DType::kBFloat16};
  const auto buffer = pool_.allocate(static_cast<size_t>(expanded.rows * expanded.stride) *
                                     dtype_size(expanded.dtype));
  expanded.data = buffer->data();
  expand_int8(w, expanded, stream);
  return matmuls_.multiply({x, expanded, bias, accumulate, out}, stream);
}

bool QuantizedMatmuls::expansion_pays(const View& x, const Int8Matrix& w, const View& out,
                                      cudaStream_t stream) {
  if (x.rows < kMinExpandedRows) return false;
  const Size size{row_class(x.rows), w.out, w.in};
  const auto found = expansion_pays_.find(size);
  if (found != expansion_pays_.end()) return found->second;
  if (!measure_ || !may_measure_) return true;
  const auto buffer =
      pool_.allocate(static_cast<size_t>(out.rows * out.stride) * dtype_size(out.dtype));
  View trial = out;
  trial.data = buffer->data();
  bool possible = true;
  const float expanded = milliseconds_of(stream, [&] {
    possible = possible && multiply_expanded(x, w, nullptr, false, trial, stream);
  });
  const float direct =
      milliseconds_of(stream, [&] { multiply_int8(x, w, nullptr, false, trial, stream); });
  return expansion_pays_[size] = possible && expanded < direct;
}

void QuantizedMatmuls::multiply_float8(const View& x, const QuantizedWeights& w, const float* bias,
                                       bool accumulate, const View& out, cudaStream_t stream) {
  const int64_t rows = rounded_up(x.rows, kFloat8Multiple);
  const auto scratch = pool_.allocate((1 + kMaxMagnitudes) * sizeof(float));
  float* const scale = static_cast<float*>(scratch->data());
  float* const pieces = scale + 1;
  const auto codes = pool_.allocate(static_cast<size_t>(rows * x.cols));
  quantize_float8(x, {pieces, largest_magnitudes(x, pieces, stream)},
                  {static_cast<uint8_t*>(codes->data()), rows, x.cols, scale}, stream);

  Matmul m;
  m.x = {codes->data(), rows, x.cols, x.cols, DType::kFloat8};
  m.w = {w.codes(), w.out(), w.in(), w.in(), DType::kFloat8};
  m.x_scale = scale;
  m.w_scale = w.scales();
  m.accumulate = accumulate;
  m.out = out;
  if (rows == x.rows && !bias && is_aligned(out) && matmuls_.multiply(m, stream)) return;

  m.accumulate = false;
  m.out = {nullptr, rows, w.out(), w.out(), DType::kFloat32};
  const auto wide = pool_.allocate(static_cast<size_t>(rows * w.out()) * sizeof(float));
  m.out.data = wide->data();
  if (!matmuls_.multiply(m, stream)) {
    throw_unavailable("CUDA: cuBLASLt has no matmul in fp8 of " + std::to_string(x.rows) + " x " +
                      std::to_string(w.in()) + " and " + std::to_string(w.out()) + " outputs");
  }
  add_bias(rows_of(m.out, 0, x.rows), bias, accumulate, out, stream);
}

}  // namespace echo::cuda
