// Matmuls, convolutions and attention at the models' shapes. Each first proves some of
// its rows.
#include <algorithm>
#include <string>

#include "bench/kernel_measurement.h"
#include "support/reference_ops.h"

namespace echo::bench {
namespace {

struct MatmulSize {
  int64_t rows, in, out, taps = 1, stride = 1, dilation = 1;
};

void matmul_bench(const char* name, const MatmulSize& p, DType dtype, DType out) {
  std::string full = std::string(name) + "/" + std::to_string(p.rows) + "x" + std::to_string(p.in) +
                     "x" + std::to_string(p.out);
  if (p.taps > 1)
    full += "/taps" + std::to_string(p.taps) + "_stride" + std::to_string(p.stride) + "_dilation" +
            std::to_string(p.dilation);
  full += "/" + type_text(dtype) + "_" + type_text(out);
  benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
    const Matrix weight = random_matrix(p.out, p.in * p.taps, 2, 0.1, dtype);
    const auto packed =
        backend().pack({weight.floats().data(), DType::kFloat32, p.out, p.in, p.taps}, p.stride,
                       p.dilation, dtype);
    const int64_t span = p.dilation * (p.taps - 1) + 1;
    const Matrix values = random_matrix((p.rows - 1) * p.stride + span, p.in, 1, 1, dtype);
    const Tensor x = on_device(backend(), values, dtype);
    const Tensor y = conv1d(x, *packed, {}, out);
    const int64_t last = p.rows - 1;
    if (!proved(state, is_close(y.row_range(last, 1),
                                reference::conv1d(values.row_range(last * p.stride, span), weight,
                                                  p.taps, 1, p.dilation, {}),
                                kSumUnits)))
      return;
    const double flops = 2.0 * static_cast<double>(p.rows * p.out * p.in * p.taps);
    measure(state, {flops}, dtype, [&] { conv1d(x, *packed, {}, out); });
  })->Unit(benchmark::kMicrosecond);
}

struct AttentionCase {
  const char* name;
  int64_t heads, width, sequences, rows;
  std::vector<int64_t> sections;
  bool causal = false;
  int64_t window = 0;
};

