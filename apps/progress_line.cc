#include "apps/progress_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/visible_text.h"

namespace echo::apps {
namespace {

constexpr int kBarWidth = 24;
constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kPipeInterval = std::chrono::seconds(5);

}  // namespace

std::function<void(uint64_t, uint64_t)> megabytes_on(ProgressLine& line, std::stop_token stop) {
  return [&line, stop](uint64_t done, uint64_t total) {
    if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "interrupted");
    line.update(static_cast<int64_t>(done), static_cast<int64_t>(total),
                std::to_string(done >> 20) + " of " + std::to_string(total >> 20) + " MB");
  };
}

std::string duration_text(double seconds) {
  char text[48];
  const int whole = static_cast<int>(seconds + 0.5);
  if (seconds < 10) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (whole < 60) {
    std::snprintf(text, sizeof text, "%d s", whole);
  } else {
    std::snprintf(text, sizeof text, "%d min %02d s", whole / 60, whole % 60);
  }
  return text;
}

ProgressLine::ProgressLine(bool quiet)
    : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1), last_(begin_) {}

void ProgressLine::update(int64_t done, int64_t total, const std::string& what) {
  if (quiet_ || total <= 0) return;
  const auto now = Clock::now();
  if (now - last_ < (terminal_ ? Clock::duration(kTerminalInterval) : kPipeInterval) &&
      done < total) {
    return;
  }
  last_ = now;
  const double elapsed = std::chrono::duration<double>(now - begin_).count();
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const std::string remaining =
      done > 0 ? ", " + duration_text(elapsed / share - elapsed) + " left" : "";
  if (!terminal_) {
    std::fprintf(stderr, "%3.0f %% %s, %s%s\n", 100 * share, visible_text(what).c_str(),
                 duration_text(elapsed).c_str(), remaining.c_str());
    return;
  }
  const int full = static_cast<int>(share * kBarWidth);
  std::string bar(static_cast<size_t>(full), '#');
  bar.resize(kBarWidth, '.');
  std::fprintf(stderr, "\r\033[K[%s] %s, %s%s", bar.c_str(), visible_text(what).c_str(),
               duration_text(elapsed).c_str(), remaining.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressLine::finish() {
  if (drawn_) std::fprintf(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace echo::apps
