#include "engine/noise.h"

#include <cmath>
#include <string>

#include "base/error.h"

namespace echo {
namespace {

constexpr double kTwoPi = 6.283185307179586476925;
constexpr float kTwoToMinus32 = 2.3283064365386963e-10f;
constexpr float kTwoPiTwoToMinus32 = 1.4629180792671596e-09f;
constexpr int64_t kGroup = 16;

float uniform_24_bits(std::mt19937& engine) {
  return static_cast<float>(engine() & 0xffffffu) * 0x1p-24f;
}

double uniform_53_bits(std::mt19937& engine) {
  const uint64_t high = engine();
  const uint64_t low = engine();
  return static_cast<double>(((high << 32) | low) & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
}

}  // namespace

std::string_view noise_kind_name(NoiseKind kind) {
  return kind == NoiseKind::kCuda ? "cuda" : "cpu";
}

NoiseKind noise_kind(std::string_view name) {
  if (name == "cuda") return NoiseKind::kCuda;
  if (name == "cpu") return NoiseKind::kCpu;
  throw_invalid("noise: found \"" + std::string(name.substr(0, 40)) +
                "\", expected \"cuda\" or \"cpu\"");
}

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xd2511f53u} * counter[0];
    const uint64_t b = uint64_t{0xcd9e8d57u} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key[0] += 0x9e3779b9u;
    key[1] += 0xbb67ae85u;
  }
  return counter;
}

float philox_normal(uint32_t first, uint32_t second) {
  // The uniforms are rounded to float32 as on the GPU; the functions of them are taken in double,
  // since the GPU's own are approximations that no CPU repeats.
  const float u = std::fma(static_cast<float>(first), kTwoToMinus32, kTwoToMinus32 / 2);
  const float w = std::fma(static_cast<float>(second), kTwoPiTwoToMinus32, kTwoPiTwoToMinus32 / 2);
  return static_cast<float>(std::sqrt(-2.0 * std::log(double{u})) * std::sin(double{w}));
}

NoiseGenerator::NoiseGenerator(NoiseKind kind, uint64_t seed)
    : kind_(kind), seed_(seed), mersenne_(static_cast<uint32_t>(seed)) {}

std::vector<float> NoiseGenerator::draw(int64_t n) {
  if (n < 0) throw_invalid("noise: asked for " + std::to_string(n) + " values");
  if (kind_ == NoiseKind::kCpu) return draw_mersenne(n);
  if (n > kMaxCudaDraw) {
    throw_invalid("noise: asked for " + std::to_string(n) +
                  " values in one draw, expected at most " + std::to_string(kMaxCudaDraw));
  }
  return draw_philox(n);
}

std::vector<float> NoiseGenerator::draw_philox(int64_t n) {
  std::vector<float> values(n);
  if (n == 0) return values;
  // Each GPU thread owns a subsequence, takes one block of four words and uses the first normal.
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed_),
                                       static_cast<uint32_t>(seed_ >> 32)};
  for (int64_t i = 0; i < n; ++i) {
    const auto words =
        philox4x32({static_cast<uint32_t>(philox_draws_),
                    static_cast<uint32_t>(philox_draws_ >> 32), static_cast<uint32_t>(i), 0},
                   key);
    values[i] = philox_normal(words[0], words[1]);
  }
  ++philox_draws_;
  return values;
}

std::vector<float> NoiseGenerator::draw_mersenne(int64_t n) {
  std::vector<float> values(n);
  if (n < kGroup) {
    for (float& value : values) value = static_cast<float>(next_double_normal());
    return values;
  }
  for (float& value : values) value = uniform_24_bits(mersenne_);
  for (int64_t i = 0; i + kGroup <= n; i += kGroup) fill_sixteen(&values[i]);
  if (n % kGroup != 0) {
    float* last = &values[n - kGroup];
    for (int64_t j = 0; j < kGroup; ++j) last[j] = uniform_24_bits(mersenne_);
    fill_sixteen(last);
  }
  return values;
}

// Turns sixteen uniforms into normals, in pairs of j and j + 8.
void NoiseGenerator::fill_sixteen(float* values) {
  for (int j = 0; j < 8; ++j) {
    const double radius = std::sqrt(-2.0 * std::log(double{1.0f - values[j]}));
    const double angle = kTwoPi * values[j + 8];
    values[j] = static_cast<float>(radius * std::cos(angle));
    values[j + 8] = static_cast<float>(radius * std::sin(angle));
  }
}

double NoiseGenerator::next_double_normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double u1 = uniform_53_bits(mersenne_);
  const double u2 = uniform_53_bits(mersenne_);
  const double radius = std::sqrt(-2.0 * std::log1p(-u2));
  spare_ = radius * std::sin(kTwoPi * u1);
  has_spare_ = true;
  return radius * std::cos(kTwoPi * u1);
}

}  // namespace echo