void attention_bench(const AttentionCase& test, DType dtype) {
  benchmark::RegisterBenchmark(
      ("attention/" + std::string(test.name) + "/" + type_text(dtype)).c_str(),
      [=](benchmark::State& state) {
        const int64_t rows = test.sequences * test.rows, cols = test.heads * test.width;
        const Matrix q = random_matrix(rows, cols, 1, 1, dtype),
                     k = random_matrix(rows, cols, 2, 1, dtype),
                     v = random_matrix(rows, cols, 3, 1, dtype);
        const Tensor tq = on_device(backend(), q, dtype), tk = on_device(backend(), k, dtype),
                     tv = on_device(backend(), v, dtype);
        const Sequences sequences(static_cast<size_t>(test.sequences), Sequence{test.rows});
        std::vector<reference::KeyValues> expected_sections;
        Sections sections;
        for (const int64_t keys : test.sections) {
          const Matrix sk = random_matrix(keys, cols, 4, 1, dtype),
                       sv = random_matrix(keys, cols, 5, 1, dtype);
          expected_sections.push_back({sk, sv, 1});
          sections.push_back({on_device(backend(), sk, dtype), on_device(backend(), sv, dtype)});
        }
        const std::vector<Sections> all(static_cast<size_t>(test.sequences), sections);
        const AttentionShape shape{test.heads, test.causal, test.window};
        const int64_t last = test.rows - 1, begin = rows - test.rows;
        const Tensor y = attention(tq, tk, tv, shape, sequences, all);
        if (!proved(state, is_close(y.row_range(rows - 1, 1),
                                    reference::attention(q.row_range(begin, test.rows),
                                                         k.row_range(begin, test.rows),
                                                         v.row_range(begin, test.rows), shape,
                                                         expected_sections, {last}, dtype),
                                    kSumUnits)))
          return;
        double keys = 0;  // of all queries of a sequence
        for (int64_t i = 0; i < test.rows; ++i) {
          keys += static_cast<double>(!test.causal      ? test.rows
                                      : test.window > 0 ? std::min(test.window, i + 1)
                                                        : i + 1);
          for (const int64_t count : test.sections) keys += static_cast<double>(count);
        }
        measure(state, {4.0 * keys * static_cast<double>(cols * test.sequences)}, dtype,
                [&] { attention(tq, tk, tv, shape, sequences, all); });
      })
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace

void register_matmuls() {
  constexpr DType f32 = DType::kFloat32;
  for (const DType dtype : {DType::kBFloat16, f32}) {
    if (backend().compute_dtype(dtype) != dtype) continue;
    for (const int64_t rows : {640, 1920}) {
      matmul_bench("linear", {rows, 2048, 2048}, dtype, dtype);
      matmul_bench("linear", {rows, 2048, 5888}, dtype, dtype);
      matmul_bench("linear", {rows, 5888, 2048}, dtype, f32);
    }
    matmul_bench("linear", {640, 80, 2048}, dtype, f32);
    matmul_bench("linear", {640, 2048, 80}, dtype, f32);
    matmul_bench("linear", {40, 2048, 256}, dtype, dtype);
    matmul_bench("linear", {122, 1280, 3328}, dtype, dtype);
    for (const MatmulSize& p :
         {MatmulSize{256, 1024, 1536, 7}, MatmulSize{256, 1536, 6144, 2},
          MatmulSize{2048, 768, 768, 7}, MatmulSize{2048, 768, 768, 7, 1, 9},
          MatmulSize{2048, 768, 768}, MatmulSize{2048, 768, 3072, 2},
          MatmulSize{16384, 384, 384, 7}, MatmulSize{16384, 384, 384, 7, 1, 9},
          MatmulSize{16384, 384, 384}, MatmulSize{16384, 384, 768, 2},
          MatmulSize{65536, 192, 192, 7, 1, 3}, MatmulSize{65536, 192, 192},
          MatmulSize{65536, 192, 192, 2}, MatmulSize{131072, 96, 96, 7},
          MatmulSize{131072, 96, 96, 7, 1, 9}, MatmulSize{131072, 96, 96},
          MatmulSize{131072, 96, 1, 7}}) {
      matmul_bench("decode", p, dtype, f32);
    }
    for (const MatmulSize& p :
         {MatmulSize{131072, 1, 64, 7}, MatmulSize{131072, 64, 64, 7},
          MatmulSize{131072, 64, 64, 7, 1, 9}, MatmulSize{131072, 64, 64},
          MatmulSize{65536, 64, 128, 4, 2}, MatmulSize{65536, 128, 128, 7, 1, 9},
          MatmulSize{16384, 128, 256, 8, 4}, MatmulSize{16384, 256, 256, 7, 1, 3},
          MatmulSize{2048, 256, 512, 16, 8}, MatmulSize{2048, 512, 512, 7, 1, 9},
          MatmulSize{256, 512, 1024, 16, 8}, MatmulSize{256, 1024, 1024, 3},
          MatmulSize{128, 1024, 1024, 2, 2}}) {
      matmul_bench("encode", p, dtype, f32);
    }
    attention_bench({"step_3_sequences", 16, 128, 3, 640, {122, 54}}, dtype);
    attention_bench({"step_1_sequence", 16, 128, 1, 640, {122, 54}}, dtype);
    attention_bench({"text_encoder", 10, 128, 1, 122, {}}, dtype);
    attention_bench({"speaker_encoder_300s", 10, 128, 1, 1600, {}, true}, dtype);
    attention_bench({"speaker_encoder_10s", 10, 128, 1, 54, {}, true}, dtype);
    attention_bench({"codec_window_128", 16, 64, 1, 640, {}, true, 128}, dtype);
    attention_bench({"codec_window_512", 16, 64, 1, 2560, {}, true, 512}, dtype);
  }
}

}  // namespace echo::bench
