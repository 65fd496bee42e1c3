#include "apps/device_check/noise_file.h"

#include <cstdint>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "engine/noise.h"

namespace echo::device_check {

void write_noise(const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  for (const uint64_t seed :
       {uint64_t{0}, uint64_t{1}, uint64_t{1234}, uint64_t{1} << 31, (uint64_t{1} << 63) - 1}) {
    for (const int64_t frames : {640, 128}) {
      NoiseGenerator generator(NoiseKind::kCuda, seed);
      for (int draw = 0; draw < 2; ++draw) {
        const std::vector<float> values = generator.draw(frames * 80);
        out.write(reinterpret_cast<const char*>(values.data()),
                  static_cast<std::streamsize>(values.size() * sizeof(float)));
      }
    }
  }
  if (!out.flush()) throw_unavailable(file.string() + ": cannot be written");
}

}  // namespace echo::device_check
