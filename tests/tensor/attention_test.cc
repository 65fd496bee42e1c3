#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

class Attention : public BackendTest {
 protected:
  static int64_t most_heads() { return emulated() ? 2 : 1024; }
};
ECHO_ON_EVERY_BACKEND(Attention);

// Sequences, sections and widths of one call. Section lengths are given for each sequence.
struct Case {
  const char* name;
  int64_t heads, width;
  Sequences sequences;
  std::vector<std::vector<int64_t>> sections;
  bool causal = false;
  int64_t window = 0;
  int64_t earlier = 0;  // keys before the only sequence's own
};

// most_heads: the others would repeat the same.
std::vector<Case> cases(int64_t most_heads) {
  std::vector<Case> all = {
      {"one key", 1, 2, {{1}}, {}},
      {"odd widths", 3, 7, {{5}}, {{4}}},
      {"no sections", 4, 32, {{80}, {0}, {49}}, {}},
      {"empty sections", 2, 16, {{9}, {7}}, {{0, 3}, {}}},
      {"one head of several blocks", 1, 64, {{300}}, {{11}}},
      {"causal", 4, 64, {{129}, {1}, {40}}, {}, true},
      {"causal with sections", 2, 32, {{70}, {33}}, {{5}, {0, 9}}, true},
      {"window of one", 2, 16, {{40}}, {}, true, 1},
      {"codec window 128", 16, 64, {{400}}, {}, true, 128},
      {"codec window 512", 16, 64, {{650}}, {}, true, 512},
      {"diffusion", 16, 128, {{640}, {640}, {640}}, {{122, 54}, {54}, {122}}},
      {"text encoder", 10, 128, {{122}}, {}},
      {"speaker encoder", 10, 128, {{215}}, {}, true},
      {"causal after others", 2, 32, {{50}}, {}, true, 0, 30},
      {"window after others", 2, 64, {{200}}, {}, true, 128, 150},
      {"window after few others", 2, 64, {{20}}, {{3}}, true, 128, 1},
      {"all after others", 1, 16, {{9}}, {{4}}, false, 0, 5},
      {"blockwise", 16, 128, {{64, 128}}, {{32, 122, 54}}},
      {"twelve sequences",
       2,
       64,
       {{3}, {1}, {4}, {1}, {5}, {9}, {2}, {6}, {0}, {5}, {3}, {1}},
       {{1}, {}, {2, 3}, {0}, {7}, {}, {1, 1, 1}, {130}, {5}, {2}, {}, {9}}},
  };
  for (Case& test : all) test.heads = std::min(test.heads, most_heads);
  return all;
}

// Speaker scales multiply both keys and values; 1 and others in turn.
float section_scale(size_t sequence, size_t index) {
  constexpr float kScales[] = {1.0f, 1.5f, 0.25f};
  return kScales[(sequence + index) % 3];
}

// q, k, v and the sections of a case in host memory.
struct Inputs {
  Inputs(const Case& test, DType dtype) {
    int64_t rows = 0;
    for (const Sequence& sequence : test.sequences) rows += sequence.rows;
    const int64_t cols = test.heads * test.width;
    // Normalised queries and keys of a model are about this size: scores up to 10.
    q = random_matrix(rows, cols, 1, 2, dtype);
    k = random_matrix(rows + test.earlier, cols, 2, 2, dtype);
    v = random_matrix(rows + test.earlier, cols, 3, 3, dtype);
    for (size_t sequence = 0; sequence < test.sections.size(); ++sequence) {
      sections.emplace_back();
      for (size_t i = 0; i < test.sections[sequence].size(); ++i) {
        const int64_t keys = test.sections[sequence][i];
        sections.back().push_back({random_matrix(keys, cols, 10 * sequence + i + 4, 2, dtype),
                                   random_matrix(keys, cols, 10 * sequence + i + 5, 3, dtype),
                                   section_scale(sequence, i)});
      }
    }
  }
  Matrix q, k, v;
  std::vector<std::vector<reference::KeyValues>> sections;
};

std::vector<Sections> on_device(Backend& backend, const Inputs& inputs, DType dtype) {
  std::vector<Sections> result;
  for (const auto& sequence : inputs.sections) {
    result.emplace_back();
    for (const reference::KeyValues& section : sequence) {
      result.back().push_back({*Placed(backend, section.k, dtype, Layout::kColumns),
                               *Placed(backend, section.v, dtype),
                               static_cast<float>(section.scale)});
    }
  }
  return result;
}

// Every row of small sequences; of large ones the first, the last and some around the edges of
// blocks and windows.
std::vector<int64_t> queries_to_check(int64_t rows) {
  std::vector<int64_t> queries;
  for (int64_t row = 0; row < rows; ++row) {
    const bool edge = row % 128 == 127 || row % 128 == 0;
    if (rows < 20 || (edge && row < 600) || row + 1 == rows) queries.push_back(row);
  }
  return queries;
}

