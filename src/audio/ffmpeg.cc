#include "audio/ffmpeg.h"

#include <mutex>

namespace echo::ffmpeg {

void silence_log() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_level(AV_LOG_QUIET); });
}

std::string error_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

void check(int code, ErrorCode otherwise, const std::string& what) {
  if (code >= 0) return;
  // Damaged files ask for absurd amounts of memory: that is their fault, not the machine's.
  const bool no_memory = code == AVERROR(ENOMEM) && otherwise != ErrorCode::kCorrupt;
  if (no_memory) throw_unavailable(what + ": out of memory");
  if (code == AVERROR_EXIT) throw Error(ErrorCode::kCancelled, what + ": cancelled");
  throw Error(otherwise, what + ": " + error_text(code));
}

}  // namespace echo::ffmpeg
