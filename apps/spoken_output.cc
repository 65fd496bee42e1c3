#include "apps/spoken_output.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "apps/interrupt.h"
#include "apps/progress_line.h"
#include "base/error.h"

namespace echo::apps {
namespace {

constexpr std::chrono::milliseconds kLook{50};  // for an interrupt
constexpr double kFirstSound = 0.4;             // seconds, see SpeechRequest

// False when nobody reads any more.
bool write_piece(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EPIPE) return false;
    if (count < 0) {
      throw_unavailable(std::string("standard output: cannot write: ") + std::strerror(errno));
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

SpeechCallbacks callbacks_of(ProgressLine& line) {
  SpeechCallbacks callbacks;
  callbacks.progress = [&line](const SpeechProgress& p) {
    constexpr int64_t kTotal = 10000;
    line.update(static_cast<int64_t>(p.fraction * kTotal), kTotal,
                "chunk " + std::to_string(p.chunk) + "/" + std::to_string(p.chunks) + ", step " +
                    std::to_string(p.step) + "/" + std::to_string(p.steps));
  };
  return callbacks;
}

}  // namespace

void refuse_terminal() {
  if (::isatty(STDOUT_FILENO) == 0) return;
  throw_invalid(
      "output -: standard output is a terminal; expected a player behind it, \"| aplay\", or a "
      "file, \"> speech.wav\"");
}

std::optional<SpokenAudioSummary> speak_out(Engine& engine, SpeechRequest request,
                                            const EncodeOptions& encoding,
                                            std::optional<OutputFile>& file, bool quiet) {
  std::signal(SIGPIPE, SIG_IGN);  // a write then fails with EPIPE
  SpokenAudioOptions options;
  options.encoding = encoding;
  options.mode = file ? AudioEncoder::Mode::kWhole : AudioEncoder::Mode::kStream;
  options.close_when_cancelled = !file;
  if (file) options.file = file->descriptor();
  if (!file) {
    request.delivery = SpeechDelivery::kInOrder;
    request.first_sound_seconds = kFirstSound;
  }
  ProgressLine line(quiet);
  SpokenAudio audio(engine.start(std::move(request), callbacks_of(line)), options);
  for (;;) {
    while (!audio.wait_for(kLook)) {
      if (interrupted()) audio.cancel();
    }
    const auto bytes = audio.next();
    if (!bytes) break;
    if (!write_piece(*bytes)) return std::nullopt;
  }
  SpokenAudioSummary summary = audio.finish();
  if (file) file->commit();
  return summary;
}

}  // namespace echo::apps