TEST_P(Attention, OverSequencesAndSections) {
  for (const Case& test : cases(most_heads())) {
    for (const DType dtype : matrix_types()) {
      SCOPED_TRACE(std::string(test.name) + ", " + std::string(dtype_name(dtype)));
      const Inputs inputs(test, dtype);
      const Placed q(backend(), inputs.q, dtype, Layout::kColumns), k(backend(), inputs.k, dtype),
          v(backend(), inputs.v, dtype, Layout::kColumns);
      const AttentionShape shape{test.heads, test.causal, test.window};
      const Tensor y =
          attention(*q, *k, *v, shape, test.sequences, on_device(backend(), inputs, dtype));
      ASSERT_EQ(y.rows(), inputs.q.rows);
      const Matrix all = host(y);
      int64_t begin = 0;
      for (size_t sequence = 0; sequence < test.sequences.size(); ++sequence) {
        const int64_t rows = test.sequences[sequence].rows;
        const std::vector<int64_t> queries = queries_to_check(rows);
        const Expected expected = reference::attention(
            inputs.q.row_range(begin, rows), inputs.k.row_range(begin, rows + test.earlier),
            inputs.v.row_range(begin, rows + test.earlier), shape,
            inputs.sections.empty() ? std::vector<reference::KeyValues>()
                                    : inputs.sections[sequence],
            queries, dtype);
        Matrix found(static_cast<int64_t>(queries.size()), all.cols);
        for (size_t i = 0; i < queries.size(); ++i) {
          for (int64_t c = 0; c < all.cols; ++c) {
            found.at(static_cast<int64_t>(i), c) = all.at(begin + queries[i], c);
          }
        }
        EXPECT_TRUE(is_close(found, dtype, expected, kSumUnits)) << "sequence " << sequence;
        begin += rows;
      }
    }
  }
}

TEST_P(Attention, ASequenceAloneGivesTheSameBitsAsAmongOthers) {
  for (const Case& test : cases(most_heads())) {
    for (const DType dtype : matrix_types()) {
      SCOPED_TRACE(std::string(test.name) + ", " + std::string(dtype_name(dtype)));
      const Inputs inputs(test, dtype);
      const Tensor q = *Placed(backend(), inputs.q, dtype), k = *Placed(backend(), inputs.k, dtype),
                   v = *Placed(backend(), inputs.v, dtype);
      const std::vector<Sections> sections = on_device(backend(), inputs, dtype);
      const AttentionShape shape{test.heads, test.causal, test.window};
      const Tensor together = attention(q, k, v, shape, test.sequences, sections);
      EXPECT_TRUE(same_bits(together, attention(q, k, v, shape, test.sequences, sections)));
      int64_t begin = 0;
      for (size_t sequence = 0; sequence < test.sequences.size(); ++sequence) {
        const int64_t rows = test.sequences[sequence].rows;
        const auto mine =
            sections.empty() ? std::vector<Sections>() : std::vector<Sections>{sections[sequence]};
        const Tensor alone = attention(
            q.row_range(begin, rows), k.row_range(begin, rows + test.earlier),
            v.row_range(begin, rows + test.earlier), shape, {test.sequences[sequence]}, mine);
        EXPECT_TRUE(same_bits(alone, together.row_range(begin, rows))) << "sequence " << sequence;
        begin += rows;
      }
    }
  }
}

TEST_P(Attention, LargeScoresAreStable) {
  // Layer 23's keys reach 510: scores of thousands, where one key takes all.
  for (const DType dtype : matrix_types()) {
    const Matrix q = random_matrix(20, 128, 1, 40, dtype),
                 k = random_matrix(20, 128, 2, 510, dtype);
    const Matrix v = random_matrix(20, 128, 3, 3, dtype);
    const std::vector<int64_t> queries = {0, 7, 19};
    const Tensor y = attention(*Placed(backend(), q, dtype), *Placed(backend(), k, dtype),
                               *Placed(backend(), v, dtype), {1}, {{20}});
    const Expected expected = reference::attention(q, k, v, {1}, {}, queries, dtype);
    for (size_t i = 0; i < queries.size(); ++i) {
      const int64_t r = static_cast<int64_t>(i);
      EXPECT_TRUE(is_close(y.row_range(queries[i], 1),
                           {expected.value.row_range(r, 1), expected.magnitude.row_range(r, 1)},
                           kSumUnits));
    }
  }
}

