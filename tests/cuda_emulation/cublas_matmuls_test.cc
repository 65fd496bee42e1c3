// Which algorithm is used, and that nothing remembered of algorithms can break a matmul.
#include "cuda/cublas_matmuls.h"

#include <gtest/gtest.h>

#include <fstream>

#include "cuda/cuda_backend.h"
#include "support/matrix.h"
#include "support/reference_ops.h"
#include "support/temp_dir.h"

namespace echo::cuda {
namespace {

std::filesystem::path only_file(const std::filesystem::path& folder) {
  std::filesystem::path found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_TRUE(found.empty());
    found = entry.path();
  }
  return found;
}

void expect_right_matmul(const std::string& folder) {
  CudaOptions options;
  options.algorithm_folder = folder;
  const std::unique_ptr<Backend> backend = make_cuda_backend(options);
  const Matrix w = random_matrix(256, 512, 1), x = random_matrix(100, 512, 2);
  const std::vector<float> values = w.floats();
  const auto packed =
      backend->pack({values.data(), DType::kFloat32, 256, 512}, 1, 1, DType::kFloat32);
  const Tensor y = linear(on_device(*backend, x), *packed, {}, DType::kFloat32);
  EXPECT_TRUE(is_close(y, reference::linear(x, w, {}), kSumUnits));
}

TEST(CublasMatmuls, TheChosenAlgorithmIsRemembered) {
  const TempDir folder;
  expect_right_matmul(folder.path());
  const std::filesystem::path file = only_file(folder.path());
  const auto written = std::filesystem::last_write_time(file);
  expect_right_matmul(folder.path());  // known: nothing is written
  EXPECT_EQ(std::filesystem::last_write_time(file), written);
}

// Of a file that a backend wrote.
std::string identity_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  std::getline(in, line);
  return line;
}

TEST(CublasMatmuls, AnAlgorithmThatTheLibraryRefusesIsChosenAgainAndRemembered) {
  const TempDir written, folder;
  expect_right_matmul(written.path());
  const std::string identity = identity_in(only_file(written.path()));
  // The same shape as above, with bits that mean nothing to the library.
  MatmulShape shape;
  shape.rows = row_class(100);
  shape.outputs = 256;
  shape.depth = 512;
  ASSERT_EQ(AlgorithmStore(written.path(), identity).find(shape).size(), 1u) << identity;
  AlgorithmStore(folder.path(), identity).put(shape, {1, 2, 3});
  expect_right_matmul(folder.path());
  const AlgorithmStore found(folder.path(), identity);
  ASSERT_EQ(found.find(shape).size(), 2u);
  EXPECT_NE(found.find(shape)[0], (AlgorithmBits{1, 2, 3}));
  EXPECT_EQ(found.find(shape)[1], (AlgorithmBits{1, 2, 3}));
  // The next process measures nothing.
  const auto before = std::filesystem::last_write_time(found.file());
  expect_right_matmul(folder.path());
  EXPECT_EQ(std::filesystem::last_write_time(found.file()), before);
}

TEST(CublasMatmuls, WhatTheLibraryRefusesIsNotDone) {
  MemoryPool pool(0);
  CublasMatmuls matmuls(pool, "", "test", true);
  const Stream stream = make_stream();
  const auto memory = pool.allocate(4096);
  const View x{memory->data(), 4, 8, 4, DType::kFloat32};  // rows overlap
  EXPECT_FALSE(matmuls.multiply({x, x, nullptr, false, {memory->data(), 4, 4, 4, DType::kFloat32}},
                                stream.get()));
}

class RefusedMatmuls : public testing::Test {
 protected:
  RefusedMatmuls() { cuda_emulation::refuse_matmuls(true); }
  ~RefusedMatmuls() override { cuda_emulation::refuse_matmuls(false); }

  void multiply(int64_t rows, int64_t in, int64_t out) {
    const Matrix w = random_matrix(out, in, 1), x = random_matrix(rows, in, 2);
    const std::vector<float> values = w.floats();
    const auto packed =
        backend_->pack({values.data(), DType::kFloat32, out, in}, 1, 1, DType::kFloat32);
    const Tensor y = linear(on_device(*backend_, x), *packed, {}, DType::kFloat32);
    EXPECT_TRUE(
        is_close(y.row_range(0, 1), reference::linear(x.row_range(0, 1), w, {}), kSumUnits));
  }

  std::vector<std::string> notices_;
  std::unique_ptr<Backend> backend_ = [this] {
    CudaOptions options;
    options.notice = [this](const std::string& line) { notices_.push_back(line); };
    return make_cuda_backend(options);
  }();
};

TEST_F(RefusedMatmuls, AreToldOnceForEachLargeShape) {
  multiply(3, 64, 32);
  EXPECT_TRUE(notices_.empty());  // too small to matter
  for (const int64_t rows : {100, 101, 100}) multiply(rows, 512, 256);
  const std::string slow = "CUDA: cuBLASLt refuses a matmul, a slower way is taken: ";
  const std::vector<std::string> first = {
      slow +
      "up to 128 rows of 512 inputs to 256 outputs, float32 to float32, aligned to 16 bytes"};
  EXPECT_EQ(notices_, first);
  multiply(100, 512, 272);
  EXPECT_EQ(notices_.size(), 2u);
}

TEST_F(RefusedMatmuls, NeedNobodyWhoListens) {
  backend_ = make_cuda_backend({});
  multiply(100, 512, 256);
  EXPECT_TRUE(notices_.empty());
}

}  // namespace
}  // namespace echo::cuda
