// Why a job failed, in words that may leave the program.
#pragma once

#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "base/kind_error.h"
#include "engine/speech_failure.h"
#include "job/outcome.h"

namespace echo {

// The stable words that begin the error of a failed job.
namespace job_kind {
inline constexpr std::string_view kInvalidInput = "invalid_input";
inline constexpr std::string_view kVoiceNotFound = "voice_not_found";
inline constexpr std::string_view kVoiceUnusable = "voice_unusable";  // there, but not usable audio
inline constexpr std::string_view kStorageUnavailable = "storage_unavailable";
inline constexpr std::string_view kUnavailable = "unavailable";  // busy, a disk: try again
inline constexpr std::string_view kNoSpeech = echo::kNoSpeech;  // the model made no sound of it
inline constexpr std::string_view kAudioRejected = "audio_rejected";  // made, but not fit to hear
inline constexpr std::string_view kTimedOut = "timed_out";
inline constexpr std::string_view kCancelled = "cancelled";
inline constexpr std::string_view kInternal = "internal";
}  // namespace job_kind

// An Error that already knows its kind, where the code alone would say less.
using JobError = KindError;

// The failure that an exception means. What is no Error is internal and fatal; of such a one only
// the type is told, since nobody has looked after its text.
JobFailure failure_of(const std::exception_ptr& exception, std::span<const std::string> secrets);

}  // namespace echo
