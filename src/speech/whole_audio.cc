#include "speech/whole_audio.h"

#include <filesystem>
#include <system_error>

#include "base/utf8.h"
#include "text/text_options.h"

namespace echo {
namespace {

// A minute of Ogg/Opus. To make, map and free a file costs more than so much memory is worth.
constexpr double kShort = 1 << 20;

double expected_bytes(const JobInput& input) {
  const double rate =
      input.output.bitrate > 0 ? input.output.bitrate / 8.0 : 2.0 * input.output.sample_rate;
  return rate * static_cast<double>(count_code_points(input.text)) /
         input.parameters.chars_per_second.value_or(kCharsPerSecond);
}

std::filesystem::path spool_folder() {
  std::error_code failure;
  return std::filesystem::temp_directory_path(failure);  // empty on failure: then in memory
}

}  // namespace

WholeAudio::WholeAudio(const JobInput& input) {
  if (expected_bytes(input) > kShort) file_.emplace(spool_folder());
}

void WholeAudio::receive(SpokenAudioOptions& audio) const {
  audio.mode = AudioEncoder::Mode::kWhole;
  audio.file = file_ ? file_->descriptor() : -1;
}

ByteSink WholeAudio::sink() {
  return [this](std::string_view bytes) {
    memory_ += bytes;
    return true;
  };
}

std::string_view WholeAudio::bytes() { return file_ ? file_->map() : memory_; }

}  // namespace echo
