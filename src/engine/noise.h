// Gaussian noise as the published code draws it, so that a seed means the same here as there.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "checkpoint/limits.h"

namespace echo {

enum class NoiseKind {
  kCuda,  // what torch.randn gives on a GPU: Philox4x32-10
  kCpu,   // what torch.randn gives on a CPU: mt19937
};

// "cuda", "cpu".
std::string_view noise_kind_name(NoiseKind kind);
// Throws kInvalidArgument for any other name.
NoiseKind noise_kind(std::string_view name);

// Ten rounds of Philox4x32 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011).
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// One normal value from the first two words of a Philox block (Box and Muller's transform).
float philox_normal(uint32_t first, uint32_t second);

// A torch.Generator that has been given manual_seed(seed). A negative seed s counts as 2^64 + s, as
// it does there, so a plain conversion to uint64_t is right; kCpu uses the low 32 bits only.
class NoiseGenerator {
 public:
  // The most values of one draw of kCuda: beyond, the values depend on the size of the GPU.
  static constexpr int64_t kMaxCudaDraw = kMaxLatentFrames * kLatentChannels;

  NoiseGenerator(NoiseKind kind, uint64_t seed);

  // torch.randn of n values. A generator's draws follow one another: the second differs from the
  // first. Throws kInvalidArgument when n is negative, or above kMaxCudaDraw for kCuda.
  std::vector<float> draw(int64_t n);

 private:
  std::vector<float> draw_philox(int64_t n);
  std::vector<float> draw_mersenne(int64_t n);
  void fill_sixteen(float* values);
  double next_double_normal();

  NoiseKind kind_;
  uint64_t seed_;
  uint64_t philox_draws_ = 0;
  std::mt19937 mersenne_;
  bool has_spare_ = false;  // the second value of the last pair of a draw of less than 16
  double spare_ = 0;
};

}  // namespace echo
