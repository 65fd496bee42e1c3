#include "speech/voice_library.h"

#include <utility>

#include "audio/voice.h"
#include "speech/job_failure.h"
#include "speech/public_text.h"

namespace echo {
namespace {

constexpr size_t kMaxWarnings = 10'000;

double seconds_since(std::chrono::steady_clock::time_point start, Clock& clock) {
  return std::chrono::duration<double>(clock.now() - start).count();
}

// An error about a voice, under the kind that says so.
[[noreturn]] void rethrow_as_job_error(const Error& error, std::string_view damaged_kind) {
  switch (error.code()) {
    case ErrorCode::kNotFound:
      throw JobError(job_kind::kVoiceNotFound, error.code(), error.what());
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kCorrupt:
      throw JobError(damaged_kind, error.code(), error.what());
    default:
      throw error;
  }
}

}  // namespace

VoiceLibrary::VoiceLibrary(const VoiceDirectory& directory, Clock& clock)
    : directory_(directory), clock_(clock) {}

VoiceReference VoiceLibrary::find(const std::string& name, std::shared_ptr<VoiceReport> report,
                                  std::stop_token stop) {
  const auto start = clock_.now();
  std::shared_ptr<VoiceFile> file;
  try {
    file = std::make_shared<VoiceFile>(directory_.open(name));
  } catch (const Error& error) {
    rethrow_as_job_error(error, job_kind::kInvalidInput);
  }
  report->warnings = warnings_of(*file);
  report->seconds += seconds_since(start, clock_);
  return {file->content_hash(), [this, file, report, stop] {
            const auto load_start = clock_.now();
            std::vector<float> samples = load(*file, stop);
            report->warnings = warnings_of(*file);
            report->seconds += seconds_since(load_start, clock_);
            return samples;
          }};
}

std::vector<float> VoiceLibrary::load(const VoiceFile& file, std::stop_token stop) {
  try {
    DecodeOptions options;
    options.stop = std::move(stop);
    Voice voice = load_voice_bytes(file.read(), "voice " + in_quotes(file.name(), 128), options);
    const std::scoped_lock lock(mutex_);
    if (warnings_.size() >= kMaxWarnings) warnings_.clear();
    warnings_[file.content_hash()] = std::move(voice.warnings);
    return std::move(voice.samples);
  } catch (const Error& error) {
    rethrow_as_job_error(error, job_kind::kVoiceUnusable);
  }
}

std::vector<std::string> VoiceLibrary::warnings_of(const VoiceFile& file) const {
  std::vector<std::string> sentences;
  const std::scoped_lock lock(mutex_);
  const auto found = warnings_.find(file.content_hash());
  if (found == warnings_.end()) return sentences;
  for (const std::string& warning : found->second) {
    sentences.push_back("voice " + in_quotes(file.name(), 128) + ": " + warning);
  }
  return sentences;
}

}  // namespace echo
