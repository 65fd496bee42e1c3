// How many kernels a step of the transformer is: each costs a few microseconds, whatever its size.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include "checkpoint/random_checkpoint.h"
#include "cuda/cuda_backend.h"
#include "models/echo_dit.h"
#include "support/temp_dir.h"

namespace echo::cuda {
namespace {

using cuda_emulation::stream_work;
using cuda_emulation::StreamWork;

class StepLaunches : public testing::Test {
 protected:
  // Of a step with three sequences of so many frames.
  StreamWork of_step(const EchoDit& dit, int64_t frames) {
    const KeyValueCache text = dit.encode_text(std::vector<int32_t>{0, 'H', 'i', '.'});
    const float t = 0.5f;
    const Tensor modulation = dit.modulation(std::span(&t, 1));
    const Tensor x = zeros(*backend_, 3 * frames, dit.latent_size(), DType::kFloat32);
    const std::vector<DitSequence> sequences = {{frames, 0, &text}, {frames}, {frames, 0, &text}};
    DitSession session(dit);
    const StreamWork before = stream_work();
    session.forward(x, modulation, sequences);
    const StreamWork after = stream_work();
    return {after.kernels - before.kernels, after.matmuls - before.matmuls,
            after.others - before.others};
  }
  void expect(std::optional<DType> quantized, uint64_t kernels_of_block,
              uint64_t matmuls_of_block) {
    // Rows like those of real steps: a multiple of 16, and enough for expanded weights.
    constexpr int64_t kFrames = 96;
    const Weights weights = Weights::open(model_.dit);
    const EchoDit dit({*backend_, DType::kBFloat16, quantized}, weights, false);
    const StreamWork found = of_step(dit, kFrames);
    const auto blocks = static_cast<uint64_t>(dit.layers());
    // Beside the blocks: x to bfloat16 and in, the last norm and out, and the result's copy.
    EXPECT_EQ(found.kernels, blocks * kernels_of_block + 3);
    EXPECT_EQ(found.matmuls, blocks * matmuls_of_block + 2);
    EXPECT_EQ(found.others, 0u);
  }

  TempDir folder_;
  ModelFiles model_ = write_random_checkpoint(folder_ / "model", {});
  std::unique_ptr<Backend> backend_ = [] {
    CudaOptions options;
    options.measure = false;
    return make_cuda_backend(options);
  }();
};

// Of a block: modulate, head norms of q and k, attention, gate, sum; modulate, silu, sum.
constexpr uint64_t kKernels = 9;
// q, k, v and gate in one; out; the MLP's first two in one; its last.
constexpr uint64_t kMatmuls = 4;

TEST_F(StepLaunches, BFloat16) { expect({}, kKernels, kMatmuls); }
// Each matmul's weights are expanded.
TEST_F(StepLaunches, Int8) { expect(DType::kInt8, kKernels + kMatmuls, kMatmuls); }
// Each matmul's inputs: the largest, then the codes.
TEST_F(StepLaunches, Float8) { expect(DType::kFloat8, kKernels + 2 * kMatmuls, kMatmuls); }

}  // namespace
}  // namespace echo::cuda
