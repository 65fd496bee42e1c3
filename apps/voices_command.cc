#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "apps/command.h"
#include "apps/interrupt.h"
#include "apps/small_model.h"
#include "apps/storage_settings.h"
#include "base/error.h"
#include "base/visible_text.h"
#include "speech/voice_directory.h"

namespace echo::apps {
namespace {

// What a worker would choose from: AUDIO_VOICES_DIR, else the small voice's recordings.
std::string usual_folder(const Environment& environment) {
  const std::string folder = voices_directory_of(environment);
  std::error_code error;
  if (environment.find("AUDIO_VOICES_DIR") || std::filesystem::is_directory(folder, error)) {
    return folder;
  }
  return model_path(kSmallModel) / "voices";
}

int list_voices(const std::string& given, const Environment& environment) {
  const std::string folder = given.empty() ? usual_folder(environment) : given;
  std::vector<VoiceEntry> voices;
  try {
    voices = VoiceDirectory(folder).list(true, catch_interrupts());
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) {
      throw_not_found("voices: there is no directory " + folder);
    }
    if (error.code() != ErrorCode::kCancelled) throw;
    return interrupt_exit_code();
  }
  if (voices.empty()) {
    std::fprintf(stderr, "%s: no voices; expected wav mp3 m4a ogg flac webm aac or opus files\n",
                 visible_text(folder).c_str());
    return kSuccess;
  }
  size_t width = 5;
  for (const VoiceEntry& voice : voices) {
    width = std::max(width, visible_text(voice.name).size());
  }
  std::printf("%-*s %9s %10s  %s\n", static_cast<int>(width), "voice", "seconds", "bytes", "");
  for (const VoiceEntry& voice : voices) {
    char seconds[32] = "-";
    if (voice.seconds) std::snprintf(seconds, sizeof seconds, "%.1f", *voice.seconds);
    std::string remarks = voice.problem;
    for (const std::string& warning : voice.warnings) {
      remarks += (remarks.empty() ? "" : "; ") + warning;
    }
    std::printf("%-*s %9s %10llu  %s\n", static_cast<int>(width), visible_text(voice.name).c_str(),
                seconds, static_cast<unsigned long long>(voice.size),
                visible_text(remarks).c_str());
  }
  if (voices.size() >= VoiceDirectory::kMaxEntries) {
    std::fprintf(stderr,
                 "echo-tts: warning: there may be more: %zu recordings are looked at, in no order; "
                 "a job may name any of them\n",
                 voices.size());
  }
  return kSuccess;
}

}  // namespace

void add_voices(CommandLine& line) {
  const Environment& environment = line.environment();
  auto folder = std::make_shared<std::string>();
  Command command = line.add("voices", "List the recordings below a directory that can be voices",
                             "  echo-tts voices /runpod-volume/echo-tts/audio_voices\n",
                             [folder, &environment] { return list_voices(*folder, environment); });
  command.option("folder", *folder,
                 "Directory of voices; without it AUDIO_VOICES_DIR, or the small voice's own");
}

}  // namespace echo::apps
