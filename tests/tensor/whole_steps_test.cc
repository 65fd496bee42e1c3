// Operations at the sizes of whole steps of the published transformer: 1, 3 and 12 sequences of up
// to 640 frames, each sequence of another length. Rows at the edges of the sequences are compared.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/backends.h"
#include "support/reference_ops.h"

namespace echo {
namespace {

constexpr int64_t kWidth = 2048, kInner = 5888, kHeads = 16, kHeadDim = 128;
constexpr int64_t kMaxRows = 640;
constexpr float kEps = 1e-5f;
constexpr double kUnits = 16;  // of a few roundings each

class WholeSteps : public BackendTest {
 protected:
  void SetUp() override {
    if (emulated()) GTEST_SKIP() << "whole sizes take an emulator too long";
  }
  // Twelve sequences are four requests at once, which only a GPU takes.
  static std::vector<int64_t> sequence_counts() {
    if (backend().name() == "cpu") return {3};
    return {1, 3, 12};
  }
  static Sequences ragged_sequences(int64_t count) {
    Sequences sequences;
    for (int64_t i = 0; i < count; ++i) sequences.push_back({kMaxRows - 37 * (i % 5), 0});
    return sequences;
  }
};
ECHO_ON_EVERY_DEVICE(WholeSteps);

// Rows of all sequences; a sequence holds those of `base` from its number on.
class Stacked {
 public:
  Stacked(Backend& backend, const Sequences& sequences, int64_t cols, uint64_t seed, double scale,
          DType dtype)
      : sequences_(sequences),
        base_(random_matrix(kMaxRows + static_cast<int64_t>(sequences.size()), cols, seed, scale,
                            dtype)) {
    int64_t rows = 0;
    for (const Sequence& sequence : sequences) rows += sequence.rows;
    const Tensor base = on_device(backend, base_, dtype);
    tensor_ = empty(backend, rows, cols, dtype);
    int64_t begin = 0;
    for (size_t i = 0; i < sequences.size(); ++i) {
      copy(base.row_range(static_cast<int64_t>(i), sequences[i].rows),
           tensor_.row_range(begin, sequences[i].rows));
      begin += sequences[i].rows;
    }
  }
  const Tensor& operator*() const { return tensor_; }
  Matrix sequence(size_t i) const {
    return base_.row_range(static_cast<int64_t>(i), sequences_[i].rows);
  }
  Matrix row(size_t sequence, int64_t row) const {
    return base_.row_range(static_cast<int64_t>(sequence) + row, 1);
  }

