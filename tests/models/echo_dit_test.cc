#include "models/echo_dit.h"

#include <gtest/gtest.h>

#include "checkpoint/echo_dit_layout.h"
#include "cpu/cpu_backend.h"
#include "support/golden.h"
#include "tensor/forwarding_backend.h"

namespace echo {
namespace {

// Keeps account of the matrices that are packed.
class CountingBackend : public ForwardingBackend {
 public:
  CountingBackend() : ForwardingBackend(cpu::make_cpu_backend()) {}
  // Each matrix by itself, so that they can be counted.
  bool stacks_matrices(DType) const override { return false; }
  std::shared_ptr<PackedWeights> pack(const HostWeights& weights, int64_t stride, int64_t dilation,
                                      DType precision) override {
    ++packed[precision];
    // Narrow types are not kept here: what is asked for is the point.
    const bool quantized = precision == DType::kInt8;
    return ForwardingBackend::pack(weights, stride, dilation,
                                   quantized ? DType::kFloat32 : precision);
  }
  std::map<DType, int> packed;
};

TEST(EchoDit, ReadsTheBlockwisePartWhenItIsUsed) {
  const Weights weights(golden("tiny").file("dit"));
  ASSERT_TRUE(infer_echo_dit_config(weights).blockwise);
  CountingBackend without, with;
  const EchoDit plain({without}, weights, false), blockwise({with}, weights, true);
  EXPECT_EQ(with.packed, without.packed);
  EXPECT_FALSE(plain.blockwise());
  EXPECT_TRUE(blockwise.blockwise());
  const Tensor latent = zeros(with, 8, blockwise.latent_size(), DType::kFloat32);
  DitSession session(blockwise);
  session.encode_latent_prefix(latent);
  const int first = with.packed[DType::kFloat32];
  EXPECT_GT(first, without.packed[DType::kFloat32]);
  session.encode_latent_prefix(latent);
  EXPECT_EQ(with.packed[DType::kFloat32], first);
}

TEST(EchoDit, LargeMatricesAreQuantizedAndThoseOfTheLastBlocksAreNot) {
  const Weights weights(golden("tiny").file("dit"));
  const int64_t blocks = weights["blocks"].count();
  const int64_t encoder_blocks =
      weights["text_encoder"]["blocks"].count() + weights["speaker_encoder"]["blocks"].count();
  // Each block: four projections and a gate or an output, three of the MLP; those of the DiT also
  // keys and values of text and voice.
  constexpr int kEncoder = 8, kBlock = 12;
  for (const int64_t wide : {int64_t{0}, int64_t{1}, blocks, blocks + 4}) {
    CountingBackend backend;
    const EchoDit dit({backend, DType::kFloat32, DType::kInt8}, weights, false, wide);
    EXPECT_EQ(backend.packed[DType::kInt8],
              encoder_blocks * kEncoder + std::max<int64_t>(0, blocks - wide) * kBlock);
  }
}

}  // namespace
}  // namespace echo
