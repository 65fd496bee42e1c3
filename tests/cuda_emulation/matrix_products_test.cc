// Which algorithm is used, and that nothing remembered of algorithms can break a product.
#include "cuda/matrix_products.h"

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

void expect_right_product(const std::string& folder) {
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

TEST(MatrixProducts, TheChosenAlgorithmIsRemembered) {
  const TempDir folder;
  expect_right_product(folder.path());
  const std::filesystem::path file = only_file(folder.path());
  const auto written = std::filesystem::last_write_time(file);
  expect_right_product(folder.path());  // known: nothing is written
  EXPECT_EQ(std::filesystem::last_write_time(file), written);
}

TEST(MatrixProducts, AnAlgorithmThatTheLibraryRefusesIsChosenAgain) {
  const TempDir folder;
  expect_right_product(folder.path());
  // The same shape as above, with bits that mean nothing to the library.
  std::string identity;
  {
    std::ifstream in(only_file(folder.path()));
    std::getline(in, identity);
    std::getline(in, identity);
  }
  ProductShape shape;
  shape.rows = row_class(100);
  shape.outputs = 256;
  shape.depth = 512;
  {
    AlgorithmStore store(folder.path(), identity);
    ASSERT_TRUE(store.find(shape)) << identity;
    store.put(shape, AlgorithmBits{1, 2, 3});
  }
  expect_right_product(folder.path());
}

TEST(MatrixProducts, WhatTheLibraryRefusesIsNotDone) {
  MemoryPool pool(0);
  MatrixProducts products(pool, "", "test", true);
  const Stream stream = make_stream();
  const auto memory = pool.allocate(4096);
  const View x{memory->data(), 4, 8, 4, DType::kFloat32};  // rows overlap
  EXPECT_FALSE(products.multiply({x, x, nullptr, false, {memory->data(), 4, 4, 4, DType::kFloat32}},
                                 stream.get()));
}

}  // namespace
}  // namespace echo::cuda
