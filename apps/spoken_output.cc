#include "apps/spoken_output.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "apps/progress_line.h"
#include "base/error.h"

namespace echo::apps {
namespace {

constexpr std::chrono::milliseconds kLook{50};  // for an interrupt, and for a reader that left
constexpr double kFirstSound = 0.4;             // seconds, see SpeechRequest

// What standard output is ready for, after at most `patience`.
short output_ready(short events, std::chrono::milliseconds patience) {
  pollfd output{STDOUT_FILENO, events, 0};
  if (::poll(&output, 1, static_cast<int>(patience.count())) <= 0) return 0;
  return output.revents;
}

// Whether whoever read standard output has closed it, which is seen before the next write.
bool reader_left() { return (output_ready(0, {}) & (POLLERR | POLLHUP)) != 0; }

// False when nobody reads any more. While nothing is taken, an interrupt cancels.
bool write_piece(std::string_view bytes, SpokenAudio& audio, const std::stop_token& stop) {
  while (!bytes.empty()) {
    if (stop.stop_requested()) audio.cancel();
    if (output_ready(POLLOUT, kLook) == 0) continue;
    // So much does not wait where there is room.
    const ssize_t count =
        ::write(STDOUT_FILENO, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
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
                                            std::optional<OutputFile>& file, bool quiet,
                                            std::stop_token stop) {
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
      if (stop.stop_requested()) audio.cancel();
      if (!file && reader_left()) return std::nullopt;
    }
    const auto bytes = audio.next(stop);
    if (!bytes) break;
    if (!write_piece(*bytes, audio, stop)) return std::nullopt;
  }
  SpokenAudioSummary summary = audio.finish();
  if (file) file->commit();
  return summary;
}

}  // namespace echo::apps
