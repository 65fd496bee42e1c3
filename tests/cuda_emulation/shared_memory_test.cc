// Devices whose multiprocessors have much or little shared memory: an H100's, an A100's, an RTX
// 4090's. Every kernel starts there, and gives the right results.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include "cuda/cuda_backend.h"
#include "support/reference_ops.h"

namespace echo::cuda {
namespace {

constexpr int64_t kHeads = 2, kWidth = 128;

class SharedMemory : public testing::TestWithParam<size_t> {
 protected:
  ~SharedMemory() override { cuda_emulation::set_multiprocessor_memory(0); }

  const std::unique_ptr<Backend> backend_ = make_cuda_backend([] {
    cuda_emulation::set_multiprocessor_memory(GetParam() << 10);
    CudaOptions options;
    options.measure = false;
    return options;
  }());
};
INSTANTIATE_TEST_SUITE_P(Kilobytes, SharedMemory, testing::Values(228, 164, 100));

Matrix random(int64_t rows, uint64_t seed) {
  return random_matrix(rows, kHeads * kWidth, seed, 1, DType::kBFloat16);
}

struct SharedMemoryCase {
  std::vector<int64_t> sequences, sections;
  bool causal = false;
  int64_t window = 0;
};

void expect_right(Backend& backend, const SharedMemoryCase& test) {
  int64_t rows = 0;
  Sequences sequences;
  for (const int64_t count : test.sequences) {
    sequences.push_back({count});
    rows += count;
  }
  const Matrix q = random(rows, 1), k = random(rows, 2), v = random(rows, 3);
  std::vector<reference::KeyValues> expected_sections;
  Sections sections;
  for (const int64_t count : test.sections) {
    const Matrix sk = random(count, 4), sv = random(count, 5);
    expected_sections.push_back({sk, sv, 1.5});
    sections.push_back(
        {on_device(backend, sk, DType::kBFloat16), on_device(backend, sv, DType::kBFloat16), 1.5f});
  }
  const AttentionShape shape{kHeads, test.causal, test.window};
  const auto tensor = [&](const Matrix& x) { return on_device(backend, x, DType::kBFloat16); };
  const Tensor y = attention(tensor(q), tensor(k), tensor(v), shape, sequences,
                             std::vector<Sections>(sequences.size(), sections));
  int64_t begin = 0;
  for (const int64_t count : test.sequences) {
    std::vector<int64_t> queries;
    for (int64_t i = 0; i < count; ++i) queries.push_back(i);
    EXPECT_TRUE(is_close(y.row_range(begin, count),
                         reference::attention(q.row_range(begin, count), k.row_range(begin, count),
                                              v.row_range(begin, count), shape, expected_sections,
                                              queries, DType::kBFloat16),
                         kSumUnits));
    begin += count;
  }
}

TEST_P(SharedMemory, HoldsWhatAttentionKeeps) {
  expect_right(*backend_, {{70, 5, 33}, {40, 1}});
  expect_right(*backend_, {{64}, {64, 32}});
  expect_right(*backend_, {{100}, {}, true, 0});
  expect_right(*backend_, {{150}, {}, true, 20});
}

TEST_P(SharedMemory, HoldsWhatAttentionKeepsInFloat32) {
  const Matrix q = random(40, 1), k = random(40, 2), v = random(40, 3);
  const auto tensor = [&](const Matrix& x) { return on_device(*backend_, x); };
  const Tensor y = attention(tensor(q), tensor(k), tensor(v), {kHeads}, {{40}});
  EXPECT_TRUE(is_close(y.row_range(7, 1),
                       reference::attention(q, k, v, {kHeads}, {}, {7}, DType::kFloat32),
                       kSumUnits));
}

TEST_P(SharedMemory, HoldsTheTilesOfConvolutions) {
  struct Shape {
    int64_t taps, dilation;
  };
  // The most rows that a tile keeps, and the most stages.
  for (const Shape shape : {Shape{7, 9}, Shape{2, 64}, Shape{2, 1}, Shape{3, 32}}) {
    constexpr int64_t kIn = 40, kOut = 96, kRows = 1030;
    const Matrix w = random_matrix(kOut, kIn * shape.taps, 2, 0.1, DType::kBFloat16);
    const std::vector<float> values = w.floats();
    const auto packed = backend_->pack({values.data(), DType::kFloat32, kOut, kIn, shape.taps}, 1,
                                       shape.dilation, DType::kBFloat16);
    const int64_t span = shape.dilation * (shape.taps - 1) + 1;
    const Matrix x = random_matrix(kRows + span - 1, kIn, 1, 1, DType::kBFloat16);
    const Tensor y =
        conv1d(on_device(*backend_, x, DType::kBFloat16), *packed, {}, DType::kFloat32);
    EXPECT_TRUE(is_close(
        y.row_range(kRows - 1, 1),
        reference::conv1d(x.row_range(kRows - 1, span), w, shape.taps, 1, shape.dilation, {}),
        kSumUnits));
  }
}

TEST_P(SharedMemory, HoldsTheTilesOfInt8Matmuls) {
  const Matrix w = random_matrix(1700, 32, 1, 0.2),
               x = random_matrix(1930, 32, 2, 1, DType::kBFloat16);
  const std::vector<float> values = w.floats();
  // A bias, so that the weights are not expanded.
  const Matrix bias = random_matrix(1, 1700, 3);
  const auto packed =
      backend_->pack({values.data(), DType::kFloat32, 1700, 32}, 1, 1, DType::kInt8);
  const Tensor y = linear(on_device(*backend_, x, DType::kBFloat16), *packed,
                          on_device(*backend_, bias), DType::kBFloat16);
  EXPECT_EQ(y.rows(), 1930);
}

}  // namespace
}  // namespace echo::cuda
