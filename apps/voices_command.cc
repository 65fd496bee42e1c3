#include <algorithm>
#include <cstdio>
#include <memory>

#include "apps/command.h"
#include "apps/interrupt.h"
#include "base/error.h"
#include "base/visible_text.h"
#include "speech/voice_directory.h"

namespace echo::apps {
namespace {

int list_voices(const std::string& folder) {
  catch_interrupts();
  std::vector<VoiceEntry> voices;
  try {
    voices = VoiceDirectory(folder).list(true, interrupted);
  } catch (const Error& error) {
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
  if (voices.size() >= VoiceDirectory::kMostEntries) {
    std::fprintf(stderr,
                 "echo-tts: warning: there may be more: %zu recordings are looked at, in no order; "
                 "a job may name any of them\n",
                 voices.size());
  }
  return kSuccess;
}

}  // namespace

void add_voices(CommandLine& line) {
  auto folder = std::make_shared<std::string>();
  CLI::App& command = line.add("voices", "List the recordings below a directory that can be voices",
                               "  echo-tts voices /runpod-volume/echo-tts/audio_voices\n",
                               [folder] { return list_voices(*folder); });
  command.add_option("folder", *folder, "The directory")->required();
}

}  // namespace echo::apps
