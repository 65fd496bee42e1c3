#include "models/window_transformer.h"

#include <gtest/gtest.h>
#include <algorithm>

#include <cmath>
#include <random>

#include "base/error.h"
#include "models/test_backend.h"
#include "support/golden.h"

namespace echo {
namespace {

Tensor random(int64_t rows, int64_t cols, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (float& x : values) x = normal(generator);
  return from_host(backend(), values, rows, cols);
}

WindowTransformer post_module(const WindowTransformer::Shape& shape) {
  const Weights root(golden("tiny").file("dac"));
  return WindowTransformer({backend(), DType::kFloat32}, root["quantizer"]["post_module"], shape);
}

// Softmax of one head in double, query r of q standing at row k.rows() - q.rows() + r.
std::vector<float> plain_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                   int64_t window) {
  const std::vector<float> queries = q.to_host(), keys = k.to_host(), values = v.to_host();
  const auto width = static_cast<size_t>(q.cols());
  std::vector<float> result(queries.size());
  for (int64_t r = 0; r < q.rows(); ++r) {
    const int64_t last = k.rows() - q.rows() + r;
    std::vector<double> sum(width);
    double total = 0;
    for (int64_t j = std::max<int64_t>(0, last - window + 1); j <= last; ++j) {
      double dot = 0;
      for (size_t c = 0; c < width; ++c) {
        dot += double{queries[static_cast<size_t>(r) * width + c]} *
               keys[static_cast<size_t>(j) * width + c];
      }
      const double weight = std::exp(dot / std::sqrt(static_cast<double>(width)));
      total += weight;
      for (size_t c = 0; c < width; ++c) {
        sum[c] += weight * values[static_cast<size_t>(j) * width + c];
      }
    }
    for (size_t c = 0; c < width; ++c) {
      result[static_cast<size_t>(r) * width + c] = static_cast<float>(sum[c] / total);
    }
  }
  return result;
}

TEST(WindowTransformer, AttentionSeesRowsBeforeTheQueriesWithinItsWindow) {
  constexpr int64_t kWindow = 20;
  const Tensor k = random(200, 64, 1), v = random(200, 64, 2);
  for (int64_t queries : {1, 5, 150, 200}) {
    const Tensor q = random(queries, 64, 3);
    const Tensor out =
        attention(q, k, v, {.heads = 1, .causal = true, .window = kWindow}, {{.rows = queries}});
    EXPECT_LT(relative_l2(out.to_host(), plain_attention(q, k, v, kWindow)), 1e-6) << queries;
  }
}

TEST(WindowTransformer, PiecesGiveWhatTheWholeGives) {
  const WindowTransformer transformer = post_module({.window = 8, .positions = 64});
  const Tensor x = random(40, transformer.width(), 4);
  WindowTransformer::State start;
  const std::vector<float> whole = transformer(x, start).to_host();
  for (int64_t piece : {1, 3, 7, 8, 9, 30}) {
    WindowTransformer::State state;
    std::vector<float> joined;
    for (int64_t begin = 0; begin < x.rows(); begin += piece) {
      const std::vector<float> rows =
          transformer(x.row_range(begin, std::min(piece, x.rows() - begin)), state).to_host();
      joined.insert(joined.end(), rows.begin(), rows.end());
    }
    EXPECT_LT(relative_l2(joined, whole), 2e-6) << piece;
    EXPECT_EQ(state.rows, 40);
    EXPECT_LE(state.layers[0].k.rows(), 7);
  }
}

// A row is seen by the window's rows after it, once for each layer, and by none further on.
TEST(WindowTransformer, ForgetsWhatLeftTheWindow) {
  constexpr int64_t kWindow = 5, kLayers = 2;
  const WindowTransformer transformer = post_module({.window = kWindow, .positions = 64});
  const Tensor x = random(20, transformer.width(), 5);
  const Tensor changed = random(20, transformer.width(), 5);
  WindowTransformer::State first, second;
  const std::vector<float> before = transformer(x, first).to_host();
  scale(changed.row_range(0, 1), -1.0f);
  const std::vector<float> after = transformer(changed, second).to_host();
  const auto width = static_cast<size_t>(transformer.width());
  const size_t reach = kLayers * (kWindow - 1);
  EXPECT_NE(before[reach * width], after[reach * width]);
  for (size_t i = (reach + 1) * width; i < before.size(); ++i) ASSERT_EQ(before[i], after[i]);
}

TEST(WindowTransformer, LeavesItsInputAsItWas) {
  const WindowTransformer transformer = post_module({.window = 8, .positions = 16});
  const Tensor x = random(4, transformer.width(), 6);
  const std::vector<float> before = x.to_host();
  WindowTransformer::State state;
  transformer(x, state);
  EXPECT_EQ(x.to_host(), before);
}

TEST(WindowTransformer, RefusesMoreRowsThanPositions) {
  const WindowTransformer transformer = post_module({.window = 8, .positions = 16});
  WindowTransformer::State state;
  transformer(random(16, transformer.width(), 7), state);
  try {
    transformer(random(1, transformer.width(), 8), state);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace echo
