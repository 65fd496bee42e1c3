// Sounds and files of sound for tests: none is in the repository.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace echo {

// Three partials and a slow swell, about -12 dB: as busy as a vowel, and unlike its own shifts.
std::vector<float> make_sound(size_t samples, int rate, double pitch = 180);

// Largest normalised correlation of two signals over shifts of up to `reach` samples, and the shift
// of b against a where it lies.
struct Alignment {
  double correlation;
  int shift;
};
Alignment align(std::span<const float> a, std::span<const float> b, int reach);

// A RIFF file of 32-bit floats, channels given planar.
std::string float_wav(std::span<const float> planar, int channels, int rate);

// A file that FFmpeg's own encoder and multiplexer make of mono sound: ("ipod", "aac"), ("webm",
// "libopus"), ("adts", "aac"), ("ogg", "libvorbis"), ...
std::string mux_sound(const std::string& container, const std::string& encoder,
                      std::span<const float> mono, int rate, const std::string& options = "");

// A file with ten grey pictures and no sound.
std::string mux_video(const std::string& container);

void write_sound_file(const std::filesystem::path& path, const std::string& bytes);

}  // namespace echo
