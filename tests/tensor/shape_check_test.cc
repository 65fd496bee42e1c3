// Every operation refuses tensors that do not fit, by its name and their shapes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "support/backends.h"
#include "tensor/ops.h"

namespace echo {
namespace {

using ::testing::HasSubstr;

class ShapeCheck : public BackendTest {
 protected:
  Tensor make(int64_t rows, int64_t cols, DType dtype = DType::kFloat32) {
    return zeros(backend(), rows, cols, dtype);
  }
  std::shared_ptr<PackedWeights> weights(int64_t out, int64_t in, int64_t taps = 1,
                                         int64_t stride = 1, int64_t dilation = 1) {
    const std::vector<float> values(static_cast<size_t>(out * in * taps));
    return backend().pack({values.data(), DType::kFloat32, out, in, taps}, stride, dilation,
                          DType::kFloat32);
  }
};
ECHO_ON_EVERY_DEVICE(ShapeCheck);

TEST_P(ShapeCheck, MismatchesNameTheOperationAndBothShapes) {
  const Tensor x = make(4, 6), wide = make(4, 8), half = make(4, 6, DType::kBFloat16);
  const Tensor row6 = make(1, 6), row8 = make(1, 8), rows2 = make(2, 6), none;
  const Tensor half_row = make(1, 6, DType::kBFloat16);
  const Tensor ids = from_host(backend(), std::vector<int32_t>{0, 1});
  const auto matrix = weights(8, 6), convolution = weights(8, 6, 3), strided = weights(8, 6, 1, 2);
  const auto dilated = weights(8, 6, 3, 1, 2);
  const Sequences one = {{4}}, two = {{2}, {2}}, short_sequences = {{3}}, negative = {{-1}, {5}};
  const Tensor rotary = make(4, 6), keys = make(5, 6);
  const AttentionShape shape{2};
  const Sections wrong_width = {{make(3, 8), make(3, 8)}}, wrong_rows = {{make(3, 6), make(2, 6)}};
  const Sections wrong_type = {{make(3, 6, DType::kBFloat16), make(3, 6, DType::kBFloat16)}};
  struct Case {
    const char* op;  // and what else the message must say
    std::vector<const char*> parts;
    std::function<void()> call;
  };
  constexpr DType f32 = DType::kFloat32;
  const char *a = "(4, 6) float32", *b = "(4, 8) float32";
  const std::vector<Case> cases = {
      {"copy", {a, b}, [&] { copy(x, wide); }},
      {"copy", {"(2, 1) int32"}, [&] { copy(ids, make(2, 1)); }},
      {"linear", {b, "(8, 6, 1) float32"}, [&] { linear(wide, *matrix, none, f32); }},
      {"linear", {"(4, 6) bfloat16", "(8, 6, 1)"}, [&] { linear(half, *matrix, none, f32); }},
      {"linear", {a, "(1, 6) float32"}, [&] { linear(x, *matrix, row6, f32); }},
      {"linear", {a, "3 taps"}, [&] { linear(x, *convolution, none, f32); }},
      {"linear", {a, "stride 2"}, [&] { linear(x, *strided, none, f32); }},
      {"linear_add", {a, "(4, 6) float32"}, [&] { linear_add(x, *matrix, none, x); }},
      {"conv1d", {b, "(8, 6, 3) float32"}, [&] { conv1d(wide, *convolution, none, f32); }},
      {"conv1d", {"2 rows, 3 needed"}, [&] { conv1d(rows2, *convolution, none, f32); }},
      {"conv1d", {"4 rows, 5 needed"}, [&] { conv1d(x, *dilated, none, f32); }},
      {"conv1d", {a, "(1, 6) float32"}, [&] { conv1d(x, *convolution, row6, f32); }},
      {"conv1d_add", {a, b}, [&] { conv1d_add(x, *convolution, none, wide); }},
      {"depthwise_conv1d", {a, b}, [&] { depthwise_conv1d(x, wide, none); }},
      {"depthwise_conv1d", {a, "(5, 6) float32"}, [&] { depthwise_conv1d(x, keys, none); }},
      {"depthwise_conv1d", {a, "(1, 8) float32"}, [&] { depthwise_conv1d(x, rows2, row8); }},
      {"rms_norm", {a, "(1, 8) float32"}, [&] { rms_norm(x, row8, 0, f32); }},
      {"rms_norm", {a, "(2, 6) float32"}, [&] { rms_norm(x, rows2, 0, f32); }},
      {"rms_norm", {a, "(1, 6) bfloat16"}, [&] { rms_norm(x, half_row, 0, f32); }},
      {"layer_norm", {a, "(1, 8) float32"}, [&] { layer_norm(x, row6, row8, 0, f32); }},
      {"layer_norm", {a, "(1, 8) float32"}, [&] { layer_norm(x, row8, row6, 0, f32); }},
      {"modulate", {a, "(1, 8)"}, [&] { modulate(x, row8, row6, 0, one, f32); }},
      {"modulate", {a, "(1, 8)"}, [&] { modulate(x, row6, row8, 0, one, f32); }},
      {"modulate", {"(2, 6)", "(1, 6)"}, [&] { modulate(x, rows2, row6, 0, two, f32); }},
      {"modulate", {a, "(2, 6)"}, [&] { modulate(x, rows2, rows2, 0, one, f32); }},
      {"modulate", {"3 rows", a}, [&] { modulate(x, row6, row6, 0, short_sequences, f32); }},
      {"modulate", {a}, [&] { modulate(x, row6, row6, 0, negative, f32); }},
      {"head_norm_rotary", {a, "(2, 6)"}, [&] { head_norm_rotary(x, rows2, 0, none, 2, 0, one); }},
      {"head_norm_rotary", {a, "(4, 6)"}, [&] { head_norm_rotary(x, none, 0, rotary, 2, 1, one); }},
      {"head_norm_rotary",
       {a, "(4, 3)"},
       [&] { head_norm_rotary(x, none, 0, make(4, 3), 2, 1, one); }},
      {"head_norm_rotary",
       {a, "(4, 6)"},
       [&] {
         head_norm_rotary(x, none, 0, rotary, 1, 1, {{4, 1}});
       }},
      {"head_norm_rotary",
       {a, "(4, 6)"},
       [&] { head_norm_rotary(x, none, 0, rotary, 1, 1, one, 2); }},
      {"head_norm_rotary", {a}, [&] { head_norm_rotary(x, none, 0, rotary, 4, 0, one); }},
      {"head_norm_rotary",
       {"5 rows", a},
       [&] { head_norm_rotary(x, none, 0, rotary, 1, 1, {{5}}); }},
      {"attention", {a, "(5, 6)"}, [&] { attention(x, keys, x, shape, one); }},
      {"attention", {a, "(5, 6)"}, [&] { attention(x, keys, keys, shape, two); }},
      {"attention", {a, "(2, 6)"}, [&] { attention(x, rows2, rows2, shape, one); }},
      {"attention", {a, b}, [&] { attention(x, x, wide, shape, one); }},
      {"attention", {a, "bfloat16"}, [&] { attention(x, half, half, shape, one); }},
      {"attention", {a}, [&] { attention(x, x, x, {4}, one); }},
      {"attention", {"3 rows", a}, [&] { attention(x, x, x, shape, short_sequences); }},
      {"attention",
       {"1 section lists for 2 sequences"},
       [&] { attention(x, x, x, shape, two, std::vector<Sections>{{}}); }},
      {"attention",
       {a, "(3, 8)"},
       [&] { attention(x, x, x, shape, one, std::vector<Sections>{wrong_width}); }},
      {"attention",
       {"(3, 6)", "(2, 6)"},
       [&] { attention(x, x, x, shape, one, std::vector<Sections>{wrong_rows}); }},
      {"attention",
       {a, "(3, 6) bfloat16"},
       [&] { attention(x, x, x, shape, one, std::vector<Sections>{wrong_type}); }},
      {"silu", {"(2, 1) int32"}, [&] { silu(ids, f32); }},
      {"gelu", {"(2, 1) int32"}, [&] { gelu(ids, f32); }},
      {"tanh", {"(2, 1) int32"}, [&] { tanh(ids); }},
      {"silu_mul", {a, b}, [&] { silu_mul(x, wide); }},
      {"silu_mul", {a, "bfloat16"}, [&] { silu_mul(x, half); }},
      {"sigmoid_mul", {a, b}, [&] { sigmoid_mul(x, wide); }},
      {"snake", {a, b}, [&] { snake(x, row6, wide); }},
      {"snake", {a, "(1, 8)"}, [&] { snake(x, row8, f32); }},
      {"add", {a, b}, [&] { add(x, wide); }},
      {"add_gated", {a, b}, [&] { add_gated(x, row6, one, wide); }},
      {"add_gated", {a, "(1, 8)"}, [&] { add_gated(x, row8, one, x); }},
      {"add_gated", {"3 rows", a}, [&] { add_gated(x, row6, short_sequences, x); }},
      {"scale", {"(2, 1) int32"}, [&] { scale(ids, 2); }},
      {"gather_rows", {a, b}, [&] { gather_rows(x, wide); }},
      {"gather_rows", {a, "(4, 1) float32"}, [&] { gather_rows(x, make(4, 1)); }},
      {"nearest_rows", {a, b}, [&] { nearest_rows(x, wide); }},
      {"nearest_rows", {"bfloat16", a}, [&] { nearest_rows(half, x); }},
      {"nearest_rows", {a, "(0, 6)"}, [&] { nearest_rows(x, make(0, 6)); }},
      {"guided_step", {a, b}, [&] { guided_step(x, wide, none, none, {}); }},
      {"guided_step", {a, b}, [&] { guided_step(x, x, wide, none, {}); }},
      {"guided_step", {a, b}, [&] { guided_step(x, x, none, wide, {}); }},
      {"guided_step", {a, "bfloat16"}, [&] { guided_step(x, half, none, none, {}); }},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE("case " + std::to_string(i) + ", " + cases[i].op);
    try {
      cases[i].call();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInternal);
      EXPECT_THAT(error.what(), testing::StartsWith(std::string(cases[i].op) + ": "));
      for (const char* part : cases[i].parts) EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
}

TEST_P(ShapeCheck, EmptyTensorsAreFine) {
  const Tensor x = make(0, 6), row = make(1, 6), none;
  const Sequences sequences = {{0}, {0}};
  EXPECT_EQ(linear(x, *weights(8, 6), none, DType::kFloat32).cols(), 8);
  EXPECT_EQ(rms_norm(x, row, 0, DType::kBFloat16).dtype(), DType::kBFloat16);
  EXPECT_EQ(layer_norm(x, row, row, 0, DType::kFloat32).rows(), 0);
  EXPECT_EQ(modulate(x, row, row, 0, sequences, DType::kFloat32).rows(), 0);
  EXPECT_EQ(attention(x, x, x, {2}, sequences).rows(), 0);
  EXPECT_EQ(silu_mul(x, x).cols(), 6);
  EXPECT_EQ(gather_rows(make(3, 6), from_host(backend(), std::span<const int32_t>())).rows(), 0);
  EXPECT_EQ(nearest_rows(x, make(2, 6)).rows(), 0);
  head_norm_rotary(x, none, 0, none, 2, 0, sequences);
  linear_add(x, *weights(6, 6), none, x);
  add_gated(x, row, sequences, x);
  sigmoid_mul(x, x);
  snake(x, row, x);
  add(x, x);
  scale(x, 2);
  guided_step(x, x, none, none, {});
}

}  // namespace
}  // namespace echo
