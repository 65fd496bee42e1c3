#include "parity/audio_parity.h"

#include <bit>
#include <cstring>

#include "audio/join.h"
#include "base/error.h"
#include "parity/recorded_inputs.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr const char* kLoadRow = "reference audio";
constexpr const char* kJoinRow = "joining (largest difference)";
// The recorded results were computed in float32 too; only the order of two products may differ.
constexpr double kOneRounding = 6e-8;
constexpr double kMaxSeconds = 300;                // of a reference, unless a case says otherwise
constexpr int64_t kMaxSamples = int64_t{1} << 24;  // of a pause or a crossfade

template <class T>
void put(std::string& bytes, T value) {
  for (size_t i = 0; i < sizeof value; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

// A RIFF file of 32-bit floats; channels given one after the other.
std::string float_wav(std::span<const float> planar, uint16_t channels, uint32_t rate) {
  constexpr uint16_t kFloatSamples = 3;
  const auto size = static_cast<uint32_t>(planar.size() * sizeof(float));
  const auto frame = static_cast<uint16_t>(channels * sizeof(float));
  std::string bytes = "RIFF";
  put(bytes, uint32_t{36} + size);
  bytes += "WAVEfmt ";
  put(bytes, uint32_t{16});
  put(bytes, kFloatSamples);
  put(bytes, channels);
  put(bytes, rate);
  put(bytes, rate * frame);
  put(bytes, frame);
  put(bytes, uint16_t{8 * sizeof(float)});
  bytes += "data";
  put(bytes, size);
  const size_t frames = planar.size() / channels;
  for (size_t i = 0; i < frames; ++i) {
    for (size_t c = 0; c < channels; ++c) {
      put(bytes, std::bit_cast<uint32_t>(planar[c * frames + i]));
    }
  }
  return bytes;
}

Samples join(const json& entry, const std::vector<Samples>& chunks) {
  const json& arguments = entry.at("kwargs");
  const auto samples = [&](const char* field, size_t otherwise) {
    return static_cast<size_t>(
        integer_or(arguments, field, 0, kMaxSamples, static_cast<int64_t>(otherwise)));
  };
  const auto function = entry.at("function").get<std::string>();
  if (function == "crossfade_chunks") {
    return crossfade_chunks(chunks, samples("overlap_samples", kCrossfadeSamples));
  }
  if (function == "normalize_chunk_boundaries") {
    return normalize_chunk_boundaries(chunks,
                                      samples("min_silence_samples", kBoundarySilenceSamples),
                                      arguments.value("silence_threshold", kSilenceThreshold));
  }
  throw_corrupt("function: found " + quoted_name(function) +
                ", expected crossfade_chunks or normalize_chunk_boundaries");
}

}  // namespace

void check_load_audio(const GoldenSet& set, const RecordingReader& read, Report& report) {
  if (!read) {
    for (const json& entry : set.manifest().at("load_audio")) {
      report.use("load_audio/" + entry.at("name").get<std::string>() + ".out");
    }
    report.leave_out("load_audio/*", "this program reads no audio files");
    return;
  }
  for (const json& entry : set.manifest().at("load_audio")) {
    const auto name = "load_audio/" + entry.at("name").get<std::string>();
    report.attempt(kLoadRow, name, [&] {
      const std::vector<float> planar = set.floats(name + ".in");
      const int64_t channels = integer_of(entry, "channels", 1, 8);
      const int64_t rate = integer_of(entry, "sample_rate", 1, 384000);
      if (axis(set, name + ".in", 0) != channels) {
        throw_corrupt(set.tensor(name + ".in").label() + ": expected " + std::to_string(channels) +
                      " channels");
      }
      const std::string wav =
          float_wav(planar, static_cast<uint16_t>(channels), static_cast<uint32_t>(rate));
      report.compare(kLoadRow, set, name + ".out",
                     read(wav, entry.value("max_duration", kMaxSeconds)));
    });
  }
}

void check_joining(const GoldenSet& set, Report& report) {
  for (const json& entry : set.manifest().at("audio_post")) {
    const auto name = "audio_post/" + entry.at("name").get<std::string>();
    report.attempt(kJoinRow, name, [&] {
      std::vector<Samples> chunks;
      const int64_t inputs = integer_of(entry, "n_inputs", 0, 1000);
      for (const std::string& input : numbered(name + ".in", static_cast<size_t>(inputs))) {
        chunks.push_back(set.floats(input));
      }
      const Samples joined = join(entry, chunks);
      report.add(kJoinRow, name + ".out",
                 {largest_difference(joined, set.floats(name + ".out")), kOneRounding});
    });
  }
}

}  // namespace echo::parity
