// Recorded work gives what the work itself gives, and touches nothing else.
#include "cuda/captured_graph.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cuda/cuda_backend.h"
#include "support/matrix.h"
#include "tensor/ops.h"

namespace echo {
namespace {

class CapturedGraphTest : public testing::Test {
 protected:
  // Some operations that need memory between them.
  RepeatedWork::Work layer(int& calls, float factor) {
    return [this, &calls, factor](std::span<const Tensor> inputs) {
      ++calls;
      const Tensor y = silu(linear(inputs[0], *weights_, {}, DType::kFloat32), DType::kFloat32);
      add(inputs[1], y);
      scale(y, factor);
      return y;
    };
  }
  std::vector<float> expected(const std::vector<Tensor>& inputs, float factor) {
    int calls = 0;
    return layer(calls, factor)(inputs).to_host();
  }
  std::vector<Tensor> inputs(uint64_t seed, int64_t rows = 9) {
    return {on_device(*backend_, random_matrix(rows, 24, seed)),
            on_device(*backend_, random_matrix(rows, 40, seed + 100))};
  }

  std::unique_ptr<Backend> backend_ = cuda::make_cuda_backend({});
  std::unique_ptr<RepeatedWork> repeated_work_ = backend_->make_repeated_work();
  std::vector<float> matrix_ = random_matrix(40, 24, 1).floats();
  std::shared_ptr<PackedWeights> weights_ =
      backend_->pack({matrix_.data(), DType::kFloat32, 40, 24}, 1, 1, DType::kFloat32);
};

TEST_F(CapturedGraphTest, WorkIsDoneTwiceAndThenRepeated) {
  int calls = 0;
  for (uint64_t i = 0; i < 6; ++i) {
    const std::vector<Tensor> in = inputs(i);
    EXPECT_EQ(repeated_work_->run({7}, in, layer(calls, 2)).to_host(), expected(in, 2)) << i;
  }
  EXPECT_EQ(calls, 2);
}

TEST_F(CapturedGraphTest, KeysAndShapesAreApart) {
  int twice = 0, thrice = 0, longer = 0;
  for (uint64_t i = 0; i < 5; ++i) {
    const std::vector<Tensor> a = inputs(i), b = inputs(i + 20), c = inputs(i + 40, 15);
    const Tensor first = repeated_work_->run({1, 2}, a, layer(twice, 2));
    const Tensor second = repeated_work_->run({1, 3}, b, layer(thrice, 3));
    const Tensor third = repeated_work_->run({1, 2}, c, layer(longer, 2));
    // Read after all have run: results outlive the memory that recordings share.
    EXPECT_EQ(first.to_host(), expected(a, 2));
    EXPECT_EQ(second.to_host(), expected(b, 3));
    EXPECT_EQ(third.to_host(), expected(c, 2));
  }
  EXPECT_EQ(twice, 2);
  EXPECT_EQ(thrice, 2);
  EXPECT_EQ(longer, 2);
}

TEST_F(CapturedGraphTest, RepeatedWorkWritesToNoOtherMemory) {
  int calls = 0;
  for (uint64_t i = 0; i < 3; ++i) repeated_work_->run({1}, inputs(i), layer(calls, 2));
  // Whatever is free now may be taken.
  std::vector<Tensor> others;
  for (int i = 0; i < 40; ++i) {
    others.push_back(on_device(*backend_, Matrix(9 + i, 40, 1000 + i)));
  }
  for (uint64_t i = 3; i < 6; ++i) {
    const std::vector<Tensor> in = inputs(i);
    const std::vector<float> right = expected(in, 2);
    EXPECT_EQ(repeated_work_->run({1}, in, layer(calls, 2)).to_host(), right);
  }
  for (int i = 0; i < 40; ++i) {
    for (const float value : others[static_cast<size_t>(i)].to_host()) {
      ASSERT_EQ(value, static_cast<float>(1000 + i));
    }
  }
}

TEST_F(CapturedGraphTest, MemoryStaysFlat) {
  int calls = 0;
  for (uint64_t i = 0; i < 4; ++i) repeated_work_->run({i % 2}, inputs(i), layer(calls, 2));
  const MemoryUse before = backend_->memory();
  for (uint64_t i = 0; i < 50; ++i) repeated_work_->run({i % 2}, inputs(i), layer(calls, 2));
  EXPECT_EQ(backend_->memory().in_use, before.in_use);
  EXPECT_EQ(backend_->memory().held, before.held);
}

TEST_F(CapturedGraphTest, OldRecordingsAreForgotten) {
  int calls = 0;
  for (uint64_t round = 0; round < 3; ++round) {
    for (uint64_t key = 0; key < 20; ++key) {
      const std::vector<Tensor> in = inputs(key);
      EXPECT_EQ(repeated_work_->run({key}, in, layer(calls, 2)).to_host(), expected(in, 2));
    }
  }
  EXPECT_EQ(calls, 60);  // each was pushed out before it came again
}

TEST_F(CapturedGraphTest, ErrorsOfTheWorkComeThroughAndLeaveTheDeviceUsable) {
  int calls = 0;
  const std::vector<Tensor> in = inputs(1);
  const auto moves = [&](std::span<const Tensor> current) {
    ++calls;
    if (calls != 3) return layer(calls, 2)(current);
    from_host(*backend_, std::vector<float>{1}, 1, 1);
    return Tensor();
  };
  calls = 1;
  EXPECT_EQ(repeated_work_->run({5}, in, moves).to_host(), expected(in, 2));  // calls: 3
  calls = 2;
  try {
    repeated_work_->run({5}, in, moves);
    ADD_FAILURE() << "moving to the device was recorded";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_STREQ(error.what(), "upload: within work that is recorded");
  }
  EXPECT_EQ(repeated_work_->run({5}, in, moves).to_host(), expected(in, 2));
}

}  // namespace
}  // namespace echo