// One query whose scores are these numbers, over values that show the probabilities, some at a
// time.
Matrix probabilities_of(Backend& backend, const std::vector<double>& scores) {
  const int64_t n = static_cast<int64_t>(scores.size()), width = std::min<int64_t>(n, 128);
  Matrix q(1, width), k(n, width), result(1, n);
  q.at(0, 0) = std::sqrt(static_cast<double>(width));
  for (int64_t i = 0; i < n; ++i) k.at(i, 0) = scores[static_cast<size_t>(i)];
  // The query's own key takes no part: its score is far below all others, its value zero.
  const Tensor far = echo::on_device(backend, Matrix(1, width, -3e30));
  for (int64_t begin = 0; begin < n; begin += width) {
    const int64_t count = std::min(width, n - begin);
    Matrix v(n, width);
    for (int64_t i = 0; i < count; ++i) v.at(begin + i, i) = 1;
    const Sections section = {{echo::on_device(backend, k), echo::on_device(backend, v), 1}};
    const Matrix found =
        host(attention(echo::on_device(backend, q), far, zeros(backend, 1, width, DType::kFloat32),
                       {1}, {{1}}, std::vector<Sections>{section}));
    for (int64_t i = 0; i < count; ++i) result.at(0, begin + i) = found.at(0, i);
  }
  return result;
}

TEST_P(Attention, ProbabilitiesAreAccurateOverTheWholeRange) {
  std::vector<double> scores(1001);
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = -0.08 * static_cast<double>(i);  // to -80
  double sum = 0;
  for (const double score : scores) sum += std::exp(score);
  const Matrix found = probabilities_of(backend(), scores);
  for (size_t i = 0; i < scores.size(); ++i) {
    // The score, the query and the factor 1/sqrt(D) are rounded, and two products: five roundings
    // of the score's size in the exponential. The exponential, the sum and its inverse have the
    // rest.
    const double allowed = kFloat32Rounding * (8 + 5 * std::abs(scores[i]));
    const double right = std::exp(scores[i]) / sum;
    ASSERT_NEAR(found.at(0, static_cast<int64_t>(i)), right, right * allowed) << scores[i];
  }
}

TEST_P(Attention, ExtremeScores) {
  const auto run = [&](double common, double special) {
    std::vector<double> scores(33, common);
    scores[20] = special;
    return probabilities_of(backend(), scores);
  };
  EXPECT_NEAR(run(-1e30, 1e30).at(0, 20), 1, 1e-6);
  EXPECT_LT(run(-1e30, 1e30).at(0, 0), 1e-35);
  EXPECT_NEAR(run(1e4, 1e4).at(0, 20), 1.0 / 33, 1e-8);
  EXPECT_LT(run(0, -INFINITY).at(0, 20), 1e-35);
  EXPECT_NEAR(run(0, -INFINITY).at(0, 0), 1.0 / 32, 1e-8);
  for (const double value : run(0, NAN).values) EXPECT_TRUE(std::isnan(value));
  for (const double value : run(0, INFINITY).values) EXPECT_TRUE(std::isnan(value));
}

TEST_P(Attention, NaNStaysInTheQueriesThatSeeIt) {
  for (const DType dtype : matrix_types()) {
    const Matrix x = random_matrix(40, 32, 1, 1, dtype);
    Matrix bad = x;
    bad.at(10, 3) = NAN;  // in the first of two heads
    const Tensor clean = *Placed(backend(), x, dtype), broken = *Placed(backend(), bad, dtype);
    const auto check = [&](const Tensor& y, int64_t first, int64_t last) {
      const Matrix result = host(y);
      for (int64_t r = 0; r < 40; ++r) {
        EXPECT_EQ(std::isnan(result.at(r, 3)), r >= first && r <= last) << r;
        EXPECT_FALSE(std::isnan(result.at(r, 20))) << r;
      }
    };
    check(attention(broken, clean, clean, {2, true, 5}, {{40}}), 10, 10);
    check(attention(clean, broken, clean, {2, true, 5}, {{40}}), 10, 14);
  }
}

TEST_P(Attention, ScaleOfASectionEqualsScaledKeysAndValues) {
  for (const DType dtype : matrix_types()) {
    const Tensor x = *Placed(backend(), random_matrix(50, 64, 1, 1, dtype), dtype);
    // A power of two: exact in every type.
    const Matrix k = random_matrix(30, 64, 2, 1, dtype), v = random_matrix(30, 64, 3, 1, dtype);
    Matrix k4 = k, v4 = v;
    for (double& value : k4.values) value *= 4;
    for (double& value : v4.values) value *= 4;
    const std::vector<Sections> scaled = {
        {{*Placed(backend(), k, dtype), *Placed(backend(), v, dtype), 4}}};
    const std::vector<Sections> multiplied = {
        {{*Placed(backend(), k4, dtype), *Placed(backend(), v4, dtype), 1}}};
    EXPECT_TRUE(is_close(attention(x, x, x, {2}, {{50}}, scaled),
                         reference::exact(host(attention(x, x, x, {2}, {{50}}, multiplied))), 64));
  }
}

}  // namespace
}  // namespace echo