 private:
  const Sequences& sequences_;
  Matrix base_;
  Tensor tensor_;
};

// Calls f(sequence, row of the sequence, row of all) at the edges of every sequence.
template <class F>
void at_edges(const Sequences& sequences, F f) {
  int64_t begin = 0;
  for (size_t sequence = 0; sequence < sequences.size(); ++sequence) {
    SCOPED_TRACE("sequence " + std::to_string(sequence));
    for (const int64_t row : {int64_t{0}, sequences[sequence].rows - 1})
      f(sequence, row, begin + row);
    begin += sequences[sequence].rows;
  }
}

TEST_P(WholeSteps, ModulateAndAddGated) {
  for (const int64_t count : sequence_counts()) {
    const Sequences sequences = ragged_sequences(count);
    const Matrix shift = random_matrix(count, kWidth, 2), factor = random_matrix(count, kWidth, 3);
    const Tensor shifts = on_device(backend(), shift), factors = on_device(backend(), factor);
    const Stacked x(backend(), sequences, kWidth, 1, 3, DType::kFloat32);
    for (const DType dtype : matrix_types()) {
      const Tensor y = modulate(*x, shifts, factors, kEps, sequences, dtype);
      const Stacked to(backend(), sequences, kWidth, 4, 3, DType::kFloat32);
      const Stacked branch(backend(), sequences, kWidth, 5, 3, dtype);
      add_gated(*branch, factors, sequences, *to);
      at_edges(sequences, [&](size_t sequence, int64_t row, int64_t at) {
        const auto i = static_cast<int64_t>(sequence);
        EXPECT_TRUE(is_close(y.row_range(at, 1),
                             reference::modulate(x.row(sequence, row), shift.row_range(i, 1),
                                                 factor.row_range(i, 1), kEps, {{1}}),
                             kUnits));
        EXPECT_TRUE(is_close((*to).row_range(at, 1),
                             reference::add_gated(branch.row(sequence, row), factor.row_range(i, 1),
                                                  {{1}}, to.row(sequence, row)),
                             kUnits));
      });
    }
  }
}

TEST_P(WholeSteps, HeadNormAndActivations) {
  const Tensor rotary = rotary_table(backend(), kMaxRows, kHeadDim, 10000, false);
  const Matrix table = host(rotary);
  const Matrix weight = random_matrix(kHeads, kHeadDim, 9, 2);
  for (const int64_t count : sequence_counts()) {
    const Sequences sequences = ragged_sequences(count);
    for (const DType dtype : matrix_types()) {
      const Stacked q(backend(), sequences, kWidth, 1, 4, dtype);
      head_norm_rotary(*q, on_device(backend(), weight), kEps, rotary, kHeads, kHeads / 2,
                       sequences);
      const Stacked a(backend(), sequences, kInner, 2, 4, dtype),
          b(backend(), sequences, kInner, 3, 4, dtype);
      const Tensor hidden = silu_mul(*a, *b);
      at_edges(sequences, [&](size_t sequence, int64_t row, int64_t at) {
        const Expected turned = reference::head_norm_rotary(
            q.row(sequence, row), weight, kEps, table, kHeads, kHeads / 2, {{1, row}}, 1);
        EXPECT_TRUE(is_close((*q).row_range(at, 1), turned, kUnits));
        const Matrix left = a.row(sequence, row), right = b.row(sequence, row);
        Expected product = reference::exact(left);
        for (size_t i = 0; i < left.values.size(); ++i) {
          product.value.values[i] = reference::silu(left.values[i]) * right.values[i];
          product.magnitude.values[i] =
              std::abs(product.value.values[i]) * (1 + std::abs(left.values[i]));
        }
        EXPECT_TRUE(is_close(hidden.row_range(at, 1), product, kUnits));
      });
    }
  }
}

TEST_P(WholeSteps, Products) {
  for (const int64_t count : sequence_counts()) {
    const Sequences sequences = ragged_sequences(count);
    for (const DType dtype : matrix_types()) {
      for (const auto& [out, in] :
           {std::pair{kWidth, kWidth}, {kInner, kWidth}, {kWidth, kInner}}) {
        const Matrix w = random_matrix(out, in, 2, 0.05, dtype);
        std::vector<BFloat16> halves;
        const std::vector<float> floats = w.floats();
        for (const float value : floats) halves.push_back(float_to_bfloat16(value));
        const bool wide = dtype == DType::kFloat32;
        const auto packed = backend().pack({wide ? static_cast<const void*>(floats.data())
                                                 : static_cast<const void*>(halves.data()),
                                            dtype, out, in},
                                           1, 1, dtype);
        const Stacked x(backend(), sequences, in, 1, 1, dtype);
        const Tensor y = linear(*x, *packed, {}, DType::kFloat32);
        at_edges(sequences, [&](size_t sequence, int64_t row, int64_t at) {
          EXPECT_TRUE(is_close(y.row_range(at, 1), reference::linear(x.row(sequence, row), w, {}),
                               kSumUnits));
        });
      }
    }
  }
}

TEST_P(WholeSteps, AttentionOverTextAndVoice) {
  for (const int64_t count : sequence_counts()) {
    const Sequences sequences = ragged_sequences(count);
    for (const DType dtype : matrix_types()) {
      const Stacked q(backend(), sequences, kWidth, 1, 2, dtype),
          k(backend(), sequences, kWidth, 2, 2, dtype),
          v(backend(), sequences, kWidth, 3, 3, dtype);
      // Each third sequence without the text, each third without the voice, as in a guided step.
      std::vector<Sections> sections(sequences.size());
      std::vector<std::vector<reference::KeyValues>> expected(sequences.size());
      for (size_t i = 0; i < sequences.size(); ++i) {
        for (const int64_t rows : {int64_t{122}, int64_t{54}}) {
          if (i % 3 == (rows == 54 ? 2 : 1)) continue;
          const Matrix keys = random_matrix(rows, kWidth, 10 * i + 4, 2, dtype);
          const Matrix values = random_matrix(rows, kWidth, 10 * i + 5, 3, dtype);
          sections[i].push_back(
              {on_device(backend(), keys, dtype), on_device(backend(), values, dtype)});
          expected[i].push_back({keys, values});
        }
      }
      const AttentionShape shape{kHeads};
      const Tensor y = attention(*q, *k, *v, shape, sequences, sections);
      at_edges(sequences, [&](size_t sequence, int64_t row, int64_t at) {
        EXPECT_TRUE(is_close(
            y.row_range(at, 1),
            reference::attention(q.sequence(sequence), k.sequence(sequence), v.sequence(sequence),
                                 shape, expected[sequence], {row}, dtype),
            kSumUnits));
      });
    }
  }
}

}  // namespace
}  // namespace echo
